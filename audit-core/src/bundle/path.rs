//! The names that may stand in a bundle.

use std::fmt;
use std::str::FromStr;

/// The place of a file in a bundle: there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BundlePath {
    /// `manifest.json`.
    Manifest,
    /// `entries.jsonl`.
    Entries,
    /// `disclosures.jsonl`.
    Disclosures,
    /// `checkpoints/<size>`, or `checkpoints/<size>.<incarnation>` where a size recurs.
    #[non_exhaustive]
    Checkpoint {
        /// The tree size that the checkpoint is for.
        size: u64,
        /// The incarnation, where the name carries it.
        incarnation: Option<u64>,
    },
    /// `keys.txt`.
    Keys,
}

impl BundlePath {
    /// The place of a checkpoint; `incarnation` only where its size recurs in another.
    #[must_use]
    pub const fn checkpoint(size: u64, incarnation: Option<u64>) -> Self {
        Self::Checkpoint { size, incarnation }
    }
}

impl fmt::Display for BundlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest.json"),
            Self::Entries => f.write_str("entries.jsonl"),
            Self::Disclosures => f.write_str("disclosures.jsonl"),
            Self::Keys => f.write_str("keys.txt"),
            Self::Checkpoint { size, incarnation: None } => write!(f, "checkpoints/{size}"),
            Self::Checkpoint { size, incarnation: Some(incarnation) } => {
                write!(f, "checkpoints/{size}.{incarnation}")
            }
        }
    }
}

/// A name that has no place in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a file of a bundle")]
pub struct BundlePathError(());

impl FromStr for BundlePath {
    type Err = BundlePathError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "manifest.json" => Self::Manifest,
            "entries.jsonl" => Self::Entries,
            "disclosures.jsonl" => Self::Disclosures,
            "keys.txt" => Self::Keys,
            _ => {
                let number = name.strip_prefix("checkpoints/").ok_or(BundlePathError(()))?;
                let (size, incarnation) = match number.split_once('.') {
                    Some((size, incarnation)) => (size, Some(decimal(incarnation)?)),
                    None => (number, None),
                };
                Self::Checkpoint { size: decimal(size)?, incarnation }
            }
        })
    }
}

/// Digits without a leading zero, a sign or anything else that `u64::from_str` would take.
fn decimal(digits: &str) -> Result<u64, BundlePathError> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (digits.len() > 1 && digits.starts_with('0')) {
        return Err(BundlePathError(()));
    }
    digits.parse().map_err(|_| BundlePathError(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_printed_alike() {
        for name in [
            "manifest.json",
            "entries.jsonl",
            "disclosures.jsonl",
            "keys.txt",
            "checkpoints/0",
            "checkpoints/18446744073709551615",
            "checkpoints/41.2",
        ] {
            assert_eq!(name.parse::<BundlePath>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn nothing_else_is_a_name() {
        for name in [
            "",
            "Manifest.json",
            "./manifest.json",
            "/manifest.json",
            "../manifest.json",
            "bundle/manifest.json",
            "manifest.json/",
            "entries.json",
            "checkpoints",
            "checkpoints/",
            "checkpoints/01",
            "checkpoints/+1",
            "checkpoints/-1",
            "checkpoints/1.",
            "checkpoints/.1",
            "checkpoints/1.01",
            "checkpoints/1.2.3",
            "checkpoints/1/2",
            "checkpoints/18446744073709551616",
            "checkpoints\\1",
            "checkpoints/1 ",
            "checkpoints/../keys.txt",
            "keys.txt\0",
        ] {
            assert_eq!(name.parse::<BundlePath>(), Err(BundlePathError(())), "{name:?}");
        }
    }
}
