//! Objects of an object store, under a prefix of each person's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use serde_json::Value;

use crate::data_map::source::{SourceDeclaration, Storage};
use crate::source::error::SourceError;
use crate::source::permit::{Connection, Item, Permit};
use crate::source::record::{Applied, Cursor, FieldValue, Kept, Page, Record, Remaining, Step};
use crate::source::selection::{Identifier, Selection};
use crate::source::{BoxFuture, PersonalDataSource};

/// Where the identifier stands in the prefix.
const PLACE: &str = "{id}";

/// The objects of a person: all that is under `users/{id}/`, for each value of one kind of
/// identifier. Its records have the fields `path`, `bytes` and `modified`; an erasure deletes the
/// objects.
///
/// **It sees what the store lists, and nothing else**: the crate `object_store` lists neither older
/// versions of an object nor delete markers nor uploads that were never completed, and objects under
/// a lock stay. In a bucket with versions, have a lifecycle rule delete what is not current.
pub struct ObjectSource {
    declaration: SourceDeclaration,
    store: Arc<dyn ObjectStore>,
    prefix: String,
    kind: String,
}

/// A prefix that would select other people's objects, too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prefix of an object source has one whole part {PLACE} and ends in `/`")]
#[non_exhaustive]
pub struct PrefixError;

impl ObjectSource {
    /// The objects in `store` that the declaration speaks of: [`Storage::Objects`], linked by a
    /// column that stands for the identifier in the prefix.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] unless the prefix has one whole part `{id}` and ends in `/`: `t1` alone would
    /// select the objects of `t10` as well.
    pub fn new(
        declaration: SourceDeclaration,
        store: Arc<dyn ObjectStore>,
    ) -> Result<Self, PrefixError> {
        let Storage::Objects { prefix } = declaration.storage() else { return Err(PrefixError) };
        let parts = prefix.strip_suffix('/').ok_or(PrefixError)?;
        let places = parts.split('/').filter(|part| *part == PLACE).count();
        let pure = parts.split('/').all(|part| part == PLACE || !part.contains(['{', '}']));
        if places != 1 || !pure || parts.split('/').any(str::is_empty) {
            return Err(PrefixError);
        }
        let (prefix, link) = (prefix.clone(), declaration.links().first().ok_or(PrefixError)?);
        let kind = link.identifier().to_owned();
        Ok(Self { declaration, store, prefix, kind })
    }

    /// Where the objects are.
    pub(crate) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// The person's prefixes, in order.
    fn prefixes(&self, selection: &Selection) -> Result<Vec<Path>, SourceError> {
        let one = |id: &str| {
            let refused = || SourceError::Identifier { kind: self.kind.clone() };
            if id == "." || id == ".." || id.contains(['/', '\\']) || id.contains(char::is_control)
            {
                return Err(refused());
            }
            let text = self.prefix.replace(PLACE, id);
            Path::parse(text.trim_end_matches('/')).map_err(|_| refused())
        };
        selection.values(&self.kind).map(one).collect()
    }

    /// The objects from after the cursor on, in the order of prefix and path, one more than `limit`.
    async fn list(
        &self,
        selection: &Selection,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, SourceError> {
        let after = after.map(|cursor| Path::parse(cursor.as_str()));
        let after = after.transpose().map_err(|_| SourceError::Cursor)?;
        // Not every store lists in order: the first ones are kept, the others seen and forgotten.
        let mut found = BTreeMap::new();
        for prefix in self.prefixes(selection)? {
            let mut listed = match &after {
                Some(after) => self.store.list_with_offset(Some(&prefix), after),
                None => self.store.list(Some(&prefix)),
            };
            while let Some(object) = listed.next().await {
                let object = object.map_err(unavailable)?;
                found.insert(object.location.clone(), object);
                if found.len() > limit.saturating_add(1) {
                    found.pop_last();
                }
            }
        }
        Ok(found.into_values().collect())
    }
}

impl std::fmt::Debug for ObjectSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectSource").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl PersonalDataSource for ObjectSource {
    fn declaration(&self) -> &SourceDeclaration {
        &self.declaration
    }

    fn resolve<'a>(
        &'a self,
        _selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn scan<'a>(
        &'a self,
        selection: &'a Selection,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(async move {
            let (objects, next) = page(self.list(selection, after, limit).await?, limit);
            Ok(Page::new(objects.iter().map(record).collect(), next))
        })
    }

    fn apply<'a>(
        &'a self,
        selection: &'a Selection,
        _step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(async move {
            let (objects, next) = page(self.list(selection, after, limit).await?, limit);
            permit.begin(Connection::none()).await?;
            let (mut kept, mut gone) = (Vec::new(), Vec::new());
            for object in objects {
                let item = Item::new(self.declaration.name(), object.location.to_string());
                let reasons = permit.reasons(Connection::none(), &item).await?;
                if reasons.is_empty() {
                    gone.push(object.location);
                } else {
                    kept.push(Kept { item, reasons, fields: Vec::new() });
                }
            }
            let mut changed = 0_u64;
            for location in gone {
                match self.store.delete(&location).await {
                    // What is not there any more is erased, whoever did it.
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                        changed = changed.saturating_add(1);
                    }
                    Err(error) => return Err(unavailable(error)),
                }
            }
            Ok(Applied::new(changed, kept, next))
        })
    }

    fn remaining<'a>(
        &'a self,
        selection: &'a Selection,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        Box::pin(async move {
            let mut count = 0_u64;
            for prefix in self.prefixes(selection)? {
                let mut listed = self.store.list(Some(&prefix));
                while let Some(object) = listed.next().await {
                    object.map_err(unavailable)?;
                    count = count.saturating_add(1);
                }
            }
            Ok(Remaining::new(count, 0))
        })
    }
}

/// Cuts off what is beyond the limit, and says where to go on.
fn page(mut objects: Vec<ObjectMeta>, limit: usize) -> (Vec<ObjectMeta>, Option<Cursor>) {
    let more = objects.len() > limit;
    objects.truncate(limit);
    let next = objects.last().filter(|_| more).map(|last| Cursor::new(last.location.to_string()));
    (objects, next)
}

fn record(object: &ObjectMeta) -> Record {
    let path = object.location.to_string();
    let fields = vec![
        ("path".to_owned(), FieldValue::Value(Value::from(path.clone()))),
        ("bytes".to_owned(), FieldValue::Value(Value::from(object.size))),
        ("modified".to_owned(), FieldValue::Value(Value::from(object.last_modified.to_rfc3339()))),
    ];
    Record::new(path, fields)
}

pub(crate) fn unavailable(error: object_store::Error) -> SourceError {
    SourceError::Unavailable(Box::new(error))
}
