//! Reading a policy file, line by line.

use std::collections::{BTreeSet, HashMap};

use super::{
    Group, MAX_POLICY_ITEMS, MAX_POLICY_LEN, Member, PolicyLog, PolicyWitness, TrustPolicy, is_for,
};
use crate::note::key::{KeyAlgorithm, KeyError, VerifierKey};

/// Why a policy file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A line is wrong.
    #[error("line {line} was refused")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        defect: PolicyDefect,
    },
    /// There is no `quorum` line.
    #[error("no line names the quorum")]
    NoQuorum,
    /// Longer than [`MAX_POLICY_LEN`](crate::MAX_POLICY_LEN).
    #[error("longer than {MAX_POLICY_LEN} bytes")]
    TooLarge,
    /// The last line has no newline at its end: the file was cut off.
    #[error("the last line does not end in a newline")]
    Unterminated,
}

/// What is wrong with a line of a policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyDefect {
    /// A control character other than tab and newline.
    #[error("a control character")]
    Character,
    /// A key that an earlier line has too, under whatever name.
    #[error("the key stands in an earlier line")]
    DuplicateKey,
    /// A line that begins with none of `log`, `witness`, `group`, `quorum` and `#`.
    #[error("not a log, witness, group, quorum or comment line")]
    Keyword,
    /// Not a verifier key.
    #[error("not a verifier key")]
    Key(#[source] KeyError),
    /// A key for cosignatures in a log's line, or one for notes in a witness's.
    #[error("a key of the wrong kind: logs sign notes, witnesses cosign")]
    KeyKind,
    /// A name, a key or a URL that is not UTF-8. (The standard allows it in names and URLs.)
    #[error("not UTF-8")]
    NotUtf8,
    /// The name `none`, which is no witness and no group.
    #[error("`none` is no name of a witness or a group")]
    None,
    /// Too few or too many words for such a line.
    #[error("too few or too many words")]
    Words,
    /// A name that an earlier line has defined.
    #[error("the name is defined already")]
    Redefined,
    /// A member that stands in an earlier group, or twice in this one.
    #[error("a member stands in a group already")]
    Repeated,
    /// A second `quorum` line.
    #[error("a second quorum")]
    SecondQuorum,
    /// Not `all`, `any` or a decimal number from 1 to the number of members.
    #[error("not `all`, `any` or a number from 1 to the number of members")]
    Threshold,
    /// More lines of one kind than [`MAX_POLICY_ITEMS`](crate::MAX_POLICY_ITEMS).
    #[error("more than {MAX_POLICY_ITEMS} lines of this kind")]
    TooMany,
    /// A name that no earlier line has defined.
    #[error("a name that no earlier line defines")]
    Undefined,
}

pub(super) fn parse(file: &[u8]) -> Result<TrustPolicy, PolicyError> {
    if file.len() > MAX_POLICY_LEN {
        return Err(PolicyError::TooLarge);
    }
    let lines = match file.strip_suffix(b"\n") {
        Some(lines) => lines,
        None if file.is_empty() => file,
        None => return Err(PolicyError::Unterminated),
    };
    let mut reader = Reader::default();
    for (line, text) in (1_usize..).zip(lines.split(|byte| *byte == b'\n')) {
        reader.line(text).map_err(|defect| PolicyError::Line { line, defect })?;
    }
    let Reader { logs, witnesses, groups, quorum, .. } = reader;
    let quorum = quorum.ok_or(PolicyError::NoQuorum)?;
    Ok(TrustPolicy { logs, witnesses, groups, quorum })
}

