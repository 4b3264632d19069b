//! The legal clock: when what is owed is due, and why.
//!
//! A deadline is a pure function of what happened ([`ClockEvent`]), of a [`Rule`], which is data
//! and not code, and of a [`Place`], the controller's time zone with its holidays. It is computed
//! whenever it is asked for and stored nowhere.

pub(crate) mod calendar;
pub(crate) mod due;
pub(crate) mod error;
pub(crate) mod event;
#[cfg(feature = "icalendar")]
pub(crate) mod icalendar;
pub(crate) mod law;
pub(crate) mod period;
pub(crate) mod regime;
pub(crate) mod rule;
pub(crate) mod span;
