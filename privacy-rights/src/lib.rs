//! The requests of data subjects under the GDPR and similar laws, as software.
//!
//! **Under construction.** What stands so far is the legal clock: [`due`] says when the answer to a
//! request, the notice of a breach or whatever a contract promises is due, and why.
//!
//! It is not legal advice.

#![cfg_attr(docsrs, feature(doc_cfg))]

// One section per area; modules are private, and each type has one public name.

mod clock;

// When something is due.
pub use clock::calendar::{HolidayCalendar, HolidayList, WeekendsOnly};
pub use clock::due::{Deadline, Due, Ground, Place, due};
pub use clock::error::{ClockError, RuleError};
pub use clock::event::{ClockEvent, Question};
#[cfg(feature = "icalendar")]
pub use clock::icalendar::ICalendarError;
pub use clock::period::Period;
pub use clock::regime::{Duty, Regime};
pub use clock::rule::{Caution, Effect, Rolling, Rule};
