//! Leaving things out of a bundle, visibly.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use audit_core::{Entry, OpenDisclosure, Reserved, SubjectRef};
use serde_json::{Map, Value};

use crate::backend::Backend;

use super::error::ExportError;
use super::reader::ChainReader;

type EntryRule = dyn Fn(&Entry<'_>) -> bool + Send + Sync;
type DisclosureRule =
    dyn Fn(&Entry<'_>, SubjectRef, Option<&OpenDisclosure>) -> Option<String> + Send + Sync;

/// What is left out of a bundle, and what the manifest says about it.
///
/// A bundle with records left out still verifies: their hashes stay, and the auditor sees how many
/// and which. Reserved entries, the last entry and the boundary records of prunings are never left
/// out, whatever the rule says; their private fields may be.
///
/// ```
/// use audit_store::Withholding;
///
/// let filter = serde_json::json!({"subject": "0123456789abcdef0123456789abcdef"});
/// let only = "0123456789abcdef0123456789abcdef".parse()?;
/// let withholding = Withholding::new(filter.as_object().cloned().unwrap_or_default())
///     .disclosures(move |_, subject, _| (subject != only).then(|| "another person".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Withholding {
    pub(super) filter: Map<String, Value>,
    entries: Option<Arc<EntryRule>>,
    disclosures: Option<Arc<DisclosureRule>>,
}

impl fmt::Debug for Withholding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Withholding").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl Withholding {
    /// Leaves nothing out yet. `filter` is what the manifest tells the auditor about it, in words
    /// of the exporter's own.
    #[must_use]
    pub fn new(filter: Map<String, Value>) -> Self {
        Self { filter, entries: None, disclosures: None }
    }

    /// Leaves out the entries of which `rule` says so.
    #[must_use]
    pub fn entries(mut self, rule: impl Fn(&Entry<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.entries = Some(Arc::new(rule));
        self
    }

    /// Leaves out the disclosures for which `rule` gives a reason, which goes into the bundle. It
    /// is given the entry, the subject, and what is disclosed where that is in the clear.
    #[must_use]
    pub fn disclosures(
        mut self,
        rule: impl Fn(&Entry<'_>, SubjectRef, Option<&OpenDisclosure>) -> Option<String>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.disclosures = Some(Arc::new(rule));
        self
    }

    pub(super) fn withholds_entry(&self, entry: &Entry<'_>) -> bool {
        self.entries.as_ref().is_some_and(|rule| rule(entry))
    }

    pub(super) fn reason(
        &self,
        entry: &Entry<'_>,
        subject: SubjectRef,
        text: Option<&str>,
    ) -> Option<String> {
        let rule = self.disclosures.as_ref()?;
        let open = text.and_then(|text| OpenDisclosure::parse(text).ok());
        rule(entry, subject, open.as_ref())
    }

    pub(super) fn may_withhold_entries(&self) -> bool {
        self.entries.is_some()
    }
}

/// The seqs that prunings of the chain name as their boundaries.
///
/// The reserved entries are found by following `control` back from the last entry, which every
/// entry carries and which never leads to an absent one.
pub(super) async fn boundaries<DB: Backend>(
    reader: &mut ChainReader<DB>,
) -> Result<BTreeSet<u64>, ExportError> {
    let mut found = BTreeSet::new();
    let mut next = reader.size.checked_sub(1);
    while let Some(seq) = next {
        // Whatever is wrong with the chain is the verifier's to say.
        let Some(body) = reader.entry(seq).await? else { break };
        let Ok(entry) = Entry::parse(&body) else { break };
        if let Ok(Some(Reserved::Pruned { before, .. })) = entry.reserved() {
            found.insert(before);
        }
        next = entry.control().filter(|control| *control < seq);
    }
    Ok(found)
}
