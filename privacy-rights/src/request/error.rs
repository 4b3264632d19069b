//! Why an event may not follow.

use crate::request::RequestState;

/// An event that may not follow. The request is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// Not in this state.
    #[error("a request that is {} cannot be {event}", state.name())]
    NotNow {
        /// The state.
        state: RequestState,
        /// The event.
        event: &'static str,
    },
    /// The first event is the receipt.
    #[error("a request begins by being received")]
    NotReceived,
    /// Nobody knows yet who asks.
    #[error("it is not proven who asks")]
    NotVerified,
    /// It happened before what was entered last.
    #[error("it happened before what was entered last")]
    OutOfOrder,
    /// An extension or a refusal without its reasons (GDPR Art. 12(3) and (4)).
    #[error("the reasons are missing")]
    ReasonMissing,
    /// Another plan than the one that was made last.
    #[error("the approval is of another plan than the one that waits for it")]
    StalePlan,
    /// Something is left that nothing explains.
    #[error("{remaining} records are left, {explained} of them are explained")]
    Unexplained {
        /// How many are left.
        remaining: u64,
        /// How many are explained.
        explained: u64,
    },
}
