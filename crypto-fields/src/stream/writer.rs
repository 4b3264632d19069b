//! Sealing what is written.

use std::fmt;
use std::io::{self, Write};

use zeroize::Zeroizing;

use super::{CHUNK, Chunks};

/// Seals what is written to it. See [`StreamKey::writer`](crate::StreamKey::writer).
pub struct StreamWriter<W> {
    chunks: Chunks,
    out: W,
    /// Plaintext of the chunk to come, at most [`CHUNK`]; a full one waits, as it may be the last.
    buffer: Zeroizing<Vec<u8>>,
    /// Something could not be written: what came out ends anywhere.
    broken: bool,
}

impl<W: Write> StreamWriter<W> {
    pub(super) fn new(chunks: Chunks, out: W) -> Self {
        Self { chunks, out, buffer: Zeroizing::new(Vec::with_capacity(CHUNK)), broken: false }
    }

    /// Writes the last chunk and gives the inner writer back, flushed.
    ///
    /// # Errors
    ///
    /// Those of the inner writer; the file is cut off then.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("the file is broken off by an error before"));
        }
        self.broken = true;
        let tag = self.chunks.seal(&mut self.buffer, last);
        let tag = tag.ok_or_else(|| io::Error::other("a sealed file holds 256 TiB at most"))?;
        self.out.write_all(&self.buffer)?;
        self.out.write_all(&tag)?;
        self.buffer.clear();
        self.broken = false;
        Ok(())
    }
}

impl<W: Write> Write for StreamWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.buffer.len() == CHUNK {
            self.seal(false)?;
        }
        let room = CHUNK.saturating_sub(self.buffer.len());
        let (head, _) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.buffer.extend_from_slice(head);
        Ok(head.len())
    }

    /// Flushes what is sealed. What is not a full chunk yet stays until [`finish`](Self::finish).
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W> fmt::Debug for StreamWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter").finish_non_exhaustive()
    }
}
