//! What an erasure leaves for later: fields that a legal hold keeps, and keys until they are gone.

use std::collections::BTreeMap;

use audit_core::{Actor, Digest, Reserved, SubjectRef};
use sqlx::Transaction;

use crate::append::AppendError;
use crate::append::chain::own_by;
use crate::append::write::{Group, Written};
use crate::backend::Backend;
use crate::backend::dispose::{Condemned, Deferred};
use crate::backend::rows::StoredItem;
use crate::journal::Store;
use crate::private::{OpenedPrivate, PrivateFieldSealer, PrivatePlace};
use crate::subject::read_ref;

use super::ErasureError;

impl<DB: Backend> Store<DB> {
    /// Has the key made under which held fields of a subject are kept, where there are any: while the
    /// erasure writes, nobody else does in the same SQLite file, and the keys may be kept in it.
    pub(super) async fn make_custody_key(
        &self,
        tenant: &str,
        subject: SubjectRef,
        known: &BTreeMap<i64, (i64, Vec<i64>)>,
    ) -> Result<(), ErasureError> {
        let Some(sealer) = &self.options.sealer else { return Ok(()) };
        let mut conn = self.read(tenant).await?;
        let mut any = false;
        for (chain, (_, seqs)) in known {
            any |= !self.held(&mut conn, *chain, seqs).await?.is_empty();
        }
        drop(conn);
        if any {
            // What is sealed here is nothing, and thrown away.
            let place = PrivatePlace::new(tenant, subject, Digest::of(""));
            sealer.keep(&place, "").await?;
        }
        Ok(())
    }

    /// Leaves the held fields of a severed subject on one chain for later: where fields are sealed,
    /// they are from now on under a key that is not the subject's.
    pub(super) async fn put_off(
        &self,
        tx: &mut Transaction<'_, DB>,
        group: &Group,
        deferred: &Deferred,
        held: &[i64],
    ) -> Result<(), ErasureError> {
        let (schema, tenant) = (&self.schema, group.chain.tenant());
        let subject = read_ref(&deferred.subject)?;
        DB::defer(tx, schema, (group.id, tenant), deferred).await?;
        let Some(sealer) = &self.options.sealer else { return Ok(()) };
        let of = *subject.as_bytes();
        for (seq, items) in DB::disclosures_about(tx, schema, group.id, of, held).await? {
            let kept = keep(&**sealer, tenant, subject, &items).await?;
            DB::rekey_disclosures(tx, schema, group.id, of, (seq, &kept)).await?;
        }
        Ok(())
    }

    /// Removes what no hold keeps any more of people who were erased before, and records it.
    pub(crate) async fn finish_deferred(
        &self,
        tx: &mut Transaction<'_, DB>,
        group: &Group,
        mut written: Written,
        actor: &Actor,
    ) -> Result<Written, AppendError> {
        let (schema, tenant) = (&self.schema, group.chain.tenant());
        for Deferred { subject, ground, request } in DB::deferred(tx, schema, group.id).await? {
            let of = read_ref(&subject)?;
            let bytes = *of.as_bytes();
            let seqs = DB::entries_about(tx, schema, group.id, bytes, 0).await?;
            let held = self.held(tx, group.id, &seqs).await?;
            let free: Vec<i64> =
                seqs.iter().copied().filter(|seq| held.binary_search(seq).is_err()).collect();
            if !free.is_empty() {
                let through = written.size().saturating_sub(1);
                let entry = Reserved::SubjectErased { ground, request, subject: of, through };
                let mut entry = own_by(&entry, actor.clone())?;
                written = self.write_more(tx, group, written, &mut [&mut entry]).await?;
                DB::delete_disclosures(tx, schema, group.id, bytes, &free).await?;
            }
            if held.is_empty()
                && DB::undefer(tx, schema, (group.id, tenant), bytes).await? == 0
                && self.options.sealer.is_some()
            {
                let tenant = tenant.to_owned();
                DB::condemn(tx, schema, &Condemned { tenant, subject, custody: true }).await?;
            }
        }
        Ok(written)
    }

    /// Destroys the keys that erasures have left to be destroyed, of all tenants.
    pub(crate) async fn destroy_all_condemned(&self) -> Result<(), ErasureError> {
        if self.options.sealer.is_some() {
            for round in self.rounds().await? {
                self.destroy_condemned(round.as_deref()).await?;
            }
        }
        Ok(())
    }

    /// As [`destroy_all_condemned`](Self::destroy_all_condemned), in one round. What fails is left
    /// for the next time.
    pub(crate) async fn destroy_condemned(&self, round: Option<&str>) -> Result<(), ErasureError> {
        let Some(sealer) = &self.options.sealer else { return Ok(()) };
        let mut conn = self.read_in(round).await?;
        let mut condemned = DB::condemned(&mut conn, &self.schema, round).await?;
        drop(conn);
        condemned.retain(|key| self.admit(&key.tenant).is_ok());
        for key in condemned {
            let subject = read_ref(&key.subject)?;
            if key.custody {
                sealer.destroy_custody(&key.tenant, subject).await?;
            } else {
                sealer.destroy(&key.tenant, subject).await?;
            }
            let _turn = self.turn_alone().await;
            let mut conn = self.write(&key.tenant).await?;
            DB::executed(&mut conn, &self.schema, &key).await?;
            conn.commit().await?;
        }
        Ok(())
    }
}

/// The fields of one entry, sealed under the custody key of their subject.
async fn keep(
    sealer: &dyn PrivateFieldSealer,
    tenant: &str,
    subject: SubjectRef,
    items: &str,
) -> Result<String, ErasureError> {
    let corrupt = || AppendError::Corrupt { what: "a row of private fields" };
    let stored: Vec<StoredItem<'_>> = serde_json::from_str(items).map_err(|_| corrupt())?;
    let mut kept = Vec::with_capacity(stored.len());
    for item in &stored {
        let digest: Digest = item.digest.parse().map_err(|_| corrupt())?;
        let place = PrivatePlace::new(tenant, subject, digest);
        let sealed = match (item.disclosure, item.sealed) {
            (Some(plain), None) => sealer.keep(&place, plain).await?,
            (None, Some(sealed)) => match sealer.open(&place, sealed).await? {
                OpenedPrivate::Disclosure(plain) => sealer.keep(&place, &plain).await?,
                // A backup came back without the key: nobody reads it any more, and it stays.
                OpenedPrivate::Destroyed => sealed.to_owned(),
            },
            _ => return Err(corrupt().into()),
        };
        kept.push(serde_json::json!({"digest": item.digest, "sealed": sealed}));
    }
    Ok(serde_json::Value::Array(kept).to_string())
}

/// Of a subject whose fields are held on a chain, why they will go.
pub(super) fn deferred(subject: SubjectRef, ground: &str, request: &str) -> Deferred {
    let subject = subject.as_bytes().to_vec();
    Deferred { subject, ground: ground.to_owned(), request: request.to_owned() }
}
