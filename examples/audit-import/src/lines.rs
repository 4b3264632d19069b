//! The lines of a file, plain or gzip, one at a time and never more of one than is bearable.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// The longest line that is read: far more than an event can be, since a CloudTrail file may hold
/// all its records in one.
const LONGEST: usize = 64 << 20;

/// One line, counted from 1, or why it cannot be taken as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    NotText(u64),
    Text(u64, String),
    TooLong(u64),
}

/// A file's lines.
pub(crate) struct Lines {
    reader: Box<dyn BufRead + Send>,
    number: u64,
    longest: usize,
}

/// How many bytes of the file were read: what a progress bar shows.
#[derive(Clone, Default)]
pub(crate) struct Position(Arc<AtomicU64>);

impl Position {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Lines {
    /// Opens `path`; whether it is gzip is told by its first bytes and not by its name. Returns the
    /// size of the file and the position in it, too.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, u64, Position)> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        }
        let position = Position::default();
        let mut raw = BufReader::with_capacity(1 << 16, Counted(file, position.clone()));
        let gzip = raw.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead + Send> = if gzip {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        Ok((Self { reader, number: 0, longest: LONGEST }, metadata.len(), position))
    }

    /// The next line, without its end; none after the last. A final line without an end is a line.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(self.longest).unwrap_or(u64::MAX).saturating_add(1);
        let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        } else if bytes.len() > self.longest {
            self.skip()?;
            return Ok(Some(Line::TooLong(self.number)));
        }
        Ok(Some(match String::from_utf8(bytes) {
            Ok(text) => Line::Text(self.number, text),
            Err(_) => Line::NotText(self.number),
        }))
    }

    /// To the end of the line, keeping nothing.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let (used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at.saturating_add(1), true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.reader.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}

struct Counted(File, Position);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.0.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(bytes: &[u8], longest: usize) -> io::Result<Vec<Line>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("log");
        std::fs::write(&path, bytes)?;
        let (mut lines, size, position) = Lines::open(&path)?;
        lines.longest = longest;
        let mut all = Vec::new();
        while let Some(line) = lines.next()? {
            all.push(line);
        }
        assert_eq!(position.get(), size);
        Ok(all)
    }

    fn text(number: u64, text: &str) -> Line {
        Line::Text(number, text.to_owned())
    }

    #[test]
    fn lines_plain_and_zipped() {
        let plain = b"a\nb\r\n\nlast";
        let expected = [text(1, "a"), text(2, "b"), text(3, ""), text(4, "last")];
        assert_eq!(all(plain, 100).unwrap(), expected);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(plain).unwrap();
        let zipped = gzip.finish().unwrap();
        assert_eq!(all(&zipped, 100).unwrap(), expected);
        let cut = zipped.get(..zipped.len() - 6).unwrap();
        assert!(all(cut, 100).is_err(), "a file that was cut off is not a short file");
        assert_eq!(all(b"", 100).unwrap(), []);
    }

    #[test]
    fn a_line_that_is_no_text_or_too_long_is_named_and_passed() {
        let lines = all(b"\xff\xfe\n0123456789\n01234567890123456789012345\nshort\n", 10).unwrap();
        assert_eq!(
            lines,
            [Line::NotText(1), text(2, "0123456789"), Line::TooLong(3), text(4, "short")]
        );
    }
}
