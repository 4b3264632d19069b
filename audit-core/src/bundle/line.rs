//! The lines of `entries.jsonl` and `disclosures.jsonl`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use crate::canonical::{MAX_INTEGER, push_string, push_u64};
use crate::{Digest, LeafHash, SubjectRef};

/// One line of `entries.jsonl`, without its newline: line n is about entry n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryLine<'a> {
    /// The record is not there; its hash stays.
    #[non_exhaustive]
    Absent {
        /// Why, as the exporter says.
        absence: LineAbsence,
        /// Its leaf hash.
        leaf: LeafHash,
        /// Its seq.
        seq: u64,
    },
    /// The entry's exact bytes. That they are an entry is for [`Entry::parse`](crate::Entry::parse)
    /// to say.
    Entry(&'a str),
}

/// Why a record is not in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineAbsence {
    /// It is not in the journal any more.
    Pruned,
    /// The export left it out.
    Withheld,
}

impl LineAbsence {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pruned => "pruned",
            Self::Withheld => "withheld",
        }
    }
}

const ABSENT: &str = "{\"absent\":\"";

impl<'a> EntryLine<'a> {
    /// The line of a record that is not there.
    #[must_use]
    pub const fn absent(absence: LineAbsence, leaf: LeafHash, seq: u64) -> Self {
        Self::Absent { absence, leaf, seq }
    }

    /// Reads a line, strictly: a line that begins like that of an absent record is exactly one.
    ///
    /// # Errors
    ///
    /// [`LineError`] where such a line has another form.
    pub fn parse(line: &'a str) -> Result<Self, LineError> {
        let Some(rest) = line.strip_prefix(ABSENT) else { return Ok(Self::Entry(line)) };
        let read = || {
            let (absence, rest) = rest.split_once("\",\"leaf\":\"")?;
            let (leaf, rest) = rest.split_once("\",\"seq\":")?;
            let absence = [LineAbsence::Pruned, LineAbsence::Withheld]
                .into_iter()
                .find(|known| known.as_str() == absence)?;
            let seq = decimal(rest.strip_suffix('}')?)?;
            Some(Self::Absent { absence, leaf: leaf.parse().ok()?, seq })
        };
        read().ok_or(LineError)
    }

    /// Appends the line, without a newline.
    pub fn push_to(&self, out: &mut String) {
        match self {
            Self::Absent { absence, leaf, seq } => {
                out.push_str(ABSENT);
                out.push_str(absence.as_str());
                out.push_str("\",\"leaf\":\"");
                out.push_str(&leaf.to_string());
                out.push_str("\",\"seq\":");
                push_u64(out, *seq);
                out.push('}');
            }
            Self::Entry(text) => out.push_str(text),
        }
    }
}

/// One line of `disclosures.jsonl`, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DisclosureLine<'a> {
    /// The entry.
    pub seq: u64,
    /// The data subject.
    pub subject: SubjectRef,
    /// What is there for one of the entry's digests.
    pub content: LineContent<'a>,
}

/// What a bundle has for one digest of an entry. `Debug` shows the form and the digest only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineContent<'a> {
    /// The disclosure in the clear; the digest is computed from it.
    Disclosure(Cow<'a, str>),
    /// The disclosure sealed under a subject's key.
    #[non_exhaustive]
    Sealed {
        /// The digest of the plain disclosure.
        digest: Digest,
        /// The sealed disclosure.
        sealed: Cow<'a, str>,
    },
    /// The export left it out.
    #[non_exhaustive]
    Withheld {
        /// The digest of the disclosure.
        digest: Digest,
        /// Why, as the exporter says.
        reason: Cow<'a, str>,
    },
}

impl<'a> LineContent<'a> {
    /// A sealed disclosure.
    #[must_use]
    pub const fn sealed(digest: Digest, sealed: Cow<'a, str>) -> Self {
        Self::Sealed { digest, sealed }
    }

    /// A disclosure that was left out.
    #[must_use]
    pub const fn withheld(digest: Digest, reason: Cow<'a, str>) -> Self {
        Self::Withheld { digest, reason }
    }

    /// The digest by which lines of one entry and subject are sorted: computed of a plain one.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Disclosure(text) => Digest::of(text),
            Self::Sealed { digest, .. } | Self::Withheld { digest, .. } => *digest,
        }
    }
}

