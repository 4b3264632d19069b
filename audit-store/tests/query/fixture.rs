//! A chain with random entries, written by plain SQL, and random questions to it.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;

use audit_core::{
    Actor, ChainId, Entry, Event, LeafHash, Outcome, SigningKey, SubjectRef, Target, Timestamp,
    entry,
};
use audit_store::{Backend, Journal, JournalOptions, Order, Query};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqlx::{Pool, Postgres, Row, Sqlite};
use test_support::{TestDatabase, TestPg, TestSqlite};
use uuid::Uuid;

pub(crate) fn chain() -> ChainId {
    ChainId::new("acme", "default").unwrap()
}

fn options() -> JournalOptions {
    let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    JournalOptions::new(audit_core::JournalName::new("audit.example.com").unwrap()).signer(key)
}

/// One page of the index: level, block, key, bytes.
pub(crate) type DumpedPage = (i64, i64, i64, Vec<u8>);

/// What differs between the databases in plain SQL.
pub(crate) trait TestJournal: TestDatabase<Db: Backend> {
    fn journal(&self) -> impl Future<Output = Journal<Self::Db>> + Send;
    fn reopen(&self) -> impl Future<Output = Journal<Self::Db>> + Send;
    fn create_chain(pool: &Pool<Self::Db>) -> impl Future<Output = ()> + Send;
    fn insert(
        pool: &Pool<Self::Db>,
        rows: &[(u64, Uuid, String)],
    ) -> impl Future<Output = ()> + Send;
    fn delete(pool: &Pool<Self::Db>, seqs: Range<u64>) -> impl Future<Output = ()> + Send;
    fn index_dump(pool: &Pool<Self::Db>) -> impl Future<Output = Vec<DumpedPage>> + Send;
}

fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap()
}

const SQLITE_FIRST: u64 = 1 << 40;

impl TestJournal for TestSqlite {
    async fn journal(&self) -> Journal<Sqlite> {
        let journal = Journal::<Sqlite>::create(self.path(), &options()).await.unwrap();
        Self::create_chain(journal.pool()).await;
        journal
    }

    async fn reopen(&self) -> Journal<Sqlite> {
        Journal::<Sqlite>::open(self.path(), &options()).await.unwrap()
    }

    async fn create_chain(pool: &Pool<Sqlite>) {
        sqlx::query(
            "INSERT INTO audit_chain (id, tenant, series, size, head, range, at, incarnation)
             VALUES (1, 'acme', 'default', 0, zeroblob(32), zeroblob(0), 0, 1)",
        )
        .execute(pool)
        .await
        .unwrap();
    }

