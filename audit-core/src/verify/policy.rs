//! What the auditor brings: keys, checkpoints from outside, and what he accepts.

use std::collections::BTreeSet;

use crate::{SignedCheckpoint, TrustPolicy, VerifierKey};

/// What the auditor trusts and knows from elsewhere. None of it comes from what is verified.
///
/// ```
/// use audit_core::{AuditorPolicy, SigningKey};
///
/// let key = SigningKey::generate("audit.example.com")?;
/// let policy = AuditorPolicy::new([key.verifier().clone()]).no_rotation();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AuditorPolicy {
    pub(crate) keys: Vec<VerifierKey>,
    pub(crate) rotation: bool,
    pub(crate) witnesses: Vec<VerifierKey>,
    pub(crate) quorum: Option<TrustPolicy>,
    pub(crate) outside: Vec<SignedCheckpoint>,
    pub(crate) accepted_restores: BTreeSet<u64>,
}

impl AuditorPolicy {
    /// Trusts these keys: the journal's own, or one derived from it for a chain. With none, every
    /// checkpoint is by an unknown key.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = VerifierKey>) -> Self {
        Self { keys: keys.into_iter().collect(), rotation: true, ..Self::default() }
    }

    /// Trusts only the named keys, not those that the chain adds.
    #[must_use]
    pub fn no_rotation(mut self) -> Self {
        self.rotation = false;
        self
    }

    /// Checks the cosignatures of this witness: no entry that a cosigned checkpoint covers may be
    /// later than the witness's time.
    #[must_use]
    pub fn witness(mut self, key: VerifierKey) -> Self {
        self.witnesses.push(key);
        self
    }

    /// Asks for the witnesses of this policy: its logs' keys are trusted like those given to
    /// [`new`](Self::new), its witnesses' cosignatures are checked as by
    /// [`witness`](Self::witness), and its quorum decides how far a chain is witnessed.
    ///
    /// A chain is witnessed up to its newest checkpoint that is right, by a trusted key, and
    /// cosigned by a quorum; entries above it count as
    /// [`unwitnessed`](crate::Information::unwitnessed). Where there are such checkpoints but a
    /// quorum cosigned none of them, that is a finding: the operator may have signed this history
    /// for this auditor alone.
    #[must_use]
    pub fn witnesses(mut self, policy: TrustPolicy) -> Self {
        self.keys.extend(policy.logs().iter().map(|log| log.key.clone()));
        self.witnesses.extend(policy.witnesses().iter().map(|witness| witness.key.clone()));
        self.quorum = (!policy.asks_for_nothing()).then_some(policy);
        self
    }

    /// Demands that a chain agrees with this checkpoint of it, held from before.
    #[must_use]
    pub fn holding(mut self, checkpoint: SignedCheckpoint) -> Self {
        self.outside.push(checkpoint);
        self
    }

    /// The checkpoints held from before.
    pub fn outside(&self) -> impl Iterator<Item = &SignedCheckpoint> {
        self.outside.iter()
    }

    /// Accepts the loss that the `journal.restored` entry at this seq declares.
    #[must_use]
    pub fn accept_restore(mut self, seq: u64) -> Self {
        self.accepted_restores.insert(seq);
        self
    }
}
