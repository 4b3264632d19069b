//! What can go wrong with plans and prunings.

use std::time::Duration;

use audit_core::{ChainId, NameError, ScheduleError, ShortensMinimum, Timestamp};

use crate::append::AppendError;
use crate::error::DatabaseError;
use crate::index::poster::PostError;

/// A plan was not set, or an event has no series. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The entry that says so could not be appended.
    #[error("the plan cannot be recorded")]
    Append(#[from] AppendError),
    /// No chain can be named so.
    #[error("no chain can have this tenant")]
    Name(#[from] NameError),
    /// The journal was opened without a schedule.
    #[error("the journal was opened without a retention schedule")]
    NoSchedule,
    /// The schedule does not know the plan.
    #[error("the schedule has no rule for it")]
    Schedule(#[from] ScheduleError),
    /// Records would be kept for less than a statutory minimum that is in force.
    #[error("the schedule does not fit {chain}")]
    #[non_exhaustive]
    ShortensMinimum {
        /// The chain.
        chain: ChainId,
        /// By which minimum.
        #[source]
        source: ShortensMinimum,
    },
}

impl From<sqlx::Error> for PlanError {
    fn from(error: sqlx::Error) -> Self {
        Self::Append(error.into())
    }
}

/// A sweep ended early. The batches it has committed stay so; the next sweep goes on behind them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The entry that says so could not be appended, or what is stored cannot be read.
    #[error("the pruning cannot be recorded")]
    Append(#[from] AppendError),
    /// The clock is later than anything the journal has seen: a clock that is set wrong would take
    /// what is not old. Nothing was pruned.
    #[error(
        "it is {now}, more than {} days after the newest entry, of {newest}: if the clock is right, \
         append something first, or say so by `dangerous_trust_clock`",
        limit.as_secs() / 86_400
    )]
    #[non_exhaustive]
    ClockAhead {
        /// What the clock says.
        now: Timestamp,
        /// When the newest entry of the journal was sealed.
        newest: Timestamp,
        /// How much later it may be.
        limit: Duration,
    },
    /// The clock is earlier than what the journal has seen. Nothing was pruned.
    #[error(
        "it is {now}, more than {} hours before the newest entry, of {newest}: one of the two is wrong",
        limit.as_secs() / 3_600
    )]
    #[non_exhaustive]
    ClockBehind {
        /// What the clock says.
        now: Timestamp,
        /// When the newest entry of the journal was sealed.
        newest: Timestamp,
        /// How much earlier it may be.
        limit: Duration,
    },
    /// Others kept changing the chain's reserved entries or its index.
    #[error("{chain} was changed by others again and again")]
    #[non_exhaustive]
    Contended {
        /// The chain.
        chain: ChainId,
    },
    /// The database failed.
    #[error("the database did not prune")]
    Database(#[from] DatabaseError),
    /// The sweep was told a time that is still to come. Nothing was pruned.
    #[error("{now} is still to come: it is {clock}")]
    #[non_exhaustive]
    InFuture {
        /// What the sweep was told.
        now: Timestamp,
        /// What the clock says.
        clock: Timestamp,
    },
    /// The query index cannot be changed.
    #[error("the query index cannot be rewritten")]
    Index(#[from] PostError),
}

impl From<sqlx::Error> for PruneError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
