//! The stored form of an entry's disclosures.

use audit_core::ChainId;
use audit_core::{
    BlockVerifier, Disclosed, Evidence, EvidenceSource, Finding, FindingCode, SubjectRef,
};
use serde::Deserialize;

use crate::backend::verify::DisclosureRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    digest: &'a str,
    #[serde(borrow)]
    disclosure: Option<&'a str>,
    #[serde(borrow)]
    sealed: Option<&'a str>,
}

/// Gives one row's disclosures to the verifier.
pub(super) fn examine(block: &mut BlockVerifier, chain: &ChainId, row: &DisclosureRow) {
    let seq = u64::try_from(row.seq).unwrap_or(0);
    let subject = <[u8; 16]>::try_from(row.subject.as_slice()).map(SubjectRef::from_bytes);
    let items: Result<Vec<Item<'_>>, _> = serde_json::from_slice(&row.items);
    let (Ok(subject), Ok(items)) = (subject, items) else {
        let message = "a stored row of disclosures cannot be read";
        let evidence = Evidence::new(
            EvidenceSource::Entry,
            "an array of digests with their disclosures",
            format_args!("{} bytes of another form", row.items.len()),
        );
        return block
            .report(Finding::at(FindingCode::Disclosure, chain, seq, message).with(evidence));
    };
    for item in items {
        let disclosed = match (item.disclosure, item.sealed) {
            (Some(text), _) => Disclosed::Plain { digest: Some(item.digest), text },
            (None, Some(_)) => Disclosed::Sealed { digest: item.digest },
            // A digest with nothing beside it is as good as no row.
            (None, None) => continue,
        };
        block.disclosure(seq, subject, disclosed);
    }
}
