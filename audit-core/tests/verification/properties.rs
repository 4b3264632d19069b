//! What holds of every chain: blocks make no difference, lawful histories are intact, and no bit
//! can be flipped unseen.

use audit_core::{InputKind, Reserved, Verdict};
use proptest::prelude::*;

use crate::chain::{Chain, DAY, assert_intact, plus};

/// What may lawfully happen to a chain.
#[derive(Clone, Debug)]
enum Step {
    Event,
    Private(u8),
    Wait(i64),
    Checkpoint,
    Schedule(u32),
    Hold(u8, u64, u64),
    Release(u8),
    Erase(u8),
    Prune(u64),
    AddKey(u8),
    Restore(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Event),
        6 => (1_u8..4).prop_map(Step::Private),
        3 => (0_i64..20).prop_map(Step::Wait),
        2 => Just(Step::Checkpoint),
        1 => (1_u32..30).prop_map(Step::Schedule),
        1 => (0_u8..3, any::<u64>(), 0_u64..20).prop_map(|(id, at, n)| Step::Hold(id, at, n)),
        1 => (0_u8..3).prop_map(Step::Release),
        1 => (1_u8..4).prop_map(Step::Erase),
        2 => any::<u64>().prop_map(Step::Prune),
        1 => (2_u8..5).prop_map(Step::AddKey),
        1 => any::<u64>().prop_map(Step::Restore),
    ]
}

/// A host and a journal that keep the rules.
struct Lawful {
    chain: Chain,
    days: Option<u32>,
    held: Vec<(u8, u64, u64)>,
    accepted: Vec<u64>,
    destroyed: bool,
}

impl Lawful {
    fn run(steps: &[Step]) -> Self {
        let mut lawful = Self {
            chain: Chain::new(),
            days: None,
            held: vec![],
            accepted: vec![],
            destroyed: false,
        };
        steps.iter().for_each(|step| lawful.step(step));
        lawful.chain.checkpoint();
        lawful
    }

    fn is_held(&self, seq: u64) -> bool {
        self.held.iter().any(|(_, first, last)| (*first..=*last).contains(&seq))
    }

    fn step(&mut self, step: &Step) {
        let chain = &mut self.chain;
        let size = chain.size();
        match *step {
            Step::Event => {
                chain.event();
            }
            Step::Private(who) => {
                chain.private_event(who);
            }
            Step::Wait(days) => chain.now = plus(chain.now, days * DAY),
            Step::Checkpoint => {
                chain.checkpoint();
            }
            Step::Schedule(days) => {
                chain.schedule(&format!("P{days}D"));
                self.days = Some(days);
            }
            Step::Hold(id, at, width) => {
                let first = at % size;
                let last = std::cmp::min(first + width, size - 1);
                chain.hold(&id.to_string(), &[(first, last)]);
                self.held.push((id, first, last));
            }
            Step::Release(id) => {
                chain.release(&id.to_string());
                self.held.retain(|(of, ..)| *of != id);
            }
            Step::Erase(who) => {
                chain.erasure(who, size - 1);
                self.destroyed = true;
                let held = self.held.clone();
                for (seq, disclosures) in &mut self.chain.disclosures {
                    if !held.iter().any(|(_, first, last)| (*first..=*last).contains(seq)) {
                        disclosures.retain(|d| d.subject() != crate::chain::subject(who));
                    }
                }
            }
            Step::Prune(pick) => self.prune(pick),
            Step::AddKey(seed) => {
                let key = crate::chain::key(seed);
                chain.reserved(Reserved::KeyAdded { key: key.verifier().to_string() });
                chain.checkpoint();
                chain.key = key;
            }
            Step::Restore(pick) => {
                // A backup brings back what was destroyed since, which is another matter.
                if self.destroyed || !self.held.is_empty() || self.days.is_some() {
                    return;
                }
                chain.checkpoint();
                let head = chain.head();
                let lost = chain.sign(&chain.key, chain.incarnation, head);
                let to = 1 + pick % std::cmp::max(size - 1, 1);
                if chain.incarnation > 1 || chain.key.verifier() != crate::chain::key(1).verifier()
                {
                    return;
                }
                chain.restore(to);
                let seq = chain.restored(to, &lost);
                self.accepted.push(seq);
            }
        }
    }

