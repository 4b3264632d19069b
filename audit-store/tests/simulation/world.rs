//! The journal under test, and beside it a model of what it must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use audit_core::{
    Actor, Applies, AuditorPolicy, Clock as _, Event, HoldScope, ManualClock, Period, RecordSeries,
    RetentionRule, RetentionSchedule, SubjectRef, Target, Timestamp, TreeHead, Verdict,
};
use audit_store::{
    BundleOptions, Erasure, ErasureError, HoldError, HoldOrder, Journal, JournalOptions,
    PlanApplied, ProvenInclusion, PruneOptions, Query, VerifyOptions, verify_bundle,
};

use crate::place::{Place, chain, key, options, verified};
use crate::script::{Day, Deed, PLANS, Script, Sweep};

/// A record as the model has it.
struct Record {
    at: Timestamp,
    reserved: bool,
    stands: bool,
    record: Option<String>,
    /// Whom it is about, and whether their fields are there.
    people: BTreeMap<SubjectRef, bool>,
}

/// A rule that a chain has recorded.
struct Rule {
    seq: usize,
    effective: Timestamp,
    applies: Applies,
    period: Period,
}

#[derive(Default)]
struct Chain {
    records: Vec<Record>,
    rules: Vec<Rule>,
    holds: BTreeMap<String, HoldScope>,
    erased: BTreeSet<SubjectRef>,
}

impl Chain {
    fn is_held(&self, record: &Record) -> bool {
        self.holds.values().any(|scope| match scope {
            HoldScope::Subject(subject) => record.people.contains_key(subject),
            HoldScope::Target { id, .. } => record.record.as_ref() == Some(id),
            _ => true,
        })
    }

    /// The fields of who was erased go where nothing holds them.
    fn forget(&mut self) {
        for seq in 0..self.records.len() {
            if !self.is_held(&self.records[seq]) {
                for (subject, shown) in &mut self.records[seq].people {
                    *shown &= !self.erased.contains(subject);
                }
            }
        }
    }

    fn rule(&self, seq: usize, now: Timestamp) -> Option<usize> {
        self.rules.iter().rposition(|rule| {
            rule.effective <= now && (rule.applies == Applies::All || seq > rule.seq)
        })
    }

    /// What a sweep takes: of each stretch under one rule, what is old, free and not reserved, but
    /// for the last old record that stands.
    fn sweep(&mut self, now: Timestamp) -> usize {
        let mut last_old = BTreeMap::new();
        let mut old = Vec::new();
        for (seq, record) in self.records.iter().enumerate() {
            let Some(rule) = self.rule(seq, now) else { continue };
            let cutoff = self.rules[rule].period.before(now);
            if record.stands && cutoff.is_some_and(|cutoff| record.at <= cutoff) {
                last_old.insert(rule, seq);
                old.push((rule, seq));
            }
        }
        let mut gone = 0;
        for (rule, seq) in old {
            let record = &self.records[seq];
            if seq < last_old[&rule] && !record.reserved && !self.is_held(record) {
                let record = &mut self.records[seq];
                record.stands = false;
                record.people.values_mut().for_each(|shown| *shown = false);
                gone += 1;
            }
        }
        gone
    }

    fn standing(&self) -> Vec<u64> {
        let all = self.records.iter().enumerate();
        all.filter(|(_, record)| record.stands).map(|(seq, _)| seq as u64).collect()
    }
}

pub(crate) struct World<T: Place> {
    db: T,
    clock: Arc<ManualClock>,
    options: JournalOptions,
    schedule: RetentionSchedule,
    journal: Option<Journal<T::Db>>,
    chains: Vec<Chain>,
    holds: usize,
    heads: Vec<(usize, TreeHead)>,
    proofs: Vec<(usize, ProvenInclusion)>,
    bundles: tempfile::TempDir,
    count: usize,
}

fn name(tenant: usize) -> String {
    // One is the beginning of another.
    ["acme", "acme-2", "b", "b.c"][tenant].to_owned()
}

fn chain_of(tenant: usize) -> audit_core::ChainId {
    chain(&format!("{}/default", name(tenant)))
}

fn dpo() -> Actor {
    Actor::user("dpo")
}

impl<T: Place> World<T> {
    pub(crate) async fn new(script: &Script) -> Self {
        let db = T::fresh().await;
        let clock: Arc<ManualClock> =
            Arc::new(ManualClock::new("2026-01-01T00:00:00.000000Z".parse().unwrap()));
        let schedule = if test_support::long() {
            RetentionSchedule::three_plans()
        } else {
            let rule = |days| RetentionRule::new(format!("{days} days"), Period::days(days));
            let days = PLANS.iter().zip([8, 20, 40]);
            let series = days.fold(RecordSeries::new("default"), |series, (plan, days)| {
                series.plan(*plan, rule(days))
            });
            RetentionSchedule::new(series, []).unwrap()
        };
        let schedule = schedule.downgrade(script.downgrade);
        let options =
            options().clock(Arc::<ManualClock>::clone(&clock)).retention(schedule.clone());
        let journal = Some(db.create(&options).await.unwrap());
        let mut world = Self {
            db,
            clock,
            options,
            schedule,
            journal,
            chains: Vec::new(),
            holds: 0,
            heads: Vec::new(),
            proofs: Vec::new(),
            bundles: tempfile::tempdir().unwrap(),
            count: 0,
        };
        for (tenant, plan) in script.plans.iter().enumerate() {
            world.chains.push(Chain::default());
            world.journal().create_chain(&chain_of(tenant)).await.unwrap();
            world.set_plan(tenant, *plan).await;
        }
        world
    }

