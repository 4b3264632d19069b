//! Files: suite 0x04, in chunks of 64 KiB, with constant memory.

mod reader;
mod writer;

use std::fmt;
use std::io::{self, Read, Write};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use subtle::ConstantTimeEq;

use crate::aead::derive::{self, Deriver};
use crate::associated_data::{AssociatedData, Context};
use crate::ciphertext::{
    BODY, COMMITMENT_LEN, CiphertextError, HEADER_LEN, Header, Suite, TAG_LEN,
};
use crate::data_key::{DataKey, WrongPurpose};
use crate::error::OpenError;
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::random::{self, SALT_LEN};

pub use reader::StreamReader;
pub use writer::StreamWriter;

/// How much of a file is sealed at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// A data key made ready for files.
///
/// In a [`Keyset`](crate::Keyset) it is what
/// `keyset.sealing(&tenant, Purpose::Stream, &group)?.data_key()` gives to write with, and
/// `keyset.opening(&tenant, Purpose::Stream, header.key_id())?.data_key()` to read with.
///
/// The beginning of a file says its key, a salt and a commitment, as a value does; then come the
/// chunks, each with its number and whether it is the last. A file that was cut off, extended, or
/// whose chunks were exchanged does not open. **What was read before the end was reached is
/// authentic, but there may have been more**: only the end itself, `Ok(0)`, says that it is whole.
///
/// ```
/// use std::io::{Read, Write};
/// use crypto_fields::{
///     AssociatedData, DataKey, FieldId, Purpose, RowKey, StreamHeader, StreamKey, TenantId,
/// };
///
/// let key = StreamKey::new(&DataKey::generate(Purpose::Stream)?)?;
/// let (tenant, field, row) = (TenantId::SINGLE, FieldId::new("scans.file")?, RowKey::int(1)?);
/// let place = AssociatedData::new(&tenant, &field, &row);
///
/// let mut writer = key.writer(&place, Vec::new())?;
/// writer.write_all(b"a scan")?;
/// let file = writer.finish()?;
///
/// let mut file = file.as_slice();
/// let header = StreamHeader::read(&mut file)?;
/// assert_eq!(header.key_id(), key.id());
/// let mut scan = Vec::new();
/// key.reader(&header, &place, file)?.read_to_end(&mut scan)?;
/// assert_eq!(scan, b"a scan");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StreamKey {
    id: KeyId,
    deriver: Deriver,
}

/// The beginning of a file: which key it is under. Nothing of it is authenticated yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHeader {
    header: Header,
    salt: [u8; SALT_LEN],
    commitment: [u8; COMMITMENT_LEN],
}

impl StreamHeader {
    /// Reads it from the beginning of a file.
    ///
    /// # Errors
    ///
    /// Those of the reader; [`io::ErrorKind::InvalidData`] with an [`OpenError`] inside if it is
    /// no sealed file.
    pub fn read(reader: &mut impl Read) -> io::Result<Self> {
        let mut bytes = [0; BODY];
        match reader.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(invalid(OpenError::Malformed(CiphertextError::Length)));
            }
            read => read?,
        }
        Self::parse(&bytes).map_err(|error| invalid(error.into()))
    }

    fn parse(bytes: &[u8; BODY]) -> Result<Self, CiphertextError> {
        let (header, rest) = Header::read(bytes)?;
        if header.suite != Suite::Stream {
            return Err(CiphertextError::Suite(header.suite.code()));
        }
        if header.padded {
            return Err(CiphertextError::Flags);
        }
        let (salt, rest) = rest.split_first_chunk().ok_or(CiphertextError::Length)?;
        let (commitment, _) = rest.split_first_chunk().ok_or(CiphertextError::Length)?;
        Ok(Self { header, salt: *salt, commitment: *commitment })
    }

    /// The key that the file says to be sealed under.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.header.key
    }
}