    async fn insert(pool: &Pool<Sqlite>, rows: &[(u64, Uuid, String)]) {
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        for (seq, id, body) in rows {
            sqlx::query("INSERT INTO audit_entry (position, id, body) VALUES (?, ?, ?)")
                .bind(int(SQLITE_FIRST + seq))
                .bind(id.as_bytes().to_vec())
                .bind(body.as_str())
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        sqlx::query("UPDATE audit_chain SET size = size + ?, control = 0")
            .bind(int(rows.len() as u64))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn delete(pool: &Pool<Sqlite>, seqs: Range<u64>) {
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        sqlx::query("DROP TRIGGER IF EXISTS audit_entry_delete").execute(&mut *tx).await.unwrap();
        sqlx::query("DELETE FROM audit_entry WHERE position >= ? AND position < ?")
            .bind(int(SQLITE_FIRST + seqs.start))
            .bind(int(SQLITE_FIRST + seqs.end))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn index_dump(pool: &Pool<Sqlite>) -> Vec<DumpedPage> {
        let rows =
            sqlx::query("SELECT level, block, first, postings FROM audit_posting ORDER BY 1, 2, 3")
                .fetch_all(pool)
                .await
                .unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
    }
}

impl TestJournal for TestPg {
    async fn journal(&self) -> Journal<Postgres> {
        let journal = Journal::<Postgres>::create(&self.url(), &options()).await.unwrap();
        Self::create_chain(journal.pool()).await;
        journal
    }

    async fn reopen(&self) -> Journal<Postgres> {
        Journal::<Postgres>::open(&self.url(), &options()).await.unwrap()
    }

    async fn create_chain(pool: &Pool<Postgres>) {
        sqlx::query(
            "INSERT INTO audit.chain (tenant, series, size, head, range, at, incarnation)
             VALUES ('acme', 'default', 0, decode(repeat('00', 32), 'hex'), '', 0, 1)",
        )
        .execute(pool)
        .await
        .unwrap();
    }

    async fn insert(pool: &Pool<Postgres>, rows: &[(u64, Uuid, String)]) {
        let mut tx = pool.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO audit.entry (chain, tenant, seq, id, body)
             SELECT 1, 'acme', e.* FROM unnest($1::bigint[], $2::uuid[], $3::text[]) e",
        )
        .bind(rows.iter().map(|row| int(row.0)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.1).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2.as_str()).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("UPDATE audit.chain SET size = size + $1, control = 0")
            .bind(int(rows.len() as u64))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn delete(pool: &Pool<Postgres>, seqs: Range<u64>) {
        let mut tx = pool.begin().await.unwrap();
        sqlx::query("ALTER TABLE audit.entry DISABLE TRIGGER USER")
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query("DELETE FROM audit.entry WHERE seq >= $1 AND seq < $2")
            .bind(int(seqs.start))
            .bind(int(seqs.end))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn index_dump(pool: &Pool<Postgres>) -> Vec<DumpedPage> {
        let rows = sqlx::query(
            "SELECT level::bigint, block, first, postings FROM audit.posting ORDER BY 1, 2, 3",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
    }
}

const ACTIONS: [&str; 6] = [
    "user.login",
    "user.role_changed",
    "record.created",
    "record.updated",
    "record.meta.changed",
    "export.requested",
];
const OUTCOMES: [Outcome; 3] = [Outcome::Success, Outcome::Failure, Outcome::Denied];

/// Ids that need escaping are ids, too.
fn actor(n: u8) -> Actor {
    match n % 4 {
        0 => Actor::service(format!("svc \"{n}\"")),
        1 => Actor::user(format!("ünï\\{n}\n")),
        _ => Actor::user(format!("usr_{n}")),
    }
}

fn target(n: u8) -> Target {
    if n.is_multiple_of(5) {
        Target::new("in\"voice", format!("{n}"))
    } else {
        Target::new("document", format!("doc_{n}"))
    }
}

fn subject(n: u8) -> SubjectRef {
    format!("{:032x}", u128::from(n) + 7).parse().unwrap()
}

type Draft = (usize, u8, Option<u8>, Vec<u8>, Option<usize>, Vec<u8>, u64);

fn draft() -> impl Strategy<Value = Draft> {
    (
        prop_oneof![3 => Just(0_usize), 2 => 0..ACTIONS.len()],
        0_u8..30,
        proptest::option::weighted(0.1, 0_u8..30),
        prop::collection::vec(0_u8..60, 0..3),
        proptest::option::weighted(0.8, prop_oneof![9 => Just(0_usize), 1 => 1_usize..3]),
        prop::collection::vec(0_u8..20, 0..2),
        prop_oneof![Just(0_u64), 0_u64..2_000_000],
    )
}

/// What was appended and still stands.
pub(crate) struct Fixture {
    pub(crate) bodies: BTreeMap<u64, String>,
    size: u64,
    at: i64,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { bodies: BTreeMap::new(), size: 0, at: 1_790_000_000_000_000 }
    }

    pub(crate) async fn append<T: TestJournal>(
        &mut self,
        _db: &T,
        journal: &Journal<T::Db>,
        runner: &mut TestRunner,
        entries: u64,
    ) {
        let mut rows = Vec::new();
        for _ in 0..entries {
            let draft = draft().new_tree(runner).unwrap().current();
            rows.push(self.seal(draft));
        }
        for rows in rows.chunks(1_000) {
            T::insert(journal.pool(), rows).await;
        }
        self.bodies.extend(rows.into_iter().map(|(seq, _, body)| (seq, body)));
    }

    fn seal(&mut self, draft: Draft) -> (u64, Uuid, String) {
        let (action, who, other, targets, outcome, subjects, pause) = draft;
        let id = Uuid::now_v7();
        let mut event = Event::builder(ACTIONS[action], actor(who)).id(id);
        if let Some(other) = other {
            event = event.on_behalf_of(actor(other));
        }
        for n in targets {
            event = event.target(target(n));
        }
        if let Some(outcome) = outcome {
            event = event.outcome(OUTCOMES[outcome]);
        }
        for n in subjects {
            event = event.private(&format!("{n}"), "/context/ip", "192.0.2.7");
        }
        let event = event.build().unwrap();
        let event = event.canonicalize(|host| Some(subject(host.parse().unwrap()))).unwrap();
        let seq = self.size;
        self.size += 1;
        self.at += i64::try_from(pause).unwrap();
        let mut body = String::new();
        let at = Timestamp::from_micros(self.at).unwrap();
        let control = (seq > 0).then_some(0);
        entry::seal(&mut body, seq, &chain(), at, control, &LeafHash::ZERO, event.as_str())
            .unwrap();
        (seq, id, body)
    }

    pub(crate) async fn remove<T: TestJournal>(
        &mut self,
        _db: &T,
        journal: &Journal<T::Db>,
        seqs: Range<u64>,
    ) {
        T::delete(journal.pool(), seqs.clone()).await;
        self.bodies.retain(|seq, _| !seqs.contains(seq));
    }
}

/// A random query, in a form that a filter can answer, too.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) action: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) actor: Option<u8>,
    pub(crate) targets: Vec<u8>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) subject: Option<u8>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) seqs: Option<Range<u64>>,
    pub(crate) order: Order,
    pub(crate) page_size: usize,
}

impl Question {
    pub(crate) fn everything_of(prefix: &str) -> Self {
        Self {
            action: None,
            prefix: Some(prefix.to_owned()),
            actor: None,
            targets: Vec::new(),
            outcome: None,
            subject: None,
            from: None,
            until: None,
            seqs: None,
            order: Order::NewestFirst,
            page_size: 50,
        }
    }

