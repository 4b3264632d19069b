//! Verifying an auditor's bundle, and that it is what its manifest says.

use std::path::Path;

use audit_core::{
    BundlePath, ChainVerifier, Evidence, EvidenceSource, Finding, FindingCode, InputKind, Manifest,
    VerificationReport, VerifierKey,
};

use crate::bundle::{Bundle, BundleError};
use crate::verify::VerifyOptions;

mod lines;

/// The most faults of single files that are named.
const LISTED_FAULTS: usize = 100;

/// Verifies an auditor's bundle, a directory or a zip archive, as [`verify_pool`] does a database,
/// and that it is what its manifest says. Blocks, and computes on as many threads as the options
/// say.
///
/// Memory stays bounded whatever the bundle holds: a few megabytes for each thread. So it is not
/// looked for whether an event id stands twice in the chain; in a database that is.
///
/// [`verify_pool`]: crate::verify_pool
///
/// # Errors
///
/// [`BundleError`] where there is no bundle to speak about: nothing at that place, an archive that
/// breaks the rules of the format, a manifest that is none, a file system that does not answer.
/// What is wrong with a bundle is a finding of the report.
pub fn verify_bundle(
    path: impl AsRef<Path>,
    options: &VerifyOptions,
) -> Result<VerificationReport, BundleError> {
    let bundle = Bundle::open(path)?;
    let manifest = bundle.manifest();
    let input = InputKind::Bundle { filtered: manifest.filter.is_some() };
    let mut verifier = ChainVerifier::new(&manifest.chain, input, options.policy.clone());
    for fault in bundle.listing_faults(LISTED_FAULTS) {
        verifier.report(of_file(manifest, fault)?);
    }
    examine_keys(&bundle, &mut verifier)?;
    let found = lines::examine(&bundle, input, &mut verifier, options)?;
    for fault in found.faults {
        verifier.report(of_file(manifest, fault)?);
    }
    lines::read_boundaries(&bundle, &mut verifier)?;
    let mut report = verifier.finish(None);
    let stated = |name: &'static str, stated: String, found: String| (name, stated, found);
    let mut members = vec![
        stated("entries", manifest.entries.to_string(), found.entries.to_string()),
        stated("disclosures", manifest.disclosures.to_string(), found.disclosures.to_string()),
        stated("withheld", manifest.withheld.to_string(), found.withheld.to_string()),
        stated("checkpoint", manifest.checkpoint.to_string(), found.checkpoint.to_string()),
    ];
    // Where an entry could not be read, that has been said.
    if !report.journal.is_empty() {
        members.push(stated("name", manifest.name.to_string(), report.journal.clone()));
    }
    if let (Some(first), Some(last)) = (report.first_at, report.last_at) {
        members.push(stated("from", manifest.from.to_string(), first.to_string()));
        members.push(stated("to", manifest.to.to_string(), last.to_string()));
    }
    for (name, stated, found) in members {
        if stated != found {
            let message = format!("the manifest's `{name}` is not what the bundle holds");
            let finding = Finding::at(FindingCode::Malformed, &manifest.chain, 0, message);
            report.add(finding.with(Evidence::new(EvidenceSource::Manifest, stated, found)));
        }
    }
    Ok(VerificationReport::new(vec![report]))
}

/// What is wrong with a file, as a finding; what hinders the reading stays an error.
fn of_file(manifest: &Manifest, error: BundleError) -> Result<Finding, BundleError> {
    let BundleError::Malformed { file, fault } = error else { return Err(error) };
    let message = format!("{file} {fault}");
    Ok(Finding::at(FindingCode::Malformed, &manifest.chain, 0, message))
}

/// The keys are the operator's word and are trusted by nobody; they only have to be keys.
fn examine_keys(bundle: &Bundle, verifier: &mut ChainVerifier) -> Result<(), BundleError> {
    let manifest = bundle.manifest();
    match bundle.text(&BundlePath::Keys) {
        Ok(text) => {
            let whole = text.is_empty() || text.ends_with('\n');
            if !whole || text.lines().any(|line| line.parse::<VerifierKey>().is_err()) {
                let message = "keys.txt has a line that is no verifier key";
                let code = FindingCode::Malformed;
                verifier.report(Finding::at(code, &manifest.chain, 0, message));
            }
        }
        Err(error) => verifier.report(of_file(manifest, error)?),
    }
    Ok(())
}
