//! Reading the terms of a canonical event in one pass over its bytes.
//!
//! Whoever holds a `CanonicalEvent` knows that its text is canonical, so it need not be read as
//! strictly as stored text must be. What is not as it has to be ends the scan with `None`, and the
//! event is read the strict way.

use std::borrow::Cow;
use std::str::FromStr;

use audit_core::{ActorKind, CanonicalEvent, Outcome, SubjectRef, Term};

/// Calls `each` with every term of the event.
pub(super) fn terms(event: &CanonicalEvent, mut each: impl FnMut(Term<'_>)) -> Option<()> {
    let mut scan = Scan { text: event.as_str(), at: 0 };
    scan.eat(b'{')?;
    loop {
        let name = scan.string()?;
        scan.eat(b':')?;
        match &*name {
            "action" => each(Term::Action(&scan.string()?)),
            "actor" | "on_behalf_of" => {
                let (id, kind) = scan.id_and_type()?;
                each(Term::Actor { kind: actor_kind(&kind)?, id: &id });
            }
            "outcome" => each(Term::Outcome(outcome(&scan.string()?)?)),
            "private" => {
                scan.list(b'{', b'}', |scan| {
                    let subject = SubjectRef::from_str(&scan.string()?).ok()?;
                    each(Term::Subject(subject));
                    scan.eat(b':')?;
                    scan.skip()
                })?;
            }
            "targets" => {
                scan.list(b'[', b']', |scan| {
                    let (id, kind) = scan.id_and_type()?;
                    each(Term::Target { kind: &kind, id: &id });
                    Some(())
                })?;
            }
            _ => scan.skip()?,
        }
        if scan.eat(b',').is_none() {
            return scan.eat(b'}');
        }
    }
}

fn actor_kind(name: &str) -> Option<ActorKind> {
    [ActorKind::User, ActorKind::Service, ActorKind::System, ActorKind::Anonymous]
        .into_iter()
        .find(|kind| kind.as_str() == name)
}

fn outcome(name: &str) -> Option<Outcome> {
    [Outcome::Success, Outcome::Failure, Outcome::Denied]
        .into_iter()
        .find(|outcome| outcome.as_str() == name)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        if self.rest().first() != Some(&byte) {
            return None;
        }
        self.at = self.at.checked_add(1)?;
        Some(())
    }

    /// A string, unescaped.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        let escaped = self.skip_string()?;
        if escaped {
            return serde_json::from_str(self.text.get(start..self.at)?).ok().map(Cow::Owned);
        }
        let inner = start.checked_add(1)?..self.at.checked_sub(1)?;
        self.text.get(inner).map(Cow::Borrowed)
    }

    /// Goes behind a string, and says whether it has escapes.
    fn skip_string(&mut self) -> Option<bool> {
        self.eat(b'"')?;
        let mut escaped = false;
        loop {
            let end = self.rest().iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            let closing = self.rest().get(end) == Some(&b'"');
            // Behind the quotation mark, or behind the escaped character.
            self.at = self.at.checked_add(end)?.checked_add(if closing { 1 } else { 2 })?;
            if closing {
                return Some(escaped);
            }
            escaped = true;
        }
    }

    /// `{"id":…,"type":…}`: the only members of an actor and of a target, in their order.
    fn id_and_type(&mut self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        self.eat(b'{')?;
        let mut member = |name| {
            (self.string()? == name).then_some(())?;
            self.eat(b':')?;
            let value = self.string()?;
            // The comma, or the brace at the end.
            self.at = self.at.checked_add(1)?;
            Some(value)
        };
        Some((member("id")?, member("type")?))
    }

    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.eat(open)?;
        loop {
            item(self)?;
            if self.eat(b',').is_none() {
                return self.eat(close);
            }
        }
    }

    /// Goes behind a value.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.rest().first()? {
                b'"' => {
                    self.skip_string()?;
                }
                b'{' | b'[' => {
                    depth = depth.checked_add(1)?;
                    self.at = self.at.checked_add(1)?;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at = self.at.checked_add(1)?;
                }
                b',' | b':' => {
                    self.at = self.at.checked_add(1)?;
                    continue;
                }
                _ => {
                    let end = |byte: &u8| matches!(byte, b',' | b'}' | b']');
                    self.at = self.at.checked_add(self.rest().iter().position(end)?)?;
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use audit_core::{Actor, Change, Context, Event, EventView, Target, Timestamp};
    use proptest::prelude::*;

    use super::*;

    /// Text with all that has to be escaped, and text that looks like JSON.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9_]{1,12}",
            "[\"\\\\{}\\[\\]:,\\x01-\\x1f\u{e4}\u{20ac}\u{1f600}a]{1,12}",
            Just(r#"","type":"user"},"x":{"id":"y"#.to_owned()),
        ]
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-1_000_000_i64..1_000_000).prop_map(Into::into),
            text().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(text(), inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    fn actor() -> impl Strategy<Value = Actor> {
        (0_u8..4, text()).prop_map(|(kind, id)| match kind {
            0 => Actor::user(id),
            1 => Actor::service(id),
            2 => Actor::system(id),
            _ => Actor::anonymous(id),
        })
    }

    proptest! {
        #[test]
        fn a_scan_finds_the_terms_of_the_strict_reader(
            action in "[a-z]{1,5}(\\.[a-z_]{1,6}){1,3}",
            who in actor(),
            other in proptest::option::of(actor()),
            targets in prop::collection::vec((text(), text()), 0..4),
            changes in prop::collection::vec((text(), json(), json()), 0..4),
            request in proptest::option::of(text()),
            meta in prop::collection::btree_map(text(), json(), 0..4),
            outcome in proptest::option::of(0_u8..3),
            people in prop::collection::btree_set("[a-f]{1,3}", 0..3),
            late in any::<bool>(),
        ) {
            let mut event = Event::builder(&action, who);
            if let Some(other) = other {
                event = event.on_behalf_of(other);
            }
            for (kind, id) in targets {
                event = event.target(Target::new(kind, id));
            }
            for (field, old, new) in changes {
                event = event.change(Change::updated(field, old, new));
            }
            if let Some(request) = request {
                event = event.context(Context::new().request_id(request));
            }
            for (name, value) in meta {
                event = event.meta(&name, value);
            }
            event = match outcome {
                Some(0) => event.outcome(Outcome::Success),
                Some(1) => event.outcome(Outcome::Failure),
                Some(_) => event.outcome(Outcome::Denied),
                None => event,
            };
            for (n, person) in people.iter().enumerate() {
                event = event.private(person, &format!("/meta/private{n}"), "\"},{\"");
            }
            if late {
                event = event.occurred_at(Timestamp::from_micros(0).unwrap());
            }
            let event = event.build();
            prop_assume!(event.is_ok(), "a limit is broken");
            let event = event.unwrap();
            let mut refs = BTreeSet::new();
            let event = event
                .canonicalize(|_| {
                    let subject = SubjectRef::random().unwrap();
                    refs.insert(subject);
                    Some(subject)
                })
                .unwrap();
            let mut found = Vec::new();
            terms(&event, |term| found.push(term.to_bytes())).unwrap();
            let view = EventView::parse(event.as_str()).unwrap();
            let mut expected: Vec<_> = Term::of(&view).map(Term::to_bytes).collect();
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}