    fn journal(&self) -> &Journal<T::Db> {
        self.journal.as_ref().unwrap()
    }

    /// Reads what was appended to a chain since the last time.
    async fn learn(&mut self, tenant: usize) {
        let known = self.chains[tenant].records.len() as u64;
        let query = Query::new(&chain_of(tenant)).seqs(known..u64::MAX).oldest_first();
        let page = self.journal().query(&query.page_size(1_000)).await.unwrap();
        assert!(page.next.is_none());
        for stored in &page.entries {
            let entry = stored.entry().unwrap();
            let event = entry.event();
            let chain = &mut self.chains[tenant];
            assert_eq!(stored.seq(), chain.records.len() as u64, "nothing of today has gone");
            chain.records.push(Record {
                at: entry.at(),
                reserved: event.is_reserved(),
                stands: true,
                record: event.targets().first().map(|target| target.id.to_string()),
                people: event.private().iter().map(|(subject, _)| (*subject, true)).collect(),
            });
        }
    }

    async fn set_plan(&mut self, tenant: usize, plan: usize) {
        let plan = PLANS[plan];
        let applied: PlanApplied =
            self.journal().set_plan(&name(tenant), plan, dpo()).await.unwrap();
        let period = self.schedule.rule("default", plan).unwrap().unwrap().period();
        for entry in applied.entries {
            let seq = usize::try_from(entry.receipt.seq).unwrap();
            let (effective, applies) = (entry.effective, entry.applies);
            self.chains[tenant].rules.push(Rule { seq, effective, applies, period });
        }
        self.learn(tenant).await;
    }

    pub(crate) async fn live(&mut self, number: usize, day: &Day) {
        let mut weighty = false;
        for (tenant, deed) in &day.deeds {
            self.clock.advance(Duration::from_secs(60));
            weighty |= self.act(*tenant, deed).await;
        }
        self.sweep(day.sweep).await;
        if weighty || number.is_multiple_of(7) {
            self.check().await;
        }
        if number.is_multiple_of(20) {
            self.take_evidence(number).await;
        }
        let today = 86_400 - 60 * day.deeds.len() as u64;
        self.clock.advance(Duration::from_secs(today));
    }

