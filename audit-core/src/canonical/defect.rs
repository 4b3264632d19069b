//! What can be wrong with a member, and where it stands. Neither ever repeats a value.

use std::fmt;

/// What is wrong with one member: its shape or a limit, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The same thing appears twice where it may appear once.
    #[error("appears more than once")]
    Duplicate,
    /// The member has another type or form than the format prescribes.
    #[error("must be {expected}")]
    Form {
        /// What the format prescribes.
        expected: &'static str,
    },
    /// An integer that doubles do not carry exactly.
    #[error("an integer must lie within -(2^53 - 1) and 2^53 - 1")]
    Inexact,
    /// A required member is absent.
    #[error("is required but absent")]
    Missing,
    /// The text is not the canonical form (RFC 8785) of what it says.
    #[error("is not in the canonical form of RFC 8785")]
    NotCanonical,
    /// A number that is not finite.
    #[error("a number must be finite")]
    NotFinite,
    /// A string with U+0000.
    #[error("a string must not hold U+0000")]
    Nul,
    /// A known member stands twice, or not in the canonical order.
    #[error("stands twice or out of order")]
    Order,
    /// Something stands in the clear where a private field was announced, or nothing can stand
    /// there.
    #[error("a private field must point at a place of the event where nothing stands")]
    PointerTaken,
    /// Two private fields of one event stand at the same place or one inside the other.
    #[error("two private fields must not share a place, nor one stand inside the other")]
    PointerOverlaps,
    /// An action that only the journal itself records.
    #[error("actions under journal. are reserved for the journal itself")]
    Reserved,
    /// The text is not JSON.
    #[error("is not JSON")]
    Syntax,
    /// Objects and arrays nest too deep.
    #[error("nests deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Too many bytes.
    #[error("has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many elements.
    #[error("has more than {limit} elements")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// A member that this version of the format does not know.
    #[error("is not a member of this format")]
    Unknown,
    /// The value's own `Serialize` failed, or it has no JSON form.
    #[error("cannot be written as JSON")]
    Unserializable,
}

/// A defect and where it stands, built from the inside out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    /// Segments of the path, innermost first.
    segments: Vec<String>,
    pub(crate) defect: Defect,
}

impl Located {
    /// The same defect, one level further out.
    pub(crate) fn within(mut self, segment: impl ToString) -> Self {
        self.segments.push(segment.to_string());
        self
    }

    /// The RFC 6901 pointer of the place.
    pub(crate) fn pointer(&self) -> String {
        pointer(self.segments.iter().rev())
    }
}

impl From<Defect> for Located {
    fn from(defect: Defect) -> Self {
        Self { segments: Vec::new(), defect }
    }
}

/// The RFC 6901 pointer made of `segments`, outermost first.
pub(crate) fn pointer<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> String {
    let mut pointer = String::new();
    for segment in segments {
        push_segment(&mut pointer, segment.as_ref());
    }
    pointer
}

/// Appends one escaped segment to an RFC 6901 pointer.
pub(crate) fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for character in segment.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// The unescaped segments of an RFC 6901 pointer to a member (not to the whole document).
pub(crate) fn segments(pointer: &str) -> Result<Vec<String>, Defect> {
    const FORM: Defect = Defect::Form { expected: "a pointer (RFC 6901) to a member" };
    let rest = pointer.strip_prefix('/').ok_or(FORM)?;
    rest.split('/')
        .map(|segment| {
            let mut parts = segment.split('~');
            let mut plain = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (tilde, rest) = match part.as_bytes().first() {
                    Some(b'0') => ('~', part.get(1..)),
                    Some(b'1') => ('/', part.get(1..)),
                    _ => return Err(FORM),
                };
                plain.push(tilde);
                plain.push_str(rest.unwrap_or_default());
            }
            Ok(plain)
        })
        .collect()
}

/// For messages: a pointer, or words where it is the whole document.
pub(crate) struct Place<'a>(pub(crate) &'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "the whole" } else { self.0 })
    }
}
