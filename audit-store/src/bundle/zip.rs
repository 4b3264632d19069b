//! A reader of zip archives that knows only what a bundle may contain.
//!
//! General zip readers are generous: they skip over junk, keep one of two members of a name and
//! follow what the archive says about its sizes. An auditor's input comes from the audited party,
//! so this one refuses whatever a bundle has no use for. APPNOTE.TXT 6.3.10 sections 4.3 and 4.5.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use flate2::bufread::DeflateDecoder;

use audit_core::BundlePath;

use super::{BundleError, ZipRule};

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

const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const END_LEN: u64 = 22;
const LOCATOR64_LEN: u64 = 20;
const END64_LEN: u64 = 56;
const LOCAL_LEN: u64 = 30;

/// Encrypted, compressed patched data, strong encryption, masked headers: none has a place here.
const REFUSED_FLAGS: u16 = 0x0001 | 0x0020 | 0x0040 | 0x2000;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The directory of an opened archive; members are read by [`ZipDirectory::open`].
#[derive(Debug)]
pub(super) struct ZipDirectory {
    path: PathBuf,
    members: BTreeMap<BundlePath, Member>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    offset: u64,
    /// Where the next member, or the directory, begins: this one must end before.
    limit: u64,
    packed: u64,
    size: u64,
    crc: u32,
    deflated: bool,
}

/// A member's bytes, unpacked. At most its stated size and one byte more can be read from it.
pub(super) type MemberReader = Take<Box<dyn Read + Send>>;

/// A member opened for reading, and the CRC-32 that its bytes must have.
pub(super) struct OpenMember {
    pub(super) bytes: MemberReader,
    pub(super) size: u64,
    pub(super) crc: u32,
}

impl ZipDirectory {
    /// Reads the directory of the archive at `path` and checks every rule that it can show.
    pub(super) fn read(path: &Path) -> Result<Self, BundleError> {
        let io = |source| BundleError::io(path, source);
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut file = BufReader::with_capacity(64 << 10, file);
        let end = End::read(&mut file, len)
            .map_err(|fault| fault.at("the end of the central directory", path))?;
        let members =
            read_members(&mut file, &end).map_err(|(name, fault)| fault.at(&name, path))?;
        Ok(Self { path: path.to_owned(), members })
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &BundlePath> {
        self.members.keys()
    }

    /// Opens one member, from its beginning; `None` where there is no such member.
    pub(super) fn open(&self, name: &BundlePath) -> Result<Option<OpenMember>, BundleError> {
        let Some(member) = self.members.get(name) else { return Ok(None) };
        let shown = name.to_string();
        let mut file = File::open(&self.path).map_err(|e| BundleError::io(&self.path, e))?;
        let start =
            member.data_start(&mut file, &shown).map_err(|fault| fault.at(&shown, &self.path))?;
        file.seek(SeekFrom::Start(start)).map_err(|e| BundleError::io(&self.path, e))?;
        let packed = BufReader::with_capacity(256 << 10, file.take(member.packed));
        let bytes: Box<dyn Read + Send> =
            if member.deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        let bytes = bytes.take(member.size.saturating_add(1));
        Ok(Some(OpenMember { bytes, size: member.size, crc: member.crc }))
    }
}

impl Member {
    /// Where the packed bytes begin, after the local header, which must agree with the directory.
    fn data_start(&self, file: &mut File, name: &str) -> Result<u64, Fault> {
        file.seek(SeekFrom::Start(self.offset))?;
        let mut header = [0; 30];
        file.read_exact(&mut header)?;
        let mut fields = Fields(&header);
        let signature = fields.u32()?;
        let _version = fields.u16()?;
        let flags = fields.u16()?;
        let method = fields.u16()?;
        fields.skip(16)?;
        let name_len = u64::from(fields.u16()?);
        let extra_len = u64::from(fields.u16()?);
        let mut stored_name = Vec::new();
        file.take(name_len).read_to_end(&mut stored_name)?;
        let expected = if self.deflated { DEFLATED } else { STORED };
        if signature != LOCAL
            || method != expected
            || flags & REFUSED_FLAGS != 0
            || stored_name != name.as_bytes()
        {
            return Err(Fault::Rule(ZipRule::HeadersDisagree));
        }
        let start = self
            .offset
            .checked_add(LOCAL_LEN)
            .and_then(|at| at.checked_add(name_len))
            .and_then(|at| at.checked_add(extra_len))
            .ok_or(Fault::Rule(ZipRule::Overlap))?;
        match start.checked_add(self.packed) {
            Some(end) if end <= self.limit => Ok(start),
            _ => Err(Fault::Rule(ZipRule::Overlap)),
        }
    }
}

/// What the end records say about the central directory.
struct End {
    members: u64,
    offset: u64,
    size: u64,
}

impl End {
    fn read(file: &mut BufReader<File>, len: u64) -> Result<Self, Fault> {
        let at = len.checked_sub(END_LEN).ok_or(Fault::Rule(ZipRule::NotAnArchive))?;
        file.seek(SeekFrom::Start(at))?;
        let mut record = [0; 22];
        file.read_exact(&mut record)?;
        let mut fields = Fields(&record);
        // A comment would stand behind this record, so with one the signature is not found here.
        if fields.u32()? != END {
            return Err(Fault::Rule(ZipRule::NotAnArchive));
        }
        let disks = (fields.u16()?, fields.u16()?);
        let (here, total) = (fields.u16()?, fields.u16()?);
        let (size, offset) = (fields.u32()?, fields.u32()?);
        if fields.u16()? != 0 {
            return Err(Fault::Rule(ZipRule::NotAnArchive));
        }
        let wide = total == u16::MAX || size == u32::MAX || offset == u32::MAX;
        if wide && let Some(end) = Self::read_wide(file, at)? {
            return Ok(end);
        }
        if disks != (0, 0) || here != total {
            return Err(Fault::Rule(ZipRule::SeveralDisks));
        }
        Self { members: total.into(), offset: offset.into(), size: size.into() }.ending_at(at)
    }