    pub(crate) fn query(&self) -> Query {
        let mut query = Query::new(&chain()).page_size(self.page_size);
        if self.order == Order::OldestFirst {
            query = query.oldest_first();
        }
        if let Some(action) = &self.action {
            query = query.action(action);
        }
        if let Some(prefix) = &self.prefix {
            query = query.action_prefix(prefix);
        }
        if let Some(n) = self.actor {
            query = query.actor(actor(n));
        }
        for n in &self.targets {
            query = query.target(target(*n));
        }
        if let Some(outcome) = self.outcome {
            query = query.outcome(outcome);
        }
        if let Some(n) = self.subject {
            query = query.subject(subject(n));
        }
        if let Some(at) = self.from {
            query = query.from(at);
        }
        if let Some(at) = self.until {
            query = query.until(at);
        }
        if let Some(seqs) = &self.seqs {
            query = query.seqs(seqs.clone());
        }
        query
    }

    /// The slow and obvious way.
    pub(crate) fn matches(&self, entry: &Entry<'_>) -> bool {
        let event = entry.event();
        let who = |n: u8| (actor(n).kind().to_string(), actor(n).id().to_owned());
        let of = |a: &audit_core::ActorView<'_>| (a.kind.to_string(), a.id.to_string());
        let targets: Vec<_> =
            event.targets().iter().map(|t| (t.kind.to_string(), t.id.to_string())).collect();
        self.action.as_deref().is_none_or(|action| event.action() == action)
            && self.prefix.as_deref().is_none_or(|prefix| event.action().starts_with(prefix))
            && self.actor.is_none_or(|n| {
                of(event.actor()) == who(n) || event.on_behalf_of().map(of) == Some(who(n))
            })
            && self.targets.iter().all(|n| {
                targets.contains(&(target(*n).kind().to_owned(), target(*n).id().to_owned()))
            })
            && self.outcome.is_none_or(|outcome| event.outcome() == Some(outcome))
            && self
                .subject
                .is_none_or(|n| event.private().iter().any(|(ref_, _)| *ref_ == subject(n)))
            && self.from.is_none_or(|from| entry.at() >= from)
            && self.until.is_none_or(|until| entry.at() < until)
            && self.seqs.as_ref().is_none_or(|seqs| seqs.contains(&entry.seq()))
    }
}

/// Questions of which many have an answer.
pub(crate) fn question(fixture: &Fixture) -> impl Strategy<Value = Question> + use<> {
    let size = fixture.size;
    let span = fixture.at - 1_790_000_000_000_000;
    let at = (0..=span).prop_map(|t| Timestamp::from_micros(1_790_000_000_000_000 + t).unwrap());
    let prefixes = prop::sample::select(vec!["user.", "record.", "record.meta.", "no.such."]);
    let actions = prop::sample::select(ACTIONS.to_vec());
    let terms = (
        proptest::option::weighted(0.3, actions.prop_map(str::to_owned)),
        proptest::option::weighted(0.2, prefixes.prop_map(str::to_owned)),
        proptest::option::weighted(0.3, 0_u8..31),
        prop_oneof![
            6 => Just(Vec::new()),
            4 => prop::collection::vec(0_u8..61, 1),
            1 => prop::collection::vec(0_u8..61, 2),
        ],
        proptest::option::weighted(0.2, prop::sample::select(OUTCOMES.to_vec())),
        proptest::option::weighted(0.1, 0_u8..21),
    );
    let bounds = (
        proptest::option::weighted(0.15, at.clone()),
        proptest::option::weighted(0.15, at),
        proptest::option::weighted(0.15, (0..=size, 0..=size + 10)),
        prop::bool::ANY,
        prop_oneof![Just(1_usize), 1_usize..40, Just(1_000)],
    );
    (terms, bounds).prop_map(move |(terms, bounds)| {
        let (action, prefix, actor, targets, outcome, subject) = terms;
        let (from, until, seqs, newest, page_size) = bounds;
        Question {
            action,
            prefix,
            actor,
            targets,
            outcome,
            subject,
            from,
            until,
            seqs: seqs.map(|(a, b)| a..b),
            order: if newest { Order::NewestFirst } else { Order::OldestFirst },
            // Many tiny pages of a long answer only take time.
            page_size: if size > 2_000 { std::cmp::max(page_size, 25) } else { page_size },
        }
    })
}
