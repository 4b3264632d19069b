//! Signed notes: C2SP signed-note v1.
//!
//! A note is a text and signatures under it. Nothing in it means anything before a signature of a
//! key that the reader already trusts has been checked.

pub(crate) mod cosignature;
pub(crate) mod ed25519;
pub(crate) mod key;

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding};

use crate::clock::Timestamp;
use key::{KeyAlgorithm, VerifierKey, is_key_name};

/// Most bytes a note may have.
pub const MAX_NOTE_LEN: usize = 1 << 20;

/// Most signatures a note may carry. The standard asks for at least 16.
pub const MAX_NOTE_SIGNATURES: usize = 100;

/// What every signature line begins with: an em dash and a space.
const LINE_START: &str = "\u{2014} ";

/// Why a note was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// A control character other than a newline.
    #[error("a control character other than newline")]
    Control,
    /// A signature that names a trusted key but is not its signature: the text or the signature
    /// has been changed.
    #[error("the signature of {key} does not verify")]
    Invalid {
        /// Name of the key.
        key: String,
    },
    /// A signature line is not an em dash, a key name and canonical base64 of a key id and a
    /// signature.
    #[error("signature line {line} is malformed")]
    Line {
        /// The line, counted from 1 after the blank line.
        line: usize,
    },
    /// There is no blank line with at least one signature line after it, the last one ending in a
    /// newline.
    #[error("no signature under the text")]
    NoSignature,
    /// The text does not end in a newline.
    #[error("the text does not end in a newline")]
    Text,
    /// A cosignature's time that no timestamp can express.
    #[error("the time of a cosignature is out of range")]
    Time,
    /// Longer than [`MAX_NOTE_LEN`].
    #[error("longer than {MAX_NOTE_LEN} bytes")]
    TooLarge,
    /// More signatures than [`MAX_NOTE_SIGNATURES`].
    #[error("more than {MAX_NOTE_SIGNATURES} signatures")]
    TooManySignatures,
    /// None of the signatures is by one of the given keys. The note is unverifiable, which is not
    /// to say that it was tampered with.
    #[error("no signature of a trusted key")]
    Untrusted,
}

/// One signature of a note: a key name, a key id, and the bytes that the key's algorithm produced.
// INVARIANT: `name` is a key name; `signature` is not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: u32,
    signature: Vec<u8>,
}

impl NoteSignature {
    /// A signature by this key, made elsewhere (by a key service, say). It is taken as it is.
    #[must_use]
    pub fn ed25519(key: &VerifierKey, signature: &[u8; 64]) -> Self {
        Self { name: key.name().to_owned(), id: key.id(), signature: signature.to_vec() }
    }

    /// Reads one signature line, without its newline.
    ///
    /// # Errors
    ///
    /// [`NoteError::Line`] where it is malformed.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        Self::read(line).ok_or(NoteError::Line { line: 1 })
    }

    fn read(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        if !is_key_name(name) {
            return None;
        }
        let bytes = Base64::decode_vec(base64).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            id: u32::from_be_bytes(*id),
            signature: signature.to_vec(),
        })
    }

    /// Name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.id
    }

    /// What the key's algorithm produced.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether it claims to be by this key: same name and same id.
    #[must_use]
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }
}

impl fmt::Display for NoteSignature {
    /// The signature line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.to_be_bytes()[..], &self.signature].concat();
        write!(f, "{LINE_START}{} {}", self.name, Base64::encode_string(&bytes))
    }
}

impl fmt::Debug for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSignature({self})")
    }
}

impl FromStr for NoteSignature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, NoteError> {
        Self::parse(line)
    }
}

/// What checking a note has shown: this key signed its text. Only checking makes this value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    key: VerifierKey,
    at: Option<Timestamp>,
}

impl VerifiedSignature {
    /// The key that signed.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// When, as the signer says; only a cosignature says so, to the second.
    #[must_use]
    pub const fn at(&self) -> Option<Timestamp> {
        self.at
    }
}

