//! Appending events.