    fn prune(&mut self, pick: u64) {
        let Some(days) = self.days else { return };
        let size = self.chain.size();
        let after = 1 + pick % size;
        let cutoff = plus(self.chain.now, -i64::from(days) * DAY);
        let old = |seq: u64| {
            let entry = self.chain.entry(seq);
            let at: Option<audit_core::Timestamp> = entry.get(7..34).and_then(|at| at.parse().ok());
            at.is_some_and(|at| at <= cutoff)
        };
        // The last standing record that is old enough is the boundary.
        let Some(before) = (after + 1..size).rev().find(|seq| old(*seq)) else { return };
        let kept: Vec<_> =
            (after..before).filter(|s| self.is_held(*s)).map(|seq| (seq, seq)).collect();
        self.chain.pruning(after, before, cutoff, &kept);
        self.destroyed = true;
        for seq in after..before {
            if !kept.contains(&(seq, seq)) {
                self.chain.remove(seq, seq + 1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn lawful_histories_are_intact_however_they_are_cut(
        steps in prop::collection::vec(step(), 1..700),
        block in 1_u64..4,
    ) {
        let lawful = Lawful::run(&steps);
        let chain = &lawful.chain;
        let policy = || {
            lawful.accepted.iter().fold(chain.policy(), |policy, seq| policy.accept_restore(*seq))
        };
        for input in [InputKind::Bundle { filtered: false }, InputKind::Database] {
            let whole = chain.verify_as(input, policy(), 1 << 20);
            prop_assert_eq!(whole.verdict, Verdict::Intact, "{}", whole);
            let cut = chain.verify_as(input, policy(), block * 256);
            prop_assert_eq!(whole, cut);
        }
    }

    #[test]
    fn blocks_make_no_difference_to_a_ruined_chain(
        steps in prop::collection::vec(step(), 300..700),
        harm in prop::collection::vec((0_u8..6, any::<prop::sample::Index>(), any::<u32>()), 1..40),
        block in 1_u64..4,
    ) {
        let mut chain = Lawful::run(&steps).chain;
        for (kind, place, random) in harm {
            let at = place.index(chain.entries.len());
            let other = random as usize % chain.entries.len();
            match kind {
                0 => chain.entries[at] = None,
                1 => chain.entries.swap(at, other),
                2 => chain.leaves[at] = audit_core::LeafHash::of(&random.to_be_bytes()),
                3 => { chain.disclosures.remove(&(at as u64)); }
                4 => chain.entries[at] = chain.entries[other].clone(),
                _ => if let Some(entry) = &mut chain.entries[at] {
                    let at = random as usize % entry.len();
                    entry.replace_range(at..=at, "7");
                },
            }
        }
        for input in [InputKind::Bundle { filtered: false }, InputKind::Database] {
            let whole = chain.verify_as(input, chain.policy(), 1 << 20);
            let cut = chain.verify_as(input, chain.policy(), block * 256);
            prop_assert_eq!(whole, cut);
        }
    }

    #[test]
    fn no_bit_can_be_flipped_unseen(
        n in 1_u64..300,
        place in any::<prop::sample::Index>(),
        within in any::<prop::sample::Index>(),
        bit in 0_u8..7,
    ) {
        let mut chain = Chain::with(n);
        let seq = place.index(chain.entries.len());
        let mut bytes = chain.entry(seq as u64).into_bytes();
        let at = within.index(bytes.len());
        bytes[at] ^= 1 << bit;
        chain.set(seq as u64, String::from_utf8(bytes).unwrap());
        for report in [chain.verify(), chain.verify_database()] {
            prop_assert_eq!(report.verdict, Verdict::Findings);
            let seq = seq as u64;
            prop_assert!(
                report.findings.iter().any(|f| (f.first_seq..=f.last_seq).contains(&seq)),
                "{} at {}", report, seq
            );
        }
        assert_intact(&Chain::with(n).verify());
    }
}
