//! The report as one page that an auditor can file and print.

mod chart;
mod life;
mod page;

use askama::Template;
use audit_core::{
    ChainReport, CheckpointStatus, Finding, FindingCode, KeyTrust, Timestamp, Verdict,
    VerificationReport,
};

use self::page::{
    ChainRow, CheckpointRow, Counter, Fact, FindingRow, KeyRow, Page, Verdict as PageVerdict,
};
use tool_support::{grouped, number_of, printable};

/// Findings and checkpoints that the page lists; a page of a million lines helps nobody.
const LISTED: usize = 200;

/// What the page says besides the report.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub(crate) source: String,
    pub(crate) generated: Timestamp,
    /// How it was checked: names and values.
    pub(crate) terms: Vec<(String, String)>,
}

/// The page.
pub(crate) fn render(
    report: &VerificationReport,
    circumstances: &Circumstances,
) -> Result<String, askama::Error> {
    page(report, circumstances).render()
}

fn page(report: &VerificationReport, circumstances: &Circumstances) -> Page {
    let journal = report
        .chains
        .iter()
        .map(|chain| chain.journal.as_str())
        .find(|journal| !journal.is_empty())
        .unwrap_or("an unnamed journal");
    let findings: Vec<&Finding> = report.findings().collect();
    let kept: u64 = findings.iter().take(LISTED).fold(0, |sum, f| sum.saturating_add(f.count));
    let all = report
        .chains
        .iter()
        .flat_map(|chain| chain.totals.values())
        .fold(0_u64, |sum, total| sum.saturating_add(*total));
    let generated = moment(circumstances.generated);
    let checkpoints: Vec<CheckpointRow> = report.chains.iter().flat_map(checkpoint_rows).collect();
    let listed = std::cmp::min(checkpoints.len(), LISTED);
    let terms = circumstances.terms.iter().map(|(name, value)| fact(name, value));
    Page {
        title: format!("Verification of {}", printable(journal)),
        source: circumstances.source.clone(),
        generated: generated.clone(),
        tool: concat!("audit-verify ", env!("CARGO_PKG_VERSION")).to_owned(),
        verdict: verdict(report),
        facts: facts(report, &generated),
        findings: findings.iter().take(LISTED).zip(1..).map(finding_row).collect(),
        findings_left_out: all.saturating_sub(kept),
        information: information(report),
        chains: report.chains.iter().map(chain_row).collect(),
        chart: chart::svg(&report.chains.iter().map(growth).collect::<Vec<_>>()),
        life_left_out: life::left_out(report),
        life: life::rows(report),
        keys: key_rows(report),
        checkpoints_left_out: report.counts.checkpoints.saturating_sub(count(listed)),
        checkpoints: checkpoints.into_iter().take(LISTED).collect(),
        terms: terms.chain(held_beyond(report)).collect(),
    }
}

fn verdict(report: &VerificationReport) -> PageVerdict {
    let entries = grouped(report.counts.entries);
    let chains = number_of(count(report.chains.len()), "chain");
    let (class, word, sentence) = match report.verdict {
        Verdict::Intact => (
            "good",
            "Intact",
            format!(
                "All {entries} entries of {chains} are what was sealed: none was altered, removed \
                 without record, reordered or cut off, and signed checkpoints cover them."
            ),
        ),
        Verdict::Findings => (
            "bad",
            "Not intact",
            format!(
                "{} in {chains} of {entries} entries. Each is listed below with its place and its \
                 evidence.",
                number_of(count(report.findings().count()), "finding")
            ),
        ),
        _ => (
            "open",
            "Nothing wrong, not all of it proven",
            format!(
                "Nothing contradicts the {entries} entries of {chains}, but not all of it could be \
                 shown: see what was counted besides."
            ),
        ),
    };
    PageVerdict { class, word, sentence }
}

