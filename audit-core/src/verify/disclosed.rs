//! Digests that a block's entries hold, and what is there for them.

use crate::{Digest, SubjectRef};

/// What an input has for one digest of an entry.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Disclosed<'a> {
    /// The disclosure in the clear, with the digest that the input states beside it, if it does.
    Plain {
        /// The stated digest.
        digest: Option<&'a str>,
        /// The disclosure.
        text: &'a str,
    },
    /// The disclosure sealed under the subject's key, not opened here.
    Sealed {
        /// The stated digest.
        digest: &'a str,
    },
    /// A line that says that the disclosure was left out.
    Withheld {
        /// The stated digest.
        digest: &'a str,
    },
}

/// A disclosure that no digest matches.
pub(crate) struct Mismatch {
    pub(crate) message: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// The digests of a block's entries and which of them were met.
#[derive(Debug)]
pub(crate) struct Expectations {
    first: u64,
    // Ascending by place, since entries come in order and each lists its own in order.
    digests: Vec<Expected>,
    // Disclosures mostly come in the same order, so the next one is tried first.
    next: usize,
}

#[derive(Debug)]
struct Expected {
    offset: u32,
    met: bool,
    subject: SubjectRef,
    digest: Digest,
}

impl Expectations {
    pub(crate) const fn new(first: u64) -> Self {
        Self { first, digests: Vec::new(), next: 0 }
    }

    pub(crate) fn expect(&mut self, seq: u64, subject: SubjectRef, digests: &[Digest]) {
        let Some(offset) = self.offset(seq) else { return };
        self.digests.extend(digests.iter().map(|digest| Expected {
            offset,
            met: false,
            subject,
            digest: *digest,
        }));
    }

    /// Whether a digest is met, and if so, whether in the order of the digests.
    pub(crate) fn meet(
        &mut self,
        seq: u64,
        subject: SubjectRef,
        disclosed: &Disclosed<'_>,
    ) -> Result<bool, Mismatch> {
        let (stated, computed) = match disclosed {
            Disclosed::Plain { digest, text } => (*digest, Some(Digest::of(text))),
            Disclosed::Sealed { digest } | Disclosed::Withheld { digest } => (Some(*digest), None),
        };
        let mismatch = |message, expected: &str, found: &str| {
            let (expected, found) = (expected.to_owned(), found.to_owned());
            Err(Mismatch { message, expected, found })
        };
        let digest = match (stated, computed) {
            (Some(stated), Some(computed)) if stated != computed.as_str() => {
                let message = "a disclosure does not hash to the digest stated beside it";
                return mismatch(message, stated, computed.as_str());
            }
            (_, Some(computed)) => computed,
            (stated, None) => {
                let stated = stated.unwrap_or_default();
                let Ok(digest) = stated.parse::<Digest>() else {
                    let message = "what stands for a digest is not one";
                    return mismatch(
                        message,
                        "43 characters of base64url",
                        &stated.len().to_string(),
                    );
                };
                digest
            }
        };
        const NONE: &str = "a disclosure matches no digest of its entry";
        let place = self.offset(seq).and_then(|offset| self.find(offset, subject, digest));
        let Some((place, expected)) = place.and_then(|i| self.digests.get_mut(i).map(|e| (i, e)))
        else {
            return mismatch(NONE, "a digest of the entry under this subject", digest.as_str());
        };
        if expected.met {
            let message = "a digest has more than one disclosure";
            return mismatch(message, "one", digest.as_str());
        }
        expected.met = true;
        let in_order = place >= self.next;
        self.next = place.saturating_add(1);
        Ok(in_order)
    }

    /// Every digest that nothing was there for.
    pub(crate) fn unmet(&self, mut visit: impl FnMut(u64, SubjectRef)) {
        for expected in self.digests.iter().filter(|expected| !expected.met) {
            visit(self.first.saturating_add(u64::from(expected.offset)), expected.subject);
        }
    }

    fn find(&self, offset: u32, subject: SubjectRef, digest: Digest) -> Option<usize> {
        let key = |expected: &Expected| (expected.offset, expected.subject, expected.digest);
        let wanted = (offset, subject, digest);
        if self.digests.get(self.next).is_some_and(|expected| key(expected) == wanted) {
            return Some(self.next);
        }
        self.digests.binary_search_by(|expected| key(expected).cmp(&wanted)).ok()
    }

    fn offset(&self, seq: u64) -> Option<u32> {
        u32::try_from(seq.checked_sub(self.first)?).ok()
    }
}