    /// The zip64 record, where the locator before `end_at` names one.
    fn read_wide(file: &mut BufReader<File>, end_at: u64) -> Result<Option<Self>, Fault> {
        let Some(at) = end_at.checked_sub(LOCATOR64_LEN) else { return Ok(None) };
        file.seek(SeekFrom::Start(at))?;
        let mut record = [0; 20];
        file.read_exact(&mut record)?;
        let mut fields = Fields(&record);
        if fields.u32()? != LOCATOR64 {
            return Ok(None);
        }
        let disk = fields.u32()?;
        let wide_at = fields.u64()?;
        if disk != 0 || fields.u32()? > 1 || wide_at.checked_add(END64_LEN) != Some(at) {
            return Err(Fault::Rule(ZipRule::SeveralDisks));
        }
        file.seek(SeekFrom::Start(wide_at))?;
        let mut record = [0; 56];
        file.read_exact(&mut record)?;
        let mut fields = Fields(&record);
        if fields.u32()? != END64 {
            return Err(Fault::Rule(ZipRule::NotAnArchive));
        }
        fields.skip(12)?;
        let disks = (fields.u32()?, fields.u32()?);
        let (here, members) = (fields.u64()?, fields.u64()?);
        if disks != (0, 0) || here != members {
            return Err(Fault::Rule(ZipRule::SeveralDisks));
        }
        let size = fields.u64()?;
        Self { members, offset: fields.u64()?, size }.ending_at(wide_at).map(Some)
    }