fn facts(report: &VerificationReport, generated: &str) -> Vec<Fact> {
    let counts = &report.counts;
    let first = report.chains.iter().filter_map(|chain| chain.first_at).min();
    let last = report.chains.iter().filter_map(|chain| chain.last_at).max();
    let mut facts = vec![
        fact("Checked on", generated),
        fact("Exit status", report.exit_status()),
        fact(
            "Entries",
            format!(
                "{} in {}, {} of them reserved",
                grouped(counts.entries),
                number_of(count(report.chains.len()), "chain"),
                grouped(counts.reserved)
            ),
        ),
        fact("Bytes of entries", grouped(counts.bytes)),
    ];
    if let (Some(first), Some(last)) = (first, last) {
        facts.push(fact("Sealed", format!("{} to {}", moment(first), moment(last))));
    }
    if counts.pruned > 0 {
        facts.push(fact("Removed under a pruning record", grouped(counts.pruned)));
    }
    if counts.boundaries_gone > 0 {
        facts.push(fact(
            "Prunings judged by their cutoff alone, their boundary having gone too",
            grouped(counts.boundaries_gone),
        ));
    }
    facts.push(fact(
        "Private fields",
        format!(
            "{} checked against their digests, {} erased under a record",
            grouped(counts.disclosures),
            grouped(counts.erased)
        ),
    ));
    facts.push(fact("Stored checkpoints", grouped(counts.checkpoints)));
    facts
}

fn finding_row((finding, number): (&&Finding, usize)) -> FindingRow {
    let place = if finding.first_seq == finding.last_seq {
        format!("entry {}", grouped(finding.first_seq))
    } else {
        format!("entries {} to {}", grouped(finding.first_seq), grouped(finding.last_seq))
    };
    let evidence = finding.evidence.as_ref();
    FindingRow {
        number,
        code: finding.code.to_string(),
        meaning: meaning(finding.code),
        chain: finding.chain.to_string(),
        place,
        message: sentence(&finding.message),
        expected: evidence.map(|e| format!("{} (by the {})", printable(&e.expected), e.source)),
        found: evidence.map(|evidence| printable(&evidence.found).into_owned()),
    }
}

fn meaning(code: FindingCode) -> &'static str {
    match code {
        FindingCode::Altered => {
            "Stored bytes do not hash to what the next entry, the tree or a checkpoint commits to."
        }
        FindingCode::Checkpoint => {
            "The signature, the root, the consistency or the signer of a stored checkpoint is wrong."
        }
        FindingCode::Clock => {
            "Time runs backwards, or lies later than a witness's time on a checkpoint above it."
        }
        FindingCode::Disclosure => "A private field's value is not the one that was sealed.",
        FindingCode::ErasedWithoutRecord => {
            "A private field's value is gone, and no entry records its erasure."
        }
        FindingCode::Forked | FindingCode::Reordered => {
            "A number occurs twice, or an entry names another one's predecessor."
        }
        FindingCode::HoldViolated => "A legal hold covered what is absent.",
        FindingCode::Malformed => "Something is stored in a form that the format does not allow.",
        FindingCode::Missing => "A record is absent, and no pruning entry covers it.",
        FindingCode::Projection => {
            "The query index, an event id or a head row says something else than the entries."
        }
        FindingCode::PrunedTooEarly => "The chain's own retention schedule forbade this pruning.",
        FindingCode::Restored => "A loss of history that the operator declared.",
        FindingCode::RolledBack => "History contradicts a checkpoint known from outside.",
        FindingCode::Truncated => "There are fewer entries than a signed checkpoint counts.",
        FindingCode::UnsupportedVersion => "Written by a version that this tool does not know.",
        _ => "",
    }
}

fn information(report: &VerificationReport) -> Vec<Counter> {
    let information = &report.information;
    let unsealed = match information.unsealed_age {
        Some(age) => {
            format!("{}, the oldest for {} s", grouped(information.unsealed), grouped(age))
        }
        None => grouped(information.unsealed),
    };
    [
        (
            "unsigned",
            information.unsigned,
            grouped(information.unsigned),
            "entries above the newest checkpoint: only the chain itself vouches for them",
        ),
        (
            "unwitnessed",
            information.unwitnessed,
            grouped(information.unwitnessed),
            "entries above the newest checkpoint that enough of your witnesses cosigned",
        ),
        (
            "unknown_key",
            information.unknown_key,
            grouped(information.unknown_key),
            "checkpoints by a key without a path of trust: unverifiable, which is not tampered",
        ),
        (
            "withheld",
            information.withheld,
            grouped(information.withheld),
            "entries and private fields that the export left out; their hashes are here",
        ),
        (
            "sealed",
            information.sealed,
            grouped(information.sealed),
            "private fields stored encrypted, not opened here",
        ),
        (
            "unsealed",
            information.unsealed,
            unsealed,
            "staged events that wait for their place in the chain",
        ),
    ]
    .into_iter()
    .map(|(name, number, count, meaning)| Counter {
        name: name.to_owned(),
        count,
        zero: number == 0,
        meaning,
    })
    .collect()
}

