//! Erasing again whom a restored backup has brought back.

use std::collections::BTreeMap;

use audit_core::Actor;

use super::ledger::{ErasedSubject, ErasureLedger, LedgerError, LedgerPage};
use super::{Erasure, ErasureError};
use crate::backend::Backend;
use crate::journal::{Journal, Store};

impl<DB: Backend> Journal<DB> {
    /// Erases again whom the ledger of the options names and the database still knows, and destroys
    /// the keys of everybody in it once more. Returns how many were erased.
    ///
    /// Opening a journal erases again by itself, and so does declaring a restore. This is for when
    /// the keys alone were restored from a backup, which the journal cannot notice.
    ///
    /// # Errors
    ///
    /// Any [`ErasureError`]. Who was erased until then stays erased; call it again.
    pub async fn replay_erasures(&self) -> Result<u64, ErasureError> {
        self.store.gate.check().map_err(crate::AppendError::from)?;
        self.store.replay(true).await
    }
}

impl<DB: Backend> Store<DB> {
    /// Whether the ledger names somebody whom the database still knows.
    pub(crate) async fn owes_erasures(&self) -> Result<bool, ErasureError> {
        let Some(ledger) = self.options.ledger.clone() else { return Ok(false) };
        let mut behind = 0;
        loop {
            let page = ledger.read(behind).await?;
            if page.erased.is_empty() {
                return Ok(false);
            }
            behind = next_place(behind, &page)?;
            if !self.alive(page.erased).await?.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Erases everybody in the ledger whom the database still knows; with `keys`, destroys the keys
    /// of all others again, too.
    pub(crate) async fn replay(&self, keys: bool) -> Result<u64, ErasureError> {
        let Some(ledger) = self.options.ledger.clone() else { return Ok(0) };
        let (mut behind, mut count) = (0, 0_u64);
        loop {
            let page = ledger.read(behind).await?;
            if page.erased.is_empty() {
                break;
            }
            behind = next_place(behind, &page)?;
            for erased in self.alive(page.erased.clone()).await? {
                let tenant = erased.tenant.clone();
                let actor = Actor::system("audit-store");
                let erasure =
                    Erasure::new(tenant, String::new(), actor, erased.ground, erased.request);
                let known = self.look_for(&erasure.tenant, erased.subject).await?;
                match self.erase(&erasure, erased.subject, known).await {
                    // By another process that opens the journal at the same time.
                    Err(ErasureError::UnknownSubject) => {}
                    done => {
                        done?;
                        count = count.saturating_add(1);
                    }
                }
                self.destroy_condemned(Some(&erasure.tenant)).await?;
            }
            // After that: what a hold keeps is opened once more, to be sealed under another key.
            if let (true, Some(sealer)) = (keys, &self.options.sealer) {
                for erased in page.erased.iter().filter(|one| self.admit(&one.tenant).is_ok()) {
                    sealer.destroy(&erased.tenant, erased.subject).await?;
                }
            }
        }
        if count > 0 {
            self.subjects.clear();
        }
        self.gate.erasures_are_done();
        Ok(count)
    }

    /// Those whom the database still knows by the host's id.
    async fn alive(&self, erased: Vec<ErasedSubject>) -> Result<Vec<ErasedSubject>, ErasureError> {
        let mut tenants: BTreeMap<String, Vec<ErasedSubject>> = BTreeMap::new();
        for one in erased {
            if self.admit(&one.tenant).is_ok() {
                tenants.entry(one.tenant.clone()).or_default().push(one);
            }
        }
        let mut alive = Vec::new();
        for (tenant, some) in tenants {
            let refs: Vec<[u8; 16]> = some.iter().map(|one| *one.subject.as_bytes()).collect();
            let mut conn = self.read(&tenant).await?;
            let known = DB::alive(&mut conn, &self.schema, &tenant, &refs).await?;
            let is_known = |one: &ErasedSubject| {
                known.iter().any(|known| known.as_slice() == one.subject.as_bytes())
            };
            alive.extend(some.into_iter().filter(is_known));
        }
        Ok(alive)
    }
}

/// Where a ledger is read on. One that stays where it was would be read for ever.
fn next_place(behind: u64, page: &LedgerPage) -> Result<u64, LedgerError> {
    if page.behind > behind { Ok(page.behind) } else { Err(LedgerError::Malformed { behind }) }
}

/// Notes an erasure before anything is destroyed.
pub(super) async fn note(
    ledger: Option<&dyn ErasureLedger>,
    erased: &ErasedSubject,
) -> Result<(), ErasureError> {
    match ledger {
        Some(ledger) => Ok(ledger.record(erased).await?),
        None => Ok(()),
    }
}