#[derive(Default)]
struct Reader {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// `Some(None)` for `quorum none`.
    quorum: Option<Option<Member>>,
    names: HashMap<String, Member>,
    /// What stands in a group.
    grouped: BTreeSet<Member>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), PolicyDefect> {
        if line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err(PolicyDefect::Character);
        }
        let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let mut words = line.split(blank).filter(|word| !word.is_empty());
        let Some(keyword) = words.next() else { return Ok(()) };
        if keyword.starts_with(b"#") {
            return Ok(());
        }
        let text = |word| std::str::from_utf8(word).map_err(|_| PolicyDefect::NotUtf8);
        let words: Vec<&str> = words.map(text).collect::<Result<_, _>>()?;
        match keyword {
            b"log" => self.log(&words),
            b"witness" => self.witness(&words),
            b"group" => self.group(&words),
            b"quorum" => self.set_quorum(&words),
            _ => Err(PolicyDefect::Keyword),
        }
    }

    fn log(&mut self, words: &[&str]) -> Result<(), PolicyDefect> {
        let (key, url) = match words {
            [key] => (key, None),
            [key, url] => (key, Some((*url).to_owned())),
            _ => return Err(PolicyDefect::Words),
        };
        let key = read_key(key, KeyAlgorithm::Ed25519)?;
        room(self.logs.len())?;
        if self.logs.iter().any(|log| log.key.public_key() == key.public_key()) {
            return Err(PolicyDefect::DuplicateKey);
        }
        self.logs.push(PolicyLog { key, url });
        Ok(())
    }

    fn witness(&mut self, words: &[&str]) -> Result<(), PolicyDefect> {
        let (name, key, url) = match words {
            [name, key] => (name, key, None),
            [name, key, url] => (name, key, Some((*url).to_owned())),
            _ => return Err(PolicyDefect::Words),
        };
        let key = read_key(key, KeyAlgorithm::CosignatureV1)?;
        room(self.witnesses.len())?;
        if self.witnesses.iter().any(|witness| witness.key.public_key() == key.public_key()) {
            return Err(PolicyDefect::DuplicateKey);
        }
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(PolicyWitness { name: (*name).to_owned(), key, url });
        Ok(())
    }

    fn group(&mut self, words: &[&str]) -> Result<(), PolicyDefect> {
        let [name, threshold, members @ ..] = words else { return Err(PolicyDefect::Words) };
        if members.is_empty() {
            return Err(PolicyDefect::Words);
        }
        let threshold = match *threshold {
            "all" => members.len(),
            "any" => 1,
            number => decimal(number)
                .filter(|k| (1..=members.len()).contains(k))
                .ok_or(PolicyDefect::Threshold)?,
        };
        room(self.groups.len())?;
        let members: Vec<_> =
            members.iter().map(|name| self.look_up(name)).collect::<Result<_, _>>()?;
        if !members.iter().all(|member| self.grouped.insert(*member)) {
            return Err(PolicyDefect::Repeated);
        }
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { name: (*name).to_owned(), threshold, members });
        Ok(())
    }

    fn set_quorum(&mut self, words: &[&str]) -> Result<(), PolicyDefect> {
        let [name] = words else { return Err(PolicyDefect::Words) };
        if self.quorum.is_some() {
            return Err(PolicyDefect::SecondQuorum);
        }
        self.quorum = Some(if *name == "none" { None } else { Some(self.look_up(name)?) });
        Ok(())
    }

    fn look_up(&self, name: &str) -> Result<Member, PolicyDefect> {
        if name == "none" {
            return Err(PolicyDefect::None);
        }
        self.names.get(name).copied().ok_or(PolicyDefect::Undefined)
    }

    fn define(&mut self, name: &str, member: Member) -> Result<(), PolicyDefect> {
        if name == "none" {
            return Err(PolicyDefect::None);
        }
        if self.names.contains_key(name) {
            return Err(PolicyDefect::Redefined);
        }
        self.names.insert(name.to_owned(), member);
        Ok(())
    }
}

fn read_key(vkey: &str, algorithm: KeyAlgorithm) -> Result<VerifierKey, PolicyDefect> {
    let key: VerifierKey = vkey.parse().map_err(PolicyDefect::Key)?;
    if is_for(&key, algorithm) { Ok(key) } else { Err(PolicyDefect::KeyKind) }
}

fn room(count: usize) -> Result<(), PolicyDefect> {
    if count < MAX_POLICY_ITEMS { Ok(()) } else { Err(PolicyDefect::TooMany) }
}

/// A decimal number without sign and leading zeros.
fn decimal(text: &str) -> Option<usize> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}