    /// Whether it was an erasure or a change of plan.
    async fn act(&mut self, tenant: usize, deed: &Deed) -> bool {
        let (who, of) = (name(tenant), chain_of(tenant));
        let (hold, matter) = (format!("hold-{}", self.holds), "file 7");
        match deed {
            Deed::Record { person, record } => {
                self.count += 1;
                let mut event = Event::builder("record.updated", Actor::user("u-1"))
                    .target(Target::new("record", format!("r-{record}")));
                if let Some(person) = person {
                    let value = self.count;
                    event = event.private(&format!("person-{person}"), "/meta/what", value);
                }
                self.journal().append(&of, event.build().unwrap()).await.unwrap();
            }
            Deed::ChangePlan(plan) => {
                self.set_plan(tenant, *plan).await;
                return true;
            }
            Deed::HoldChain => self.hold(HoldOrder::on_chain(&of, hold, matter, dpo())).await,
            Deed::HoldPerson(person) => {
                let person = format!("person-{person}");
                self.hold(HoldOrder::on_subject(&who, person, hold, matter, dpo())).await;
            }
            Deed::HoldRecord(record) => {
                let record = Target::new("record", format!("r-{record}"));
                self.hold(HoldOrder::on_target(&who, &record, hold, matter, dpo())).await;
            }
            Deed::Release(which) => {
                let holds: Vec<String> = self.chains[tenant].holds.keys().cloned().collect();
                if let Some(hold) = holds.get(which % std::cmp::max(1, holds.len())) {
                    self.journal().release_hold(&who, hold, dpo()).await.unwrap();
                    self.chains[tenant].holds.remove(hold);
                    self.chains[tenant].forget();
                } else {
                    let none = self.journal().release_hold(&who, "none", dpo()).await;
                    assert!(matches!(none, Err(HoldError::NotInForce)), "{none:?}");
                }
            }
            Deed::Erase(person) => {
                let person = format!("person-{person}");
                let erasure = Erasure::new(&who, person, dpo(), "gdpr-17-1-b", "req-1");
                match self.journal().erase_subject(&erasure).await {
                    Ok(report) => {
                        self.chains[tenant].erased.insert(report.subject);
                        self.learn(tenant).await;
                        self.chains[tenant].forget();
                        return true;
                    }
                    Err(ErasureError::UnknownSubject) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            Deed::Reopen => {
                self.journal.take().unwrap().close().await;
                self.journal = Some(self.db.open(&self.options).await.unwrap());
            }
        }
        self.learn(tenant).await;
        // What is in force is read from the journal: a person has a ref there.
        let in_force = self.journal().holds(&who).await.unwrap();
        self.chains[tenant].holds =
            in_force.into_iter().map(|hold| (hold.hold, hold.scope)).collect();
        false
    }

    async fn hold(&mut self, order: HoldOrder) {
        self.holds += 1;
        self.journal().place_hold(&order).await.unwrap();
    }

    async fn sweep(&mut self, sweep: Sweep) {
        let now = self.clock.now();
        if let Sweep::GivenUp(batches) = sweep {
            let done = Arc::new(tokio::sync::Semaphore::new(0));
            let told = Arc::clone(&done);
            let small = PruneOptions::new().batch(3).progress(move |_| told.add_permits(1));
            let journal = self.journal().clone();
            let enough = u32::try_from(batches + 1).unwrap();
            // Whichever comes first: so many batches, or the end of the sweep.
            tokio::select! {
                biased;
                _ = done.acquire_many(enough) => {}
                swept = journal.prune(&small) => { swept.unwrap(); }
            }
        }
        self.journal().prune(&PruneOptions::new()).await.unwrap();
        for tenant in 0..self.chains.len() {
            self.chains[tenant].sweep(now);
            self.learn(tenant).await;
        }
    }

    /// The journal is what the model is, and the verifier agrees.
    async fn check(&self) {
        let mut shown = 0;
        for (tenant, model) in self.chains.iter().enumerate() {
            let mut seqs = Vec::new();
            let mut query = Some(Query::new(&chain_of(tenant)).oldest_first().page_size(1_000));
            while let Some(next) = query.take() {
                let page = self.journal().query(&next).await.unwrap();
                seqs.extend(page.entries.iter().map(audit_store::StoredEntry::seq));
                query = page.next.map(|cursor| next.after(cursor));
            }
            assert_eq!(seqs, model.standing(), "{} at {}", name(tenant), self.clock.now());
            let people = model.records.iter().flat_map(|record| record.people.values());
            shown += people.filter(|shown| **shown).count();
        }
        let stored = self.db.number("SELECT count(*) FROM audit_disclosure").await;
        assert_eq!(usize::try_from(stored).unwrap(), shown, "fields that are stored");
        verified(self.journal()).await;
    }

    /// A checkpoint, a proof and a bundle of each chain, to be checked at the end.
    async fn take_evidence(&mut self, number: usize) {
        for tenant in 0..self.chains.len() {
            let of = chain_of(tenant);
            let signed = self.journal().checkpoint(&of).await.unwrap();
            self.heads.push((tenant, signed.checkpoint().head));
            let seq = signed.checkpoint().head.size * 2 / 3;
            let proof = self.journal().prove_inclusion(&of, seq, None).await.unwrap();
            self.proofs.push((tenant, proof));
            let place = self.bundles.path().join(format!("{number}-{tenant}"));
            self.journal().export_bundle(&of, place, &BundleOptions::new()).await.unwrap();
        }
    }

    pub(crate) async fn end(mut self) {
        self.check().await;
        self.take_evidence(usize::MAX).await;
        for (tenant, proof) in &self.proofs {
            proof.proof.verify(proof.leaf, proof.seq, &proof.head).unwrap();
            let size = Some(proof.head.size);
            let again =
                self.journal().prove_inclusion(&chain_of(*tenant), proof.seq, size).await.unwrap();
            assert_eq!((again.leaf, again.head), (proof.leaf, proof.head));
        }
        for tenant in 0..self.chains.len() {
            let heads: Vec<TreeHead> =
                self.heads.iter().filter(|(of, _)| *of == tenant).map(|(_, head)| *head).collect();
            for pair in heads.windows(2) {
                let (old, new) = (pair[0], pair[1]);
                let of = chain_of(tenant);
                let proven = self.journal().prove_consistency(&of, old.size, new.size).await;
                proven.unwrap().proof.verify(&old, &new).unwrap();
            }
        }
        for bundle in std::fs::read_dir(self.bundles.path()).unwrap() {
            let policy = AuditorPolicy::new([key().verifier().clone()]);
            let path = bundle.unwrap().path();
            let report = verify_bundle(&path, &VerifyOptions::new(policy)).unwrap();
            assert_eq!(report.verdict, Verdict::Intact, "{}: {report:#?}", path.display());
        }
        let gone: usize = self.chains.iter().map(|c| c.records.len() - c.standing().len()).sum();
        assert!(gone > 20, "a script in which something happened: {gone} of {}", self.count);
    }
}
