//! One AWS CloudTrail record as an event.
//!
//! | event | from |
//! |---|---|
//! | `action` | `aws.<service>.<event_name>`: of `eventSource` and `eventName` |
//! | `actor` | `userIdentity`: its opaque id, never the name |
//! | `targets` | `resources`, the first 64 that have an ARN; `type` as AWS writes it |
//! | `outcome` | `errorCode`: none is success, a refusal is denied, any other is failure |
//! | `occurred_at` | `eventTime` |
//! | `id` | version 7: 48 bits of `eventTime`, the rest of SHA-256 of `cloudtrail`, a zero byte and `eventID` |
//! | `context.request_id` | `requestID` |
//! | `meta.record` | the record, but for what follows |
//! | private | `/context/ip`, `/context/user_agent`, `/actor/name` (`sourceIPAddress`, `userAgent`, `userIdentity.userName`), and whatever else in the record names the person or the address |
//!
//! A person's name stands in more places than `userName`: in the ARN, in request parameters, in the
//! session name of an assumed role. Leaving it there would make its erasure a promise and no more,
//! so every such member is private too, and a resource whose ARN holds it is no target.

use std::net::IpAddr;

use audit_core::{Actor, Context, Event, EventBuilder, MAX_TARGETS, Outcome, Target, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::refusal::Refusal;

/// The event of one record.
pub(crate) fn event(record: Value) -> Result<Event, Refusal> {
    let Value::Object(mut record) = record else {
        return Err(Refusal::new("a CloudTrail record is a JSON object"));
    };
    let occurred_at = event_time(text(&record, "eventTime")?)?;
    let id = event_id(occurred_at, text(&record, "eventID")?)?;
    let action = action(text(&record, "eventSource")?, text(&record, "eventName")?);
    let outcome = outcome(&record);
    let identity = Identity::of(&record);
    let mut builder = Event::builder(&action, identity.actor.clone())
        .id(id)
        .occurred_at(occurred_at)
        .outcome(outcome);
    if let Some(request) = record.get("requestID").and_then(Value::as_str) {
        builder = builder.context(Context::new().request_id(request));
    }

    let address = record.remove("sourceIPAddress");
    let agent = record.remove("userAgent");
    let name = match record.get_mut("userIdentity") {
        Some(Value::Object(identity)) => identity.remove("userName"),
        _ => None,
    };
    let mut names: Vec<String> = identity.session.iter().cloned().collect();
    names.extend(name.as_ref().and_then(Value::as_str).map(str::to_owned));
    names.extend(
        address
            .as_ref()
            .and_then(Value::as_str)
            .filter(|address| address.parse::<IpAddr>().is_ok())
            .map(str::to_owned),
    );
    names.retain(|name| !name.is_empty());

    for target in targets(&record, &names) {
        builder = builder.target(target);
    }
    let mut hidden = Vec::new();
    hide(&mut record, "/meta/record", &names, &mut hidden);
    hidden.extend(address.map(|value| ("/context/ip".to_owned(), value)));
    hidden.extend(agent.map(|value| ("/context/user_agent".to_owned(), value)));
    hidden.extend(name.map(|value| ("/actor/name".to_owned(), value)));
    let builder = hidden.iter().fold(builder, |builder: EventBuilder, (pointer, value)| {
        builder.private(&identity.subject, pointer, value)
    });
    Ok(builder.meta("record", record).build()?)
}

fn text<'a>(record: &'a Map<String, Value>, member: &str) -> Result<&'a str, Refusal> {
    match record.get(member) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(Refusal::new(format!("/{member} is not a text"))),
        None => Err(Refusal::new(format!("/{member} is missing"))),
    }
}

/// CloudTrail writes whole seconds; a fraction is kept where there is one.
fn event_time(text: &str) -> Result<Timestamp, Refusal> {
    let (seconds, fraction) = match text.strip_suffix('Z').unwrap_or_default().split_once('.') {
        Some((seconds, fraction)) => (seconds, fraction),
        None => (text.strip_suffix('Z').unwrap_or_default(), ""),
    };
    let fits = fraction.len() <= 6;
    let time = fits.then(|| format!("{seconds}.{fraction:0<6}Z").parse().ok()).flatten();
    time.ok_or_else(|| Refusal::new("/eventTime is not a time such as 2023-07-10T11:42:18Z"))
}

/// The same record gets the same id in every run, so importing twice adds nothing.
fn event_id(at: Timestamp, source: &str) -> Result<Uuid, Refusal> {
    let millis = u64::try_from(at.as_micros().div_euclid(1_000))
        .ok()
        .filter(|millis| *millis < 1 << 48)
        .ok_or_else(|| Refusal::new("/eventTime lies before 1970"))?;
    let digest = Sha256::new().chain_update("cloudtrail\0").chain_update(source).finalize();
    let rest = digest.first_chunk::<10>().copied().unwrap_or_default();
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid())
}

