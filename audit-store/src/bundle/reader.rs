//! Streaming a file of a bundle: checked against its manifest, cut into blocks of lines.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use audit_core::BundleFile;
use base16ct::lower::encode_string as hex;
use sha2::{Digest as _, Sha256};

use super::directory::OpenFile;
use super::zip::OpenMember;
use super::{BundleError, BundleFault};

/// Blocks hold whole tiles of lines, so that a block's leaves fill tiles without remainder.
const LINES_PER_TILE: usize = 256;
/// A block ends at the first whole tile from here on …
const BLOCK_BYTES: usize = 1 << 20;
/// … and at the latest here, whatever its size.
const BLOCK_LINES: usize = 4_096;

/// A file of a bundle that has been opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// The bundle's place.
    pub(super) path: PathBuf,
    pub(super) file: String,
    pub(super) source: OpenSource,
    /// What the manifest says of it.
    pub(super) listed: Option<BundleFile>,
}

#[derive(Debug)]
pub(super) enum OpenSource {
    File(OpenFile),
    Member(OpenMember),
}

impl Opened {
    /// The file from its beginning.
    pub(super) fn read(&mut self) -> Result<Checked<'_>, BundleError> {
        let io = |source| BundleError::io(&self.path, source);
        let (size, bytes, packed): (u64, Box<dyn Read + Send + '_>, bool) = match &mut self.source {
            OpenSource::File(file) => {
                let (size, bytes) = file.bytes().map_err(io)?;
                (size, Box::new(bytes), false)
            }
            OpenSource::Member(member) => {
                let (size, bytes) = member.bytes().map_err(io)?;
                (size, Box::new(bytes), true)
            }
        };
        if let Some(BundleFile { bytes: expected, .. }) = self.listed
            && expected != size
        {
            let fault = BundleFault::Size { expected, found: size };
            return Err(BundleError::Malformed { file: self.file.clone(), fault });
        }
        Ok(Checked {
            path: &self.path,
            file: &self.file,
            bytes,
            packed,
            read: 0,
            expected: self.listed.map(|file| Expected { file, state: Sha256::new() }),
        })
    }
}

/// A file's bytes, compared at their end with what the manifest says.
pub(super) struct Checked<'a> {
    path: &'a Path,
    file: &'a str,
    bytes: Box<dyn Read + Send + 'a>,
    /// Out of an archive, which compares them with its checksum.
    packed: bool,
    read: u64,
    expected: Option<Expected>,
}

struct Expected {
    file: BundleFile,
    state: Sha256,
}

impl Checked<'_> {
    fn malformed(&self, fault: BundleFault) -> BundleError {
        BundleError::Malformed { file: self.file.to_owned(), fault }
    }

    /// Appends up to `most` further bytes to `buffer`, at least one; 0 at the end, which is then
    /// checked.
    fn read_into(&mut self, buffer: &mut Vec<u8>, most: usize) -> Result<usize, BundleError> {
        let before = buffer.len();
        buffer.resize(before.saturating_add(most), 0);
        let read = loop {
            match self.bytes.read(buffer.get_mut(before..).unwrap_or_default()) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        buffer.truncate(before.saturating_add(*read.as_ref().unwrap_or(&0)));
        let count = match read {
            Ok(count) => count,
            // What the unpacking of a damaged stream answers, and never a file.
            Err(e)
                if self.packed
                    && matches!(
                        e.kind(),
                        io::ErrorKind::InvalidInput
                            | io::ErrorKind::InvalidData
                            | io::ErrorKind::UnexpectedEof
                    ) =>
            {
                return Err(self.malformed(BundleFault::Damaged));
            }
            Err(e) => return Err(BundleError::io(self.path, e)),
        };
        let fresh = buffer.get(before..).unwrap_or_default();
        self.read = self.read.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if let Some(expected) = &mut self.expected {
            expected.state.update(fresh);
            if self.read > expected.file.bytes {
                let fault = BundleFault::Size { expected: expected.file.bytes, found: self.read };
                return Err(self.malformed(fault));
            }
        }
        if count == 0 {
            self.finish()?;
        }
        Ok(count)
    }

    fn finish(&mut self) -> Result<(), BundleError> {
        if let Some(expected) = self.expected.take() {
            if self.read != expected.file.bytes {
                let fault = BundleFault::Size { expected: expected.file.bytes, found: self.read };
                return Err(self.malformed(fault));
            }
            let found: [u8; 32] = expected.state.finalize().into();
            if found != expected.file.sha256 {
                let (expected, found) = (hex(&expected.file.sha256), hex(&found));
                let fault = BundleFault::Hash { expected, found };
                return Err(self.malformed(fault));
            }
        }
        Ok(())
    }

    /// The whole file, where it is text of at most `limit` bytes.
    pub(super) fn into_text(mut self, limit: u64) -> Result<String, BundleError> {
        let mut buffer = Vec::new();
        while self.read_into(&mut buffer, 64 << 10)? > 0 {
            if self.read > limit {
                return Err(self.malformed(BundleFault::TooLarge { limit }));
            }
        }
        String::from_utf8(buffer).map_err(|_| self.malformed(BundleFault::NotText { line: 0 }))
    }
}

