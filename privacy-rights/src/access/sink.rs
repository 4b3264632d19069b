//! Where a bundle is written.

use std::io;
#[cfg(feature = "zip")]
use std::io::Write;

#[cfg(feature = "zip")]
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// Takes the files of a bundle, one after the other. Until it is finished there is no bundle.
pub trait BundleSink: Send {
    /// Begins a file. Its path has parts of letters, digits, `-`, `_` and `.`, separated by `/`.
    ///
    /// # Errors
    ///
    /// Those of the place.
    fn begin(&mut self, path: &str) -> io::Result<()>;

    /// Adds to the file that was begun last.
    ///
    /// # Errors
    ///
    /// Those of the place.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The bundle is complete.
    ///
    /// # Errors
    ///
    /// Those of the place; there is no bundle then.
    fn finish(&mut self) -> io::Result<()>;
}

/// How hard an archive is packed: more takes longer and gains little.
#[cfg(feature = "zip")]
const LEVEL: i64 = 3;

/// A ZIP archive, into any writer: a file, or the answer to a download as it is made. The same files
/// give the same bytes, and none is too large.
#[cfg(feature = "zip")]
pub struct ZipSink<W: Write + Send> {
    zip: Option<ZipWriter<zip::write::StreamWriter<W>>>,
}

#[cfg(feature = "zip")]
impl<W: Write + Send> ZipSink<W> {
    /// An archive into that writer.
    pub fn new(writer: W) -> Self {
        Self { zip: Some(ZipWriter::new_stream(writer)) }
    }

    fn zip(&mut self) -> io::Result<&mut ZipWriter<zip::write::StreamWriter<W>>> {
        self.zip.as_mut().ok_or_else(|| io::Error::other("the bundle is finished"))
    }
}

#[cfg(feature = "zip")]
impl<W: Write + Send> BundleSink for ZipSink<W> {
    fn begin(&mut self, path: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o600)
            .large_file(true);
        self.zip()?.start_file(path, options).map_err(io::Error::other)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.zip()?.write_all(bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        let zip = self.zip.take().ok_or_else(|| io::Error::other("the bundle is finished"))?;
        zip.finish().map_err(io::Error::other)?.into_inner().flush()
    }
}

#[cfg(feature = "zip")]
impl<W: Write + Send> std::fmt::Debug for ZipSink<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZipSink").finish_non_exhaustive()
    }
}
