//! Whose signatures make a checkpoint valid: C2SP tlog-policy.

pub(crate) mod parse;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::note::Note;
use crate::note::key::{KeyAlgorithm, VerifierKey};
use crate::witness::log_checkpoint::key_of;
pub use parse::{PolicyDefect, PolicyError};

/// Most bytes of a policy file.
pub const MAX_POLICY_LEN: usize = 1 << 18;

/// Most logs, most witnesses, and most groups of a policy. The standard asks for at least 32.
pub const MAX_POLICY_ITEMS: usize = 1000;

/// A log of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyLog {
    /// Its key; the key's name is the log's origin. One that is named as a journal stands for all
    /// chains of that journal.
    pub key: VerifierKey,
    /// Where it is, in the words of the file.
    pub url: Option<String>,
}

/// A witness of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyWitness {
    /// Its name in this policy, and nowhere else.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where it is: the address that `/add-checkpoint` is appended to.
    pub url: Option<String>,
}

/// A group: at least `threshold` of the members.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    threshold: usize,
    members: Vec<Member>,
}

/// A witness or a group, by its place among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// Which logs are known, which witnesses, and how many of them must have cosigned a checkpoint for
/// it to be valid.
///
/// # Examples
///
/// ```
/// use audit_core::{CosigningKey, SigningKey, Timestamp, TrustPolicy};
/// # use audit_core::{Checkpoint, SystemClock, Clock, TreeHead};
///
/// let keys: Vec<_> = ["one", "two", "three"]
///     .map(|name| CosigningKey::generate(&format!("{name}.example")).unwrap())
///     .into();
/// let mut file = String::new();
/// for (number, key) in (1..).zip(&keys) {
///     file.push_str(&format!("witness W{number} {}\n", key.verifier()));
/// }
/// file.push_str("group two-of-three 2 W1 W2 W3\nquorum two-of-three\n");
/// let policy = TrustPolicy::parse(file.as_bytes())?;
///
/// let journal = SigningKey::generate("audit.example.com")?;
/// let origin = "audit.example.com/acme/default/1".parse()?;
/// let mut signed = Checkpoint::new(origin, TreeHead::EMPTY).sign(&journal)?;
/// for key in &keys[..2] {
///     assert!(!policy.is_satisfied(signed.note()));
///     let cosignature = key.cosign(signed.note().text(), SystemClock.now())?;
///     signed.add_cosignature(key.verifier(), cosignature)?;
/// }
/// assert!(policy.is_satisfied(signed.note()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// INVARIANT: members name witnesses there are and groups before their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// `None`: no cosignature is asked for.
    quorum: Option<Member>,
}

impl TrustPolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// [`PolicyError`], with the line.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        parse::parse(file)
    }

    /// Any log, and cosignatures by at least `threshold` of these witnesses. They are named `w1`,
    /// `w2` and so on.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Line`] for the witness or the group that the same file would be refused for;
    /// a threshold of 0, or beyond the number of witnesses, is [`PolicyDefect::Threshold`].
    pub fn at_least(
        threshold: usize,
        witnesses: impl IntoIterator<Item = VerifierKey>,
    ) -> Result<Self, PolicyError> {
        let (mut file, mut names) = (String::new(), String::new());
        for (number, key) in (1_u32..).zip(witnesses) {
            file.push_str(&format!("witness w{number} {key}\n"));
            names.push_str(&format!(" w{number}"));
        }
        Self::parse(format!("{file}group quorum {threshold}{names}\nquorum quorum\n").as_bytes())
    }

    /// The logs; none where they are known from elsewhere.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether no cosignature is asked for at all: `quorum none`.
    #[must_use]
    pub const fn asks_for_nothing(&self) -> bool {
        self.quorum.is_none()
    }

    /// Whether a signed checkpoint is valid by this policy: signed by one of the logs, where any
    /// are named, and cosigned by a quorum.
    ///
    /// A note with a signature in the name of a log or a witness of the policy that is not theirs
    /// is never valid. Success says nothing about which entries lead to the root.
    #[must_use]
    pub fn is_satisfied(&self, note: &Note) -> bool {
        let origin = note.text().split('\n').next().unwrap_or_default();
        let logs: Vec<_> = self.logs.iter().filter_map(|log| key_of(origin, &log.key)).collect();
        if !self.logs.is_empty() && note.verify(&logs).is_err() {
            return false;
        }
        if self.asks_for_nothing() {
            return true;
        }
        let witnesses: Vec<_> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        note.verify(&witnesses).is_ok_and(|verified| {
            self.is_quorum(|key| verified.iter().any(|signature| signature.key() == key))
        })
    }

    /// Whether those witnesses that `cosigned` says yes to are a quorum. That they cosigned is for
    /// the caller to have checked.
    pub fn is_quorum(&self, cosigned: impl Fn(&VerifierKey) -> bool) -> bool {
        let Some(quorum) = self.quorum else { return true };
        let witnesses: Vec<bool> = self.witnesses.iter().map(|w| cosigned(&w.key)).collect();
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            // Members stand before the group.
            let count = group.members.iter().filter(|m| holds(**m, &witnesses, &groups)).count();
            groups.push(count >= group.threshold);
        }
        holds(quorum, &witnesses, &groups)
    }

    /// The quorum in words, such as `2 of (w1, w2, w3)`; names are those of the policy.
    #[must_use]
    pub fn quorum_in_words(&self) -> String {
        let mut open = BTreeSet::new();
        self.quorum.map_or_else(|| "none".to_owned(), |quorum| self.words(quorum, &mut open))
    }

    fn words(&self, member: Member, open: &mut BTreeSet<Member>) -> String {
        match member {
            Member::Witness(at) => self.witnesses.get(at).map(|w| w.name.clone()),
            // A group stands in one other group at most, so this ends soon.
            Member::Group(at) => self.groups.get(at).filter(|_| open.insert(member)).map(|group| {
                let members: Vec<_> = group.members.iter().map(|m| self.words(*m, open)).collect();
                format!("{} of ({})", group.threshold, members.join(", "))
            }),
        }
        .unwrap_or_default()
    }
}

fn holds(member: Member, witnesses: &[bool], groups: &[bool]) -> bool {
    let known = match member {
        Member::Witness(at) => witnesses.get(at),
        Member::Group(at) => groups.get(at),
    };
    known.copied().unwrap_or(false)
}

impl fmt::Display for TrustPolicy {
    /// As a file, without what the original had of comments and spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |url: &Option<String>| url.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for witness in &self.witnesses {
            writeln!(f, "witness {} {}{}", witness.name, witness.key, url(&witness.url))?;
        }
        let name = |member: &Member| match member {
            Member::Witness(at) => self.witnesses.get(*at).map(|w| w.name.as_str()),
            Member::Group(at) => self.groups.get(*at).map(|g| g.name.as_str()),
        };
        for group in &self.groups {
            write!(f, "group {} {}", group.name, group.threshold)?;
            for member in group.members.iter().filter_map(name) {
                write!(f, " {member}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "quorum {}", self.quorum.as_ref().and_then(name).unwrap_or("none"))
    }
}

impl FromStr for TrustPolicy {
    type Err = PolicyError;

    fn from_str(file: &str) -> Result<Self, PolicyError> {
        Self::parse(file.as_bytes())
    }
}

/// Whether a key is of the kind that its line asks for.
const fn is_for(key: &VerifierKey, algorithm: KeyAlgorithm) -> bool {
    key.algorithm().byte() == algorithm.byte()
}
