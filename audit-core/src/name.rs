//! The names of a journal, of its chains, and of what is signed.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest journal name, in bytes.
pub const MAX_JOURNAL_NAME: usize = 200;

/// The longest tenant or series name, in bytes.
pub const MAX_CHAIN_PART: usize = 64;

/// The greatest incarnation number: entries carry it as a JSON number, exact up to 2^53 − 1.
const MAX_INCARNATION: u64 = (1 << 53) - 1;

/// Which chain: a tenant and a series, written `acme/default`.
///
/// A chain is one append-only sequence. `series` is the records-management word for what one
/// retention rule applies to (`default`, `security`, `billing` …), so retention disposes of old
/// records of a whole chain, and tenants never share one.
///
/// Both parts match `[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?`. Cloning is cheap.
///
/// ```
/// use audit_core::ChainId;
///
/// let chain = ChainId::new("acme", "default")?;
/// assert_eq!(chain.to_string(), "acme/default");
/// assert_eq!("acme/default".parse::<ChainId>()?, chain);
/// # Ok::<(), audit_core::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChainId {
    // INVARIANT: two valid parts around exactly one '/', which stands at `slash`.
    text: Arc<str>,
    slash: usize,
}

impl ChainId {
    /// The chain of `tenant` and `series`.
    ///
    /// # Errors
    ///
    /// [`NameError::Tenant`] or [`NameError::Series`] where a part does not match its pattern.
    pub fn new(tenant: &str, series: &str) -> Result<Self, NameError> {
        if !is_part(tenant) {
            return Err(NameError::Tenant);
        }
        if !is_part(series) {
            return Err(NameError::Series);
        }
        Ok(Self { text: format!("{tenant}/{series}").into(), slash: tenant.len() })
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        // The invariant makes the fall-backs of these two unreachable.
        self.text.split_at_checked(self.slash).map_or("", |(tenant, _)| tenant)
    }

    /// The series.
    #[must_use]
    pub fn series(&self) -> &str {
        self.text.get(self.slash.saturating_add(1)..).unwrap_or("")
    }

    /// `tenant/series`, as entries write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Whether `text` is a chain's name.
pub(crate) fn is_chain(text: &str) -> bool {
    text.split_once('/').is_some_and(|(tenant, series)| is_part(tenant) && is_part(series))
}

/// Whether `text` is one part of a chain's name.
pub(crate) fn is_part(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= MAX_CHAIN_PART
        && bytes.first().is_some_and(|byte| alphanumeric(*byte))
        && bytes.last().is_some_and(|byte| alphanumeric(*byte))
        && bytes.iter().all(|byte| alphanumeric(*byte) || matches!(byte, b'.' | b'_' | b'-'))
}

/// By tenant, then by series: all chains of a tenant stand together.
impl Ord for ChainId {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.tenant(), self.series()).cmp(&(other.tenant(), other.series()))
    }
}

impl PartialOrd for ChainId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for ChainId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (tenant, series) = text.split_once('/').ok_or(NameError::Chain)?;
        Self::new(tenant, series)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainId({})", self.text)
    }
}

/// The name of a journal: a schema-less URL such as `audit.example.com`.
///
/// It is chosen once, at creation, and stands in front of everything the journal signs, so it must
/// be the owner's own: a host name, with a path if wanted. At most 200 bytes of ASCII letters,
/// digits and `. _ ~ : / -`, starting with a letter or digit, without an empty path segment and
/// without a final `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalName(Arc<str>);

impl JournalName {
    /// A checked journal name.
    ///
    /// # Errors
    ///
    /// [`NameError::Journal`] where the name has another form.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let allowed = |byte: &u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b':' | b'/' | b'-')
        };
        let good = name.len() <= MAX_JOURNAL_NAME
            && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
            && name.as_bytes().iter().all(allowed)
            && name.split('/').all(|segment| !segment.is_empty());
        if good { Ok(Self(name.into())) } else { Err(NameError::Journal) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JournalName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for JournalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for JournalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalName({})", self.0)
    }
}

/// What a checkpoint is about: `<journal name>/<tenant>/<series>/<incarnation>`
/// (C2SP tlog-checkpoint, "origin").
///
/// The incarnation is 1 at first and one more after each declared restore, so that a signer never
/// contradicts itself under one origin.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    journal: JournalName,
    chain: ChainId,
    // INVARIANT: 1..=MAX_INCARNATION.
    incarnation: u64,
}

