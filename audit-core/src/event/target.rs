//! What it was done to.

/// What it was done to: a type and an id.
///
/// The id is a pseudonym by contract, as an [`Actor`](crate::Actor)'s is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    kind: String,
    id: String,
}

/// How many targets one event may have.
pub const MAX_TARGETS: usize = 64;

impl Target {
    /// A target: `Target::new("invoice", "inv_7")`.
    #[must_use]
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}
