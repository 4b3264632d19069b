//! The manifest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::path::BundlePath;
use crate::canonical::{MAX_INTEGER, push_object, push_string, push_u64};
use crate::hash::hex;
use crate::{ChainId, JournalName, Timestamp};

/// The version of the format that bundles are written in.
pub const BUNDLE_FORMAT: u64 = 1;

/// What `manifest.json` says about a bundle.
///
/// Nothing in it is signed: it ties the files together, and tells an auditor what was left out on
/// purpose. What the entries and checkpoints say is what counts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Manifest {
    /// The chain.
    pub chain: ChainId,
    /// The size of the last checkpoint, 0 where there is none.
    pub checkpoint: u64,
    /// How many lines `disclosures.jsonl` has.
    pub disclosures: u64,
    /// How many lines `entries.jsonl` has: the size of the chain.
    pub entries: u64,
    /// All files but the manifest.
    pub files: BTreeMap<BundlePath, BundleFile>,
    /// What the export was told to leave out, in the exporter's own words; only where it was.
    pub filter: Option<Map<String, Value>>,
    /// When the first standing entry was sealed.
    pub from: Timestamp,
    /// The journal's name.
    pub name: JournalName,
    /// When the last standing entry was sealed.
    pub to: Timestamp,
    /// How many entry lines and disclosure lines were withheld.
    pub withheld: u64,
}

/// Size and hash of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct BundleFile {
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

impl BundleFile {
    /// A file of that length and hash.
    #[must_use]
    pub const fn new(bytes: u64, sha256: [u8; 32]) -> Self {
        Self { bytes, sha256 }
    }
}

/// Why a text is not a manifest. Values are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A hash is not 64 lowercase hexadecimal digits.
    #[error("a file's sha256 is 64 lowercase hexadecimal digits")]
    Hash,
    /// Not JSON, or members are missing, unknown or of another form.
    #[error("not a manifest: line {line}, column {column}")]
    Members {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1; 0 where the text ends too early.
        column: usize,
    },
    /// One of the files that every bundle has is not listed.
    #[error("{file} is not listed")]
    Missing {
        /// The file.
        file: BundlePath,
    },
    /// A file is listed that has no place in a bundle, the manifest itself among them.
    #[error("a file is listed that has no place in a bundle")]
    Name,
    /// The text is not in canonical form.
    #[error("not in canonical form")]
    NotCanonical,
    /// A number is above 2^53 − 1.
    #[error("a number is above 2^53 - 1")]
    TooLarge,
    /// Another version of the format.
    #[error("the bundle has format {found}, this library knows {BUNDLE_FORMAT}")]
    Version {
        /// The version found.
        found: u64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    chain: ChainId,
    checkpoint: u64,
    disclosures: u64,
    entries: u64,
    files: BTreeMap<String, FileShape>,
    #[serde(default, deserialize_with = "present")]
    filter: Option<Map<String, Value>>,
    format: u64,
    from: Timestamp,
    name: JournalName,
    to: Timestamp,
    withheld: u64,
}

