//! The row that is being sealed or opened.

use std::fmt;

use crate::associated_data::names::{FieldId, SubjectId, TenantId};
use crate::associated_data::row_key::RowKey;
use crate::associated_data::{AssociatedData, ContextError};
use crate::field::FieldMode;
use crate::keyset::KeySource;

/// A row and the keys for it: everything that sealing or opening its fields needs.
pub struct RowContext<'a> {
    keys: &'a dyn KeySource,
    tenant: TenantId,
    row: RowKey,
    subject: Option<SubjectId>,
    extra: Vec<(String, Vec<u8>)>,
    mode: FieldMode,
}

impl<'a> RowContext<'a> {
    /// A row of a tenant.
    #[must_use]
    pub fn new(keys: &'a dyn KeySource, tenant: TenantId, row: RowKey) -> Self {
        Self { keys, tenant, row, subject: None, extra: Vec::new(), mode: FieldMode::Strict }
    }

    /// Binds the row to a data subject.
    ///
    /// **Only under a [`SubjectKey`](crate::SubjectKey) of theirs is the row forgotten with them.**
    /// The keys of a [`Keyset`](crate::Keyset) seal it too, and go on opening it when the subject's
    /// key was destroyed.
    #[must_use]
    pub fn subject(mut self, subject: SubjectId) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Binds every field of the row to something of the host's: immutable, and given each time.
    ///
    /// # Errors
    ///
    /// Every [`ContextError`].
    pub fn with(mut self, name: &str, value: &[u8]) -> Result<Self, ContextError> {
        // Checked by the type that it ends up in.
        let field = FieldId::UNNAMED;
        self.place(&field).with(name, value)?;
        self.extra.push((name.to_owned(), value.to_vec()));
        Ok(self)
    }

    /// How far the fields of the row are on their way from plaintext: for what
    /// `#[derive(SealFields)]` generates.
    #[must_use]
    pub const fn mode(mut self, mode: FieldMode) -> Self {
        self.mode = mode;
        self
    }

    /// The mode.
    #[must_use]
    pub const fn field_mode(&self) -> FieldMode {
        self.mode
    }

    /// The keys.
    #[must_use]
    pub const fn keys(&self) -> &'a dyn KeySource {
        self.keys
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The place of a field in this row.
    #[must_use]
    pub fn place<'b>(&'b self, field: &'b FieldId) -> AssociatedData<'b> {
        let mut place = AssociatedData::new(&self.tenant, field, &self.row);
        if let Some(subject) = &self.subject {
            place = place.subject(subject);
        }
        for (name, value) in &self.extra {
            // Each was accepted after those before it, in `with`.
            if let Ok(more) = place.clone().with(name, value) {
                place = more;
            }
        }
        place
    }
}

impl fmt::Debug for RowContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowContext").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