impl fmt::Debug for LineContent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self {
            Self::Disclosure(_) => "Disclosure",
            Self::Sealed { .. } => "Sealed",
            Self::Withheld { .. } => "Withheld",
        };
        f.debug_tuple(form).field(&self.digest()).finish()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape<'a> {
    digest: Option<Digest>,
    #[serde(borrow)]
    disclosure: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sealed: Option<Cow<'a, str>>,
    seq: u64,
    subject: SubjectRef,
    #[serde(borrow)]
    withheld: Option<Cow<'a, str>>,
}

impl<'a> DisclosureLine<'a> {
    /// The line about one digest of entry `seq`.
    #[must_use]
    pub const fn new(seq: u64, subject: SubjectRef, content: LineContent<'a>) -> Self {
        Self { seq, subject, content }
    }

    /// Reads a line, strictly: only the canonical bytes of one of the three forms.
    ///
    /// # Errors
    ///
    /// [`LineError`].
    pub fn parse(line: &'a str) -> Result<Self, LineError> {
        let shape: Shape<'a> = serde_json::from_str(line).map_err(|_| LineError)?;
        let content = match (shape.digest, shape.disclosure, shape.sealed, shape.withheld) {
            (None, Some(disclosure), None, None) => LineContent::Disclosure(disclosure),
            (Some(digest), None, Some(sealed), None) => LineContent::Sealed { digest, sealed },
            (Some(digest), None, None, Some(reason)) => LineContent::Withheld { digest, reason },
            _ => return Err(LineError),
        };
        let parsed = Self { seq: shape.seq, subject: shape.subject, content };
        let mut canonical = String::with_capacity(line.len());
        match parsed.push_to(&mut canonical) {
            Ok(()) if canonical == line => Ok(parsed),
            _ => Err(LineError),
        }
    }

    /// Appends the line, without a newline.
    ///
    /// # Errors
    ///
    /// [`LineError`] where the seq is above 2^53 − 1 or a text holds U+0000; `out` then holds
    /// nothing that may be used.
    pub fn push_to(&self, out: &mut String) -> Result<(), LineError> {
        if self.seq > MAX_INTEGER {
            return Err(LineError);
        }
        let tail = |out: &mut String| {
            out.push_str(",\"seq\":");
            push_u64(out, self.seq);
            out.push_str(",\"subject\":\"");
            out.push_str(&self.subject.to_string());
            out.push('"');
        };
        match &self.content {
            LineContent::Disclosure(text) => {
                out.push_str("{\"disclosure\":");
                push_string(out, text).map_err(|_| LineError)?;
                tail(out);
            }
            LineContent::Sealed { digest, sealed } => {
                out.push_str("{\"digest\":\"");
                out.push_str(digest.as_str());
                out.push_str("\",\"sealed\":");
                push_string(out, sealed).map_err(|_| LineError)?;
                tail(out);
            }
            LineContent::Withheld { digest, reason } => {
                out.push_str("{\"digest\":\"");
                out.push_str(digest.as_str());
                out.push('"');
                tail(out);
                out.push_str(",\"withheld\":");
                push_string(out, reason).map_err(|_| LineError)?;
            }
        }
        out.push('}');
        Ok(())
    }
}

/// A line that has not the form that the format gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a bundle in canonical form")]
#[non_exhaustive]
pub struct LineError;

