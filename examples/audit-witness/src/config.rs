//! The configuration file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use audit_core::{CosigningKey, KeyAlgorithm, VerifierKey};
use serde::Deserialize;
use tool_support::{During, Failure};

/// A file larger than this is no configuration and no key.
const LARGEST: u64 = 1 << 20;

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: SocketAddr,
    key: PathBuf,
    database: PathBuf,
    logs: Vec<String>,
}

/// How the witness runs.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) key: CosigningKey,
    pub(crate) database: PathBuf,
    pub(crate) logs: Vec<VerifierKey>,
}

impl Config {
    /// Reads the file and the key that it names.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read(path)?;
        let file: File = toml::from_str(&text).during(path.display())?;
        let beside = |other: PathBuf| path.parent().unwrap_or(Path::new("")).join(other);
        let key_file = beside(file.key);
        let key = CosigningKey::parse(read(&key_file)?.trim_end())
            .during(format!("the key file {}", key_file.display()))?;
        let mut logs = Vec::new();
        for vkey in file.logs {
            let what = || format!("the log `{vkey}` in {}", path.display());
            let key: VerifierKey = vkey.parse().during(what())?;
            if key.algorithm() != KeyAlgorithm::Ed25519 {
                return Err(Failure::new(format!("{}: a key that signs no checkpoints", what())));
            }
            logs.push(key);
        }
        if logs.is_empty() {
            return Err(Failure::new(format!("{} names no log", path.display())));
        }
        Ok(Self { listen: file.listen, key, database: beside(file.database), logs })
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let metadata = std::fs::metadata(path).during(path.display())?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(Failure::new(format!("{} is too large, or not a file", path.display())));
    }
    std::fs::read_to_string(path).during(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn what_is_wrong_is_said_and_no_secret_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("witness.toml");
        let key = CosigningKey::generate("w.example").unwrap();
        std::fs::write(dir.path().join("w.skey"), format!("{}\n", *key.to_skey())).unwrap();
        let head = "listen = \"127.0.0.1:0\"\nkey = \"w.skey\"\ndatabase = \"w.db\"\n";
        let read = |text: String| {
            std::fs::write(&path, text).unwrap();
            Config::read(&path)
        };
        let config = read(format!("{head}logs = [\"{LOG}\"]\n")).unwrap();
        assert_eq!(config.key.verifier(), key.verifier());
        assert_eq!((config.database, config.logs.len()), (dir.path().join("w.db"), 1));
        let cosigner = key.verifier();
        for (text, told) in [
            (format!("{head}logs = []\n"), "names no log"),
            (format!("{head}logs = [\"{cosigner}\"]\n"), "signs no checkpoints"),
            (format!("{head}logs = [\"{LOG}x\"]\n"), "not of the form of a key"),
            (format!("{head}logs = [\"{LOG}\"]\nport = 1\n"), "port"),
            (format!("{head}log = [\"{LOG}\"]\n"), "log"),
            (format!("{}logs = [\"{LOG}\"]\n", head.replace("w.skey", "none")), "none"),
        ] {
            let failure = read(text).unwrap_err().to_string();
            assert!(failure.contains(told), "{failure}");
            assert!(!failure.contains(key.to_skey().as_str()));
        }
    }
}
