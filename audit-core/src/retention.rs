//! How long records are kept, and what may not go before: periods, the schedules and the holds
//! that a chain's own entries put in force.

pub(crate) mod hold;
pub(crate) mod period;
pub(crate) mod schedule;
