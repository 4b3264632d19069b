//! Which backups still hold what was erased.

use std::collections::BTreeMap;
use std::time::Duration;

use audit_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::registers::Register;

/// For how long a backup is kept where nothing else is said.
const THIRTY_DAYS: Duration = Duration::from_secs(30 * 86_400);

/// One set of backups that is made and destroyed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupSet {
    /// Its id.
    pub id: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// When it is to be destroyed.
    pub expires_at: Timestamp,
    /// When somebody attested that it was.
    pub gone_at: Option<Timestamp>,
}

impl BackupSet {
    /// A set that is to be destroyed then.
    pub fn new(id: impl Into<String>, taken_at: Timestamp, expires_at: Timestamp) -> Self {
        Self { id: id.into(), taken_at, expires_at, gone_at: None }
    }

    /// A set of a rolling window of 30 days.
    pub fn rolling(id: impl Into<String>, taken_at: Timestamp) -> Self {
        Self::new(id, taken_at, taken_at.saturating_add(THIRTY_DAYS))
    }
}

/// An entry that the register of backups does not take. It is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The id is blank, too long or holds control characters: no certificate could name it.
    #[error("a backup set cannot have that id")]
    Id,
    /// There is a set of that id.
    #[error("there is a backup set {id:?} already")]
    Known {
        /// The id.
        id: String,
    },
    /// Time runs backwards: destroyed, or to be destroyed, before it was taken.
    #[error("the backup set {id:?} is gone before it was taken")]
    TooEarly {
        /// The id.
        id: String,
    },
    /// There is no set of that id.
    #[error("there is no backup set {id:?}")]
    Unknown {
        /// The id.
        id: String,
    },
}

/// All sets of backups, those that are gone included.
///
/// An erasure is complete only when the last set is gone that was taken before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRegistry {
    sets: BTreeMap<String, BackupSet>,
}

impl BackupRegistry {
    /// Adds a set.
    ///
    /// # Errors
    ///
    /// [`BackupError::Known`], [`BackupError::TooEarly`].
    pub fn add(&mut self, set: BackupSet) -> Result<(), BackupError> {
        let gone = set.gone_at.unwrap_or(set.expires_at);
        if set.expires_at < set.taken_at || gone < set.taken_at {
            return Err(BackupError::TooEarly { id: set.id });
        }
        if self.sets.contains_key(&set.id) {
            return Err(BackupError::Known { id: set.id });
        }
        self.sets.insert(set.id.clone(), set);
        Ok(())
    }

    /// Somebody attests that a set was destroyed. The first attestation stays.
    ///
    /// # Errors
    ///
    /// [`BackupError::Unknown`], [`BackupError::TooEarly`].
    pub fn attest_gone(&mut self, id: &str, at: Timestamp) -> Result<(), BackupError> {
        let unknown = || BackupError::Unknown { id: id.to_owned() };
        let set = self.sets.get_mut(id).ok_or_else(unknown)?;
        if at < set.taken_at {
            return Err(BackupError::TooEarly { id: id.to_owned() });
        }
        set.gone_at.get_or_insert(at);
        Ok(())
    }

    /// The sets that were taken by that moment, by id, those that are gone included.
    pub fn older(&self, moment: Timestamp) -> impl Iterator<Item = &BackupSet> {
        self.sets.values().filter(move |set| set.taken_at <= moment)
    }

    /// The sets that still hold what was erased at that moment, by id.
    pub fn holding(&self, erased_at: Timestamp) -> impl Iterator<Item = &BackupSet> {
        self.sets.values().filter(move |set| set.taken_at <= erased_at && set.gone_at.is_none())
    }

    /// Since when no backup holds what was erased at that moment: the moment of the erasure itself
    /// if there never was one. `None` while there is one.
    #[must_use]
    pub fn clear_since(&self, erased_at: Timestamp) -> Option<Timestamp> {
        if self.holding(erased_at).next().is_some() {
            return None;
        }
        let older = self.sets.values().filter(|set| set.taken_at <= erased_at);
        Some(older.filter_map(|set| set.gone_at).fold(erased_at, std::cmp::max))
    }

    /// The sets that are overdue: to be destroyed by now, and nobody has attested it.
    pub fn overdue(&self, now: Timestamp) -> impl Iterator<Item = &BackupSet> {
        self.sets.values().filter(move |set| set.expires_at < now && set.gone_at.is_none())
    }

    /// All sets.
    #[must_use]
    pub fn register(&self) -> Register {
        let rows = self.sets.values().map(|set| {
            let gone = set.gone_at.map(|at| at.to_string()).unwrap_or_default();
            [set.id.clone(), set.taken_at.to_string(), set.expires_at.to_string(), gone]
        });
        Register::new(
            "Backup sets",
            "GDPR Art. 5(1)(e), 17(1), 32(1)(c)",
            ["set", "taken at", "to be destroyed at", "destroyed at"],
            rows,
        )
    }
}
