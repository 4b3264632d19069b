//! Postings: one term at one position, as one integer, and a set of them as delta-coded pages.
//!
//! A posting is `hash << 16 | position`: 44 bits of the term's SipHash-2-4 and the entry's place
//! in its segment. Two terms may share a hash; a look-up therefore compares the term with the
//! entry's own bytes before it returns anything, and the hash only has to be rarely wrong.
//!
//! A segment is the sorted set of its entries' postings, cut into pages. A page is the differences
//! between neighbours as LEB128 integers (the first one counted from zero), so further entries of
//! one term cost one or two bytes each. Encoding a set has exactly one result.

use siphasher::sip::SipHasher24;
use thiserror::Error;

/// Bits of a posting that hold the position.
pub(crate) const POSITION_BITS: u32 = 16;
/// Bits of a posting that hold the term's hash.
pub(crate) const TERM_BITS: u32 = 44;
/// A page is closed before it would exceed this many bytes. Two fit on a page of SQLite's, four
/// on one of PostgreSQL's, and none is moved out of line.
pub(crate) const PAGE_BYTES: usize = 1_900;

const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;
const POSTING_LIMIT: u64 = 1 << (TERM_BITS + POSITION_BITS);
/// A 60-bit integer takes at most nine groups of seven bits.
const LONGEST: usize = 9;

/// The 44 bits under which a term is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TermHash(u64);

impl TermHash {
    /// The hash of a term's bytes.
    pub(crate) fn of(term: &[u8]) -> Self {
        // Under the key zero: fast on short terms, the same on every machine, and no secret.
        Self(SipHasher24::new().hash(term) >> (u64::BITS - TERM_BITS))
    }

    /// This term at `position` of a segment.
    pub(crate) const fn at(self, position: u16) -> Posting {
        Posting((self.0 << POSITION_BITS) | position as u64)
    }
}

/// One term at one position of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Posting(u64);

impl Posting {
    /// Below every other posting: the key of a segment's first page, whatever it holds.
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) const fn term(self) -> TermHash {
        TermHash(self.0 >> POSITION_BITS)
    }

    pub(crate) const fn position(self) -> u16 {
        (self.0 & POSITION_MASK) as u16
    }

    /// As the databases keep it. INVARIANT: below 2^60, so never negative.
    #[expect(clippy::cast_possible_wrap, reason = "below 2^60")]
    pub(crate) const fn to_key(self) -> i64 {
        self.0 as i64
    }

    /// The posting of a stored key.
    pub(crate) fn from_key(key: i64) -> Result<Self, PostingError> {
        match u64::try_from(key) {
            Ok(value) if value < POSTING_LIMIT => Ok(Self(value)),
            _ => Err(PostingError::OutOfRange),
        }
    }
}

/// Stored postings that no encoder wrote.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum PostingError {
    /// The page ends inside an integer.
    #[error("a page of postings ends inside an integer")]
    Cut,
    /// A difference is zero or not in its shortest form.
    #[error("a page of postings holds an integer that is not in its one form")]
    Form,
    /// A posting has more than sixty bits.
    #[error("a posting lies outside the range of postings")]
    OutOfRange,
}

/// A page of a segment: its key and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// The first posting of the page; [`Posting::FIRST`] for the first page of a segment.
    pub(crate) first: Posting,
    pub(crate) bytes: Vec<u8>,
}

/// The pages of a sorted set of postings: at least one, even for the empty set, so that a
/// segment that was posted can be told from one that was not.
pub(crate) fn encode(postings: &[Posting]) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut page = Page { first: Posting::FIRST, bytes: Vec::with_capacity(PAGE_BYTES) };
    let mut previous = 0;
    for posting in postings {
        if page.bytes.len().saturating_add(LONGEST) > PAGE_BYTES {
            let next = Page { first: *posting, bytes: Vec::with_capacity(PAGE_BYTES) };
            pages.push(core::mem::replace(&mut page, next));
            previous = 0;
        }
        // INVARIANT: ascending; where a caller broke that, decoding refuses the page.
        write_integer(&mut page.bytes, posting.0.wrapping_sub(previous));
        previous = posting.0;
    }
    pages.push(page);
    pages
}

/// Reads one page, strictly: only what [`encode`] writes is taken.
pub(crate) fn decode(bytes: &[u8]) -> Postings<'_> {
    Postings { rest: bytes, previous: None }
}

/// The postings of one page, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Postings<'a> {
    rest: &'a [u8],
    previous: Option<u64>,
}

