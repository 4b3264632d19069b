//! Counting what is sealed under which key.

use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64UrlUnpadded, Encoding};

use super::Rotator;
use super::column::SealedColumn;
use super::error::RotationError;
use super::{page, quarantine};
use crate::associated_data::names::FieldId;
use crate::backend::value::Value;
use crate::backend::{Backend, trusted};
use crate::ciphertext::TEXT_PREFIX;
use crate::key_id::KeyId;
use crate::keyset::census::{Census, CensusBuilder};

impl<DB: Backend> Rotator<DB> {
    /// Counts every registered field, each in all of its columns.
    ///
    /// `registry` is every field that is sealed anywhere, as `#[derive(SealFields)]` lists them:
    /// one that no column is given for makes the census fail. Fields that are elsewhere, as in
    /// files, are counted by the host, with [`count`](Self::count) for the others.
    ///
    /// # Errors
    ///
    /// [`RotationError::Census`], [`RotationError::NoSuchColumn`], [`RotationError::Database`].
    pub async fn census(
        &self,
        registry: impl IntoIterator<Item = FieldId> + Send,
        columns: &[SealedColumn],
    ) -> Result<Census, RotationError> {
        let mut census = CensusBuilder::new(registry, self.clock.now());
        self.count(&mut census, columns).await?;
        Ok(census.finish()?)
    }

    /// Counts the fields of these columns: of each field, all columns it is in at once.
    ///
    /// What is in quarantine counts once more for the key that it names, so that no key is
    /// destroyed before its quarantine is empty. Plaintext counts for nothing.
    ///
    /// Each column is read once as a whole; an expression index over the same part of the value
    /// (`substr(email, 5, 8)`, in a column of text `substr(email, 9, 12)`) makes it quick.
    ///
    /// # Errors
    ///
    /// [`RotationError::Census`] for a field that is not registered or was counted before;
    /// [`RotationError::NoSuchColumn`], [`RotationError::Database`].
    pub async fn count(
        &self,
        census: &mut CensusBuilder,
        columns: &[SealedColumn],
    ) -> Result<(), RotationError> {
        let fields: BTreeSet<&FieldId> = columns.iter().map(SealedColumn::field).collect();
        for field in fields {
            let mut counts = BTreeMap::new();
            for column in columns.iter().filter(|column| column.field() == field) {
                for (key, count) in self.histogram(column).await? {
                    let total: &mut u64 = counts.entry(key).or_default();
                    *total = total.saturating_add(count);
                }
            }
            census.count(field, counts)?;
        }
        Ok(())
    }

    /// How many values of a column name which key, with those in quarantine.
    async fn histogram(&self, column: &SealedColumn) -> Result<Vec<(KeyId, u64)>, RotationError> {
        if column.documents {
            return self.documents(column).await;
        }
        let mut conn = self.pool.acquire().await?;
        page::probe::<DB>(&mut conn, column).await?;
        let mut counts = quarantine::counts::<DB>(&mut conn, column).await?;
        let (meant, prefix) = column.meant_sql(1);
        let (key, table) = (column.key_sql(), column.relation().table);
        let sql = format!("SELECT {key}, COUNT(*) FROM {table} AS t WHERE {meant} GROUP BY {key}");
        for mut row in DB::fetch(&mut conn, trusted(sql), vec![prefix]).await? {
            let (mark, count) = (row.any()?, row.count()?);
            counts.extend(column.key_of_mark(mark).map(|key| (key, count)));
        }
        Ok(counts)
    }

    /// How many values within the documents of a column name which key.
    async fn documents(&self, column: &SealedColumn) -> Result<Vec<(KeyId, u64)>, RotationError> {
        let mut counts: BTreeMap<KeyId, u64> = BTreeMap::new();
        let mut after: Option<Value> = None;
        loop {
            let mut conn = self.pool.acquire().await?;
            let page = page::documents::<DB>(&mut conn, column, after.as_ref(), self.batch).await;
            let page = match after {
                None => page.map_err(RotationError::probe)?,
                Some(_) => page?,
            };
            drop(conn);
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for key in page.iter().flat_map(|(_, text)| keys_in(text)) {
                let total = counts.entry(key).or_default();
                *total = total.saturating_add(1);
            }
        }
        Ok(counts.into_iter().collect())
    }

    /// How many rows have a blind index of which version; those without one under `None`. When
    /// the old version is gone, the old index no longer has to be asked for.
    ///
    /// # Errors
    ///
    /// [`RotationError::NoSuchColumn`], [`RotationError::Database`].
    pub async fn index_versions(
        &self,
        column: &SealedColumn,
    ) -> Result<BTreeMap<Option<u8>, u64>, RotationError> {
        let mut conn = self.pool.acquire().await?;
        page::probe::<DB>(&mut conn, column).await?;
        let relation = column.relation();
        let Some(index) = &relation.index else { return Ok(BTreeMap::new()) };
        let (table, sealed) = (&relation.table, &relation.sealed);
        let sql = format!(
            "SELECT substr(t.{index}, 1, 1), COUNT(*) FROM {table} AS t \
             WHERE t.{sealed} IS NOT NULL GROUP BY substr(t.{index}, 1, 1)"
        );
        let mut versions = BTreeMap::new();
        for mut row in DB::fetch(&mut conn, trusted(sql), Vec::new()).await? {
            let version = row.bytes_or_null()?.and_then(|version| version.first().copied());
            versions.insert(version, row.count()?);
        }
        Ok(versions)
    }
}

/// The keys that the sealed values in a JSON text name. What looks like one and is part of
/// another text counts too: better one too many than one too few.
fn keys_in(document: &str) -> impl Iterator<Item = KeyId> {
    document.split(TEXT_PREFIX).skip(1).filter_map(|sealed| {
        // The header is twelve bytes, which are sixteen characters.
        let mut header = [0; 12];
        let read = Base64UrlUnpadded::decode(sealed.get(..16)?, &mut header).ok()?;
        KeyId::from_bytes(read.get(4..12)?.try_into().ok()?)
    })
}
