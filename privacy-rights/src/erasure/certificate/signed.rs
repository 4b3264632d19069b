//! A certificate as a file: its text under a signature, and the proof of its entry in the journal.

use std::fmt;
use std::str::FromStr;

use audit_core::{
    Entry, KeyError, Note, NoteError, NoteSignature, ProofFile, SigningKey, VerifierKey,
};
use serde_json::Value;

use super::error::CertificateError;
use super::{CERTIFIED, Certificate};

/// Between the signed certificate and the proof stands an empty line; the proof's first line.
const PROOF: &str = "\nc2sp.org/tlog-proof@v1\n";

/// The name of the key under which a journal signs documents: `<journal name>/documents`.
pub(crate) fn documents(journal: &str) -> String {
    format!("{journal}/documents")
}

/// A certificate that is signed (C2SP signed-note) under the key name `<journal name>/documents`,
/// with the proof (C2SP tlog-proof) that the journal holds the entry which records it. The entry's
/// bytes stand in the proof's `extra` line. Files of this form end in `.erasure`.
///
/// Nothing else is needed to check it but the journal's public key. That the erasure took place as it
/// says is the word of whoever signed; that this word was given then, and not changed since, is
/// shown by the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCertificate {
    certificate: Certificate,
    note: Note,
    proof: ProofFile,
}

impl SignedCertificate {
    /// Puts the parts together. That they fit is for [`verify`](Self::verify) to show.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Form`] where the note's text is no certificate.
    pub fn new(note: Note, proof: ProofFile) -> Result<Self, CertificateError> {
        let line = note.text().strip_suffix('\n').unwrap_or(note.text());
        let certificate = Certificate::parse(line)?;
        Ok(Self { certificate, note, proof })
    }

    /// Signs a certificate with the journal's key.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Form`], [`CertificateError::Note`] where it is too long.
    pub fn sign(certificate: &Certificate, key: &SigningKey) -> Result<Note, CertificateError> {
        certificate.check()?;
        let wrong = |_: KeyError| CertificateError::Form { what: "the journal's name" };
        let key = key.renamed(&documents(certificate.journal().as_str())).map_err(wrong)?;
        let mut note = Note::new(format!("{certificate}\n")).map_err(CertificateError::Note)?;
        let signature = key.sign(note.text());
        note.add(signature).map_err(CertificateError::Note)?;
        Ok(note)
    }

    /// The same, with a signature over [`text`](Self::text) that was made elsewhere, by the key
    /// whose public half this is.
    ///
    /// # Errors
    ///
    /// Those of [`sign`](Self::sign), and [`CertificateError::Note`] if the signature is wrong.
    pub fn signed_elsewhere(
        certificate: &Certificate,
        key: &VerifierKey,
        signature: &[u8; 64],
    ) -> Result<Note, CertificateError> {
        certificate.check()?;
        let wrong = |_: KeyError| CertificateError::Form { what: "the journal's name" };
        let key = key.renamed(&documents(certificate.journal().as_str())).map_err(wrong)?;
        let mut note = Note::new(Self::text(certificate)).map_err(CertificateError::Note)?;
        note.add(NoteSignature::ed25519(&key, signature)).map_err(CertificateError::Note)?;
        note.verify(&[key]).map_err(CertificateError::Note)?;
        Ok(note)
    }

    /// What is signed.
    #[must_use]
    pub fn text(certificate: &Certificate) -> String {
        format!("{certificate}\n")
    }

    /// Reads a certificate's file. Strict: what it prints again is what was read. Nothing is
    /// checked but its form.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Form`]; [`CertificateError::Note`] and [`CertificateError::Proof`] about
    /// the form of these.
    pub fn parse(file: &str) -> Result<Self, CertificateError> {
        let missing = CertificateError::Form { what: "the proof" };
        let at = file.find(PROOF).ok_or(missing.clone())?;
        let (note, proof) = file.split_at_checked(at).ok_or(missing.clone())?;
        let proof = proof.strip_prefix('\n').ok_or(missing)?;
        let note = Note::parse(note).map_err(CertificateError::Note)?;
        Self::new(note, ProofFile::parse(proof).map_err(CertificateError::Proof)?)
    }