/// `s3.amazonaws.com`, `GetBucketPolicy` → `aws.s3.get_bucket_policy`.
fn action(source: &str, name: &str) -> String {
    let service = source.strip_suffix(".amazonaws.com").unwrap_or(source);
    format!("aws.{}.{}", snake(service), snake(name))
}

/// Words in lowercase with `_` between them; whatever is neither letter nor digit is `_` too.
fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len().saturating_add(8));
    for (index, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            out.push('_');
            continue;
        }
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index.saturating_add(1));
        // A word begins at a capital after a small letter, and at the last capital of `DBInstance`.
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if begins {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn outcome(record: &Map<String, Value>) -> Outcome {
    let code =
        |member: &str| record.get(member).and_then(Value::as_str).filter(|code| !code.is_empty());
    match code("errorCode") {
        Some(code) => {
            let refused =
                ["AccessDenied", "Unauthorized", "Forbidden", "NotAuthorized", "AuthFailure"];
            if refused.iter().any(|word| code.contains(word)) {
                Outcome::Denied
            } else {
                Outcome::Failure
            }
        }
        // A failed sign-in to the console has a message and no code.
        None if code("errorMessage").is_some() => Outcome::Failure,
        None => Outcome::Success,
    }
}

/// Who it was: the pseudonym that stands in the clear, and the data subject.
struct Identity {
    actor: Actor,
    /// The host's id of the person; it stays outside the chain, so it may be as long as it is.
    subject: String,
    /// The session name of an assumed role: often a person's name or address.
    session: Option<String>,
}

impl Identity {
    fn of(record: &Map<String, Value>) -> Self {
        let empty = Map::new();
        let identity = record.get("userIdentity").and_then(Value::as_object).unwrap_or(&empty);
        let member =
            |name: &str| identity.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let name = member("userName").filter(|name| !name.is_empty());
        let principal = member("principalId");
        // `AROA…:session`: the role's id, and who took it.
        let (opaque, session) = match principal.map(|id| id.split_once(':').unwrap_or((id, ""))) {
            Some((id, session)) => (Some(id), Some(session).filter(|session| !session.is_empty())),
            None => (None, None),
        };
        let nameless = |id: &&str| !name.is_some_and(|name| mentions(id, name));
        let id = opaque
            .filter(nameless)
            .or_else(|| member("accessKeyId"))
            .or_else(|| member("accountId").filter(|_| member("type").is_some()))
            .or_else(|| member("invokedBy"))
            .or_else(|| member("accountId"));
        let actor = match (member("type"), id) {
            (_, None) => Actor::anonymous("unknown"),
            (Some("AWSService") | None, Some(id)) => Actor::service(id),
            (Some("Unknown"), Some(id)) => Actor::anonymous(id),
            (Some(_), Some(id)) => Actor::user(id),
        };
        let subject = principal.unwrap_or(actor.id()).to_owned();
        Self { actor, subject, session: session.map(str::to_owned) }
    }
}

fn targets(record: &Map<String, Value>, names: &[String]) -> Vec<Target> {
    let mut targets = Vec::new();
    let resources = record.get("resources").and_then(Value::as_array);
    for resource in resources.into_iter().flatten() {
        let Some(arn) = resource.get("ARN").and_then(Value::as_str) else { continue };
        if names.iter().any(|name| mentions(arn, name)) {
            continue;
        }
        let kind = match resource.get("type").and_then(Value::as_str) {
            Some(kind) => kind.to_owned(),
            // `arn:aws:s3:::bucket`: at least the service is known.
            None => format!("AWS::{}", arn.split(':').nth(2).unwrap_or_default()),
        };
        let target = Target::new(kind, arn);
        if !targets.contains(&target) && targets.len() < MAX_TARGETS {
            targets.push(target);
        }
    }
    targets
}

/// Moves every member that mentions one of `names` out of `members`. An array goes as a whole, so
/// that no element moves up into the place of a hidden one.
fn hide(
    members: &mut Map<String, Value>,
    pointer: &str,
    names: &[String],
    hidden: &mut Vec<(String, Value)>,
) {
    let mut gone = Vec::new();
    for (name, value) in members.iter_mut() {
        let place = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::Object(inner) if !inner.keys().any(|key| any_mention(key, names)) => {
                hide(inner, &place, names, hidden);
            }
            value if anywhere(value, names) => gone.push((name.clone(), place)),
            _ => {}
        }
    }
    for (name, place) in gone {
        hidden.extend(members.remove(&name).map(|value| (place, value)));
    }
}

fn anywhere(value: &Value, names: &[String]) -> bool {
    match value {
        Value::String(text) => any_mention(text, names),
        Value::Array(items) => items.iter().any(|item| anywhere(item, names)),
        Value::Object(members) => {
            members.iter().any(|(name, value)| any_mention(name, names) || anywhere(value, names))
        }
        _ => false,
    }
}

fn any_mention(text: &str, names: &[String]) -> bool {
    names.iter().any(|name| mentions(text, name))
}

/// Whether `name` stands in `text` as a word of its own.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, name)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at.saturating_add(name.len())..).and_then(|text| text.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests;
