//! Opening what is read.

use std::fmt;
use std::io::{self, Read};

use zeroize::Zeroizing;

use super::{CHUNK, Chunks, invalid};
use crate::ciphertext::TAG_LEN;
use crate::error::OpenError;

/// Opens what is read from it. See [`StreamKey::reader`](crate::StreamKey::reader).
pub struct StreamReader<R> {
    chunks: Chunks,
    from: R,
    /// A chunk with its tag and one byte of the next, by which the last one is told.
    buffer: Zeroizing<Vec<u8>>,
    /// What of the buffer is plaintext yet to be read.
    ready: std::ops::Range<usize>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    Middle,
    Ended,
    Failed,
}

const SEALED_CHUNK: usize = CHUNK + TAG_LEN;

impl<R: Read> StreamReader<R> {
    pub(super) fn new(chunks: Chunks, from: R) -> Self {
        let buffer = Zeroizing::new(Vec::with_capacity(SEALED_CHUNK + 1));
        Self { chunks, from, buffer, ready: 0..0, state: State::First }
    }

    /// Opens the next chunk into the buffer.
    fn next(&mut self) -> io::Result<()> {
        // The byte that was read ahead begins this chunk.
        let ahead = if self.state == State::First { None } else { self.buffer.pop() };
        let first = self.state == State::First;
        self.state = State::Failed;
        self.buffer.clear();
        self.buffer.extend(ahead);
        let wanted = (SEALED_CHUNK + 1).saturating_sub(self.buffer.len());
        let limit = u64::try_from(wanted).unwrap_or(u64::MAX);
        self.from.by_ref().take(limit).read_to_end(&mut self.buffer)?;
        let last = self.buffer.len() <= SEALED_CHUNK;
        let sealed = if last { self.buffer.len() } else { SEALED_CHUNK };
        let opened = self
            .buffer
            .get_mut(..sealed)
            .and_then(|sealed| sealed.split_last_chunk_mut::<TAG_LEN>())
            // An empty chunk is written for an empty file only.
            .filter(|(chunk, _)| first || !chunk.is_empty())
            .and_then(|(chunk, tag)| {
                self.chunks.open(chunk, tag, last)?;
                Some(chunk.len())
            });
        let len = opened.ok_or_else(|| invalid(OpenError::Authentication))?;
        self.ready = 0..len;
        self.state = if last { State::Ended } else { State::Middle };
        Ok(())
    }
}

impl<R: Read> Read for StreamReader<R> {
    /// Reads what is authentic. `Ok(0)` says that the file is whole and was read whole.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.ready.is_empty() {
            match self.state {
                State::Ended => return Ok(0),
                State::Failed => return Err(invalid(OpenError::Authentication)),
                State::First | State::Middle => self.next()?,
            }
        }
        let plain = self.buffer.get(self.ready.clone()).unwrap_or_default();
        let len = std::cmp::min(plain.len(), out.len());
        for (to, from) in out.iter_mut().zip(plain) {
            *to = *from;
        }
        self.ready.start = self.ready.start.saturating_add(len);
        Ok(len)
    }
}

impl<R> fmt::Debug for StreamReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader").finish_non_exhaustive()
    }
}
