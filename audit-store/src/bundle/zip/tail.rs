//! That an archive ends where the file does, which the zip crate neither asks for nor shows.
//!
//! APPNOTE.TXT 6.3.10, 4.3.14 to 4.3.16.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use zip::ZipArchive;
use zip::read::HasZipMetadata as _;

use super::{Fault, ZipRule};

const END: u64 = 0x0605_4b50;
const END64: u64 = 0x0606_4b50;
const LOCATOR64: u64 = 0x0706_4b50;
/// The end record without a comment, and that behind a zip64 record and its locator.
const END_LENGTH: usize = 22;
const WIDE_LENGTH: usize = 56 + 20 + END_LENGTH;
/// Where a header of the central directory says how long its name, its extra field and its
/// comment are, and where they begin.
const LENGTHS_AT: u64 = 28;
const HEADER_LENGTH: u64 = 46;

/// What the last bytes of the file say about the central directory.
pub(super) struct Tail {
    pub(super) members: u64,
    start: u64,
    end: u64,
}

impl Tail {
    /// Reads the end records, before anything is done at their word.
    pub(super) fn read(file: &mut BufReader<File>, len: u64) -> Result<Self, Fault> {
        let mut bytes = Vec::new();
        let wide = u64::try_from(WIDE_LENGTH).unwrap_or(u64::MAX);
        file.seek(SeekFrom::Start(len.saturating_sub(wide)))?;
        file.take(wide).read_to_end(&mut bytes)?;
        let whole = bytes.as_slice();
        let (before, end) = whole
            .len()
            .checked_sub(END_LENGTH)
            .and_then(|at| whole.split_at_checked(at))
            .ok_or(ZipRule::NotAnArchive)?;
        // A comment would stand behind this record, so with one it is not found here.
        if number(end, 0, 4) != END || number(end, 20, 2) != 0 {
            return Err(ZipRule::NotAnArchive.into());
        }
        let is_wide = whole.len() == WIDE_LENGTH
            && number(before, 0, 4) == END64
            && number(before, 56, 4) == LOCATOR64;
        let (records, members, size, start) = if is_wide {
            (WIDE_LENGTH, number(before, 32, 8), number(before, 40, 8), number(before, 48, 8))
        } else {
            (END_LENGTH, number(end, 10, 2), number(end, 12, 4), number(end, 16, 4))
        };
        let end = u64::try_from(records).ok().and_then(|records| len.checked_sub(records));
        match end {
            Some(end) if start.checked_add(size) == Some(end) => Ok(Self { members, start, end }),
            _ => Err(ZipRule::NotAnArchive.into()),
        }
    }

    /// Whether the crate found the same directory, and its last header reaches to these records.
    pub(super) fn check(&self, archive: ZipArchive<BufReader<File>>) -> Result<(), Fault> {
        let metadata = archive.metadata();
        let same = u64::try_from(metadata.len()).is_ok_and(|members| members == self.members)
            && archive.central_directory_start() == self.start
            && archive.comment().is_empty();
        let last = metadata.len().checked_sub(1).and_then(|last| metadata.entry(last).ok());
        let last = last.map_or(self.end, |last| last.get_metadata().central_header_start);
        let mut file = archive.into_inner();
        file.seek(SeekFrom::Start(last.saturating_add(LENGTHS_AT)))?;
        let mut lengths = [0; 6];
        file.read_exact(&mut lengths)?;
        let end = (0..3)
            .map(|field: usize| number(&lengths, field.saturating_mul(2), 2))
            .fold(last.saturating_add(HEADER_LENGTH), u64::saturating_add);
        if same && end == self.end { Ok(()) } else { Err(ZipRule::NotAnArchive.into()) }
    }
}

/// The little-endian number of `width` bytes at `at`.
fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    let bytes = bytes.iter().skip(at).take(width);
    bytes.rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