/// A text and the signatures under it.
///
/// # Examples
///
/// ```
/// use audit_core::{Note, SigningKey};
///
/// let key = SigningKey::generate("audit.example.com")?;
/// let mut note = Note::new("All is well.\n")?;
/// note.add(key.sign(note.text()))?;
///
/// let received = Note::parse(&note.to_string())?;
/// received.verify(&[key.verifier().clone()])?;
/// assert_eq!(received.text(), "All is well.\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// INVARIANT: the text ends in a newline and has no other control character; at most
// MAX_NOTE_SIGNATURES signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Begins a note that nobody has signed yet.
    ///
    /// # Errors
    ///
    /// [`NoteError::Text`], [`NoteError::Control`], [`NoteError::TooLarge`].
    pub fn new(text: impl Into<String>) -> Result<Self, NoteError> {
        let text = text.into();
        check_text(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::Text);
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a signed note. Strict: what it prints again is what was read. No signature is checked.
    ///
    /// # Errors
    ///
    /// [`NoteError::TooLarge`], [`NoteError::Control`], [`NoteError::NoSignature`],
    /// [`NoteError::Line`], [`NoteError::TooManySignatures`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        check_text(note)?;
        // The text may have blank lines of its own; the last one ends it.
        let (before, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignature)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignature)?;
        let mut signatures = Vec::new();
        for (number, line) in (1..).zip(lines.split('\n')) {
            if number > MAX_NOTE_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(NoteSignature::read(line).ok_or(NoteError::Line { line: number })?);
        }
        Ok(Self { text: format!("{before}\n"), signatures })
    }

    /// The text, with its final newline: what the signatures are over.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in the order they stand.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature below those there are. It is taken as it is.
    ///
    /// # Errors
    ///
    /// [`NoteError::TooManySignatures`]; the note is as before.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.len() >= MAX_NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Checks the signatures of these keys and ignores those of all others. Returns, in the order
    /// of the note, what was shown: one value for each of the keys that signed.
    ///
    /// # Errors
    ///
    /// [`NoteError::Invalid`] where any signature that claims to be by one of the keys is not
    /// (the whole note is refused, whoever else signed it), [`NoteError::Time`] for a cosignature
    /// with a time that cannot be, [`NoteError::Untrusted`] where none of the keys signed.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<VerifiedSignature>, NoteError> {
        let mut verified: Vec<VerifiedSignature> = Vec::new();
        for signature in &self.signatures {
            // Two keys may share a name and the short id; the signature is by one of them then.
            let mut claimed = keys.iter().filter(|key| signature.is_by(key)).peekable();
            if claimed.peek().is_none() {
                continue;
            }
            let mut refused = NoteError::Invalid { key: signature.name.clone() };
            let mut found = None;
            for key in claimed {
                match verify_one(key, &self.text, signature) {
                    Ok(at) => found = Some(VerifiedSignature { key: key.clone(), at }),
                    Err(error) => refused = error,
                }
            }
            let found = found.ok_or(refused)?;
            if !verified.iter().any(|earlier| earlier.key == found.key) {
                verified.push(found);
            }
        }
        if verified.is_empty() { Err(NoteError::Untrusted) } else { Ok(verified) }
    }
}

impl fmt::Display for Note {
    /// The text, a blank line, and a line for each signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        Self::parse(note)
    }
}

/// Checks one signature by the key it names.
fn verify_one(
    key: &VerifierKey,
    text: &str,
    signature: &NoteSignature,
) -> Result<Option<Timestamp>, NoteError> {
    match key.algorithm() {
        KeyAlgorithm::CosignatureV1 => cosignature::verify(key, text, signature).map(Some),
        KeyAlgorithm::Ed25519 => {
            let valid = <&[u8; 64]>::try_from(signature.signature())
                .is_ok_and(|bytes| key.verify_strict(text.as_bytes(), bytes));
            if valid { Ok(None) } else { Err(NoteError::Invalid { key: signature.name.clone() }) }
        }
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE_LEN {
        Err(NoteError::TooLarge)
    } else if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        Err(NoteError::Control)
    } else {
        Ok(())
    }
}
