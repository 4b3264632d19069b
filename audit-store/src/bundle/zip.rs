//! A bundle in one archive: the zip crate reads it, and is held to what a bundle may contain.
//!
//! General zip readers are generous: they skip over junk, keep one of two members of a name and
//! follow what the archive says about its sizes. An auditor's input comes from the audited party,
//! so what could be read in two ways is refused: the members stand one behind the other from the
//! first byte to the central directory, each under one header said twice, and the directory and
//! its end records reach to the last byte.

mod tail;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit_core::BundlePath;
use zip::read::{ArchiveOffset, Config, HasZipMetadata as _, ZipArchiveMetadata, ZipFileEntry};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::{BundleError, ZipRule};
use tail::Tail;

/// The most members an archive may have.
///
/// A checkpoint a minute for two years stays below it.
pub const MAX_ZIP_MEMBERS: u64 = 1 << 20;

/// The most a member may unfold, as a multiple of its packed size.
///
/// Every line of a bundle carries a hash or a salt, which do not compress, so that even records of
/// the greatest size that hold one letter over and over stay below it.
pub const MAX_ZIP_RATIO: u64 = 700;

/// Members up to this size are not judged by [`MAX_ZIP_RATIO`].
const RATIO_FLOOR: u64 = 1 << 20;

/// Encrypted, compressed patched data, strong encryption, masked headers: none has a place here.
const REFUSED_FLAGS: u16 = 0x0001 | 0x0020 | 0x0040 | 0x2000;
/// Sizes and checksum stand once more behind the data.
const DESCRIPTOR_FLAG: u16 = 0x0008;
/// With and without a signature, of narrow and of wide sizes.
const DESCRIPTOR_LENGTHS: [u64; 4] = [12, 16, 20, 24];
const LOCAL_HEADER_LENGTH: u64 = 30;

/// The directory of an opened archive; members are read by [`ZipDirectory::open`].
#[derive(Debug)]
pub(super) struct ZipDirectory {
    path: PathBuf,
    archive: Arc<ZipArchiveMetadata>,
    /// Where in the central directory each member stands.
    members: BTreeMap<BundlePath, usize>,
}

/// A member opened for reading.
#[derive(Debug)]
pub(super) struct OpenMember {
    archive: Arc<ZipArchiveMetadata>,
    index: usize,
    file: BufReader<File>,
}