    /// What it says. Nothing of it is to be believed before [`verify`](Self::verify).
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The proof of its entry.
    #[must_use]
    pub const fn proof(&self) -> &ProofFile {
        &self.proof
    }

    /// Checks that one of these keys, the journal's public ones, signed it, that the journal holds an
    /// entry which records exactly this text, and that the journal's key signed that. Returns what it
    /// says.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Note`], [`CertificateError::Proof`], [`CertificateError::Entry`];
    /// [`CertificateError::is_untrusted`] tells a wrong key from a wrong certificate.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<&Certificate, CertificateError> {
        let journal = self.certificate.journal().as_str();
        let own = || keys.iter().filter(|key| key.name() == journal);
        let documents: Vec<VerifierKey> =
            own().filter_map(|key| key.renamed(&documents(journal)).ok()).collect();
        self.note.verify(&documents).map_err(CertificateError::Note)?;
        let entry = self.proof.extra().ok_or(CertificateError::Entry { what: "its text" })?;
        let mut refused = CertificateError::Note(NoteError::Untrusted);
        let mut proven = false;
        for key in own() {
            match self.proof.verify(entry, key).map_err(CertificateError::Proof) {
                Ok(_) => {
                    proven = true;
                    break;
                }
                // What is wrong under one key tells more than that another is none.
                Err(error) if refused.is_untrusted() => refused = error,
                Err(_) => {}
            }
        }
        if !proven {
            return Err(refused);
        }
        self.check_entry(entry)?;
        Ok(&self.certificate)
    }

    /// Whether the entry is the one that records this certificate.
    fn check_entry(&self, entry: &[u8]) -> Result<(), CertificateError> {
        let differs = |what| CertificateError::Entry { what };
        let text = std::str::from_utf8(entry).map_err(|_| differs("its text"))?;
        let entry = Entry::parse(text).map_err(|_| differs("its text"))?;
        let origin = &self.proof.checkpoint().checkpoint().origin;
        let chain = self.certificate.chain();
        if origin.journal() != self.certificate.journal() {
            return Err(differs("the journal"));
        }
        if origin.chain() != chain || entry.chain() != chain.as_str() {
            return Err(differs("the chain"));
        }
        if entry.seq() != self.proof.index() {
            return Err(differs("its place"));
        }
        if entry.event().action() != CERTIFIED {
            return Err(differs("what happened"));
        }
        let request = self.certificate.request().to_string();
        let names = |target: &audit_core::TargetView<'_>| {
            target.kind == "rights_request" && target.id == request
        };
        if !entry.event().targets().iter().any(names) {
            return Err(differs("the request"));
        }
        let meta: Value = entry
            .event()
            .meta()
            .and_then(|meta| serde_json::from_str(meta).ok())
            .ok_or(differs("the digest"))?;
        if meta.get("certificate").and_then(Value::as_str) == Some(&self.certificate.digest()) {
            Ok(())
        } else {
            Err(differs("the digest"))
        }
    }

    /// That this part 2 belongs to that part 1.
    ///
    /// # Errors
    ///
    /// [`CertificateError::OtherPart`].
    pub fn follows(&self, part_one: &Self) -> Result<(), CertificateError> {
        match (&self.certificate, &part_one.certificate) {
            (Certificate::Backups(two), Certificate::Erasure(one))
                if two.part_one == part_one.certificate.digest()
                    && two.request == one.request
                    && two.journal == one.journal
                    && two.chain == one.chain =>
            {
                Ok(())
            }
            _ => Err(CertificateError::OtherPart),
        }
    }
}

impl fmt::Display for SignedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.note, self.proof)
    }
}

impl FromStr for SignedCertificate {
    type Err = CertificateError;

    fn from_str(file: &str) -> Result<Self, CertificateError> {
        Self::parse(file)
    }
}
