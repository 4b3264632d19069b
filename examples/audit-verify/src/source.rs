//! What is examined: a database, or an auditor's bundle.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tool_support::Database;

/// A journal, or a part of one that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Bundle(PathBuf),
    Database(Database),
}

impl FromStr for Source {
    type Err = String;

    /// What is not spelt like a database must exist as a bundle.
    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        match Database::recognise(text) {
            Ok(Some(database)) => Ok(Self::Database(database)),
            _ if is_sqlite(&path) => {
                Err(format!("this is a SQLite file: write sqlite:{}", path.display()))
            }
            _ if path.exists() => Ok(Self::Bundle(path)),
            Err(reason) => Err(reason),
            Ok(None) => Err("there is no such file or folder; a database is sqlite:PATH or \
                             postgres://…"
                .to_owned()),
        }
    }
}

/// By its first bytes.
fn is_sqlite(path: &Path) -> bool {
    let mut magic = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"SQLite format 3\0"
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle(path) => write!(f, "{}", path.display()),
            Self::Database(database) => database.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_must_exist() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(dir.path().to_str().unwrap().parse(), Ok(Source::Bundle(_))));
        assert!("no/such/bundle.zip".parse::<Source>().is_err());
        assert!("sqlit:journal.db".parse::<Source>().is_err());
        assert!(matches!("sqlite:journal.db".parse(), Ok(Source::Database(_))));
        let file = dir.path().join("journal.db");
        std::fs::write(&file, b"SQLite format 3\0 and so on").unwrap();
        let reason = file.to_str().unwrap().parse::<Source>().unwrap_err();
        assert!(reason.contains("write sqlite:"), "{reason}");
    }
}