/// Digits without a leading zero, up to 2^53 − 1.
fn decimal(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    (plain && canonical).then(|| digits.parse().ok()).flatten().filter(|n| *n <= MAX_INTEGER)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn print(line: &DisclosureLine<'_>) -> String {
        let mut out = String::new();
        line.push_to(&mut out).unwrap();
        out
    }

    #[test]
    fn the_lines_of_the_format() {
        let mut out = String::new();
        EntryLine::absent(LineAbsence::Pruned, LeafHash::ZERO, 7).push_to(&mut out);
        assert_eq!(
            out,
            format!("{{\"absent\":\"pruned\",\"leaf\":\"{}\",\"seq\":7}}", "0".repeat(64))
        );
        let subject = SubjectRef::from_bytes([1; 16]);
        let digest = Digest::of("x");
        let line = |content| print(&DisclosureLine::new(3, subject, content));
        let of = "01".repeat(16);
        assert_eq!(
            line(LineContent::Disclosure("WyJ4Il0".into())),
            format!("{{\"disclosure\":\"WyJ4Il0\",\"seq\":3,\"subject\":\"{of}\"}}")
        );
        assert_eq!(
            line(LineContent::withheld(digest, "secret".into())),
            format!(
                "{{\"digest\":\"{digest}\",\"seq\":3,\"subject\":\"{of}\",\"withheld\":\"secret\"}}"
            )
        );
        assert_eq!(
            line(LineContent::sealed(digest, "cf1.a".into())),
            format!(
                "{{\"digest\":\"{digest}\",\"sealed\":\"cf1.a\",\"seq\":3,\"subject\":\"{of}\"}}"
            )
        );
    }

    #[test]
    fn no_other_form_is_taken() {
        let zero = "0".repeat(64);
        let absent = |why: &str, leaf: &str, seq: &str| {
            format!("{{\"absent\":\"{why}\",\"leaf\":\"{leaf}\",\"seq\":{seq}}}")
        };
        assert!(EntryLine::parse(&absent("withheld", &zero, "12")).is_ok());
        for bad in [
            absent("lost", &zero, "12"),
            absent("pruned", "00", "12"),
            absent("pruned", &"A".repeat(64), "12"),
            absent("pruned", &zero, "012"),
            absent("pruned", &zero, "-1"),
            absent("pruned", &zero, "9007199254740992"),
            absent("pruned", &zero, "12 "),
            absent("pruned", &zero, "12") + " ",
            absent("pruned", &zero, "12,\"x\":1"),
        ] {
            assert_eq!(EntryLine::parse(&bad), Err(LineError), "{bad}");
        }
        let of = "01".repeat(16);
        let digest = Digest::of("x");
        for bad in [
            String::new(),
            "{}".to_owned(),
            format!("{{\"disclosure\":\"a\",\"seq\":3,\"subject\":\"{of}\"}} "),
            format!("{{\"seq\":3,\"disclosure\":\"a\",\"subject\":\"{of}\"}}"),
            format!("{{\"digest\":\"{digest}\",\"seq\":3,\"subject\":\"{of}\"}}"),
            format!(
                "{{\"digest\":\"{digest}\",\"disclosure\":\"a\",\"seq\":3,\"subject\":\"{of}\"}}"
            ),
            format!("{{\"disclosure\":\"\\u0061\",\"seq\":3,\"subject\":\"{of}\"}}"),
            format!("{{\"disclosure\":null,\"seq\":3,\"subject\":\"{of}\"}}"),
            format!("{{\"disclosure\":\"a\",\"seq\":3.0,\"subject\":\"{of}\"}}"),
            format!("{{\"disclosure\":\"a\",\"seq\":3,\"subject\":\"{}\"}}", "AB".repeat(16)),
            format!("{{\"disclosure\":\"a\",\"extra\":1,\"seq\":3,\"subject\":\"{of}\"}}"),
        ] {
            assert_eq!(DisclosureLine::parse(&bad), Err(LineError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(
            seq in 0..=MAX_INTEGER, subject: [u8; 16], leaf: [u8; 32], form in 0..3, text in "[^\0]*",
        ) {
            let digest = Digest::of(&text);
            let content = match form {
                0 => LineContent::Disclosure(text.into()),
                1 => LineContent::sealed(digest, text.into()),
                _ => LineContent::withheld(digest, text.into()),
            };
            let line = DisclosureLine::new(seq, SubjectRef::from_bytes(subject), content);
            let printed = print(&line);
            prop_assert_eq!(DisclosureLine::parse(&printed), Ok(line));
            let value: serde_json::Value = serde_json::from_str(&printed).unwrap();
            prop_assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), printed);

            let absent = EntryLine::absent(LineAbsence::Withheld, LeafHash::from_bytes(leaf), seq);
            let mut out = String::new();
            absent.push_to(&mut out);
            prop_assert_eq!(EntryLine::parse(&out), Ok(absent));
        }

        #[test]
        fn whatever_is_read_is_printed_again(line in "\\{\"(absent|disclosure|digest)\":.*") {
            if let Ok(EntryLine::Absent { absence, leaf, seq }) = EntryLine::parse(&line) {
                let mut out = String::new();
                EntryLine::absent(absence, leaf, seq).push_to(&mut out);
                prop_assert_eq!(&out, &line);
            }
            if let Ok(parsed) = DisclosureLine::parse(&line) {
                prop_assert_eq!(print(&parsed), line);
            }
        }
    }
}
