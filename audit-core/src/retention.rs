//! How long records are kept, and what may not go before: periods, the schedules and the holds
//! that a chain's own entries put in force, and what a host decides them by.

pub(crate) mod change;
pub(crate) mod decision;
pub(crate) mod hold;
pub(crate) mod period;
pub(crate) mod plan;
pub(crate) mod rule;
pub(crate) mod schedule;
