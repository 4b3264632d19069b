//! Events as a busy product would say them, the same ones for the same seed on every machine.

use audit_core::{Actor, Change, Context, Event, EventError, Outcome, Target, Timestamp, action};
use uuid::Uuid;

/// An endless stream of events of about 480 bytes each.
///
/// A few people do most of the work and a few things are worked on most, as it is in life: ids
/// follow a steep distribution, so that a query for one of them finds anything from one event to a
/// tenth of all. Every event has its own id (version 7) and its own `occurred_at`, both of the seed
/// alone: appending the same stream twice adds nothing.
///
/// ```
/// use test_support::Synthetic;
///
/// let events: Vec<_> = Synthetic::new(7).take(3).collect::<Result<_, _>>()?;
/// assert!(events.iter().all(|event| event.id().is_some()));
/// # Ok::<(), audit_core::EventError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Synthetic {
    random: SplitMix,
    /// Milliseconds since 1970.
    now: u64,
    made: u64,
    private_every: u64,
    nameless: bool,
}

/// 2026-01-01, where every stream begins.
const START: u64 = 1_767_225_600_000;
const PEOPLE: u64 = 5_000;
const THINGS: u64 = 50_000;

impl Synthetic {
    /// The stream of that seed. No event has private fields.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { random: SplitMix(seed), now: START, made: 0, private_every: 0, nameless: false }
    }

    /// Every `n`-th event has its address and its user agent as private fields of its actor; 0 for
    /// none.
    #[must_use]
    pub const fn private_every(mut self, n: u64) -> Self {
        self.private_every = n;
        self
    }

    /// No event brings an id of its own, which leaves it to the journal to make one; all else is
    /// as it would be.
    #[must_use]
    pub const fn nameless(mut self) -> Self {
        self.nameless = true;
        self
    }

    fn event(&mut self) -> Result<Event, EventError> {
        self.made = self.made.wrapping_add(1);
        // 1 to 2,000 ms apart: three and a half years for a hundred million events.
        self.now = self.now.saturating_add(self.random.below(2_000)).saturating_add(1);
        let random = &mut self.random;
        let person = format!("usr_{:08x}", scatter(random.steep(PEOPLE)));
        let thing = random.steep(THINGS);
        let kind = random.one_of(&["invoice", "project", "document", "ticket", "contract"]);
        let target = format!("{}_{:010x}", kind.get(..3).unwrap_or(kind), scatter(thing));
        let request = format!("req_{:016x}", random.next());
        let session = format!("ses_{:016x}", random.next());
        let outcome = match random.below(50) {
            0 => Outcome::Denied,
            1 | 2 => Outcome::Failure,
            _ => Outcome::Success,
        };
        let actor = match random.below(20) {
            0 => Actor::service(random.one_of(&["billing", "importer", "scheduler"])),
            _ => Actor::user(&person),
        };
        let action = match random.below(20) {
            0..=7 => action::RECORD_UPDATED,
            8..=10 => action::RECORD_CREATED,
            11 => action::RECORD_DELETED,
            12..=14 => action::USER_LOGIN,
            15 => action::USER_LOGOUT,
            16 => action::SETTINGS_CHANGED,
            17 => action::EXPORT_REQUESTED,
            18 => "document.shared",
            _ => action::USER_ROLE_CHANGED,
        };
        let id = random.id(self.now);
        let mut event = Event::builder(action, actor)
            .occurred_at(self.moment())
            .outcome(outcome)
            .target(Target::new(kind, target))
            .context(Context::new().request_id(request).session_id(session));
        if !self.nameless {
            event = event.id(id);
        }
        let random = &mut self.random;
        match action {
            action::RECORD_UPDATED => {
                let (old, new) = (random.below(100_000), random.below(100_000));
                event = event.change(Change::updated("amount_cents", old, new)).change(
                    Change::updated("status", random.one_of(&STATES), random.one_of(&STATES)),
                );
            }
            action::USER_ROLE_CHANGED => {
                event = event
                    .change(Change::updated("role", "member", "administrator"))
                    .change(Change::added("permissions", ["invoice:approve", "user:invite"]));
            }
            action::SETTINGS_CHANGED => {
                event = event.change(Change::updated(
                    "security.session_minutes",
                    30,
                    random.below(600),
                ));
            }
            _ => {
                event = event.meta("note", random.one_of(&NOTES));
            }
        }
        event = event
            .meta("duration_ms", random.below(900))
            .meta("region", random.one_of(&["eu-central-1", "eu-west-1", "us-east-1"]))
            .meta("release", format!("2026.{}.{}", random.below(12), random.below(40)));
        if self.private_every > 0 && self.made.is_multiple_of(self.private_every) {
            let ip = format!("198.51.{}.{}", self.random.below(256), self.random.below(256));
            event = event.private(&person, "/context/ip", ip).private(
                &person,
                "/context/user_agent",
                self.random.one_of(&AGENTS),
            );
        }
        event.build()
    }

    fn moment(&self) -> Timestamp {
        i64::try_from(self.now)
            .ok()
            .and_then(|millis| millis.checked_mul(1_000))
            .and_then(|micros| Timestamp::from_micros(micros).ok())
            .unwrap_or(Timestamp::MAX)
    }
}

