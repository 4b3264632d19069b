//! Whose records are put right, and what speaks against it.

use std::collections::BTreeSet;
use std::sync::Arc;

use audit_core::Target;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::Desk;
use crate::erasure::store::{is_leased, is_suppressed};
use crate::rights::RightsHandler;
use crate::rights::error::RightsError;
use crate::rights::measure::Sealed;
use crate::source::error::SourceError;
use crate::source::hold::HoldPermit;
use crate::source::permit::{Connection, Item, Permit, Reason};
use crate::source::resolve::{Resolution, resolve};
use crate::source::selection::Selection;
use crate::source::{BoxFuture, PersonalDataSource};

impl<DB: Backend> RightsHandler<DB> {
    /// Everything that the person of a request is known by.
    pub(super) async fn person(&self, request: Uuid) -> Result<Selection, RightsError> {
        let start = self.desk.person(request).await?;
        let single: Vec<&str> = self.registers.single_kinds().collect();
        let sources: Vec<&dyn PersonalDataSource> =
            self.sources.iter().map(|source| &**source).collect();
        match resolve(&sources, start, &single).await? {
            Resolution::One(person) => Ok(person),
            Resolution::Ambiguous { kind, values, .. } => {
                Err(RightsError::Ambiguous { kind, values })
            }
        }
    }

    /// The tokens of the person's that erasures up to now are of.
    pub(super) async fn erased(&self, person: &Selection) -> Result<BTreeSet<String>, RightsError> {
        let mut conn = self.desk.pool.acquire().await?;
        let mut erased = BTreeSet::new();
        for token in self.registers.suppression_tokens().tokens(person)? {
            if is_suppressed::<DB>(&mut conn, self.tenant(), &token).await? {
                erased.insert(token);
            }
        }
        Ok(erased)
    }

    /// Who is asked whether records of a person may be changed.
    pub(super) fn permit_of(
        &self,
        person: &Selection,
        sealed: &Sealed,
    ) -> Result<Arc<dyn Permit>, RightsError> {
        let holds = self.permit.clone().unwrap_or_else(|| Arc::new(self.holds(person)));
        let tokens = self.registers.suppression_tokens().tokens(person)?;
        let desk = Arc::clone(&self.desk);
        let (before, looked) = (sealed.erased.clone(), Mutex::new(false));
        Ok(Arc::new(NotErased { holds, desk, tokens, before, looked }))
    }

    fn holds(&self, person: &Selection) -> HoldPermit<DB> {
        let mut permit = HoldPermit::new(self.desk.journal.clone(), self.tenant());
        if let Some(kind) = &self.journal_subject {
            permit = person.values(kind).fold(permit, HoldPermit::subject);
        }
        for identifier in person.identifiers() {
            permit = permit.target(Target::new(identifier.kind(), identifier.value()));
        }
        for source in &self.sources {
            let name = source.declaration().name();
            permit = permit.records_of(name, name);
        }
        permit
    }
}

/// Looks for erasures of the person, and asks who keeps a record besides.
///
/// It looks inside of the transaction, once its rows are locked: an erasure that has been there left
/// its lease or its token behind, and one that comes waits for the rows. One serves one source at a
/// time.
struct NotErased<DB: Backend> {
    holds: Arc<dyn Permit>,
    desk: Arc<Desk<DB>>,
    tokens: Vec<String>,
    /// Those of erasures from before what is put right was proposed.
    before: BTreeSet<String>,
    looked: Mutex<bool>,
}

impl<DB: Backend> NotErased<DB> {
    async fn look(&self, conn: &mut DB::Connection) -> Result<(), RightsError> {
        let tenant = self.desk.options.chain.tenant();
        for token in &self.tokens {
            if is_leased::<DB>(conn, tenant, token).await? {
                return Err(RightsError::BeingErased);
            }
            if !self.before.contains(token) && is_suppressed::<DB>(conn, tenant, token).await? {
                return Err(RightsError::Stale);
            }
        }
        Ok(())
    }
}

fn failed(error: impl Into<RightsError>) -> SourceError {
    SourceError::Unavailable(Box::new(error.into()))
}

impl<DB: Backend> Permit for NotErased<DB> {
    fn begin<'a>(&'a self, conn: Connection<'a>) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async move {
            *self.looked.lock().await = false;
            self.holds.begin(conn).await
        })
    }

    fn reasons<'a>(
        &'a self,
        mut conn: Connection<'a>,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        Box::pin(async move {
            match DB::of_connection(conn.again()) {
                Some(conn) => {
                    let mut looked = self.looked.lock().await;
                    if !*looked {
                        self.look(conn).await.map_err(failed)?;
                        *looked = true;
                    }
                }
                // Elsewhere it can be erased between the answer and the change.
                None => {
                    let mut conn = self.desk.pool.acquire().await.map_err(failed)?;
                    self.look(&mut conn).await.map_err(failed)?;
                }
            }
            self.holds.reasons(conn, item).await
        })
    }
}