impl StreamKey {
    /// Makes a key ready.
    ///
    /// # Errors
    ///
    /// [`WrongPurpose`] unless the key is for [`Purpose::Stream`].
    pub fn new(key: &DataKey) -> Result<Self, WrongPurpose> {
        Ok(Self { id: key.id(), deriver: Deriver::new(key.secret_for(Purpose::Stream)?) })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Seals what is written, into `out`. [`StreamWriter::finish`] MUST be called at the end: a
    /// file without it is cut off, and does not open.
    ///
    /// # Errors
    ///
    /// Those of `out`, or that there is no randomness.
    pub fn writer<W: Write>(
        &self,
        place: &AssociatedData<'_>,
        out: W,
    ) -> io::Result<StreamWriter<W>> {
        let salt = random::salt().map_err(io::Error::other)?;
        self.writer_salted(&place.digest(), &salt, out)
    }

    fn writer_salted<W: Write>(
        &self,
        context: &Context,
        salt: &[u8; SALT_LEN],
        mut out: W,
    ) -> io::Result<StreamWriter<W>> {
        let header = Header { suite: Suite::Stream, padded: false, key: self.id }.to_bytes();
        out.write_all(&header)?;
        out.write_all(salt)?;
        out.write_all(&self.deriver.commitment(&header, salt, context))?;
        Ok(StreamWriter::new(self.chunks(&header, salt, context), out))
    }

    /// Opens what is read from `from`, which stands behind the header.
    ///
    /// # Errors
    ///
    /// [`OpenError::UnknownKey`] if the file names another key, [`OpenError::Authentication`] if it
    /// is not of this place, or under another key of the same id.
    pub fn reader<R: Read>(
        &self,
        header: &StreamHeader,
        place: &AssociatedData<'_>,
        from: R,
    ) -> Result<StreamReader<R>, OpenError> {
        self.reader_in(header, &place.digest(), from)
    }

    fn reader_in<R: Read>(
        &self,
        header: &StreamHeader,
        context: &Context,
        from: R,
    ) -> Result<StreamReader<R>, OpenError> {
        if header.key_id() != self.id {
            return Err(OpenError::UnknownKey { key: header.key_id() });
        }
        let (bytes, salt) = (header.header.to_bytes(), &header.salt);
        let expected = self.deriver.commitment(&bytes, salt, context);
        if !bool::from(expected.ct_eq(&header.commitment)) {
            return Err(OpenError::Authentication);
        }
        Ok(StreamReader::new(self.chunks(&bytes, salt, context), from))
    }

    fn chunks(
        &self,
        header: &[u8; HEADER_LEN],
        salt: &[u8; SALT_LEN],
        context: &Context,
    ) -> Chunks {
        let key = self.deriver.message_key(header, salt, context);
        Chunks {
            cipher: Box::new(Aes256Gcm::new((&*key).into())),
            aad: derive::concat(header, &context.0),
            next: Some(0),
        }
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The cipher of one file and the number of the next chunk.
struct Chunks {
    cipher: Box<Aes256Gcm>,
    aad: [u8; HEADER_LEN + 32],
    /// `None` after the last chunk, and after 2^32 of them (256 TiB).
    next: Option<u32>,
}

impl Chunks {
    /// 7 zero bytes, the number of the chunk, whether it is the last. Each once under one key.
    fn nonce(&mut self, last: bool) -> Option<[u8; 12]> {
        let counter = self.next?;
        self.next = if last { None } else { counter.checked_add(1) };
        let [a, b, c, d] = counter.to_be_bytes();
        Some([0, 0, 0, 0, 0, 0, 0, a, b, c, d, u8::from(last)])
    }

    /// Encrypts a chunk in place; returns its tag.
    fn seal(&mut self, chunk: &mut [u8], last: bool) -> Option<[u8; TAG_LEN]> {
        let nonce = self.nonce(last)?;
        let tag = self.cipher.encrypt_inout_detached(&Nonce::from(nonce), &self.aad, chunk.into());
        tag.ok().map(Into::into)
    }

    /// Decrypts a chunk in place.
    fn open(&mut self, chunk: &mut [u8], tag: &[u8; TAG_LEN], last: bool) -> Option<()> {
        let nonce = Nonce::from(self.nonce(last)?);
        self.cipher.decrypt_inout_detached(&nonce, &self.aad, chunk.into(), tag.into()).ok()
    }
}

fn invalid(error: OpenError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
