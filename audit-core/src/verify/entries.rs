//! The whole verification in one call, for chains that fit in memory.

use super::block::{BlockVerifier, InputKind};
use super::chain::ChainVerifier;
use super::policy::AuditorPolicy;
use super::report::ChainReport;
use crate::{ChainId, SignedCheckpoint};

/// Entries to a block: enough to be worth a thread's while, and few enough to keep a summary small.
pub(crate) const BLOCK: u64 = 4096;

/// Verifies a chain of which every entry is at hand, from the first on, with the signed
/// checkpoints over it. Private fields are not looked at.
///
/// It does in one thread what [`BlockVerifier`] and [`ChainVerifier`] do in many.
///
/// # Examples
///
/// ```
/// use audit_core::{
///     Actor, AuditorPolicy, ChainId, Checkpoint, CompactRange, LeafHash, Reserved, SigningKey,
///     Timestamp, Verdict, entry, verify_entries,
/// };
///
/// // What a journal does.
/// let key = SigningKey::generate("audit.example.com")?;
/// let chain: ChainId = "acme/default".parse()?;
/// let opened = Reserved::Opened {
///     key: key.verifier().to_string(),
///     name: "audit.example.com".parse()?,
/// };
/// let event = opened.event(Actor::system("journal"))?.canonicalize(|_| None)?;
/// let mut first = String::new();
/// let at: Timestamp = "2026-11-20T23:23:00.123456Z".parse()?;
/// let leaf = entry::seal(&mut first, 0, &chain, at, None, &LeafHash::ZERO, event.as_str())?;
/// let mut tree = CompactRange::default();
/// tree.push(leaf);
/// let origin = "audit.example.com/acme/default/1".parse()?;
/// let checkpoint = Checkpoint::new(origin, tree.head()).sign(&key)?.to_string();
///
/// // What an auditor does.
/// let policy = AuditorPolicy::new([key.verifier().clone()]);
/// let report = verify_entries(&chain, [first.as_bytes()], [checkpoint.as_str()], policy.clone());
/// assert_eq!(report.verdict, Verdict::Intact);
///
/// let changed = first.replace("audit.example.com", "audit.example.org");
/// let report = verify_entries(&chain, [changed.as_bytes()], [checkpoint.as_str()], policy);
/// assert_eq!(report.verdict, Verdict::Findings);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_entries<'a>(
    chain: &ChainId,
    entries: impl IntoIterator<Item = &'a [u8]>,
    checkpoints: impl IntoIterator<Item = &'a str>,
    policy: AuditorPolicy,
) -> ChainReport {
    let mut verifier = ChainVerifier::new(chain, InputKind::Entries, policy);
    for note in checkpoints {
        let parsed = SignedCheckpoint::parse(note);
        let filed = parsed.map_or((1, 1), |signed| {
            let checkpoint = signed.checkpoint();
            (checkpoint.origin.incarnation(), checkpoint.head.size)
        });
        verifier.checkpoint(filed.0, filed.1, note);
    }
    let mut block = BlockVerifier::new(chain, InputKind::Entries, 0);
    let mut seq = 0_u64;
    for bytes in entries {
        block.entry(seq, bytes);
        seq = seq.saturating_add(1);
        if seq.is_multiple_of(BLOCK) {
            let full =
                std::mem::replace(&mut block, BlockVerifier::new(chain, InputKind::Entries, seq));
            // The blocks are made in their order.
            let _ = verifier.merge(full.finish(seq));
        }
    }
    if !seq.is_multiple_of(BLOCK) {
        let _ = verifier.merge(block.finish(seq));
    }
    // Nothing is ever pruned here, so that no boundary record is wanted again.
    verifier.finish(None)
}