impl fmt::Debug for Checked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A file of lines that has been opened: `entries.jsonl` or `disclosures.jsonl`.
#[derive(Debug)]
pub struct LineFile {
    opened: Opened,
    longest: usize,
}

impl LineFile {
    pub(super) fn new(opened: Opened, longest: usize) -> Self {
        Self { opened, longest }
    }

    /// Reads the file, from its beginning.
    ///
    /// The file's size and hash are compared with the manifest when its end is reached.
    ///
    /// # Errors
    ///
    /// [`BundleError::Malformed`] where the file has another size than the manifest says;
    /// [`BundleError::Io`].
    pub fn lines(&mut self) -> Result<LineReader<'_>, BundleError> {
        Ok(LineReader {
            longest: self.longest,
            source: self.opened.read()?,
            next_line: 0,
            rest: Vec::new(),
            ended: false,
            fault: None,
        })
    }
}

/// The lines of a file, in blocks that can be handed to several threads.
///
/// Every block but the last holds a multiple of 256 lines, at most 4,096, so that block boundaries
/// fall on tile boundaries. A block is about a megabyte; with 256 lines of the greatest length it
/// is larger. Memory is that of the blocks in use.
#[derive(Debug)]
pub struct LineReader<'a> {
    source: Checked<'a>,
    longest: usize,
    next_line: u64,
    /// Bytes read and not yet handed out: the beginning of the next block.
    rest: Vec<u8>,
    ended: bool,
    /// What is wrong with the file as a whole, told behind the last line.
    fault: Option<BundleError>,
}

