//! In which request it was done, and how it ended.

use std::fmt;

/// In which request, session and trace it was done: opaque strings of the host's.
///
/// Where and with what it was done (IP address, user agent) describes a person and belongs in
/// private fields: `/context/ip`, `/context/user_agent`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Context {
    pub(crate) request_id: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) trace_id: Option<String>,
}

impl Context {
    /// A context without any member.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The request.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// The session. Not the session's secret: an id that opens nothing.
    #[must_use]
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// The distributed trace, such as a W3C trace id.
    #[must_use]
    pub fn trace_id(mut self, id: impl Into<String>) -> Self {
        self.trace_id = Some(id.into());
        self
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was not allowed.
    Denied,
    /// It was tried and did not work.
    Failure,
    /// It was done.
    Success,
}

impl Outcome {
    /// For messages: the names there are.
    pub(crate) const FORM: &str = "success, failure or denied";

    /// The name that entries use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Failure => "failure",
            Self::Success => "success",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Failure, Self::Denied]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
