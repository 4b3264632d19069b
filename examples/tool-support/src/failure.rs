//! Why a run ended without an answer: exit status 2.

use std::error::Error;
use std::fmt::{self, Display};

/// What could not be done, and why; shown on one line with all its causes.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// Something wrong that has no further cause.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// `what` failed because of `cause` and its causes.
    #[must_use]
    pub fn because(what: impl Display, cause: &(dyn Error + 'static)) -> Self {
        let mut text = what.to_string();
        let mut next = Some(cause);
        while let Some(error) = next {
            let words = error.to_string();
            // Some errors repeat their cause in their own words.
            if !text.ends_with(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            next = error.source();
        }
        Self(text)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::style::printable(&self.0))
    }
}

impl Error for Failure {}

/// Standard output that nobody reads any more, as of `| head`, changes no answer.
///
/// # Errors
///
/// Where printing failed for another reason.
pub fn printed(outcome: std::io::Result<()>) -> Result<(), Failure> {
    match outcome {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.during("cannot print"),
    }
}

/// Says what was being done when something failed.
pub trait During<T> {
    /// `what`: what was being done.
    ///
    /// # Errors
    ///
    /// The same, told as a [`Failure`].
    fn during(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Error + 'static> During<T> for Result<T, E> {
    fn during(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::because(what, &error))
    }
}
