//! The stored form of an entry's disclosures.

use audit_core::{
    BlockVerifier, ChainId, Disclosed, Evidence, EvidenceSource, Finding, FindingCode,
};

use crate::backend::rows::DisclosureRow;

/// Gives one row's disclosures to the verifier.
pub(super) fn examine(block: &mut BlockVerifier, chain: &ChainId, row: &DisclosureRow) {
    let seq = u64::try_from(row.seq).unwrap_or(0);
    let Some((subject, items)) = row.read() else {
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
