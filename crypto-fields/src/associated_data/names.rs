//! The names of tenants, fields and data subjects.

use std::borrow::Cow;
use std::fmt;

/// The longest name of a tenant, a field, a data subject or a group of keys, in bytes.
pub const MAX_NAME_LEN: usize = 255;

/// A name is empty or longer than 255 bytes, or a field's has a character that it may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Empty: most likely a value that was not set.
    #[error("the name is empty")]
    Empty,
    /// A field's name has something else than printable ASCII.
    #[error("the name of a field is printable ASCII without spaces")]
    Form,
    /// Longer than [`MAX_NAME_LEN`].
    #[error("the name is longer than 255 bytes")]
    TooLong,
}

const fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_LEN {
        return Err(NameError::TooLong);
    }
    Ok(())
}

/// A tenant: whoever must never be able to read another one's values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Cow<'static, str>);

impl TenantId {
    /// The only tenant of a host that has one.
    // An empty part of something rather than an empty literal, which points nowhere: comparing
    // nothing at an address that is not mapped costs as much as a third of sealing a value, where
    // the processor masks the fault.
    pub const SINGLE: Self = Self(Cow::Borrowed("-".split_at(0).0));

    /// The tenant of this name. An empty one is refused, because it is most often a value that
    /// somebody forgot to set; a host without tenants says [`SINGLE`](Self::SINGLE).
    ///
    /// # Errors
    ///
    /// [`NameError::Empty`], [`NameError::TooLong`].
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, NameError> {
        let name = name.into();
        check(&name).map(|()| Self(name))
    }

    /// The name; empty for [`SINGLE`](Self::SINGLE).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A field, by a name that stays when a table or column is renamed: `users.email`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(Cow<'static, str>);

impl FieldId {
    pub(crate) const UNNAMED: Self = Self(Cow::Borrowed("-"));

    /// A name that was checked already.
    pub(crate) const fn checked(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The field of this name.
    ///
    /// # Errors
    ///
    /// Every [`NameError`].
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, NameError> {
        let name = name.into();
        check(&name)?;
        if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NameError::Form);
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person whose values go by one key that can be destroyed. A pseudonym, not a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(Cow<'static, str>);

impl SubjectId {
    /// The data subject of this id.
    ///
    /// # Errors
    ///
    /// [`NameError::Empty`], [`NameError::TooLong`].
    pub fn new(id: impl Into<Cow<'static, str>>) -> Result<Self, NameError> {
        let id = id.into();
        check(&id).map(|()| Self(id))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A group of fields that share data keys: `default`, `health`, `payment`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyGroup(Cow<'static, str>);

impl KeyGroup {
    /// The group for whoever needs only one.
    pub const DEFAULT: Self = Self(Cow::Borrowed("default"));
    /// What the key of a sealed keyset is wrapped as.
    pub(crate) const KEYSET: Self = Self(Cow::Borrowed("keyset"));

    /// A name that was checked already.
    pub(crate) const fn checked(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The group of this name.
    ///
    /// # Errors
    ///
    /// [`NameError::Empty`], [`NameError::TooLong`].
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, NameError> {
        let name = name.into();
        check(&name).map(|()| Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }
    )*};
}
shown!(TenantId, FieldId, SubjectId, KeyGroup);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_and_bounded() {
        let long = "x".repeat(256);
        assert_eq!(TenantId::new(""), Err(NameError::Empty));
        assert_eq!(TenantId::new(long.clone()), Err(NameError::TooLong));
        assert_eq!(SubjectId::new(""), Err(NameError::Empty));
        assert_eq!(SubjectId::new(long.clone()), Err(NameError::TooLong));
        assert_eq!(KeyGroup::new(""), Err(NameError::Empty));
        assert_eq!(FieldId::new(long), Err(NameError::TooLong));
        for bad in ["users email", "users.é", "users\n"] {
            assert_eq!(FieldId::new(bad), Err(NameError::Form), "{bad:?}");
        }
        assert_eq!(FieldId::new("users.email").unwrap().as_str(), "users.email");
        assert_eq!(TenantId::SINGLE.as_str(), "");
        assert_eq!(format!("{:?}", KeyGroup::DEFAULT), "KeyGroup(\"default\")");
    }
}
