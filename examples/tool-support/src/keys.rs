//! Key files: one `.skey` that stays with the operator, one `.vkey` that auditors get.

use std::path::{Path, PathBuf};

use audit_core::{JournalName, SigningKey, TrustPolicy, VerifierKey};

use crate::{During, Failure, output};

/// A key file larger than this is none.
const LARGEST: u64 = 1 << 20;

/// Verifier keys, given as themselves or as the path of a file that holds one a line; blank lines
/// and lines that start with `#` do not count.
///
/// # Errors
///
/// Names the argument and what is wrong with it.
pub fn verifier_keys(arguments: &[String]) -> Result<Vec<VerifierKey>, Failure> {
    let mut keys = Vec::new();
    for argument in arguments {
        // A key has two plus signs and base64 after the second; a path that looks so exists.
        let path = Path::new(argument);
        if !path.exists() && argument.matches('+').count() >= 2 {
            keys.push(argument.parse().during(format!("the key `{argument}`"))?);
            continue;
        }
        let text = read(path)?;
        let lines = text.lines().map(str::trim).zip(1..);
        let before = keys.len();
        for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with("PRIVATE+KEY+") {
                return Err(Failure::new(format!(
                    "{argument} holds a secret key; an auditor needs the public one, and nobody \
                     but the signer should have this"
                )));
            }
            keys.push(line.parse().during(format!("{argument}, line {number}"))?);
        }
        if keys.len() == before {
            return Err(Failure::new(format!("{argument} holds no key")));
        }
    }
    Ok(keys)
}

/// The policy of witnesses in a file.
///
/// # Errors
///
/// Where it cannot be read or is none, with the line.
pub fn trust_policy(path: &Path) -> Result<TrustPolicy, Failure> {
    TrustPolicy::parse(read(path)?.as_bytes()).during(format!("the policy {}", path.display()))
}

/// The signing key in a file.
///
/// # Errors
///
/// Where it cannot be read or is none; the message does not repeat its content.
pub fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    SigningKey::parse(read(path)?.trim_end()).during(format!("the key file {}", path.display()))
}

fn read(path: &Path) -> Result<String, Failure> {
    let what = || path.display().to_string();
    let metadata = std::fs::metadata(path).during(what())?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(Failure::new(format!("{} is not a key file", what())));
    }
    std::fs::read_to_string(path).during(what())
}

/// Makes a journal's key: `stem.skey`, readable by its owner only, and `stem.vkey`. Neither may
/// exist.
///
/// # Errors
///
/// Where one exists or cannot be written; neither is left behind then.
pub fn make(journal: &JournalName, stem: &Path) -> Result<(SigningKey, PathBuf, PathBuf), Failure> {
    let (secret, public) = (with_suffix(stem, "skey"), with_suffix(stem, "vkey"));
    if public.exists() {
        return Err(Failure::new(format!("{}: it exists already", public.display())));
    }
    let key = SigningKey::generate(journal.as_str()).during("cannot make a key")?;
    output::write_secret(&secret, key.to_skey().as_bytes()).during(secret.display())?;
    let written = output::write(&public, format!("{}\n", key.verifier()).as_bytes());
    if written.is_err() {
        let _best_effort = std::fs::remove_file(&secret);
    }
    written.during(public.display())?;
    Ok((key, secret, public))
}

/// `stem.suffix`, whatever dots the stem has.
#[must_use]
pub fn with_suffix(stem: &Path, suffix: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let stem = dir.path().join("journal.main");
        let name = JournalName::new("audit.example.com").unwrap();
        let (key, secret, public) = make(&name, &stem).unwrap();
        assert!(public.ends_with("journal.main.vkey"));
        assert_eq!(signing_key(&secret).unwrap().verifier(), key.verifier());
        let by_file = verifier_keys(&[public.display().to_string()]).unwrap();
        let by_text = verifier_keys(&[key.verifier().to_string()]).unwrap();
        assert_eq!(by_file, by_text);
        assert!(make(&name, &stem).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let argument = [path.display().to_string()];
        for text in ["", "# nothing\n\n", "audit.example.com+00000000+AAAA", "hello"] {
            std::fs::write(&path, text).unwrap();
            assert!(verifier_keys(&argument).is_err(), "{text}");
        }
        let name = JournalName::new("audit.example.com").unwrap();
        let (key, secret, _) = make(&name, &dir.path().join("j")).unwrap();
        let failure = verifier_keys(&[secret.display().to_string()]).unwrap_err().to_string();
        assert!(failure.contains("secret key"), "{failure}");
        assert!(!failure.contains(key.to_skey().as_str()));
        std::fs::write(&path, "PRIVATE+KEY+nonsense").unwrap();
        assert!(!signing_key(&path).unwrap_err().to_string().contains("nonsense"));
        assert!(verifier_keys(&["a+b".to_owned()]).is_err());
    }
}
