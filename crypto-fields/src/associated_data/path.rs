//! The place of a leaf within a JSON document.

use std::fmt;

use super::Sink;

/// The most steps of a path.
pub const MAX_PATH_DEPTH: usize = 128;
/// The longest path, all names together, in bytes.
pub const MAX_PATH_LEN: usize = 4096;

/// A path into a JSON document: names of members and indexes of arrays.
///
/// `/a/0` of RFC 6901 can mean the member "0" or the first element; here they differ, as they do in
/// a document.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JsonPath(
    // INVARIANT: within MAX_PATH_DEPTH and MAX_PATH_LEN.
    Vec<Step>,
);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    Name(Box<str>),
    Index(u64),
}

/// A path is longer or deeper than a path may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path has at most 128 steps and 4096 bytes")]
#[non_exhaustive]
pub struct PathError;

impl JsonPath {
    /// The whole document.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The member of this name below here.
    ///
    /// # Errors
    ///
    /// [`PathError`].
    pub fn name(self, name: &str) -> Result<Self, PathError> {
        self.step(Step::Name(name.into()))
    }

    /// The element with this index below here.
    ///
    /// # Errors
    ///
    /// [`PathError`].
    pub fn index(self, index: u64) -> Result<Self, PathError> {
        self.step(Step::Index(index))
    }

    fn step(mut self, step: Step) -> Result<Self, PathError> {
        self.0.push(step);
        if self.0.len() > MAX_PATH_DEPTH || self.encoded_len() > MAX_PATH_LEN {
            return Err(PathError);
        }
        Ok(self)
    }

    pub(crate) fn encoded_len(&self) -> usize {
        self.0.iter().fold(4_usize, |len, step| {
            len.saturating_add(match step {
                Step::Name(name) => name.len().saturating_add(5),
                Step::Index(_) => 9,
            })
        })
    }

    pub(crate) fn write(&self, out: &mut impl Sink) {
        out.len(self.0.len());
        for step in &self.0 {
            match step {
                Step::Name(name) => out.field(b'$', name.as_bytes()),
                Step::Index(index) => {
                    out.put(b"#");
                    out.put(&index.to_be_bytes());
                }
            }
        }
    }
}

/// As `$.name[0]`, for messages.
impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Name(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_called_0_is_no_first_element() {
        let bytes = |path: JsonPath| {
            let mut out = Vec::new();
            path.write(&mut out);
            assert_eq!(out.len(), path.encoded_len());
            out
        };
        let name = JsonPath::root().name("a").unwrap().name("0").unwrap();
        let index = JsonPath::root().name("a").unwrap().index(0).unwrap();
        assert_eq!(bytes(name), b"\0\0\0\x02$\0\0\0\x01a$\0\0\0\x010");
        assert_eq!(bytes(index.clone()), b"\0\0\0\x02$\0\0\0\x01a#\0\0\0\0\0\0\0\0");
        assert_eq!(index.to_string(), "$.a[0]");
        assert_eq!(JsonPath::root().to_string(), "$");
    }

    #[test]
    fn paths_are_bounded() {
        let deep = (0..128).try_fold(JsonPath::root(), |path, index| path.index(index)).unwrap();
        assert_eq!(deep.index(0), Err(PathError));
        assert!(JsonPath::root().name(&"x".repeat(4087)).is_ok());
        assert_eq!(JsonPath::root().name(&"x".repeat(4088)), Err(PathError));
    }
}
