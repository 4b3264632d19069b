//! `check-proof`: one entry, its proof, a checkpoint, a key; no database.
//!
//! A proof is about exact bytes, so they must be shown to be believed. They stand in the proof
//! file's `extra` line, which nothing signs, or are brought with `--entry`; either way it is their
//! hash that the proof leads from. They are printed only once they are proven.

use std::io::Write;
use std::path::Path;

use audit_core::{
    CheckpointError, Entry, LeafHash, NoteError, ProofFile, ProofFileError, VerifierKey,
};
use tool_support::{During, Failure, Style, grouped, keys, printable, printed};

use crate::cli::CheckProof;

/// Larger than any proof file: an entry in base64, 63 hashes, a checkpoint.
const LARGEST: u64 = 1 << 20;

/// What became of the proof.
enum Outcome {
    Proven,
    Wrong(String),
    /// Signed by none of the keys.
    Unknown,
    /// Proven as far as the journal's word goes: too few witnesses cosigned the checkpoint.
    Unwitnessed,
}

/// Checks a proof: 0 proven, 1 wrong, 3 signed by none of the keys or cosigned by too few witnesses.
pub(crate) fn check_proof(
    arguments: &CheckProof,
    style: Style,
    out: &mut impl Write,
) -> Result<u8, Failure> {
    let keys = keys::verifier_keys(&arguments.keys)?;
    let path = &arguments.file;
    let proof = ProofFile::parse(&read(path)?).during(format!("{} is no proof", path.display()))?;
    let brought = match &arguments.entry {
        None => None,
        Some(path) => {
            let text = read(path)?;
            Some(text.strip_suffix('\n').unwrap_or(&text).to_owned().into_bytes())
        }
    };
    let bytes = match (&brought, proof.extra()) {
        (Some(bytes), _) => bytes.as_slice(),
        (None, Some(bytes)) => bytes,
        (None, None) => {
            return Err(Failure::new(
                "the proof does not hold the entry's bytes; bring them with --entry FILE",
            ));
        }
    };
    let policy = arguments.policy.as_deref().map(keys::trust_policy).transpose()?;
    let outcome = match (check(&proof, bytes, &keys), policy) {
        (Outcome::Proven, Some(policy)) if !policy.is_satisfied(proof.checkpoint().note()) => {
            Outcome::Unwitnessed
        }
        (outcome, _) => outcome,
    };
    printed(print(&proof, bytes, &outcome, style, out))?;
    Ok(match outcome {
        Outcome::Proven => 0,
        Outcome::Wrong(_) => 1,
        Outcome::Unknown | Outcome::Unwitnessed => 3,
    })
}

fn check(proof: &ProofFile, bytes: &[u8], keys: &[VerifierKey]) -> Outcome {
    let mut outcome = Outcome::Unknown;
    for key in keys {
        match proof.verify(bytes, key) {
            Ok(_) => {
                outcome = Outcome::Proven;
                break;
            }
            Err(ProofFileError::Checkpoint(
                CheckpointError::Key | CheckpointError::Note(NoteError::Untrusted),
            )) => {}
            Err(error) => {
                outcome = Outcome::Wrong(Failure::because("the proof", &error).to_string());
            }
        }
    }
    let Outcome::Proven = outcome else { return outcome };
    // The tree says that these bytes stand there; the bytes must say the same of themselves.
    let expected = proof.checkpoint().checkpoint().origin.chain();
    match std::str::from_utf8(bytes).map_err(|error| error.to_string()).and_then(|text| {
        Entry::parse(text).map(|entry| (entry.seq(), entry.chain().to_string())).map_err(|error| {
            Failure::because("these bytes are proven, but are no entry", &error).to_string()
        })
    }) {
        Ok((seq, chain)) if seq == proof.index() && chain == expected.as_str() => outcome,
        Ok((seq, chain)) => {
            Outcome::Wrong(format!("the entry calls itself {seq} of {}", printable(&chain)))
        }
        Err(reason) => Outcome::Wrong(reason),
    }
}

fn print(
    proof: &ProofFile,
    bytes: &[u8],
    outcome: &Outcome,
    style: Style,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let checkpoint = proof.checkpoint().checkpoint();
    let place = format!(
        "entry {} of {}, under the checkpoint of size {} of {}",
        grouped(proof.index()),
        checkpoint.origin.chain(),
        grouped(checkpoint.head.size),
        checkpoint.origin
    );
    match outcome {
        Outcome::Proven => {
            writeln!(out, "{}  {place}", style.good("proven"))?;
            writeln!(out, "{}", style.soft(format!("leaf {}", LeafHash::of(bytes))))?;
            writeln!(out, "{}", printable(&String::from_utf8_lossy(bytes)))
        }
        Outcome::Wrong(reason) => {
            writeln!(out, "{}  {place}", style.bad("wrong"))?;
            writeln!(out, "{reason}")
        }
        Outcome::Unwitnessed => {
            writeln!(out, "{}  {place}", style.open("not proven"))?;
            writeln!(out, "the checkpoint is signed, but not valid by your policy of witnesses")
        }
        Outcome::Unknown => {
            writeln!(out, "{}  {place}", style.open("not proven"))?;
            writeln!(out, "none of the named keys signed this checkpoint")
        }
    }
}

pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let metadata = std::fs::metadata(path).during(path.display())?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(Failure::new(format!("{} is too large, or not a file", path.display())));
    }
    std::fs::read_to_string(path).during(path.display())
}
