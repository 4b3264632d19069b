//! Files of a bundle while it is made.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// Runs file work where it holds nobody up; in place where there is no runtime to do that.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.map_err(io::Error::other)?,
        Err(_) => work(),
    }
}

/// The directory of an unfinished bundle, readable by nobody else. It goes when it is dropped.
pub(super) fn work_dir(beside: &Path) -> io::Result<TempDir> {
    let beside = if beside.as_os_str().is_empty() { Path::new(".") } else { beside };
    let mut work = tempfile::Builder::new();
    work.prefix(".bundle-").suffix(".unfinished").rand_bytes(16);
    #[cfg(unix)]
    work.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    work.tempdir_in(beside)
}

/// A file that is being written, counted and hashed.
pub(super) struct HashedFile {
    path: String,
    out: BufWriter<File>,
    bytes: u64,
    state: Sha256,
}

/// A file that is written and on disk.
pub(super) struct Written {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl HashedFile {
    /// At a path within the bundle, where nothing may be.
    pub(super) fn create(work: &Path, path: String) -> io::Result<Self> {
        let full: PathBuf = work.join(&path);
        if let Some(folder) = full.parent() {
            fs::create_dir_all(folder)?;
        }
        let out = BufWriter::with_capacity(256 << 10, File::create_new(full)?);
        Ok(Self { path, out, bytes: 0, state: Sha256::new() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.state.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// How much was written so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn finish(mut self) -> io::Result<Written> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let sha256 = base16ct::lower::encode_string(&self.state.finalize());
        Ok(Written { path: self.path, bytes: self.bytes, sha256 })
    }

    /// The whole of a file at once.
    pub(super) fn whole(work: &Path, path: &str, bytes: &[u8]) -> io::Result<Written> {
        let mut file = Self::create(work, path.to_owned())?;
        file.write(bytes)?;
        file.finish()
    }
}
