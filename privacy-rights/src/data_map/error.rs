//! What is wrong with a map.

/// A data map that was not built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// A legal obligation without its law, or a legitimate interest that is not said (GDPR Art.
    /// 13(1)(d)).
    #[error("the basis of the purpose {purpose:?} does not say which law or interest")]
    BasisUnnamed {
        /// The purpose.
        purpose: String,
    },
    /// Neither the field nor its source says so.
    #[error("{source_name}.{field} has no {what}")]
    Incomplete {
        /// The source.
        source_name: String,
        /// The field.
        field: String,
        /// What is missing.
        what: &'static str,
    },
    /// Nobody is concerned by a purpose (GDPR Art. 30(1)(c)).
    #[error("the purpose {purpose:?} does not say whom it concerns")]
    NobodyConcerned {
        /// The purpose.
        purpose: String,
    },
    /// Nothing says which rows are whose.
    #[error("the source {source_name:?} is linked to nobody")]
    NoLink {
        /// The source.
        source_name: String,
    },
    /// Nothing says where a source is.
    #[error("the source {source_name:?} is nowhere")]
    NoLocation {
        /// The source.
        source_name: String,
    },
    /// Something is named by nothing.
    #[error("something has an empty name")]
    NoName,
    /// A recipient outside the European Economic Area without a safeguard (GDPR Art. 44).
    #[error("the recipient {recipient:?} is outside the EEA, under no safeguard")]
    NoSafeguard {
        /// The recipient.
        recipient: String,
    },
    /// A special category of data without a ground (GDPR Art. 9(2), Art. 10).
    #[error("{source_name}.{field} is of a special category, on no ground of Art. 9(2) or 10")]
    NoSpecialGround {
        /// The source.
        source_name: String,
        /// The field.
        field: String,
    },
    /// Rows are deleted as a whole or not at all.
    #[error("some fields of the source {source_name:?} delete its rows and others do not")]
    RowInPieces {
        /// The source.
        source_name: String,
    },
    /// Something is declared twice.
    #[error("{name:?} is declared twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// A purpose, recipient or source that is named and not declared.
    #[error("{name:?} is named and not declared")]
    Undeclared {
        /// Its name.
        name: String,
    },
    /// What is left out is left out for a reason.
    #[error("a waiver gives no reason")]
    WaiverWithoutReason,
}
