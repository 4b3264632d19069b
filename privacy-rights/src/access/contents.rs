//! Files that belong to records.

use std::fmt;
use std::pin::Pin;

use futures_util::Stream;

use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::record::Record;

/// The bytes of a file, in pieces.
pub type FileStream<'a> = Pin<Box<dyn Stream<Item = Result<Vec<u8>, SourceError>> + Send + 'a>>;

/// What a record has of a file.
#[non_exhaustive]
pub enum FileContent<'a> {
    /// This.
    Bytes(FileStream<'a>),
    /// It should have one, which is gone.
    Missing,
    /// It has none.
    None,
}

impl fmt::Debug for FileContent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes(..)",
            Self::Missing => "Missing",
            Self::None => "None",
        })
    }
}

/// Opens the files that a source's records speak of, so that a person is given them and not links.
/// `ObjectSource` is one.
pub trait FileContents: Send + Sync {
    /// The file of a record.
    fn open<'a>(
        &'a self,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<FileContent<'a>, SourceError>>;
}

#[cfg(feature = "object-store")]
impl FileContents for crate::source::object::ObjectSource {
    fn open<'a>(
        &'a self,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<FileContent<'a>, SourceError>> {
        use futures_util::TryStreamExt as _;
        use object_store::ObjectStoreExt as _;
        use object_store::path::Path;

        use crate::source::object::unavailable;

        Box::pin(async move {
            let path = Path::parse(&record.key).map_err(|_| SourceError::Cursor)?;
            match self.store().get(&path).await {
                Ok(found) => {
                    let pieces = found.into_stream().map_err(unavailable);
                    Ok(FileContent::Bytes(Box::pin(pieces.map_ok(|bytes| bytes.to_vec()))))
                }
                Err(object_store::Error::NotFound { .. }) => Ok(FileContent::Missing),
                Err(error) => Err(unavailable(error)),
            }
        })
    }
}