    fn ending_at(self, at: u64) -> Result<Self, Fault> {
        if self.offset.checked_add(self.size) != Some(at) {
            return Err(Fault::Rule(ZipRule::NotAnArchive));
        }
        if self.members > MAX_ZIP_MEMBERS {
            return Err(Fault::Rule(ZipRule::TooManyMembers { limit: MAX_ZIP_MEMBERS }));
        }
        Ok(self)
    }
}

fn read_members(
    file: &mut BufReader<File>,
    end: &End,
) -> Result<BTreeMap<BundlePath, Member>, (String, Fault)> {
    let directory = || "the central directory".to_owned();
    file.seek(SeekFrom::Start(end.offset)).map_err(|e| (directory(), e.into()))?;
    let mut records = file.take(end.size);
    let mut members = BTreeMap::new();
    let mut name = Vec::new();
    for number in 0..end.members {
        let (path, member) = read_member(&mut records, &mut name)
            .map_err(|fault| (String::from_utf8_lossy(&name).into_owned(), fault))?;
        let refuse = |rule| Err((path.to_string(), Fault::Rule(rule)));
        if (path == BundlePath::Manifest) != (number == 0) || (member.offset == 0) != (number == 0)
        {
            // A second manifest is a duplicate; anything else here means that it is not the first.
            return refuse(if number > 0 && path == BundlePath::Manifest {
                ZipRule::Duplicate
            } else {
                ZipRule::ManifestNotFirst
            });
        }
        if member.size > RATIO_FLOOR && member.size / MAX_ZIP_RATIO > member.packed {
            return refuse(ZipRule::Ratio { limit: MAX_ZIP_RATIO });
        }
        if members.insert(path, member).is_some() {
            return refuse(ZipRule::Duplicate);
        }
    }
    if records.limit() != 0 {
        return Err((directory(), Fault::Rule(ZipRule::NotAnArchive)));
    }
    if members.is_empty() {
        return Err((BundlePath::Manifest.to_string(), Fault::Rule(ZipRule::ManifestNotFirst)));
    }
    bound_members(&mut members, end.offset)?;
    Ok(members)
}

/// Tells every member where the next one begins, and refuses members that share bytes.
fn bound_members(
    members: &mut BTreeMap<BundlePath, Member>,
    directory_at: u64,
) -> Result<(), (String, Fault)> {
    let mut by_offset: Vec<_> = members.iter_mut().collect();
    by_offset.sort_unstable_by_key(|(_, member)| std::cmp::Reverse(member.offset));
    let mut limit = directory_at;
    for (path, member) in by_offset {
        let least =
            member.offset.checked_add(LOCAL_LEN).and_then(|at| at.checked_add(member.packed));
        if least.is_none_or(|end| end > limit) {
            return Err((path.to_string(), Fault::Rule(ZipRule::Overlap)));
        }
        member.limit = limit;
        limit = member.offset;
    }
    Ok(())
}

fn read_member(records: &mut impl Read, name: &mut Vec<u8>) -> Result<(BundlePath, Member), Fault> {
    let mut record = [0; 46];
    records.read_exact(&mut record)?;
    let mut fields = Fields(&record);
    if fields.u32()? != CENTRAL {
        return Err(Fault::Rule(ZipRule::NotAnArchive));
    }
    fields.skip(4)?;
    let flags = fields.u16()?;
    let method = fields.u16()?;
    fields.skip(4)?;
    let crc = fields.u32()?;
    let (packed, size) = (fields.u32()?, fields.u32()?);
    let name_len = usize::from(fields.u16()?);
    let extra_len = usize::from(fields.u16()?);
    let comment_len = u64::from(fields.u16()?);
    let disk = fields.u16()?;
    fields.skip(2)?;
    let attributes = fields.u32()?;
    let offset = fields.u32()?;

    name.clear();
    name.resize(name_len, 0);
    records.read_exact(name)?;
    let mut extra = vec![0; extra_len];
    records.read_exact(&mut extra)?;
    io::copy(&mut records.take(comment_len), &mut io::sink())?;

    let mut wide = wide_fields(&extra)?;
    let mut widen = |narrow: u32| {
        if narrow == u32::MAX { wide.u64() } else { Ok(u64::from(narrow)) }
    };
    let size = widen(size)?;
    let packed = widen(packed)?;
    let offset = widen(offset)?;
    if disk != 0 {
        return Err(Fault::Rule(ZipRule::SeveralDisks));
    }
    if flags & REFUSED_FLAGS != 0 {
        return Err(Fault::Rule(ZipRule::Encrypted));
    }
    let deflated = match method {
        STORED if packed == size => false,
        STORED => return Err(Fault::Rule(ZipRule::HeadersDisagree)),
        DEFLATED => true,
        _ => return Err(Fault::Rule(ZipRule::Method { method })),
    };
    // The upper half holds a Unix mode where the maker has one: a plain file or nothing at all.
    // Bit 4 of the lower half is the DOS mark of a directory.
    let kind = (attributes >> 16) & 0o170_000;
    if (kind != 0 && kind != 0o100_000) || attributes & 0x10 != 0 {
        return Err(Fault::Rule(ZipRule::NotAFile));
    }
    let path = std::str::from_utf8(name)
        .ok()
        .and_then(|name| name.parse::<BundlePath>().ok())
        .ok_or(Fault::Rule(ZipRule::Name))?;
    Ok((path, Member { offset, limit: 0, packed, size, crc, deflated }))
}

/// The zip64 part of an extra field, empty where there is none.
fn wide_fields(extra: &[u8]) -> Result<Fields<'_>, Fault> {
    let mut rest = Fields(extra);
    while !rest.0.is_empty() {
        let id = rest.u16()?;
        let len = usize::from(rest.u16()?);
        let body = rest.take(len)?;
        if id == 1 {
            return Ok(Fields(body));
        }
    }
    Ok(Fields(&[]))
}

/// Little-endian fields of a record.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (head, tail) =
            self.0.split_first_chunk::<N>().ok_or(Fault::Rule(ZipRule::NotAnArchive))?;
        self.0 = tail;
        Ok(*head)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (head, tail) =
            self.0.split_at_checked(len).ok_or(Fault::Rule(ZipRule::NotAnArchive))?;
        self.0 = tail;
        Ok(head)
    }

    fn skip(&mut self, len: usize) -> Result<(), Fault> {
        self.take(len).map(drop)
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }
}

enum Fault {
    Io(io::Error),
    Rule(ZipRule),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        // A record that ends early is a cut file, not a failing disk.
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Rule(ZipRule::NotAnArchive)
        } else {
            Self::Io(error)
        }
    }
}

impl Fault {
    fn at(self, name: &str, archive: &Path) -> BundleError {
        match self {
            Self::Io(source) => BundleError::io(archive, source),
            Self::Rule(rule) => BundleError::Refused { name: printable(name), rule },
        }
    }
}

/// A name out of an archive, safe to show: short, and without control characters.
fn printable(name: &str) -> String {
    name.chars().take(100).flat_map(char::escape_debug).collect()
}
