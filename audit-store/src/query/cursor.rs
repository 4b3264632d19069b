//! Where a page ended: an opaque text that only continues the query it came from.

use std::fmt;
use std::str::FromStr;

use audit_core::ChainId;
use sha2::{Digest, Sha256};

use crate::query::filter::Filter;
use crate::query::plan::Order;

/// Hexadecimal digits of the seq; those of the digest follow.
const SEQ_DIGITS: usize = 16;
const CHECK_BYTES: usize = 16;

/// Where a page of a query ended, to be given back for the next one.
///
/// Opaque: its text may change with any version. It holds no data of the entries beyond a seq, and
/// nothing secret: it saves nobody from being asked what they may read. A cursor that was changed,
/// or that belongs to another query, is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    seq: u64,
    check: [u8; CHECK_BYTES],
}

impl Cursor {
    /// The cursor behind `seq` in the answer to a query.
    pub(crate) fn after(seq: u64, filter: &Filter, chain: &ChainId, order: Order) -> Self {
        Self { seq, check: check(seq, filter, chain, order) }
    }

    /// The seq the page ended with.
    ///
    /// # Errors
    ///
    /// [`CursorError::OtherQuery`] where the cursor is not one of this query.
    pub(crate) fn seq(
        &self,
        filter: &Filter,
        chain: &ChainId,
        order: Order,
    ) -> Result<u64, CursorError> {
        if check(self.seq, filter, chain, order) == self.check {
            Ok(self.seq)
        } else {
            Err(CursorError::OtherQuery)
        }
    }
}

fn check(seq: u64, filter: &Filter, chain: &ChainId, order: Order) -> [u8; CHECK_BYTES] {
    let mut digest: Sha256 = filter.fingerprint(chain, order);
    digest.update(seq.to_be_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:032x}", self.seq, u128::from_be_bytes(self.check))
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({self})")
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (seq, check) = text.split_at_checked(SEQ_DIGITS).ok_or(CursorError::Form)?;
        Ok(Self { seq: u64::from_be_bytes(bytes(seq)?), check: bytes(check)? })
    }
}

fn bytes<const N: usize>(digits: &str) -> Result<[u8; N], CursorError> {
    let mut bytes = [0; N];
    let decoded = base16ct::lower::decode(digits, &mut bytes).map_err(|_| CursorError::Form)?;
    decoded.try_into().map_err(|_| CursorError::Form)
}

/// Why a cursor is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The text is not a cursor.
    #[error("a cursor is 48 lowercase hexadecimal digits")]
    Form,
    /// The cursor belongs to another query, or was changed.
    #[error("the cursor belongs to another query")]
    OtherQuery,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor(seq: u64) -> (Cursor, Filter, ChainId) {
        let chain = ChainId::new("acme", "default").unwrap();
        let filter = Filter { action: Some("user.login".to_owned()), ..Filter::default() };
        (Cursor::after(seq, &filter, &chain, Order::NewestFirst), filter, chain)
    }

    #[test]
    fn another_query_is_told_apart() {
        let (cursor, filter, chain) = cursor(41);
        assert_eq!(cursor.seq(&filter, &chain, Order::NewestFirst), Ok(41));
        let other_chain = ChainId::new("acme", "security").unwrap();
        let other_filter = Filter { action: None, ..filter.clone() };
        let moved = Filter { action: None, action_prefix: filter.action.clone(), ..filter.clone() };
        for (filter, chain, order) in [
            (&filter, &chain, Order::OldestFirst),
            (&filter, &other_chain, Order::NewestFirst),
            (&other_filter, &chain, Order::NewestFirst),
            (&moved, &chain, Order::NewestFirst),
        ] {
            assert_eq!(cursor.seq(filter, chain, order), Err(CursorError::OtherQuery));
        }
    }

    #[test]
    fn every_changed_digit_is_refused() {
        let (cursor, filter, chain) = cursor(0x1234);
        let text = cursor.to_string();
        assert_eq!(text.parse(), Ok(cursor));
        for place in 0..text.len() {
            for digit in *b"0f5A-\x00" {
                let mut bytes = text.clone().into_bytes();
                if bytes[place] == digit {
                    continue;
                }
                bytes[place] = digit;
                let changed = String::from_utf8(bytes).unwrap().parse::<Cursor>();
                let read = changed.and_then(|c| c.seq(&filter, &chain, Order::NewestFirst));
                assert!(read.is_err(), "{place}");
            }
        }
    }

    proptest! {
        #[test]
        fn parse_accepts_only_what_display_writes(text in "[0-9a-fA-F+ ]{40,52}|\\PC{0,60}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
