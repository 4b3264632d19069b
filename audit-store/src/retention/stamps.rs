//! The schedule entries of a chain, read from their bytes.

use audit_core::{ChainId, Entry, Period, Reserved, RetentionRule, ScheduleEntry, ScheduleHistory};

use crate::append::AppendError;
use crate::backend::{Backend, Schema};

/// A chain's schedule entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Stamps {
    pub(super) history: ScheduleHistory,
    stamps: Vec<Stamp>,
}

#[derive(Clone, Debug)]
struct Stamp {
    seq: u64,
    plan: String,
    rule: String,
    period: Period,
    minimum: Option<Period>,
}

impl Stamps {
    pub(super) async fn read<DB: Backend>(
        conn: &mut DB::Connection,
        schema: &Schema,
        (id, chain): (i64, &ChainId),
    ) -> Result<Self, AppendError> {
        let corrupt = || AppendError::Corrupt { what: "a schedule entry" };
        let mut seqs = Vec::new();
        for seq in DB::schedule_seqs(conn, schema, id).await? {
            seqs.push(u64::try_from(seq).map_err(|_| corrupt())?);
        }
        if seqs.is_empty() {
            return Ok(Self::default());
        }
        let mut bodies = DB::bodies_at(conn, schema, id, &seqs).await?;
        bodies.sort_unstable_by_key(|(seq, _)| *seq);
        let mut all = Self::default();
        for (seq, body) in &bodies {
            let entry = Entry::parse(body).map_err(|_| corrupt())?;
            if entry.seq() != *seq || entry.chain() != chain.as_str() {
                return Err(corrupt());
            }
            let Ok(Some(Reserved::ScheduleChanged {
                applies,
                effective,
                minimum,
                period,
                plan,
                rule,
            })) = entry.reserved()
            else {
                return Err(corrupt());
            };
            let at = entry.at();
            all.history.push(ScheduleEntry::new(*seq, at, effective, applies, period, minimum));
            all.stamps.push(Stamp { seq: *seq, plan, rule, period, minimum });
        }
        // An entry that is gone must not be passed over: an older one would rule in its place.
        if all.stamps.len() == seqs.len() { Ok(all) } else { Err(corrupt()) }
    }

    /// Whether the newest entry says just this.
    pub(super) fn says(&self, plan: &str, rule: &RetentionRule) -> bool {
        self.stamps.last().is_some_and(|last| {
            last.plan == plan
                && last.rule == rule.name()
                && last.period == rule.period()
                && last.minimum == rule.statutory_minimum()
        })
    }

    /// The name of the rule of one of the entries.
    pub(super) fn rule(&self, seq: u64) -> &str {
        self.stamps.iter().find(|stamp| stamp.seq == seq).map_or("", |stamp| &stamp.rule)
    }
}