/// A member that may be left out, but never null.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    Map::deserialize(deserializer).map(Some)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileShape {
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// The manifest of a bundle of that chain, without files and counts.
    #[must_use]
    pub fn new(name: JournalName, chain: ChainId, from: Timestamp, to: Timestamp) -> Self {
        Self {
            chain,
            checkpoint: 0,
            disclosures: 0,
            entries: 0,
            files: BTreeMap::new(),
            filter: None,
            from,
            name,
            to,
            withheld: 0,
        }
    }

    /// The canonical text, without a final newline.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] where [`parse`](Self::parse) would refuse it.
    pub fn to_json(&self) -> Result<String, ManifestError> {
        self.check()?;
        let mut out = String::with_capacity(self.files.len().saturating_mul(128));
        let number = |out: &mut String, name: &str, value: u64| {
            out.push_str(name);
            push_u64(out, value);
        };
        // The forms of names and times leave nothing to escape.
        out.push_str("{\"chain\":\"");
        out.push_str(self.chain.as_str());
        number(&mut out, "\",\"checkpoint\":", self.checkpoint);
        number(&mut out, ",\"disclosures\":", self.disclosures);
        number(&mut out, ",\"entries\":", self.entries);
        out.push_str(",\"files\":{");
        // Members are ordered by their text, which is not the order of the sizes of checkpoints.
        let by_text: BTreeMap<String, &BundleFile> =
            self.files.iter().map(|(path, file)| (path.to_string(), file)).collect();
        for (index, (path, file)) in by_text.iter().enumerate() {
            out.push_str(if index > 0 { ",\"" } else { "\"" });
            out.push_str(path);
            number(&mut out, "\":{\"bytes\":", file.bytes);
            out.push_str(",\"sha256\":\"");
            out.push_str(hex(&file.sha256, &mut [0; 64]));
            out.push_str("\"}");
        }
        out.push('}');
        if let Some(filter) = &self.filter {
            out.push_str(",\"filter\":");
            push_object(&mut out, filter, 1).map_err(|_| ManifestError::NotCanonical)?;
        }
        number(&mut out, ",\"format\":", BUNDLE_FORMAT);
        out.push_str(",\"from\":\"");
        self.from.push_to(&mut out);
        out.push_str("\",\"name\":");
        push_string(&mut out, self.name.as_str()).map_err(|_| ManifestError::NotCanonical)?;
        out.push_str(",\"to\":\"");
        self.to.push_to(&mut out);
        number(&mut out, "\",\"withheld\":", self.withheld);
        out.push('}');
        Ok(out)
    }

    /// Reads a manifest, strictly: only the canonical bytes, only the members of this version.
    ///
    /// # Errors
    ///
    /// [`ManifestError`].
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let shape: Shape = serde_json::from_str(text).map_err(|error| {
            // Of a later version nothing is known but that it is one.
            match serde_json::from_str::<Version>(text) {
                Ok(Version { format }) if format != BUNDLE_FORMAT => {
                    ManifestError::Version { found: format }
                }
                _ => ManifestError::Members { line: error.line(), column: error.column() },
            }
        })?;
        if shape.format != BUNDLE_FORMAT {
            return Err(ManifestError::Version { found: shape.format });
        }
        let files = shape
            .files
            .iter()
            .map(|(path, file)| {
                let path = path.parse().map_err(|_| ManifestError::Name)?;
                let sha256 = parse_hash(&file.sha256).ok_or(ManifestError::Hash)?;
                Ok((path, BundleFile { bytes: file.bytes, sha256 }))
            })
            .collect::<Result<_, _>>()?;
        let manifest = Self {
            chain: shape.chain,
            checkpoint: shape.checkpoint,
            disclosures: shape.disclosures,
            entries: shape.entries,
            files,
            filter: shape.filter,
            from: shape.from,
            name: shape.name,
            to: shape.to,
            withheld: shape.withheld,
        };
        if manifest.to_json()? == text { Ok(manifest) } else { Err(ManifestError::NotCanonical) }
    }

    fn check(&self) -> Result<(), ManifestError> {
        let numbers = [self.checkpoint, self.disclosures, self.entries, self.withheld];
        let sizes = self.files.values().map(|file| file.bytes);
        if numbers.into_iter().chain(sizes).any(|number| number > MAX_INTEGER) {
            return Err(ManifestError::TooLarge);
        }
        if self.files.contains_key(&BundlePath::Manifest) {
            return Err(ManifestError::Name);
        }
        let required = [BundlePath::Disclosures, BundlePath::Entries, BundlePath::Keys];
        match required.into_iter().find(|file| !self.files.contains_key(file)) {
            Some(file) => Err(ManifestError::Missing { file }),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Version {
    format: u64,
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    // A hash's own parser takes exactly this form.
    text.parse::<crate::LeafHash>().ok().map(|hash| *hash.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let at = Timestamp::UNIX_EPOCH;
        let name = JournalName::new("audit.example.com").unwrap();
        let mut manifest = Manifest::new(name, "acme/default".parse().unwrap(), at, at);
        for (n, path) in [
            BundlePath::Entries,
            BundlePath::Disclosures,
            BundlePath::Keys,
            BundlePath::checkpoint(100, None),
            BundlePath::checkpoint(20, Some(2)),
        ]
        .into_iter()
        .enumerate()
        {
            manifest.files.insert(path, BundleFile::new(u64::try_from(n).unwrap(), [0xab; 32]));
        }
        (manifest.entries, manifest.checkpoint) = (120, 100);
        manifest
    }

    #[test]
    fn the_text_is_canonical() {
        let mut manifest = manifest();
        let filter = serde_json::json!({"z": 1.5, "a": ["\u{20ac}", null], "\r": true});
        manifest.filter = filter.as_object().cloned();
        let text = manifest.to_json().unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), text);
        assert_eq!(Manifest::parse(&text).unwrap(), manifest);
        assert!(text.find("checkpoints/100").unwrap() < text.find("checkpoints/20.2").unwrap());
    }

    #[test]
    fn no_other_text_is_taken() {
        let text = manifest().to_json().unwrap();
        let hash = "ab".repeat(32);
        for (what, other, error) in [
            ("space", text.replacen(':', ": ", 1), Some(ManifestError::NotCanonical)),
            ("newline", format!("{text}\n"), Some(ManifestError::NotCanonical)),
            (
                "escape",
                text.replacen("audit.", "audit\\u002e", 1),
                Some(ManifestError::NotCanonical),
            ),
            ("float", text.replacen(":120", ":120.0", 1), None),
            ("negative", text.replacen(":120", ":-1", 1), None),
            ("unknown", text.replacen("\"to\"", "\"tn\":1,\"to\"", 1), None),
            ("lacking", text.replacen("\"withheld\":0", "\"format\":1", 1), None),
            ("twice", text.replacen("\"entries\":120", "\"entries\":120,\"entries\":120", 1), None),
            ("null filter", text.replacen("\"format\"", "\"filter\":null,\"format\"", 1), None),
            ("capital", text.replacen(&hash, &"AB".repeat(32), 1), Some(ManifestError::Hash)),
            ("short hash", text.replacen(&hash, "ab", 1), Some(ManifestError::Hash)),
            (
                "name",
                text.replacen("checkpoints/100", "checkpoints/0x", 1),
                Some(ManifestError::Name),
            ),
            (
                "path",
                text.replacen("checkpoints/100", "../../etc/passwd", 1),
                Some(ManifestError::Name),
            ),
            ("itself", text.replacen("keys.txt", "manifest.json", 1), Some(ManifestError::Name)),
            (
                "no keys",
                text.replacen("keys.txt", "checkpoints/7", 1),
                Some(ManifestError::Missing { file: BundlePath::Keys }),
            ),
            (
                "later",
                text.replacen("\"format\":1", "\"format\":2", 1),
                Some(ManifestError::Version { found: 2 }),
            ),
            (
                "later, with more",
                text.replacen("\"format\":1", "\"format\":2,\"fresh\":3", 1),
                Some(ManifestError::Version { found: 2 }),
            ),
            ("large", text.replacen(":120", ":9007199254740992", 1), Some(ManifestError::TooLarge)),
            ("nothing", String::new(), None),
        ] {
            assert_ne!(other, text, "{what}");
            match (Manifest::parse(&other), error) {
                (Err(found), Some(expected)) => assert_eq!(found, expected, "{what}"),
                (Err(ManifestError::Members { .. }), None) => {}
                (found, _) => panic!("{what}: {found:?}"),
            }
        }
        assert_eq!(Manifest::parse(&text).unwrap(), manifest());
    }
}
