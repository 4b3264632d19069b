//! `verify`: is everything there that was ever sealed, and as it was sealed?

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use audit_core::{
    AuditorPolicy, Clock, SignedCheckpoint, SystemClock, Timestamp, VerificationReport,
};
use audit_store::VerifyOptions;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tool_support::{During, Failure, Style, keys, output, printable, printed};

use crate::cli::Verify;
use crate::database;
use crate::html::{self, Circumstances, count};
use crate::source::Source;
use crate::text;

/// A checkpoint file larger than this is none.
const LARGEST: u64 = 1 << 20;

/// Verifies and reports: 0 intact, 1 findings, 3 not all of it proven.
pub(crate) async fn verify(
    arguments: &Verify,
    style: Style,
    out: &mut (impl Write + Send),
) -> Result<u8, Failure> {
    // Everything that can be wrong with the question, before the long work.
    let policy = policy(arguments)?;
    if let Some(path) = &arguments.html {
        output::Unfinished::new(path, true).during(path.display())?;
    }
    let bar = progress();
    let shown = bar.clone();
    let mut options = VerifyOptions::new(policy).progress(move |progress| {
        shown.set_length(progress.total);
        shown.set_position(progress.done);
        shown.set_message(progress.chain.to_string());
    });
    for chain in &arguments.chains {
        options = options.chain(chain.clone());
    }
    let report = match &arguments.source {
        Source::Database(database) => database::verify(database, &options).await,
        Source::Bundle(path) => {
            let what = format!("cannot read {} as a bundle", path.display());
            let path = path.clone();
            // It blocks, and an interrupt must not wait for it.
            let work = move || audit_store::verify_bundle(path, &options);
            tokio::task::spawn_blocking(work).await.during(&what)?.during(&what)
        }
    };
    bar.finish_and_clear();
    let report = report?;
    for chain in &arguments.chains {
        if !report.chains.iter().any(|reported| reported.chain == *chain) {
            return Err(Failure::new(format!("there is no chain {chain} in {}", arguments.source)));
        }
    }
    let generated = SystemClock.now();
    if let Some(path) = &arguments.html {
        let page = html::render(&report, &circumstances(arguments, generated))
            .during("cannot write the page")?;
        output::write(path, page.as_bytes()).during(path.display())?;
    }
    if arguments.json {
        printed(print_json(&report, arguments, generated, out))?;
    } else {
        printed(text::print(&report, &arguments.source.to_string(), style, out))?;
    }
    Ok(report.exit_status())
}

fn policy(arguments: &Verify) -> Result<AuditorPolicy, Failure> {
    let mut policy = AuditorPolicy::new(keys::verifier_keys(&arguments.keys)?);
    if arguments.no_rotation {
        policy = policy.no_rotation();
    }
    for witness in keys::verifier_keys(&arguments.witnesses)? {
        policy = policy.witness(witness);
    }
    if let Some(path) = &arguments.policy {
        policy = policy.witnesses(keys::trust_policy(path)?);
    }
    for path in &arguments.checkpoints {
        policy = policy.holding(checkpoint(path)?);
    }
    for seq in &arguments.accept_restore {
        policy = policy.accept_restore(*seq);
    }
    Ok(policy)
}

fn checkpoint(path: &Path) -> Result<SignedCheckpoint, Failure> {
    let metadata = std::fs::metadata(path).during(path.display())?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(Failure::new(format!("{} is not a checkpoint", path.display())));
    }
    let text = std::fs::read_to_string(path).during(path.display())?;
    // Copied out of a letter or a shell, it may have got blank lines at its end.
    let text = format!("{}\n", text.trim_end());
    SignedCheckpoint::parse(&text).during(format!("{} is not a checkpoint", path.display()))
}

/// The report with its circumstances, for programs.
#[derive(Serialize)]
struct Document<'a> {
    tool: &'static str,
    source: String,
    generated: Timestamp,
    exit_status: u8,
    #[serde(flatten)]
    report: &'a VerificationReport,
}

fn print_json(
    report: &VerificationReport,
    arguments: &Verify,
    generated: Timestamp,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let document = Document {
        tool: concat!("audit-verify ", env!("CARGO_PKG_VERSION")),
        source: arguments.source.to_string(),
        generated,
        exit_status: report.exit_status(),
        report,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn circumstances(arguments: &Verify, generated: Timestamp) -> Circumstances {
    let mut terms = Vec::new();
    let mut term = |name: &str, value: String| terms.push((name.to_owned(), value));
    let chains: Vec<_> = arguments.chains.iter().map(ToString::to_string).collect();
    term("Scope", if chains.is_empty() { "all chains".to_owned() } else { chains.join(", ") });
    term(
        "Rotation of keys",
        if arguments.no_rotation {
            "only the named keys are trusted".to_owned()
        } else {
            "keys that the chain introduces under a trusted checkpoint are followed".to_owned()
        },
    );
    let held = match arguments.checkpoints.as_slice() {
        [] => "none; a whole history replaced by another of the same key would not show".to_owned(),
        paths => paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
    };
    term("Checkpoints brought from outside", printable(&held).into_owned());
    if !arguments.witnesses.is_empty() {
        let keys = tool_support::number_of(count(arguments.witnesses.len()), "key");
        term("Witnesses", keys);
    }
    if let Some(path) = &arguments.policy {
        term("Policy of witnesses", printable(&path.display().to_string()).into_owned());
    }
    if !arguments.accept_restore.is_empty() {
        let seqs: Vec<_> = arguments.accept_restore.iter().map(ToString::to_string).collect();
        term("Declared losses accepted", format!("entry {}", seqs.join(", ")));
    }
    Circumstances { source: arguments.source.to_string(), generated, terms }
}

/// On a terminal only; indicatif sees to that.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{msg}  {wide_bar}  {human_pos}/{human_len}  {per_sec}  {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