fn chain_row(chain: &ChainReport) -> ChainRow {
    let covered = chain
        .checkpoints
        .iter()
        .filter(|checkpoint| checkpoint.status == CheckpointStatus::Verified)
        .map(|checkpoint| checkpoint.size)
        .max();
    let absent = match chain.counts.absent.checked_sub(chain.counts.pruned).filter(|n| *n > 0) {
        None => grouped(chain.counts.pruned),
        Some(without) => {
            format!("{} (+{} without)", grouped(chain.counts.pruned), grouped(without))
        }
    };
    let time = |at: Option<Timestamp>| at.map(moment).unwrap_or_default();
    ChainRow {
        chain: chain.chain.to_string(),
        intact: chain.verdict != Verdict::Findings,
        entries: grouped(chain.size),
        absent,
        from: time(chain.first_at),
        to: time(chain.last_at),
        root: chain.root.clone(),
        covered: match covered {
            Some(size) => format!("signed for the first {}", grouped(size)),
            None => "no trusted checkpoint".to_owned(),
        },
        incarnation: chain.incarnation,
    }
}

fn growth(chain: &ChainReport) -> chart::Growth {
    chart::Growth {
        name: chain.chain.to_string(),
        points: chain.growth.iter().map(|point| (point.at, point.seq.saturating_add(1))).collect(),
    }
}

fn key_rows(report: &VerificationReport) -> Vec<KeyRow> {
    let mut rows: Vec<KeyRow> = Vec::new();
    for chain in &report.chains {
        for key in &chain.keys {
            let mut why = match &key.trust {
                KeyTrust::Auditor => "named by the auditor".to_owned(),
                KeyTrust::Chain { added, checkpoint, signer } => format!(
                    "{}: added by entry {}, under the checkpoint of size {} signed by {signer}",
                    chain.chain,
                    grouped(*added),
                    grouped(*checkpoint)
                ),
                _ => "named by the chain only: not trusted".to_owned(),
            };
            if let Some(retired) = key.retired {
                why.push_str(&format!(
                    "; retired in {} by entry {}",
                    chain.chain,
                    grouped(retired)
                ));
            }
            let key = printable(&key.vkey).into_owned();
            if !rows.iter().any(|row| row.key == key && row.why == why) {
                rows.push(KeyRow { key, why });
            }
        }
    }
    rows
}

fn checkpoint_rows(chain: &ChainReport) -> impl Iterator<Item = CheckpointRow> {
    let mut checkpoints: Vec<_> = chain.checkpoints.iter().collect();
    checkpoints.sort_by_key(|c| std::cmp::Reverse((c.incarnation, c.size)));
    checkpoints.into_iter().map(move |checkpoint| {
        let mut state = match checkpoint.status {
            CheckpointStatus::Verified => format!("signed by {}", checkpoint.key),
            CheckpointStatus::UnknownKey => "unknown key".to_owned(),
            _ => "wrong".to_owned(),
        };
        if checkpoint.outside {
            state.push_str(", brought by the auditor");
        }
        for witness in &checkpoint.witnesses {
            let name = printable(&witness.name);
            state.push_str(&format!("; witnessed by {name} at {}", moment(witness.at)));
        }
        CheckpointRow {
            origin: format!("{}/{}", chain.chain, checkpoint.incarnation),
            size: grouped(checkpoint.size),
            root: printable(&checkpoint.root).into_owned(),
            state,
            good: checkpoint.status == CheckpointStatus::Verified,
        }
    })
}

fn held_beyond(report: &VerificationReport) -> Option<Fact> {
    report.chains.iter().any(|chain| chain.holds_beyond_the_chain).then(|| {
        fact(
            "Holds",
            "a hold on a person or a thing was placed: records sealed later under it are protected \
             by the library and the database, which the chain alone cannot show",
        )
    })
}

/// With a capital and a full stop.
fn sentence(message: &str) -> String {
    let message = printable(message);
    let mut letters = message.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{capital}{}{stop}", letters.as_str())
}

fn fact(name: &str, value: impl ToString) -> Fact {
    Fact { name: name.to_owned(), value: value.to_string() }
}

/// `2026-11-20 23:23:00 UTC`: to the second, for people.
pub(crate) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {} UTC", time.get(..8).unwrap_or_default())
}

pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
