//! What a query asks for: as terms of the index, as texts to look for, and as the exact question
//! put to each entry before it is returned.

use std::ops::Range;

use audit_core::{
    Actor, ChainId, Entry, EventView, MAX_ACTION, MAX_NAME, Outcome, SubjectRef, Target, Term,
    Timestamp,
};
use sha2::{Digest, Sha256};

use crate::index::posting::TermHash;
use crate::index::terms::TermHasher;
use crate::query::QueryError;
use crate::query::plan::Order;

/// How many conditions of one kind a query may have.
const MAX_CONDITIONS: usize = 16;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) action: Option<String>,
    pub(crate) action_prefix: Option<String>,
    pub(crate) actor: Option<Actor>,
    pub(crate) targets: Vec<Target>,
    pub(crate) subjects: Vec<SubjectRef>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) seqs: Option<Range<u64>>,
}

impl Filter {
    /// Refuses what no entry could ever match, as the mistake that it is.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        let long = |member, text: &str, limit| {
            let bytes = text.len();
            if bytes > limit { Err(QueryError::TooLong { member, bytes, limit }) } else { Ok(()) }
        };
        if let Some(action) = &self.action {
            long("action", action, MAX_ACTION)?;
        }
        if let Some(prefix) = &self.action_prefix {
            long("action prefix", prefix, MAX_ACTION)?;
            if prefix.len() < 2 || !prefix.ends_with('.') {
                return Err(QueryError::ActionPrefix);
            }
        }
        if let Some(actor) = &self.actor {
            long("actor", actor.id(), MAX_NAME)?;
        }
        for target in &self.targets {
            long("target", target.kind(), MAX_NAME)?;
            long("target", target.id(), MAX_NAME)?;
        }
        for (member, count) in [("target", self.targets.len()), ("subject", self.subjects.len())] {
            if count > MAX_CONDITIONS {
                return Err(QueryError::TooMany { member, limit: MAX_CONDITIONS });
            }
        }
        Ok(())
    }

    /// The terms of the index that an entry must carry, usually rare ones first.
    pub(crate) fn terms(&self) -> Vec<TermHash> {
        let mut hasher = TermHasher::default();
        let subjects = self.subjects.iter().map(|subject| Term::Subject(*subject));
        let targets = self.targets.iter().map(|of| Term::Target { kind: of.kind(), id: of.id() });
        let actor = self.actor.iter().map(|of| Term::Actor { kind: of.kind(), id: of.id() });
        let action = self.action.iter().map(|action| Term::Action(action));
        let rare = subjects.chain(targets).chain(actor).chain(action);
        let mut hashes: Vec<TermHash> = rare.map(|term| hasher.term(term)).collect();
        hashes.extend(self.action_prefix.iter().map(|prefix| hasher.action_prefix(prefix)));
        hashes.extend(self.outcome.map(|outcome| hasher.term(Term::Outcome(outcome))));
        hashes
    }

    /// Texts that stand in the canonical bytes of every entry that matches: the three that are
    /// likely to stand in the fewest others, padded with empty ones.
    pub(crate) fn texts(&self) -> Result<[String; 3], QueryError> {
        let mut texts = Vec::new();
        for subject in &self.subjects {
            texts.push(format!("\"{subject}\":["));
        }
        for target in &self.targets {
            texts.push(format!(
                "{{\"id\":{},\"type\":{}}}",
                json(target.id())?,
                json(target.kind())?
            ));
        }
        if let Some(actor) = &self.actor {
            texts.push(format!("{{\"id\":{},\"type\":\"{}\"}}", json(actor.id())?, actor.kind()));
        }
        if let Some(action) = &self.action {
            texts.push(format!("\"action\":{}", json(action)?));
        }
        if let Some(prefix) = &self.action_prefix {
            let text = json(prefix)?;
            texts.push(format!("\"action\":{}", text.trim_end_matches('"')));
        }
        if let Some(outcome) = self.outcome {
            texts.push(format!("\"outcome\":\"{}\"", outcome.as_str()));
        }
        let mut texts = texts.into_iter();
        Ok(std::array::from_fn(|_| texts.next().unwrap_or_default()))
    }

    /// Whether an entry is what is asked for, by its own bytes.
    pub(crate) fn matches(&self, entry: &Entry<'_>) -> bool {
        self.from.is_none_or(|from| entry.at() >= from)
            && self.until.is_none_or(|until| entry.at() < until)
            && self.seqs.as_ref().is_none_or(|seqs| seqs.contains(&entry.seq()))
            && self.matches_event(entry.event())
    }

    fn matches_event(&self, event: &EventView<'_>) -> bool {
        let is = |actor: &audit_core::ActorView<'_>, wanted: &Actor| {
            actor.kind == wanted.kind() && actor.id == wanted.id()
        };
        self.action.as_ref().is_none_or(|action| event.action() == action)
            && self.action_prefix.as_ref().is_none_or(|prefix| event.action().starts_with(prefix))
            && self.actor.as_ref().is_none_or(|wanted| {
                is(event.actor(), wanted)
                    || event.on_behalf_of().is_some_and(|actor| is(actor, wanted))
            })
            && self.outcome.is_none_or(|outcome| event.outcome() == Some(outcome))
            && self.targets.iter().all(|wanted| {
                event.targets().iter().any(|t| t.kind == wanted.kind() && t.id == wanted.id())
            })
            && self
                .subjects
                .iter()
                .all(|wanted| event.private().iter().any(|(subject, _)| subject == wanted))
    }

    /// A digest of the whole question, by which a cursor knows its query.
    pub(crate) fn fingerprint(&self, chain: &ChainId, order: Order) -> Sha256 {
        let mut parts: Vec<String> = vec![
            chain.to_string(),
            match order {
                Order::NewestFirst => "newest".to_owned(),
                Order::OldestFirst => "oldest".to_owned(),
            },
        ];
        let mut part = |name: &str, values: &[&str]| {
            parts.push(name.to_owned());
            parts.push(values.len().to_string());
            parts.extend(values.iter().map(|value| (*value).to_owned()));
        };
        if let Some(action) = &self.action {
            part("action", &[action]);
        }
        if let Some(prefix) = &self.action_prefix {
            part("prefix", &[prefix]);
        }
        if let Some(actor) = &self.actor {
            part("actor", &[actor.kind().as_str(), actor.id()]);
        }
        for target in &self.targets {
            part("target", &[target.kind(), target.id()]);
        }
        for subject in &self.subjects {
            part("subject", &[&subject.to_string()]);
        }
        if let Some(outcome) = self.outcome {
            part("outcome", &[outcome.as_str()]);
        }
        for (name, at) in [("from", self.from), ("until", self.until)] {
            if let Some(at) = at {
                part(name, &[&at.to_string()]);
            }
        }
        if let Some(seqs) = &self.seqs {
            part("seqs", &[&seqs.start.to_string(), &seqs.end.to_string()]);
        }
        let mut digest = Sha256::new();
        digest.update(b"audit-store cursor 1\0");
        for part in parts {
            // Lengths first, so that no two questions run into one another.
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part.as_bytes());
        }
        digest
    }
}

/// A string as the canonical form writes it.
fn json(text: &str) -> Result<String, QueryError> {
    serde_json::to_string(text).map_err(|_| QueryError::Unwritable)
}
