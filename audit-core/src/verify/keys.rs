//! Which keys are trusted, from where on, and until when.

use super::policy::AuditorPolicy;
use super::report::{KeyReport, KeyTrust};
use crate::{KeyAlgorithm, NoteError, SignedCheckpoint, VerifierKey};

/// Who signed a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// A trusted key, with its id under the name of the origin.
    Trusted { id: String },
    /// Only keys that the chain had retired, by this entry, before the checkpoint's size.
    Retired { by: u64 },
    /// Nobody that is trusted.
    Unknown,
    /// A signature in the name of a known key is not its.
    Invalid { key: String },
    /// Nobody in the name of the origin.
    Unsigned,
}

/// The keys that the auditor or the chain names.
#[derive(Debug)]
pub(crate) struct Keys {
    named: Vec<VerifierKey>,
    rotation: bool,
    opened: Option<VerifierKey>,
    added: Vec<Added>,
    /// What was retired, and by which entry.
    retired: Vec<(VerifierKey, u64)>,
}

#[derive(Debug)]
struct Added {
    key: VerifierKey,
    seq: u64,
    /// The checkpoint that made it trusted, and who signed that.
    since: Option<(u64, String)>,
}

impl Keys {
    pub(crate) fn new(policy: &AuditorPolicy) -> Self {
        Self {
            named: policy.keys.clone(),
            rotation: policy.rotation,
            opened: None,
            added: Vec::new(),
            retired: Vec::new(),
        }
    }

    /// The key of `journal.opened`: it says nothing about trust.
    pub(crate) fn open(&mut self, key: &VerifierKey) {
        self.opened = Some(key.clone());
    }

    pub(crate) fn add(&mut self, key: &VerifierKey, seq: u64) {
        self.added.push(Added { key: key.clone(), seq, since: None });
    }

    pub(crate) fn retire(&mut self, key: &VerifierKey, seq: u64) {
        self.retired.push((key.clone(), seq));
    }

    /// A trusted key signed a checkpoint of this size whose root is the entries': the keys added
    /// below it are trusted from here on.
    pub(crate) fn cover(&mut self, size: u64, signer: &str) {
        if !self.rotation {
            return;
        }
        for added in self.added.iter_mut().filter(|added| added.seq < size) {
            added.since.get_or_insert_with(|| (size, signer.to_owned()));
        }
    }

    /// Who signed a checkpoint.
    pub(crate) fn signer(&self, signed: &SignedCheckpoint) -> Signed {
        let size = signed.checkpoint().head.size;
        let origin = signed.checkpoint().origin.to_string();
        let note = signed.note();
        if !note.signatures().iter().any(|signature| signature.name() == origin) {
            return Signed::Unsigned;
        }
        // The same 32 bytes sign under the name of each origin.
        let derived = |key: &VerifierKey| {
            let ed25519 = key.algorithm() == KeyAlgorithm::Ed25519;
            ed25519.then(|| key.renamed(&origin).ok()).flatten()
        };
        let since = |added: &&Added| added.since.as_ref().is_some_and(|(since, _)| *since <= size);
        let trusted = self.named.iter().chain(self.added.iter().filter(since).map(|a| &a.key));
        let trusted: Vec<_> = trusted.filter_map(derived).collect();
        match note.verify(&trusted) {
            Ok(verified) => {
                let mut retired_by = None;
                for signature in verified {
                    match self.retired(signature.key(), size) {
                        None => {
                            return Signed::Trusted { id: format!("{:08x}", signature.key().id()) };
                        }
                        Some(by) => retired_by = Some(by),
                    }
                }
                retired_by.map_or(Signed::Unknown, |by| Signed::Retired { by })
            }
            Err(NoteError::Untrusted) => {
                // A key that is known but not trusted can still be shown not to have signed.
                let known = self.opened.iter().chain(self.added.iter().map(|added| &added.key));
                match note.verify(&known.filter_map(derived).collect::<Vec<_>>()) {
                    Err(NoteError::Invalid { key }) => Signed::Invalid { key },
                    _ => Signed::Unknown,
                }
            }
            Err(_) => Signed::Invalid { key: origin },
        }
    }

    /// The entry that retired a key for checkpoints of this size, unless a later one added it
    /// again and that is covered.
    fn retired(&self, key: &VerifierKey, size: u64) -> Option<u64> {
        let same = |other: &VerifierKey| other.public_key() == key.public_key();
        let by = self.retired.iter().rev().find(|(retired, by)| same(retired) && size > *by);
        let (_, by) = by?;
        let again = self.added.iter().any(|added| {
            let since = added.since.as_ref().is_some_and(|(since, _)| *since <= size);
            same(&added.key) && added.seq > *by && since
        });
        (!again).then_some(*by)
    }

    pub(crate) fn report(&self) -> Vec<KeyReport> {
        let mut reports: Vec<(&VerifierKey, KeyReport)> = Vec::new();
        let mut add = |key, trust| {
            let retired = self.retired(key, u64::MAX);
            reports.push((key, KeyReport { vkey: key.to_string(), trust, retired }));
        };
        self.named.iter().for_each(|key| add(key, KeyTrust::Auditor));
        for added in &self.added {
            let trust = match &added.since {
                Some((checkpoint, signer)) => KeyTrust::Chain {
                    added: added.seq,
                    checkpoint: *checkpoint,
                    signer: signer.clone(),
                },
                None => KeyTrust::Unknown,
            };
            add(&added.key, trust);
        }
        self.opened.iter().for_each(|key| add(key, KeyTrust::Unknown));
        // A key that is named in two ways is reported by the stronger one, which comes first.
        let mut kept: Vec<(&VerifierKey, KeyReport)> = Vec::new();
        for (key, report) in reports {
            let same = |(other, _): &(&VerifierKey, _)| other.public_key() == key.public_key();
            if !kept.iter().any(same) {
                kept.push((key, report));
            }
        }
        kept.into_iter().map(|(_, report)| report).collect()
    }
}
