//! Which paths of a document are sealed.

use std::str::FromStr;

/// Paths of a document: `patient.name`, `entries[*].text`, `contacts.*.phone`, `scores[0]`.
///
/// Names are separated by dots, `*` is any member, `[*]` any element, `[3]` one. A name with a dot,
/// a bracket or an asterisk in it is put together by [`name`](Self::name).
///
/// ```
/// use crypto_fields::PathPattern;
///
/// let parsed: PathPattern = "entries[*].text".parse()?;
/// assert_eq!(parsed, PathPattern::root().name("entries").each_element().name("text"));
/// assert!("entries[".parse::<PathPattern>().is_err());
/// # Ok::<(), crypto_fields::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    AnyElement,
    AnyMember,
    Element(u64),
    Member(String),
}

/// A pattern is not in its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path is written as in patient.name, entries[*].text or scores[0]")]
#[non_exhaustive]
pub struct PatternError;

impl PathPattern {
    /// The whole document.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The member of this name.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.then(Segment::Member(name.to_owned()))
    }

    /// Each member.
    #[must_use]
    pub fn each_member(self) -> Self {
        self.then(Segment::AnyMember)
    }

    /// The element with this index.
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        self.then(Segment::Element(index))
    }

    /// Each element.
    #[must_use]
    pub fn each_element(self) -> Self {
        self.then(Segment::AnyElement)
    }

    fn then(mut self, segment: Segment) -> Self {
        self.0.push(segment);
        self
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }
}

impl Segment {
    pub(super) fn is_member(&self, name: &str) -> bool {
        match self {
            Self::AnyMember => true,
            Self::Member(own) => own == name,
            Self::AnyElement | Self::Element(_) => false,
        }
    }

    pub(super) const fn is_element(&self, index: u64) -> bool {
        match self {
            Self::AnyElement => true,
            Self::Element(own) => *own == index,
            Self::AnyMember | Self::Member(_) => false,
        }
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut pattern = Self::root();
        for part in text.split('.') {
            let (name, mut indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
            pattern = match name {
                // Only the document itself may be an array without a name.
                "" if pattern.0.is_empty() && !indexes.is_empty() => pattern,
                "*" => pattern.each_member(),
                name if name.is_empty() || name.contains([']', '*']) => return Err(PatternError),
                name => pattern.name(name),
            };
            while !indexes.is_empty() {
                let inner = indexes.strip_prefix('[').ok_or(PatternError)?;
                let (index, rest) = inner.split_once(']').ok_or(PatternError)?;
                let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
                pattern = match index {
                    "*" => pattern.each_element(),
                    index if digits => pattern.index(index.parse().map_err(|_| PatternError)?),
                    _ => return Err(PatternError),
                };
                indexes = rest;
            }
        }
        Ok(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_strictly() {
        let parsed: PathPattern = "[*].a.*[3][*]".parse().unwrap();
        let built =
            PathPattern::root().each_element().name("a").each_member().index(3).each_element();
        assert_eq!(parsed, built);
        for bad in ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[+1]", "a]", "a*", "a[1]b", "a[**]"]
        {
            assert_eq!(bad.parse::<PathPattern>(), Err(PatternError), "{bad:?}");
        }
    }
}
