//! Who did it.

use std::fmt;

/// Who did it: a kind and an id.
///
/// The id is a pseudonym by contract: an opaque id of the host's, never an e-mail address or a
/// name. What names or describes the person belongs in a private field such as `/actor/name`.
///
/// ```
/// use audit_core::{Actor, ActorKind};
///
/// let actor = Actor::user("usr_42");
/// assert_eq!((actor.kind(), actor.id()), (ActorKind::User, "usr_42"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    kind: ActorKind,
    id: String,
}

impl Actor {
    /// An actor of any kind.
    #[must_use]
    pub fn new(kind: ActorKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// A person with an account.
    #[must_use]
    pub fn user(id: impl Into<String>) -> Self {
        Self::new(ActorKind::User, id)
    }

    /// Another program, with credentials of its own.
    #[must_use]
    pub fn service(id: impl Into<String>) -> Self {
        Self::new(ActorKind::Service, id)
    }

    /// A part of the host itself: a job, a migration.
    #[must_use]
    pub fn system(id: impl Into<String>) -> Self {
        Self::new(ActorKind::System, id)
    }

    /// Somebody who did not say who they are; the id may name the session.
    #[must_use]
    pub fn anonymous(id: impl Into<String>) -> Self {
        Self::new(ActorKind::Anonymous, id)
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// What kind of actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ActorKind {
    /// Somebody who did not say who they are.
    Anonymous,
    /// Another program, with credentials of its own.
    Service,
    /// A part of the host itself.
    System,
    /// A person with an account.
    User,
}

impl ActorKind {
    /// For messages: the names there are.
    pub(crate) const FORM: &str = "user, service, system or anonymous";

    /// The name that entries use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Service => "service",
            Self::System => "system",
            Self::User => "user",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Service, Self::System, Self::Anonymous]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
