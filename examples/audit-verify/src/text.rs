//! The report for a terminal.

use std::io::{self, Write};

use audit_core::{
    ChainReport, CheckpointStatus, Finding, Information, Verdict, VerificationReport,
};
use tool_support::{Style, grouped, number_of, printable};

use crate::html::{count, moment};

/// Prints the verdict, then each chain with its findings.
pub(crate) fn print(
    report: &VerificationReport,
    source: &str,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let counts = &report.counts;
    let word = match report.verdict {
        Verdict::Intact => style.good("intact"),
        Verdict::Findings => style.bad("not intact"),
        _ => style.open("nothing wrong, not all of it proven"),
    };
    writeln!(out, "{word}  {}", printable(source))?;
    writeln!(
        out,
        "{} in {}, {} of them reserved; {} checked; {}",
        number_of_entries(counts.entries),
        number_of(count(report.chains.len()), "chain"),
        grouped(counts.reserved),
        number_of(counts.disclosures, "private field"),
        number_of(counts.checkpoints, "checkpoint"),
    )?;
    for chain in &report.chains {
        writeln!(out)?;
        print_chain(chain, style, out)?;
    }
    Ok(())
}

fn print_chain(chain: &ChainReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let word = match chain.verdict {
        Verdict::Intact => style.good("intact"),
        Verdict::Findings => style.bad("findings"),
        _ => style.open("not all proven"),
    };
    writeln!(
        out,
        "{}  {word}  {}",
        style.bold(format!("{}/{}", chain.chain, chain.incarnation)),
        number_of_entries(chain.size)
    )?;
    let mut fact = |name: &str, value: &dyn std::fmt::Display| {
        writeln!(out, "  {}  {value}", style.soft(format!("{name:>10}")))
    };
    if let (Some(first), Some(last)) = (chain.first_at, chain.last_at) {
        fact("sealed", &format_args!("{} to {}", moment(first), moment(last)))?;
    }
    if !chain.root.is_empty() {
        fact("root", &chain.root)?;
    }
    let signed = chain
        .checkpoints
        .iter()
        .filter(|checkpoint| checkpoint.status == CheckpointStatus::Verified)
        .map(|checkpoint| checkpoint.size)
        .max();
    match signed {
        Some(size) => fact("signed", &format_args!("the first {}", number_of_entries(size)))?,
        None => fact("signed", &"by no key that you trust")?,
    }
    if chain.counts.pruned > 0 {
        fact(
            "pruned",
            &format_args!("{}, under a record", number_of_entries(chain.counts.pruned)),
        )?;
    }
    if chain.counts.erased > 0 {
        let erased = number_of(chain.counts.erased, "private field");
        fact("erased", &format_args!("{erased}, under a record"))?;
    }
    for (name, sentence) in limits(&chain.information) {
        fact(name, &sentence)?;
    }
    for seq in &chain.accepted_restores {
        fact("restored", &format_args!("entry {}, accepted", grouped(*seq)))?;
    }
    for finding in &chain.findings {
        print_finding(finding, style, out)?;
    }
    for (code, total) in &chain.totals {
        let shown = chain
            .findings
            .iter()
            .filter(|finding| finding.code == *code)
            .fold(0_u64, |sum, finding| sum.saturating_add(finding.count));
        if let Some(more) = total.checked_sub(shown).filter(|more| *more > 0) {
            writeln!(out, "  {}  and {} more", style.bad(code), grouped(more))?;
        }
    }
    Ok(())
}

fn print_finding(finding: &Finding, style: Style, out: &mut impl Write) -> io::Result<()> {
    let place = if finding.first_seq == finding.last_seq {
        format!("entry {}", grouped(finding.first_seq))
    } else {
        format!("entries {} to {}", grouped(finding.first_seq), grouped(finding.last_seq))
    };
    let message = printable(&finding.message);
    writeln!(out, "  {}  {place}: {message}", style.bad(finding.code))?;
    if let Some(evidence) = &finding.evidence {
        let (expected, found) = (printable(&evidence.expected), printable(&evidence.found));
        let by = style.soft(format!("by the {}", evidence.source));
        writeln!(out, "      {}  {expected}  {by}", style.soft("expected"))?;
        writeln!(out, "      {}  {found}", style.soft("   found"))?;
    }
    Ok(())
}

/// What is not wrong, yet worth a line.
fn limits(information: &Information) -> Vec<(&'static str, String)> {
    let mut limits = Vec::new();
    let mut add = |name, number, sentence: String| {
        if number > 0 {
            limits.push((name, sentence));
        }
    };
    let Information { unsigned, unwitnessed, unknown_key, withheld, sealed, .. } = *information;
    let Information { unsealed, unsealed_age, .. } = *information;
    add("unsigned", unsigned, format!("{} above it", number_of_entries(unsigned)));
    let above = number_of_entries(unwitnessed);
    add("unwitnessed", unwitnessed, format!("{above} that too few witnesses vouch for"));
    let unknown = number_of(unknown_key, "checkpoint");
    add("unknown", unknown_key, format!("{unknown} by a key that you do not trust"));
    add("withheld", withheld, format!("{} left out of the export", grouped(withheld)));
    add("encrypted", sealed, format!("{}, not opened here", number_of(sealed, "private field")));
    let age = unsealed_age.map(|age| format!(", the oldest for {} s", grouped(age)));
    let waiting = number_of(unsealed, "staged event");
    add("waiting", unsealed, format!("{waiting}{}", age.unwrap_or_default()));
    limits
}

fn number_of_entries(number: u64) -> String {
    format!("{} {}", grouped(number), if number == 1 { "entry" } else { "entries" })
}