impl Iterator for Synthetic {
    type Item = Result<Event, EventError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.event())
    }
}

const STATES: [&str; 5] = ["draft", "in_review", "approved", "sent", "archived"];
const NOTES: [&str; 4] = [
    "asked for by the customer over the telephone",
    "scheduled run of the nightly reconciliation",
    "imported from the former system, see the protocol",
    "übernommen aus dem Altsystem, geprüft – ✓",
];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
    "product-cli/4.2.0",
];

/// Spreads small numbers, so that ids do not look like counters.
const fn scatter(number: u64) -> u64 {
    (number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 32
}

/// SplitMix64: eight bytes of state, good enough to scatter test data, and never to change.
#[derive(Debug, Clone)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is small: the bias does not matter here.
    fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// Below `bound`, small numbers far more often than large ones.
    fn steep(&mut self, bound: u64) -> u64 {
        let width = 64_u32.saturating_sub(bound.leading_zeros());
        let bits = self.below(u64::from(width).saturating_add(1));
        let range = 1_u64.checked_shl(u32::try_from(bits).unwrap_or(0)).unwrap_or(1);
        std::cmp::min(self.below(range), bound.saturating_sub(1))
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let length = u64::try_from(choices.len()).unwrap_or(1);
        let index = usize::try_from(self.below(length)).unwrap_or(0);
        choices.get(index).copied().unwrap_or_default()
    }

    /// A UUID of version 7 for that millisecond.
    fn id(&mut self, millis: u64) -> Uuid {
        let (high, low) = (self.next().to_be_bytes(), self.next().to_be_bytes());
        let mut rest = [0_u8; 10];
        for (slot, byte) in rest.iter_mut().zip(high.into_iter().chain(low)) {
            *slot = byte;
        }
        uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::*;

    fn texts(seed: u64, count: usize) -> Vec<String> {
        Synthetic::new(seed)
            .take(count)
            .map(|event| event.unwrap().canonicalize(|_| None).unwrap().as_str().to_owned())
            .collect()
    }

    #[test]
    fn the_same_seed_says_the_same() {
        assert_eq!(texts(1, 200), texts(1, 200));
        assert_ne!(texts(1, 1), texts(2, 1));
    }

    #[test]
    fn events_have_the_size_that_was_measured_with() {
        let texts = texts(3, 5_000);
        let mean = texts.iter().map(String::len).sum::<usize>() / texts.len();
        assert!((460..=500).contains(&mean), "{mean}");
    }

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<Uuid> =
            Synthetic::new(4).take(5_000).map(|event| event.unwrap().id().unwrap()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }

    #[test]
    fn a_few_do_most_of_it() {
        let mut people: BTreeMap<String, u32> = BTreeMap::new();
        for text in texts(5, 5_000) {
            let rest = text.split_once("\"actor\":{\"id\":\"").unwrap().1;
            *people.entry(rest.split('"').next().unwrap().to_owned()).or_default() += 1;
        }
        assert!(people.len() > 500, "{}", people.len());
        assert!(people.values().max() > Some(&250));
    }

    #[test]
    fn nameless_events_say_the_same_otherwise() {
        let pairs = Synthetic::new(6).zip(Synthetic::new(6).nameless());
        for (named, nameless) in pairs.take(100) {
            let (named, nameless) = (named.unwrap(), nameless.unwrap());
            assert_eq!((named.id().is_some(), nameless.id()), (true, None));
            let text = |event: &Event| {
                let canonical = event.canonicalize(|_| None).unwrap();
                canonical.as_str().replace(&canonical.id().to_string(), "")
            };
            assert_eq!(text(&named), text(&nameless));
        }
    }

    #[test]
    fn private_fields_where_asked_for() {
        let with = Synthetic::new(6).private_every(10).take(100);
        assert_eq!(with.filter(|event| !event.as_ref().unwrap().subjects().is_empty()).count(), 10);
    }
}
