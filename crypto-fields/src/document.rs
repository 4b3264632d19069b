//! JSON documents of which some leaves are sealed.

pub(crate) mod pattern;
#[cfg(test)]
mod tests;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::associated_data::path::{JsonPath, PathError};
use crate::ciphertext::{self, TEXT_PREFIX};
use crate::error::{OpenError, SealError};
use crate::field::row::RowContext;
use crate::field::value::FieldValue;
use crate::field::{FieldCipher, FieldMode};
use pattern::{PathPattern, Segment};

/// Seals what stands at certain paths of a JSON document, and leaves the rest to be queried.
///
/// Each value is sealed by itself, with a salt of its own and its path in the context: it does not
/// open at another path, in another document, or after the elements of an array changed places.
/// What matches may be a leaf or a whole object; it becomes a text (`cf1.…`), `null` too, so that
/// nobody sees what is set.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use crypto_fields::*;
/// # let (root, tenant) = (LocalKey::new(SecretKey::random()?), TenantId::new("acme")?);
/// # let mut manager = KeysetManager::new(Vec::new(), KeyPolicy::DEFAULT, SystemClock);
/// # manager.create(&root, &tenant, Purpose::Seal, &KeyGroup::DEFAULT).await?;
/// # let keys = Keyset::load(manager.records().to_vec(), &[&root]).await?;
/// let field = FieldCipher::new(FieldId::new("visits.notes")?);
/// let notes = DocumentCipher::new(field, ["patient.name".parse()?, "entries[*].text".parse()?]);
///
/// let mut document = serde_json::json!({
///     "patient": {"name": "Alice", "ward": 3},
///     "entries": [{"day": 1, "text": "came in"}],
/// });
/// let row = RowContext::new(&keys, tenant, RowKey::int(1)?);
/// notes.seal(&row, &mut document)?;
/// assert_eq!(document["patient"]["ward"], 3);
/// assert!(document["patient"]["name"].as_str().is_some_and(|name| name.starts_with("cf1.")));
/// notes.open(&row, &mut document)?;
/// assert_eq!(document["entries"][0]["text"], "came in");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DocumentCipher {
    field: FieldCipher,
    patterns: Vec<PathPattern>,
}

/// A document was not sealed or opened, and is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// What stands at a path is a ciphertext already.
    #[error("what stands at {0} is sealed already")]
    AlreadySealed(JsonPath),
    /// What stands at a path did not open.
    #[error("what stands at {path} does not open")]
    Open {
        /// The path.
        path: JsonPath,
        /// Why.
        #[source]
        error: OpenError,
    },
    /// Deeper, or with longer names, than a path may be.
    #[error("the document is deeper than a path may be")]
    Path(#[source] PathError),
    /// What stands at a path could not be sealed.
    #[error("what stands at {path} cannot be sealed")]
    Seal {
        /// The path.
        path: JsonPath,
        /// Why.
        #[source]
        error: SealError,
    },
}

impl DocumentCipher {
    /// Seals what matches one of these, and nothing else.
    #[must_use]
    pub fn new(field: FieldCipher, patterns: impl IntoIterator<Item = PathPattern>) -> Self {
        Self { field, patterns: patterns.into_iter().collect() }
    }

    /// The column that the document is in.
    #[must_use]
    pub const fn field(&self) -> &FieldCipher {
        &self.field
    }

    /// Seals what matches. What is not there is left out.
    ///
    /// # Errors
    ///
    /// [`DocumentError::AlreadySealed`], [`DocumentError::Path`], [`DocumentError::Seal`].
    pub fn seal(&self, row: &RowContext<'_>, document: &mut Value) -> Result<(), DocumentError> {
        self.walk(document, &mut |path, value| {
            if value.as_str().is_some_and(|text| text.starts_with(TEXT_PREFIX)) {
                return Err(DocumentError::AlreadySealed(path.clone()));
            }
            if !value.is_readable() {
                let error = SealError::TooDeep;
                return Err(DocumentError::Seal { path: path.clone(), error });
            }
            let plain = Zeroizing::new(value.to_string());
            let place = row.place(self.field.field()).path(path);
            let sealed = self.field.seal_bytes(row.keys(), &place, plain.as_bytes());
            let sealed =
                sealed.map_err(|error| DocumentError::Seal { path: path.clone(), error })?;
            Ok(Value::String(ciphertext::to_text(&sealed)))
        })
    }

    /// Opens what matches. What is not there is left out; what is not sealed is an error, unless
    /// the field is on its way from plaintext.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Open`], [`DocumentError::Path`].
    pub fn open(&self, row: &RowContext<'_>, document: &mut Value) -> Result<(), DocumentError> {
        self.walk(document, &mut |path, value| {
            let sealed = value.as_str().filter(|text| text.starts_with(TEXT_PREFIX));
            let Some(text) = sealed else {
                if self.field.field_mode() != FieldMode::Strict {
                    return Ok(value.clone());
                }
                let error = OpenError::NotSealed;
                return Err(DocumentError::Open { path: path.clone(), error });
            };
            let opened = ciphertext::from_text(text).map_err(OpenError::Malformed).and_then(|it| {
                let place = row.place(self.field.field()).path(path);
                self.field.open_bytes(row.keys(), &place, &it)
            });
            opened
                .and_then(|plain| serde_json::from_slice(&plain).map_err(|_| OpenError::Value))
                .map_err(|error| DocumentError::Open { path: path.clone(), error })
        })
    }

    /// Replaces every value that matches; all of them or none.
    fn walk(
        &self,
        document: &mut Value,
        replace: &mut dyn FnMut(&JsonPath, &Value) -> Result<Value, DocumentError>,
    ) -> Result<(), DocumentError> {
        let patterns: Vec<&[Segment]> = self.patterns.iter().map(PathPattern::segments).collect();
        let mut changed = document.clone();
        visit(&mut changed, &JsonPath::root(), &patterns, replace)?;
        *document = changed;
        Ok(())
    }
}

/// Goes down where a pattern still may match, and replaces where one does.
fn visit(
    value: &mut Value,
    path: &JsonPath,
    patterns: &[&[Segment]],
    replace: &mut dyn FnMut(&JsonPath, &Value) -> Result<Value, DocumentError>,
) -> Result<(), DocumentError> {
    if patterns.iter().any(|pattern| pattern.is_empty()) {
        *value = replace(path, value)?;
        return Ok(());
    }
    let below = |fits: &dyn Fn(&Segment) -> bool| -> Vec<&[Segment]> {
        let heads = patterns.iter().filter_map(|pattern| pattern.split_first());
        heads.filter(|(head, _)| fits(head)).map(|(_, rest)| rest).collect()
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let patterns = below(&|segment| segment.is_member(name));
                if !patterns.is_empty() {
                    let path = path.clone().name(name).map_err(DocumentError::Path)?;
                    visit(value, &path, &patterns, replace)?;
                }
            }
        }
        Value::Array(elements) => {
            for (index, value) in (0_u64..).zip(elements) {
                let patterns = below(&|segment| segment.is_element(index));
                if !patterns.is_empty() {
                    let path = path.clone().index(index).map_err(DocumentError::Path)?;
                    visit(value, &path, &patterns, replace)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}
