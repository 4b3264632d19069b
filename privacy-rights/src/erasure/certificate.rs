//! What a certificate of erasure says: figures, grounds and times, and nobody's name.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use audit_core::{ChainId, JournalName, MAX_INTEGER, MAX_NAME, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::registers::backup::BackupRegistry;
use crate::source::permit::Until;

pub(crate) mod error;
pub(crate) mod signed;

use error::CertificateError;

/// What the journal's entry says when a certificate was issued.
pub const CERTIFIED: &str = "rights.erasure_certified";

/// What was erased in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ErasedCount {
    /// How many records, in full or in part.
    pub records: u64,
    /// The source.
    pub source: String,
    /// How many of its fields go by which strategy.
    pub strategies: BTreeMap<String, u64>,
}

impl ErasedCount {
    /// So many records of a source, whose fields go by these strategies.
    pub fn new(source: impl Into<String>, records: u64, strategies: BTreeMap<String, u64>) -> Self {
        Self { records, source: source.into(), strategies }
    }
}

/// What was kept in one source on one ground until one moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeptCount {
    /// The law, the hold's matter, the blocker. Of several that keep a record, each is counted.
    pub ground: String,
    /// How many records, in full or in part.
    pub records: u64,
    /// The source.
    pub source: String,
    /// Until when.
    pub until: Until,
}

impl KeptCount {
    /// So many records of a source on that ground until then.
    pub fn new(
        source: impl Into<String>,
        ground: impl Into<String>,
        until: Until,
        records: u64,
    ) -> Self {
        Self { ground: ground.into(), records, source: source.into(), until }
    }
}

/// How much was left when everything was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LeftCount {
    /// How many of the records are kept for a recorded reason.
    pub explained: u64,
    /// How many records.
    pub records: u64,
}

impl LeftCount {
    /// So many records, of which so many are explained.
    #[must_use]
    pub const fn new(records: u64, explained: u64) -> Self {
        Self { explained, records }
    }
}

/// What became of the notice to a recipient (GDPR Art. 19).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeOutcome {
    /// The recipient has confirmed it.
    Acknowledged,
    /// The recipient was not told, because that is impossible or takes disproportionate effort.
    NotTold {
        /// Why.
        ground: String,
    },
    /// The recipient was told.
    Told,
}

/// A recipient, and what became of the notice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecipientNotice {
    /// What became of it.
    pub outcome: NoticeOutcome,
    /// The recipient, by the name that the data map gives it.
    pub recipient: String,
}

impl RecipientNotice {
    /// That became of the notice to that recipient.
    pub fn new(recipient: impl Into<String>, outcome: NoticeOutcome) -> Self {
        Self { outcome, recipient: recipient.into() }
    }
}

/// Which document a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum PartOne {
    #[serde(rename = "privacy-rights/erasure-certificate/1")]
    Erasure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum PartTwo {
    #[serde(rename = "privacy-rights/erasure-backups/1")]
    Backups,
}

/// Part 1: what was erased, what was kept and why.
///
/// It holds the request's id and figures. Whoever the request was about is not in it, in no form.
// The fields stand in the order of their names, so that what serde writes is canonical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ErasureCertificate {
    /// The chain that holds the entries.
    #[serde(with = "as_text")]
    pub chain: ChainId,
    /// When everything was done.
    pub completed_at: Timestamp,
    /// How many records wait for the end of a hold or of a period.
    pub deferred: u64,
    document: PartOne,
    /// What was erased, source by source, in order.
    pub erased: Vec<ErasedCount>,
    /// The legal ground of the erasure, such as `gdpr-17-1-b`.
    pub ground: String,
    /// When the intent was on record: nothing was destroyed before.
    pub intended_at: Timestamp,
    /// The journal.
    #[serde(with = "as_text")]
    pub journal: JournalName,
    /// Of how many entries of the journal private fields were removed.
    pub journal_entries: u64,
    /// What was kept, in order.
    pub kept: Vec<KeptCount>,
    /// Whether keys under which data of the person was sealed were destroyed.
    pub keys_destroyed: bool,
    /// What was left in all sources.
    pub left: LeftCount,
    /// The digest of the plan that was approved.
    pub plan: String,
    /// Who was told, in order.
    pub recipients: Vec<RecipientNotice>,
    /// The request.
    pub request: Uuid,
}

