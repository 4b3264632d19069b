//! What is in a bundle, and what is not.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a manifest and its signed note begin with.
pub(super) const FORMAT: &str = "privacy-rights/bundle/v1";

/// Where the manifest is.
pub(super) const MANIFEST: &str = "manifest.json";

/// Where its signed note is.
pub(super) const SIGNATURE: &str = "manifest.sig";

/// What a bundle is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BundleForm {
    /// A person's right of access (GDPR Art. 15): all there is, and what the person is to be told.
    Access,
    /// A person's right to portability (GDPR Art. 20): what they provided, on consent or under a
    /// contract.
    Portability,
    /// A whole tenant's data, on leaving or on moving.
    Tenant,
}

/// What a bundle holds: each file with its hash, and everything that is left out with its ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BundleManifest {
    /// The format, with its version.
    pub format: String,
    /// The bundle's id.
    pub id: Uuid,
    /// What it is for.
    pub form: BundleForm,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// Who answers.
    pub controller: String,
    /// All files but the manifest and its signature, by path.
    pub files: Vec<ManifestFile>,
    /// What is not given, or not in full.
    pub not_given: Vec<NotGiven>,
    /// What is missing.
    pub explained: Vec<Explained>,
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ManifestFile {
    /// Its path, relative to the manifest's.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Of data: how many records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Of data: the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Of data: the categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
    /// Of data: the bases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis: Vec<String>,
    /// Of data: how long it is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub period: Vec<String>,
}

/// A field that is not given, or not in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NotGiven {
    /// The source.
    pub source: String,
    /// The field.
    pub field: String,
    /// What became of it: `presence_only`, `redacted`, `withheld`.
    pub rule: String,
    /// Why.
    pub ground: String,
    /// In how many records; nothing is said of a field that is left out of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
}

/// Something that is missing as a whole, and the host's word why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Explained {
    /// The source.
    pub source: String,
    /// The record whose file is missing; none if it is the source, or all of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Why.
    pub reason: String,
}
