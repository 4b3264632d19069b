//! Keys with one primary, their states, and how they are kept.

pub(crate) mod state;
