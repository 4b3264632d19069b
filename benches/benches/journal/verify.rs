//! Full verification.

use audit_core::{AuditorPolicy, Verdict};
use audit_store::{BundleOptions, VerifyOptions};
use benches::{Contest, Engine, Figure, Report, chain, timed};

use crate::world::{World, size};

/// Everything that a journal of a million entries commits to, on all cores.
pub(crate) async fn run<E: Engine>(world: &World<E>, report: &mut Report) {
    let key: audit_core::VerifierKey = world.journal.key().parse().expect("a key");
    let options = VerifyOptions::new(AuditorPolicy::new([key]));
    let mut contest = Contest::new(size("BENCH_ROUNDS", 5), &["verify"]);
    for turn in contest.turns() {
        let (found, took) = timed(world.journal.verify(&options)).await;
        let found = found.expect("verified");
        assert_eq!(found.verdict, Verdict::Intact, "{found:#?}");
        contest.record(turn, world.entries, took);
    }
    let least = if E::PLAIN_CONNECTIONS == 1 { 600_000.0 } else { 400_000.0 };
    rate(report, "full verification of 1 M entries", &contest, least);
    if E::PLAIN_CONNECTIONS == 1 {
        bundle(world, &options, report).await;
    }
}

/// The same of an exported bundle: what an auditor does without the database.
async fn bundle<E: Engine>(world: &World<E>, options: &VerifyOptions, report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bundle");
    let (chain, whole) = (chain(), BundleOptions::default());
    world.journal.export_bundle(&chain, &path, &whole).await.expect("exported");
    let mut contest = Contest::new(size("BENCH_ROUNDS", 5), &["verify"]);
    for turn in contest.turns() {
        let work = async { audit_store::verify_bundle(&path, options) };
        let (found, took) = timed(work).await;
        assert_eq!(found.expect("read").verdict, Verdict::Intact);
        contest.record(turn, world.entries, took);
    }
    rate(report, "full verification of a bundle of 1 M entries", &contest, 800_000.0);
}

fn rate(report: &mut Report, what: &str, contest: &Contest, least: f64) {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let measured = format!(
        "{threads} threads, CPU {:.2} µs an entry, best of {:.0} a second",
        contest.cpu(0) * 1e6,
        best(contest)
    );
    report.rate(what, &measured, contest.rate(0), Figure::AtLeast(least));
}

fn best(contest: &Contest) -> f64 {
    contest.costs(0).iter().fold(0.0, |best, cost| f64::max(best, 1.0 / cost))
}