impl ErasureCertificate {
    /// Of a request, under a ground and an approved plan, intended and completed then. Nothing was
    /// erased yet.
    pub fn new(
        (journal, chain): (JournalName, ChainId),
        request: Uuid,
        (ground, plan): (impl Into<String>, impl Into<String>),
        (intended_at, completed_at): (Timestamp, Timestamp),
    ) -> Self {
        Self {
            chain,
            completed_at,
            deferred: 0,
            document: PartOne::Erasure,
            erased: Vec::new(),
            ground: ground.into(),
            intended_at,
            journal,
            journal_entries: 0,
            kept: Vec::new(),
            keys_destroyed: false,
            left: LeftCount::default(),
            plan: plan.into(),
            recipients: Vec::new(),
            request,
        }
    }

    fn check(&self) -> Result<(), CertificateError> {
        let counts = self.erased.iter().map(|erased| erased.records);
        let counts = counts.chain(self.kept.iter().map(|kept| kept.records));
        let strategies = self.erased.iter().flat_map(|erased| erased.strategies.values().copied());
        let others = [self.deferred, self.journal_entries, self.left.explained, self.left.records];
        if counts.chain(strategies).chain(others).any(|count| count > MAX_INTEGER) {
            return Err(CertificateError::Form { what: "a count" });
        }
        if self.left.explained > self.left.records {
            return Err(CertificateError::Form { what: "what is left" });
        }
        if self.intended_at > self.completed_at {
            return Err(CertificateError::Form { what: "a time" });
        }
        digest(&self.plan, "the plan")?;
        text(&self.ground, "the ground")?;
        for erased in &self.erased {
            text(&erased.source, "a source")?;
            let strategies = &mut erased.strategies.keys();
            strategies.try_for_each(|strategy| text(strategy, "a strategy"))?;
        }
        for kept in &self.kept {
            text(&kept.source, "a source")?;
            text(&kept.ground, "a ground")?;
            if let Until::HoldReleased(hold) = &kept.until {
                text(hold, "a hold")?;
            }
        }
        for notice in &self.recipients {
            text(&notice.recipient, "a recipient")?;
            if let NoticeOutcome::NotTold { ground } = &notice.outcome {
                text(ground, "a ground")?;
            }
        }
        let erased = in_order(self.erased.iter().map(|erased| &erased.source));
        let kept = in_order(self.kept.iter().map(|kept| (&kept.source, &kept.ground, &kept.until)));
        let told = in_order(self.recipients.iter().map(|notice| &notice.recipient));
        if erased && kept && told { Ok(()) } else { Err(CertificateError::Form { what: "a list" }) }
    }
}

/// A set of backups that held what was erased, and is gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BackupGone {
    /// When somebody attested that it was destroyed.
    pub gone_at: Timestamp,
    /// Its id.
    pub id: String,
    /// When it was taken.
    pub taken_at: Timestamp,
}

/// Part 2: no backup holds any more what part 1 says was erased.
///
/// It stands on what was attested of each set, or on the controller's word that no backup is kept
/// longer than a number of days, or on both; it says on which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BackupsCertificate {
    /// The chain that holds the entries.
    #[serde(with = "as_text")]
    pub chain: ChainId,
    /// Since when.
    pub clear_since: Timestamp,
    document: PartTwo,
    /// The journal.
    #[serde(with = "as_text")]
    pub journal: JournalName,
    /// The digest of part 1 ([`Certificate::digest`]).
    pub part_one: String,
    /// The request.
    pub request: Uuid,
    /// After how many days the controller's backups are gone by themselves, in so far as they are not
    /// among the sets: declared, and of no single backup attested. `None` where all are registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling_days: Option<u16>,
    /// The sets that were taken before the erasure was completed, by id.
    pub sets: Vec<BackupGone>,
}

impl BackupsCertificate {
    /// That of part 1, once no backup set holds what was erased; `None` while one does.
    #[must_use]
    pub fn of(part_one: &ErasureCertificate, backups: &BackupRegistry) -> Option<Self> {
        let clear_since = backups.clear_since(part_one.completed_at)?;
        let older = backups.older(part_one.completed_at);
        let sets = older.filter_map(|set| {
            let gone_at = set.gone_at?;
            Some(BackupGone { gone_at, id: set.id.clone(), taken_at: set.taken_at })
        });
        Some(Self {
            chain: part_one.chain.clone(),
            clear_since,
            document: PartTwo::Backups,
            journal: part_one.journal.clone(),
            part_one: Certificate::Erasure(part_one.clone()).digest(),
            request: part_one.request,
            rolling_days: None,
            sets: sets.collect(),
        })
    }