impl Origin {
    /// The origin of a chain's given incarnation.
    ///
    /// # Errors
    ///
    /// [`NameError::Incarnation`] where the number is 0 or greater than 2^53 − 1.
    pub fn new(journal: JournalName, chain: ChainId, incarnation: u64) -> Result<Self, NameError> {
        if incarnation == 0 || incarnation > MAX_INCARNATION {
            return Err(NameError::Incarnation);
        }
        Ok(Self { journal, chain, incarnation })
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &JournalName {
        &self.journal
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// The incarnation, 1 at first.
    #[must_use]
    pub const fn incarnation(&self) -> u64 {
        self.incarnation
    }
}

impl FromStr for Origin {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // Neither chain parts nor numbers hold a '/', so reading from the right is unambiguous.
        let mut parts = text.rsplitn(4, '/');
        let incarnation = parts.next().ok_or(NameError::Origin)?;
        let (Some(series), Some(tenant), Some(journal)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(NameError::Origin);
        };
        let digits = incarnation.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || incarnation.starts_with('0') {
            return Err(NameError::Incarnation);
        }
        let incarnation = incarnation.parse().map_err(|_| NameError::Incarnation)?;
        Self::new(JournalName::new(journal)?, ChainId::new(tenant, series)?, incarnation)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.journal, self.chain, self.incarnation)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(ChainId, JournalName, Origin);

/// Why a name was refused. The name itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is not two parts around one `/`.
    #[error("a chain is written tenant/series")]
    Chain,
    /// The incarnation is not a decimal number from 1 to 2^53 − 1 without leading zeros.
    #[error("an incarnation is a decimal number from 1 to 2^53 - 1 without leading zeros")]
    Incarnation,
    /// The journal's name is not a schema-less URL.
    #[error(
        "a journal's name is a schema-less URL such as audit.example.com: at most 200 ASCII \
         letters, digits and . _ ~ : / -, no empty segment, no final slash"
    )]
    Journal,
    /// The text is not a journal's name, a tenant, a series and a number.
    #[error("an origin is written <journal name>/<tenant>/<series>/<incarnation>")]
    Origin,
    /// The series does not match its pattern.
    #[error("a series is named by [a-z0-9]([a-z0-9._-]{{0,62}}[a-z0-9])?")]
    Series,
    /// The tenant does not match its pattern.
    #[error("a tenant is named by [a-z0-9]([a-z0-9._-]{{0,62}}[a-z0-9])?")]
    Tenant,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PART: &str = "[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?";

    proptest! {
        #[test]
        fn a_chain_parses_back(tenant in PART, series in PART) {
            let chain = ChainId::new(&tenant, &series).unwrap();
            prop_assert_eq!(chain.tenant(), &tenant);
            prop_assert_eq!(chain.series(), &series);
            prop_assert_eq!(chain.to_string().parse::<ChainId>().unwrap(), chain);
        }

        #[test]
        fn an_origin_parses_back(tenant in PART, series in PART, incarnation in 1..=MAX_INCARNATION,
                                 journal in "[a-z0-9][a-z0-9.:~_-]{0,40}(/[a-z0-9.~_-]{1,20}){0,3}") {
            let chain = ChainId::new(&tenant, &series).unwrap();
            let origin = Origin::new(JournalName::new(&journal).unwrap(), chain, incarnation).unwrap();
            prop_assert_eq!(origin.to_string().parse::<Origin>().unwrap(), origin);
        }

        #[test]
        fn no_text_makes_parsing_panic(text in any::<String>()) {
            if let Ok(chain) = text.parse::<ChainId>() { prop_assert_eq!(chain.to_string(), &*text); }
            if let Ok(origin) = text.parse::<Origin>() { prop_assert_eq!(origin.to_string(), &*text); }
            let _ = JournalName::new(&text);
        }
    }

    #[test]
    fn chain_parts_are_bounded() {
        assert!(ChainId::new(&"a".repeat(64), "b").is_ok());
        assert_eq!(ChainId::new(&"a".repeat(65), "b"), Err(NameError::Tenant));
        for bad in ["", "-a", "a-", ".", "A", "a b", "a/b", "ä", "a\n"] {
            assert_eq!(ChainId::new(bad, "b"), Err(NameError::Tenant), "{bad:?}");
            assert_eq!(ChainId::new("a", bad), Err(NameError::Series), "{bad:?}");
        }
        assert_eq!("acme".parse::<ChainId>(), Err(NameError::Chain));
    }

    #[test]
    fn chains_of_a_tenant_stand_together() {
        let chain = |text: &str| text.parse::<ChainId>().unwrap();
        // As plain text `a-b/x` would come first, because '-' sorts before '/'.
        let mut chains = [chain("a/z"), chain("a-b/x"), chain("a/a")];
        chains.sort();
        assert_eq!(chains, [chain("a/a"), chain("a/z"), chain("a-b/x")]);
    }

    #[test]
    fn journal_names_are_schema_less_urls() {
        for good in ["audit.example.com", "example.com:8443/audit/eu", "a", "Audit.example.com/~x"]
        {
            assert_eq!(JournalName::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(201);
        for bad in [
            "",
            "https://example.com",
            "example.com/",
            "/example.com",
            "a+b",
            "a b",
            "a//b",
            "ä",
            &long,
        ] {
            assert_eq!(JournalName::new(bad), Err(NameError::Journal), "{bad:?}");
        }
    }

    #[test]
    fn origins_are_read_from_the_right() {
        let origin: Origin = "example.com/audit/acme/default/3".parse().unwrap();
        assert_eq!(origin.journal().as_str(), "example.com/audit");
        assert_eq!(origin.chain().as_str(), "acme/default");
        assert_eq!(origin.incarnation(), 3);
        let parse = |text: &str| text.parse::<Origin>();
        assert_eq!(parse("acme/default/1"), Err(NameError::Origin));
        for bad in ["0", "01", "", "+1", "9007199254740992", "99999999999999999999", "x"] {
            let text = format!("example.com/acme/default/{bad}");
            assert_eq!(parse(&text), Err(NameError::Incarnation), "{bad:?}");
        }
    }

    #[test]
    fn error_texts() {
        let texts: Vec<String> = [
            NameError::Chain,
            NameError::Incarnation,
            NameError::Journal,
            NameError::Origin,
            NameError::Series,
            NameError::Tenant,
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        assert_eq!(
            texts,
            [
                "a chain is written tenant/series",
                "an incarnation is a decimal number from 1 to 2^53 - 1 without leading zeros",
                "a journal's name is a schema-less URL such as audit.example.com: at most 200 \
                 ASCII letters, digits and . _ ~ : / -, no empty segment, no final slash",
                "an origin is written <journal name>/<tenant>/<series>/<incarnation>",
                "a series is named by [a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?",
                "a tenant is named by [a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?",
            ]
        );
    }
}
