//! What was removed, held and erased, in sentences.

use audit_core::{ChainReport, LifeEvent, LifeRecord, VerificationReport};
use tool_support::{grouped, number_of, printable};

use super::page::LifeRow;
use super::{LISTED, count, moment};

/// The newest of all chains' records, newest first.
pub(super) fn rows(report: &VerificationReport) -> Vec<LifeRow> {
    let mut all: Vec<(&ChainReport, &LifeEvent)> =
        report.chains.iter().flat_map(|c| c.life.iter().map(move |event| (c, event))).collect();
    all.sort_by_key(|(_, event)| std::cmp::Reverse((event.at, event.seq)));
    all.into_iter().take(LISTED).map(|(chain, event)| row(chain, event)).collect()
}

/// How many are not among them.
pub(super) fn left_out(report: &VerificationReport) -> u64 {
    report
        .chains
        .iter()
        .fold(0_u64, |sum, chain| {
            sum.saturating_add(chain.life_left_out).saturating_add(count(chain.life.len()))
        })
        .saturating_sub(count(LISTED))
}

fn row(chain: &ChainReport, event: &LifeEvent) -> LifeRow {
    let (kind, text) = sentence(&event.record);
    let open = matches!(&event.record, LifeRecord::HoldPlaced { hold, .. }
        if chain.holds_in_force.contains(hold));
    LifeRow {
        chain: chain.chain.to_string(),
        seq: grouped(event.seq),
        at: moment(event.at),
        kind,
        text: printable(&text).into_owned(),
        open,
    }
}

fn sentence(record: &LifeRecord) -> (&'static str, String) {
    match record {
        LifeRecord::HoldPlaced { hold, matter, scope, covered } => (
            "Hold placed",
            format!(
                "{hold} on {scope}, {} when it was placed; matter: {matter}",
                number_of(*covered, "entry")
            ),
        ),
        LifeRecord::HoldReleased { hold } => ("Hold released", hold.clone()),
        LifeRecord::Pruned { after, before, count, cutoff, rule, batches } => (
            "Pruned",
            format!(
                "{} of entries {} to {}, sealed by {}, by the rule {rule}, in {}",
                number_of(*count, "record"),
                grouped(*after),
                grouped(before.saturating_sub(1)),
                moment(*cutoff),
                number_of(*batches, "batch")
            ),
        ),
        LifeRecord::ScheduleChanged { plan, rule, period, minimum, effective, new_only } => {
            let minimum = minimum.map(|least| format!(", at least {least}")).unwrap_or_default();
            let whom = if *new_only { "new records" } else { "all records" };
            let text = format!(
                "plan {plan}, rule {rule}: {whom} are kept {period}{minimum}, from {} on",
                moment(*effective)
            );
            ("Schedule", text)
        }
        LifeRecord::SubjectErased { subject, ground, request, through } => (
            "Person erased",
            format!(
                "private fields of {subject} up to entry {}; ground {ground}, request {request}",
                grouped(*through)
            ),
        ),
        _ => ("Other", String::new()),
    }
}
