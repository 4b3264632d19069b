//! What a witness answers.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::parse_size;
use crate::note::cosignature::Cosignature;
use crate::note::key::VerifierKey;
use crate::note::{MAX_NOTE_SIGNATURES, NoteError, NoteSignature};

/// Most bytes of a witness's answer that are worth reading.
pub const MAX_WITNESS_ANSWER_LEN: usize = 1 << 16;

/// A witness's answer to a checkpoint that it cosigned: signature lines, at least one.
///
/// They may be by any key: those of unknown ones mean nothing.
// INVARIANT: 1 to MAX_NOTE_SIGNATURES signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessCosignatures {
    lines: Vec<NoteSignature>,
}

impl WitnessCosignatures {
    /// The answer of a witness that has one key.
    #[must_use]
    pub fn new(cosignature: Cosignature) -> Self {
        Self { lines: vec![cosignature.into()] }
    }

    /// Reads a body. Strict: what it prints again is what was read. No signature is checked.
    ///
    /// # Errors
    ///
    /// [`NoteError::TooLarge`] beyond [`MAX_WITNESS_ANSWER_LEN`]; [`NoteError::NoSignature`] where
    /// there is none, or the last line has no end; [`NoteError::Line`];
    /// [`NoteError::TooManySignatures`].
    pub fn parse(body: &str) -> Result<Self, NoteError> {
        if body.len() > MAX_WITNESS_ANSWER_LEN {
            return Err(NoteError::TooLarge);
        }
        let body = body.strip_suffix('\n').ok_or(NoteError::NoSignature)?;
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(body.split('\n')) {
            if number > MAX_NOTE_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            let signature =
                NoteSignature::parse(line).map_err(|_| NoteError::Line { line: number })?;
            lines.push(signature);
        }
        Ok(Self { lines })
    }

    /// The lines, in the order they stand.
    #[must_use]
    pub fn lines(&self) -> &[NoteSignature] {
        &self.lines
    }

    /// The cosignature by this key of the checkpoint with this text, checked.
    ///
    /// # Errors
    ///
    /// [`NoteError::Untrusted`] where there is none by the key, [`NoteError::Invalid`] and
    /// [`NoteError::Time`] where one that claims to be by it is not.
    pub fn by(&self, witness: &VerifierKey, text: &str) -> Result<Cosignature, NoteError> {
        let mut found = Err(NoteError::Untrusted);
        for line in self.lines.iter().filter(|line| line.is_by(witness)) {
            let cosignature = Cosignature::try_from(line.clone())
                .map_err(|_| NoteError::Invalid { key: witness.name().to_owned() })?;
            cosignature.verify(witness, text)?;
            found = Ok(cosignature);
        }
        found
    }
}

impl fmt::Display for WitnessCosignatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for WitnessCosignatures {
    type Err = NoteError;

    fn from_str(body: &str) -> Result<Self, NoteError> {
        Self::parse(body)
    }
}

/// A witness's answer to a request from another size than that of the checkpoint which it cosigned
/// last: that size, as a decimal number and a newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WitnessSize(u64);

impl WitnessSize {
    /// The media type under which it is sent.
    pub const CONTENT_TYPE: &'static str = "text/x.tlog.size";

    /// That size.
    #[must_use]
    pub const fn new(size: u64) -> Self {
        Self(size)
    }

    /// That size.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads a body, strictly: no leading zeros, one newline, no larger than a tree can be.
    #[must_use]
    pub fn parse(body: &str) -> Option<Self> {
        body.strip_suffix('\n').and_then(parse_size).map(Self)
    }
}

impl fmt::Display for WitnessSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0)
    }
}