impl Postings<'_> {
    fn read(&mut self) -> Result<Posting, PostingError> {
        let (difference, rest) = read_integer(self.rest)?;
        let value = match self.previous {
            None => difference,
            Some(_) if difference == 0 => return Err(PostingError::Form),
            Some(previous) => previous.checked_add(difference).ok_or(PostingError::OutOfRange)?,
        };
        if value >= POSTING_LIMIT {
            return Err(PostingError::OutOfRange);
        }
        self.rest = rest;
        self.previous = Some(value);
        Ok(Posting(value))
    }
}

impl Iterator for Postings<'_> {
    type Item = Result<Posting, PostingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

fn write_integer(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

fn read_integer(bytes: &[u8]) -> Result<(u64, &[u8]), PostingError> {
    let mut value = 0_u64;
    let mut shift = 0_u32;
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let shortest = *byte != 0 || shift == 0;
            return if shortest { Ok((value, rest)) } else { Err(PostingError::Form) };
        }
        shift = shift.saturating_add(7);
        if shift >= 63 {
            return Err(PostingError::OutOfRange);
        }
    }
    Err(PostingError::Cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(pages: &[Page]) -> Vec<Posting> {
        pages.iter().flat_map(|page| decode(&page.bytes)).collect::<Result<_, _>>().unwrap()
    }

    /// Stored indexes stand on it: the reference vectors (key 00..0f, message i = 00..i-1), and
    /// what is posted for a term.
    #[test]
    fn the_hash_of_a_term_is_siphash_2_4_and_stays_it() {
        let key: [u8; 16] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        for (length, expected) in [
            (0_u8, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
        ] {
            let message: Vec<u8> = (0..length).collect();
            assert_eq!(SipHasher24::new_with_key(&key).hash(&message), expected, "{length} bytes");
        }
        assert_eq!(TermHash::of(b""), TermHash(0x1e9_24b9_d737));
        assert_eq!(TermHash::of(b"user.login"), TermHash(0x0bfd_c125_ea06));
    }

    #[test]
    fn the_empty_set_has_one_page() {
        let pages = encode(&[]);
        assert_eq!(pages, [Page { first: Posting::FIRST, bytes: Vec::new() }]);
        assert!(decoded(&pages).is_empty());
    }

    #[test]
    fn garbage_is_refused() {
        let read = |bytes: &[u8]| decode(bytes).collect::<Result<Vec<_>, _>>();
        assert_eq!(read(&[0x80]), Err(PostingError::Cut));
        assert_eq!(read(&[0x80, 0x00]), Err(PostingError::Form));
        assert_eq!(read(&[5, 0]), Err(PostingError::Form));
        assert_eq!(read(&[0xff; 10]), Err(PostingError::OutOfRange));
        assert_eq!(
            read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            Err(PostingError::OutOfRange)
        );
        assert_eq!(Posting::from_key(-1), Err(PostingError::OutOfRange));
        assert_eq!(Posting::from_key(1 << 60), Err(PostingError::OutOfRange));
    }

    proptest! {
        #[test]
        fn pages_hold_the_set(
            keys in prop::collection::btree_set(0_i64..1 << 60, 0..2_000),
            dense in prop::collection::btree_set(0_i64..10_000, 0..4_000),
        ) {
            let set: std::collections::BTreeSet<i64> = keys.union(&dense).copied().collect();
            let postings: Vec<Posting> = set.iter().map(|key| Posting::from_key(*key).unwrap()).collect();
            let pages = encode(&postings);
            prop_assert_eq!(decoded(&pages), postings);
            prop_assert!(pages.iter().all(|page| page.bytes.len() <= PAGE_BYTES));
            for (i, page) in pages.iter().enumerate() {
                let first = decode(&page.bytes).next().map(Result::unwrap);
                prop_assert_eq!(Some(page.first), if i == 0 { Some(Posting::FIRST) } else { first });
            }
        }

        #[test]
        fn what_decodes_is_what_was_encoded(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(postings) = decode(&bytes).collect::<Result<Vec<_>, _>>() {
                prop_assert!(postings.is_sorted_by(|a, b| a < b));
                prop_assert_eq!(decoded(&encode(&postings)), postings.clone());
                prop_assert_eq!(&encode(&postings)[0].bytes, &bytes);
            }
        }

        #[test]
        fn keys_survive(key in 0_i64..1 << 60) {
            let posting = Posting::from_key(key).unwrap();
            prop_assert_eq!(posting.to_key(), key);
            prop_assert_eq!(posting.term().at(posting.position()), posting);
        }
    }
}