impl ZipDirectory {
    /// Reads the directory of the archive at `path` and checks every rule that all headers show.
    pub(super) fn read(path: &Path) -> Result<Self, BundleError> {
        let io = |source| BundleError::io(path, source);
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        // Headers are read where they stand: what is read ahead of one is thrown away.
        let file = BufReader::with_capacity(4 << 10, file);
        let (archive, members) = read(file, len).map_err(|(name, fault)| fault.at(&name, path))?;
        Ok(Self { path: path.to_owned(), archive, members })
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &BundlePath> {
        self.members.keys()
    }

    /// Opens one member; `None` where there is no such member.
    pub(super) fn open(&self, name: &BundlePath) -> Result<Option<OpenMember>, BundleError> {
        let Some(index) = self.members.get(name) else { return Ok(None) };
        let file = File::open(&self.path).map_err(|e| BundleError::io(&self.path, e))?;
        let file = BufReader::with_capacity(256 << 10, file);
        Ok(Some(OpenMember { archive: Arc::clone(&self.archive), index: *index, file }))
    }
}

impl OpenMember {
    /// The member's stated size and its bytes, unpacked, from the beginning.
    ///
    /// More than the stated size is an error of reading, and so is another checksum at the end.
    pub(super) fn bytes(&mut self) -> io::Result<(u64, impl Read + Send)> {
        let entry = self.archive.entry(self.index)?;
        let size = entry.size();
        Ok((size, entry.with_reader(&mut self.file, ZipReadOptions::new())?))
    }
}

type Members = (Arc<ZipArchiveMetadata>, BTreeMap<BundlePath, usize>);

fn read(mut file: BufReader<File>, len: u64) -> Result<Members, (String, Fault)> {
    let directory = |fault| ("the central directory".to_owned(), fault);
    let tail = Tail::read(&mut file, len).map_err(directory)?;
    if tail.members > MAX_ZIP_MEMBERS {
        return Err(directory(ZipRule::TooManyMembers { limit: MAX_ZIP_MEMBERS }.into()));
    }
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive =
        ZipArchive::with_config(config, file).map_err(|error| directory(error.into()))?;
    if archive.has_duplicate_names() {
        return Err(directory(ZipRule::Duplicate.into()));
    }
    let metadata = archive.metadata();
    let mut members = BTreeMap::new();
    for index in 0..metadata.len() {
        let entry = metadata.entry(index).map_err(|error| directory(error.into()))?;
        let path = member(&entry, index).map_err(|rule| (shown(&entry), rule.into()))?;
        members.insert(path, index);
    }
    if members.is_empty() {
        return Err((BundlePath::Manifest.to_string(), ZipRule::ManifestNotFirst.into()));
    }
    check_layout(&mut archive)?;
    tail.check(archive).map_err(directory)?;
    Ok((metadata, members))
}

/// Holds what the central directory says of one member to the rules.
fn member(entry: &ZipFileEntry<'_>, index: usize) -> Result<BundlePath, ZipRule> {
    let path = std::str::from_utf8(entry.name_raw())
        .ok()
        .and_then(|name| name.parse::<BundlePath>().ok())
        .ok_or(ZipRule::Name)?;
    if (path == BundlePath::Manifest) != (index == 0)
        || (entry.get_metadata().header_start == 0) != (index == 0)
    {
        return Err(ZipRule::ManifestNotFirst);
    }
    if entry.flags().as_u16() & REFUSED_FLAGS != 0 {
        return Err(ZipRule::Encrypted);
    }
    match entry.compression() {
        CompressionMethod::Stored if entry.compressed_size() != entry.size() => {
            return Err(ZipRule::HeadersDisagree);
        }
        CompressionMethod::Stored | CompressionMethod::Deflated => {}
        _ => return Err(ZipRule::Method),
    }
    // The upper half holds a Unix mode where the maker has one: a plain file or nothing at all.
    // Bit 4 of the lower half is the DOS mark of a directory.
    let attributes = entry.external_attributes();
    let kind = (attributes >> 16) & 0o170_000;
    if (kind != 0 && kind != 0o100_000) || attributes & 0x10 != 0 {
        return Err(ZipRule::NotAFile);
    }
    if entry.size() > RATIO_FLOOR && entry.size() / MAX_ZIP_RATIO > entry.compressed_size() {
        return Err(ZipRule::Ratio { limit: MAX_ZIP_RATIO });
    }
    Ok(path)
}

/// Refuses members that share bytes, bytes that belong to none, and headers that contradict the
/// central directory.
fn check_layout(archive: &mut ZipArchive<BufReader<File>>) -> Result<(), (String, Fault)> {
    let metadata = archive.metadata();
    let mut order = Vec::new();
    for index in 0..metadata.len() {
        let entry = metadata.entry(index).map_err(|error| (String::new(), error.into()))?;
        order.push((entry.get_metadata().header_start, index));
    }
    order.sort_unstable();
    let ends = order.iter().skip(1).map(|(start, _)| *start);
    let ends: Vec<u64> = ends.chain([archive.central_directory_start()]).collect();
    // By the directory alone first: of two members in one place, neither is what it seems.
    for ((start, index), end) in order.iter().zip(&ends) {
        let entry = metadata.entry(*index).map_err(|error| (String::new(), error.into()))?;
        let least = start
            .checked_add(LOCAL_HEADER_LENGTH)
            .and_then(|at| at.checked_add(entry.compressed_size()));
        if least.is_none_or(|least| least > *end) {
            return Err((shown(&entry), ZipRule::Overlap.into()));
        }
    }
    for ((_, index), end) in order.iter().zip(&ends) {
        let entry = metadata.entry(*index).map_err(|error| (String::new(), error.into()))?;
        check_place(archive, *index, *end).map_err(|fault| (shown(&entry), fault))?;
    }
    Ok(())
}

/// Holds the header of a member to the central directory, and its bytes to the place up to `end`.
fn check_place(
    archive: &mut ZipArchive<BufReader<File>>,
    index: usize,
    end: u64,
) -> Result<(), Fault> {
    let options = ZipReadOptions::new().enforce_header_consistency(true);
    let member = archive.by_index_with_options(index, options).map_err(|error| match error {
        ZipError::Io(source) => Fault::from(source),
        _ => ZipRule::HeadersDisagree.into(),
    })?;
    let data_end = member.data_start().and_then(|at| at.checked_add(member.compressed_size()));
    match data_end.and_then(|data_end| end.checked_sub(data_end)) {
        None => Err(ZipRule::Overlap.into()),
        Some(0) => Ok(()),
        Some(rest)
            if member.flags().as_u16() & DESCRIPTOR_FLAG != 0
                && DESCRIPTOR_LENGTHS.contains(&rest) =>
        {
            Ok(())
        }
        Some(_) => Err(ZipRule::StrayBytes.into()),
    }
}

enum Fault {
    Io(io::Error),
    Rule(ZipRule),
}

impl From<ZipRule> for Fault {
    fn from(rule: ZipRule) -> Self {
        Self::Rule(rule)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        // A record that ends early is a cut file, not a failing disk.
        match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => Self::Rule(ZipRule::NotAnArchive),
            _ => Self::Io(error),
        }
    }
}

impl From<ZipError> for Fault {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(source) => source.into(),
            _ => Self::Rule(ZipRule::NotAnArchive),
        }
    }
}

impl Fault {
    fn at(self, name: &str, archive: &Path) -> BundleError {
        match self {
            Self::Io(source) => BundleError::io(archive, source),
            Self::Rule(rule) => BundleError::Refused { name: name.to_owned(), rule },
        }
    }
}

/// A name out of an archive, safe to show: short, and without control characters.
fn shown(entry: &ZipFileEntry<'_>) -> String {
    let name = String::from_utf8_lossy(entry.name_raw());
    name.chars().take(100).flat_map(char::escape_debug).collect()
}
