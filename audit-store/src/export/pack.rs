//! A finished bundle's directory as one archive.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use audit_core::{BundlePath, Manifest};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::bundle::{Bundle, BundleError, ZipRule};

use super::error::ExportError;

/// Packs the bundle in `folder`; returns the archive, a file in that folder.
///
/// The same files make the same bytes: names in a fixed order, one fixed time, no owner.
pub(super) fn pack(
    folder: &Path,
    manifest: &Manifest,
    stored: bool,
) -> Result<PathBuf, ExportError> {
    let archive = folder.join("bundle.zip");
    write(folder, manifest, &archive, stored)?;
    // What was written is what the auditor's side takes, or it is not handed out.
    match Bundle::open(&archive) {
        Ok(_) => Ok(archive),
        Err(BundleError::Refused { rule: ZipRule::Ratio { .. }, .. }) if !stored => {
            // Text so monotonous that an auditor's reader takes it for a bomb.
            write(folder, manifest, &archive, true)?;
            Bundle::open(&archive).map(|_| archive).map_err(ExportError::Pack)
        }
        Err(error) => Err(ExportError::Pack(error)),
    }
}

fn write(folder: &Path, manifest: &Manifest, archive: &Path, stored: bool) -> io::Result<()> {
    let method = if stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    let out = BufWriter::with_capacity(256 << 10, File::create(archive)?);
    let mut zip = ZipWriter::new(out);
    for path in std::iter::once(&BundlePath::Manifest).chain(manifest.files.keys()) {
        let name = path.to_string();
        let file = File::open(folder.join(&name))?;
        let large = file.metadata()?.len() >= u64::from(u32::MAX);
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level((!stored).then_some(LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(large);
        zip.start_file(name, options).map_err(io::Error::from)?;
        io::copy(&mut BufReader::with_capacity(256 << 10, file), &mut zip)?;
    }
    let mut out = zip.finish().map_err(io::Error::from)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// Hashes do not compress and the rest compresses easily: more than a little effort is wasted.
const LEVEL: i64 = 3;