    /// The same where backups that are in no register are gone after so many days: not before these
    /// have passed, too.
    #[must_use]
    pub fn of_rolling(
        part_one: &ErasureCertificate,
        backups: &BackupRegistry,
        days: u16,
        now: Timestamp,
    ) -> Option<Self> {
        let window = Duration::from_secs(u64::from(days).saturating_mul(86_400));
        let over = part_one.completed_at.saturating_add(window);
        let part = Self::of(part_one, backups).filter(|_| now >= over)?;
        let clear_since = std::cmp::max(part.clear_since, over);
        Some(Self { clear_since, rolling_days: Some(days), ..part })
    }

    fn check(&self) -> Result<(), CertificateError> {
        digest(&self.part_one, "part 1")?;
        if self.rolling_days == Some(0) {
            return Err(CertificateError::Form { what: "the rolling window" });
        }
        for set in &self.sets {
            text(&set.id, "a backup set")?;
            if set.gone_at < set.taken_at || set.gone_at > self.clear_since {
                return Err(CertificateError::Form { what: "a time" });
            }
        }
        if in_order(self.sets.iter().map(|set| &set.id)) {
            Ok(())
        } else {
            Err(CertificateError::Form { what: "a list" })
        }
    }
}

/// A certificate of erasure: either of its parts. Its text is canonical JSON (RFC 8785).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Certificate {
    /// Part 2.
    Backups(BackupsCertificate),
    /// Part 1.
    Erasure(ErasureCertificate),
}

impl Certificate {
    /// Reads the text of a certificate. Strict: what it prints again is what was read. Nothing is
    /// checked but its form.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Form`].
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let malformed = |_| CertificateError::Form { what: "the document" };
        let certificate = if text.contains(r#""document":"privacy-rights/erasure-backups/1""#) {
            serde_json::from_str(text).map(Self::Backups).map_err(malformed)?
        } else {
            serde_json::from_str(text).map(Self::Erasure).map_err(malformed)?
        };
        certificate.check()?;
        if certificate.to_string() == text {
            Ok(certificate)
        } else {
            Err(CertificateError::Form { what: "the canonical form" })
        }
    }

    /// Whether what it says can be said: counts that JSON carries, texts that are none too long,
    /// lists in order.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Form`].
    pub fn check(&self) -> Result<(), CertificateError> {
        match self {
            Self::Backups(part) => part.check(),
            Self::Erasure(part) => part.check(),
        }
    }

    /// The SHA-256 of its text, in hexadecimal: what the journal's entry holds, and part 2 of part 1.
    #[must_use]
    pub fn digest(&self) -> String {
        hex_digest(self.to_string().as_bytes())
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> Uuid {
        match self {
            Self::Backups(part) => part.request,
            Self::Erasure(part) => part.request,
        }
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &JournalName {
        match self {
            Self::Backups(part) => &part.journal,
            Self::Erasure(part) => &part.journal,
        }
    }

    /// The chain that holds its entry.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        match self {
            Self::Backups(part) => &part.chain,
            Self::Erasure(part) => &part.chain,
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Members are written in the order of the fields, which is that of their names.
        let text = match self {
            Self::Backups(part) => serde_json::to_string(part),
            Self::Erasure(part) => serde_json::to_string(part),
        };
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

pub(crate) fn hex_digest(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    base16ct::lower::encode_string(&digest)
}

fn in_order<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    items.is_sorted_by(|a, b| a < b)
}

pub(crate) fn text(text: &str, what: &'static str) -> Result<(), CertificateError> {
    if text.trim().is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(CertificateError::Form { what });
    }
    Ok(())
}

fn digest(text: &str, what: &'static str) -> Result<(), CertificateError> {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 64 && text.bytes().all(digit) {
        Ok(())
    } else {
        Err(CertificateError::Form { what })
    }
}

/// What has a form of its own in text.
mod as_text {
    use super::{FromStr, fmt};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: fmt::Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: fmt::Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