impl LineReader<'_> {
    /// The next block, `None` behind the last line.
    ///
    /// # Errors
    ///
    /// [`BundleError::Malformed`] for a line that is too long, does not end or is no text, and, at
    /// the end of the file, where size or hash are other than the manifest says;
    /// [`BundleError::Io`]. Behind an error there is nothing more to read. Lines handed out before
    /// were read from the same file, and are not to be relied upon once it has failed.
    pub fn next_block(&mut self) -> Result<Option<LineBlock>, BundleError> {
        let block = self.cut_block();
        if !matches!(block, Ok(Some(_))) {
            self.ended = true;
            self.rest = Vec::new();
        }
        block
    }

    fn cut_block(&mut self) -> Result<Option<LineBlock>, BundleError> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut ends = Vec::new();
        let mut searched = 0;
        loop {
            let line_start = ends.last().copied().unwrap_or(0);
            self.find_lines(&bytes, &mut searched, line_start, &mut ends)?;
            if let Some(lines) = block_lines(&ends) {
                return self.hand_out(bytes, ends, lines).map(Some);
            }
            if self.ended {
                let lines = ends.len();
                if let Some(fault) = self.fault.take_if(|_| lines == 0) {
                    return Err(fault);
                }
                if self.fault.is_none() && ends.last().copied().unwrap_or(0) != bytes.len() {
                    return Err(self.source.malformed(BundleFault::NoFinalNewline));
                }
                if lines == 0 {
                    return Ok(None);
                }
                return self.hand_out(bytes, ends, lines).map(Some);
            }
            // The lines before a fault that shows at the end only are examined all the same: they
            // tell where it is.
            self.ended = match self.source.read_into(&mut bytes, 256 << 10) {
                Ok(count) => count == 0,
                Err(fault @ BundleError::Malformed { .. }) => {
                    self.fault = Some(fault);
                    true
                }
                Err(error) => return Err(error),
            };
        }
    }

    /// Notes where lines end in the part of `bytes` that was not searched yet.
    fn find_lines(
        &self,
        bytes: &[u8],
        searched: &mut usize,
        mut line_start: usize,
        ends: &mut Vec<usize>,
    ) -> Result<(), BundleError> {
        let base = *searched;
        let fresh = bytes.get(base..).unwrap_or_default();
        let too_long = |from: usize, to: usize| to.saturating_sub(from) > self.longest;
        let mut fault = None;
        for at in memchr::memchr_iter(b'\n', fresh) {
            let end = base.saturating_add(at);
            if too_long(line_start, end) {
                fault = Some(ends.len());
                break;
            }
            line_start = end.saturating_add(1);
            ends.push(line_start);
        }
        if fault.is_none() && too_long(line_start, bytes.len()) {
            fault = Some(ends.len());
        }
        *searched = bytes.len();
        match fault {
            None => Ok(()),
            Some(line) => Err(self.source.malformed(BundleFault::LineTooLong {
                line: self.next_line.saturating_add(u64::try_from(line).unwrap_or(u64::MAX)),
                limit: self.longest,
            })),
        }
    }

    fn hand_out(
        &mut self,
        mut bytes: Vec<u8>,
        mut ends: Vec<usize>,
        lines: usize,
    ) -> Result<LineBlock, BundleError> {
        ends.truncate(lines);
        let len = ends.last().copied().unwrap_or(0);
        self.rest = bytes.split_off(len);
        let first = self.next_line;
        let text = String::from_utf8(bytes).map_err(|e| {
            let good = e.utf8_error().valid_up_to();
            let line = ends.partition_point(|end| *end <= good);
            self.source.malformed(BundleFault::NotText {
                line: first.saturating_add(u64::try_from(line).unwrap_or(u64::MAX)),
            })
        })?;
        self.next_line = first.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
        Ok(LineBlock { first, text, ends })
    }
}

/// How many of the lines found so far make a block, `None` where more must be read.
fn block_lines(ends: &[usize]) -> Option<usize> {
    let whole = ends.len().checked_div(LINES_PER_TILE)?.checked_mul(LINES_PER_TILE)?;
    if whole >= BLOCK_LINES {
        return Some(BLOCK_LINES);
    }
    let bytes = ends.get(whole.checked_sub(1)?)?;
    (*bytes >= BLOCK_BYTES).then_some(whole)
}

/// Some lines of a file that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineBlock {
    first: u64,
    text: String,
    /// For each line the offset behind its newline.
    ends: Vec<usize>,
}

impl LineBlock {
    /// The number of the first line, counted from 0.
    #[must_use]
    pub fn first_line(&self) -> u64 {
        self.first
    }

    /// How many lines there are; never none.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The lines, without their newlines.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let line = self.text.get(start..end.saturating_sub(1)).unwrap_or_default();
            start = *end;
            line
        })
    }

    /// The lines as they are in the file, newlines included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
