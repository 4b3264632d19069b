//! Where a bundle is written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;
#[cfg(feature = "zip")]
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::access::AccessFile;

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

/// A file that is being written and hashed.
pub(super) struct Writing<'a> {
    sink: &'a mut dyn BundleSink,
    path: String,
    bytes: u64,
    hash: Sha256,
}

impl<'a> Writing<'a> {
    pub(super) fn begin(sink: &'a mut dyn BundleSink, path: &str) -> io::Result<Self> {
        sink.begin(path)?;
        Ok(Self { sink, path: path.to_owned(), bytes: 0, hash: Sha256::new() })
    }

    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        self.hash.update(text.as_bytes());
        self.bytes = self.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.sink.write(text.as_bytes())
    }

    pub(super) fn end(self, rows: Option<u64>) -> io::Result<AccessFile> {
        let digest: [u8; 32] = self.hash.finalize().into();
        let sha256 = base16ct::lower::encode_string(&digest);
        Ok(AccessFile { path: self.path, bytes: self.bytes, sha256, rows })
    }

    /// Writes a file at once.
    pub(super) fn whole(
        sink: &'a mut dyn BundleSink,
        path: &str,
        text: &str,
    ) -> io::Result<AccessFile> {
        let mut writing = Self::begin(sink, path)?;
        writing.write(text)?;
        writing.end(None)
    }
}

/// A directory. It is written beside its place under another name and moved there when it is complete;
/// dropped before, it is removed.
#[derive(Debug)]
pub struct DirectorySink {
    place: PathBuf,
    work: Option<PathBuf>,
    file: Option<BufWriter<File>>,
}

impl DirectorySink {
    /// A bundle at `place`, where nothing may be.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`], [`io::ErrorKind::InvalidInput`] for a place without a name,
    /// those of the file system.
    pub fn create(place: impl Into<PathBuf>) -> io::Result<Self> {
        let place: PathBuf = place.into();
        if place.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let work = place.with_file_name(format!(".{name}.{}.unfinished", Uuid::now_v7()));
        fs::create_dir(&work)?;
        Ok(Self { place, work: Some(work), file: None })
    }

    fn work(&self) -> io::Result<&Path> {
        self.work.as_deref().ok_or_else(|| io::Error::other("the bundle is finished"))
    }

    fn close(&mut self) -> io::Result<()> {
        match self.file.take() {
            Some(file) => file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl BundleSink for DirectorySink {
    fn begin(&mut self, path: &str) -> io::Result<()> {
        self.close()?;
        let place = self.work()?.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        self.file = Some(BufWriter::new(File::create_new(place)?));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("no file was begun"))?;
        file.write_all(bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.close()?;
        if self.place.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(self.work()?, &self.place)?;
        self.work = None;
        Ok(())
    }
}

impl Drop for DirectorySink {
    fn drop(&mut self) {
        if let Some(work) = &self.work {
            // Nothing to be done where it fails: the name says that it is unfinished.
            let _left = fs::remove_dir_all(work);
        }
    }
}

/// A ZIP archive, into any writer: a file, or the answer to a download as it is made. The same files
/// give the same bytes.
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
            .last_modified_time(DateTime::default())
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
