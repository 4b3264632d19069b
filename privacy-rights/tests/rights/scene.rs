//! A shop, its desk, and whoever is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use audit_core::SigningKey;
use privacy_rights::{
    Applied, Backend, BoxFuture, Correction, Cursor, Eraser, FileNoteLedger, Identifier, Measure,
    NewRequest, NoticeOutcome, Notifier, Page, Permit, PersonalDataSource, Remaining, RequestState,
    Right, RightsError, RightsHandler, Selection, SourceDeclaration, SourceError, SqlSource, Step,
};
use sqlx::{AssertSqlSafe, Executor, Pool, Row};
use uuid::Uuid;

use crate::support::{PEOPLE, SHOP, customers, invoices, run};
use crate::world::{Home, World, clerk, person, tokens, world};

const GROUND: &str = "gdpr-17-1-a";

/// Remembers who was told; fails so many times.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) names: Mutex<Vec<String>>,
    pub(crate) fails: AtomicUsize,
}

fn once_less(counter: &AtomicUsize) -> bool {
    let less = |left: usize| left.checked_sub(1);
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
}

fn down() -> SourceError {
    SourceError::Unavailable("down".into())
}

impl Notifier for Told {
    fn notify<'a>(
        &'a self,
        recipient: &'a str,
        _request: Uuid,
        _person: &'a Selection,
    ) -> BoxFuture<'a, Result<NoticeOutcome, SourceError>> {
        Box::pin(async move {
            if once_less(&self.fails) {
                return Err(down());
            }
            self.names.lock().unwrap().push(recipient.to_owned());
            Ok(NoticeOutcome::Told)
        })
    }
}

/// A source that puts right and then fails, so many times: a crash behind it.
pub(crate) struct Crashes {
    pub(crate) inner: Arc<dyn PersonalDataSource>,
    pub(crate) left: AtomicUsize,
}

impl PersonalDataSource for Crashes {
    fn declaration(&self) -> &SourceDeclaration {
        self.inner.declaration()
    }

    fn resolve<'a>(
        &'a self,
        selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>> {
        self.inner.resolve(selection)
    }

    fn scan<'a>(
        &'a self,
        selection: &'a Selection,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        self.inner.scan(selection, after, limit)
    }

    fn apply<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        self.inner.apply(selection, step, permit, after, limit)
    }

    fn rectify<'a>(
        &'a self,
        selection: &'a Selection,
        correction: &'a Correction,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(async move {
            let done = self.inner.rectify(selection, correction, permit, after, limit).await?;
            if once_less(&self.left) { Err(down()) } else { Ok(done) }
        })
    }

    fn rehearse<'a>(
        &'a self,
        selection: &'a Selection,
        correction: &'a Correction,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        self.inner.rehearse(selection, correction, permit, after, limit)
    }

    fn remaining<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        self.inner.remaining(selection, step)
    }
}

pub(crate) struct Scene<DB: Backend> {
    pub(crate) world: World<DB>,
    pub(crate) told: Arc<Told>,
    pub(crate) crashes: Arc<Crashes>,
    pub(crate) handler: RightsHandler<DB>,
}

pub(crate) async fn scene<T: Home>(db: &T) -> Scene<T::Db>
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let world = world(db).await;
    run(&world.pool, SHOP).await;
    run(&world.pool, PEOPLE).await;
    let customers = SqlSource::new(world.pool.clone(), customers()).await.unwrap();
    let crashes = Arc::new(Crashes { inner: Arc::new(customers), left: AtomicUsize::new(0) });
    let invoices = SqlSource::new(world.pool.clone(), invoices()).await.unwrap();
    let sources: Vec<Arc<dyn PersonalDataSource>> = vec![Arc::new(invoices), crashes.clone()];
    let told = Arc::new(Told::default());
    let handler = RightsHandler::new(Arc::clone(&world.registers), sources, told.clone());
    Scene { world, told, crashes, handler }
}

/// By the address alone: the number is found.
pub(crate) fn ann() -> Selection {
    person(&[("email", "ann@example.com")])
}

impl<DB: Backend> Scene<DB> {
    /// A request of Ann's that was verified.
    pub(crate) async fn request(&self, right: Right) -> Uuid {
        self.request_of(right, ann()).await
    }

    pub(crate) async fn request_of(&self, right: Right, who: Selection) -> Uuid {
        let desk = &self.world.desk;
        let id = desk.receive(NewRequest::new(right, who), clerk()).await.unwrap();
        desk.vouch_identity(id, "session", clerk()).await.unwrap();
        id
    }

    /// Proposed and approved.
    pub(crate) async fn approve(&self, id: Uuid, measure: Measure) {
        let plan = self.handler.propose(id, measure, clerk()).await.unwrap();
        self.world.desk.approve(id, plan.digest(), None, clerk()).await.unwrap();
    }

    /// From the receipt to the end.
    pub(crate) async fn carry_out(
        &self,
        right: Right,
        measure: Measure,
    ) -> (Uuid, Result<RequestState, RightsError>) {
        let id = self.request(right).await;
        self.approve(id, measure).await;
        (id, self.handler.run(id).await)
    }

    /// An erasure of Ann's that was begun.
    pub(crate) async fn erasure(&self, folder: &std::path::Path) -> (Uuid, Eraser<DB>) {
        let sources: Vec<Arc<dyn PersonalDataSource>> = vec![self.crashes.clone()];
        let ledger = Arc::new(FileNoteLedger::new(folder.join("ledger")));
        let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
        let desk = Arc::clone(&self.world.desk);
        let eraser = Eraser::new(desk, sources, ledger, tokens(), Arc::new(key));
        let eraser = eraser.single("customer_id");
        let id = self.request(Right::Erasure).await;
        let plan = eraser.preview(id, GROUND).await.unwrap();
        eraser.propose(&plan, clerk()).await.unwrap();
        self.world.desk.approve(id, plan.digest(), None, clerk()).await.unwrap();
        eraser.begin(id, GROUND, clerk()).await.unwrap();
        (id, eraser)
    }

    /// A column of text.
    pub(crate) async fn texts(&self, sql: &'static str) -> Vec<String>
    where
        for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
        for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
        usize: sqlx::ColumnIndex<DB::Row>,
    {
        let rows = self.world.pool.fetch_all(AssertSqlSafe(sql)).await.unwrap();
        rows.iter().map(|row| row.try_get::<String, _>(0).unwrap()).collect()
    }
}
