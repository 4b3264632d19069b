//! Structs whose fields are sealed, and the list of all such fields.

use super::FieldCipher;
use super::row::RowContext;
use crate::associated_data::names::{FieldId, KeyGroup, NameError};
use crate::error::{OpenError, SealError};

/// A struct with sealed fields: what `#[derive(SealFields)]` makes (feature `derive`).
///
/// The derive makes a struct of the sealed row, named `Sealed…` or by `row`, in which every marked
/// field is a [`Sealed`](crate::Sealed) (an `Option` of it for an `Option`; with `text` a
/// [`SealedText`](crate::SealedText)), and the others are as they were.
///
/// | at a struct | |
/// |---|---|
/// | `row = "UserRow"` | the name of the sealed row |
/// | `derive(Debug, sqlx::FromRow)` | what it derives |
///
/// | at a field | |
/// |---|---|
/// | `field = "users.email"` | the name in the context; it stays when a column is renamed |
/// | `index = "email"` | the blind index that goes with it, for the registry |
/// | `group = "health"` | the group of keys, instead of `default` |
/// | `padded`, `deterministic`, `text` | as [`FieldCipher`] does |
///
/// ```
/// # #[cfg(feature = "derive")] {
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use crypto_fields::*;
/// # let (root, tenant) = (LocalKey::new(SecretKey::random()?), TenantId::new("acme")?);
/// # let mut manager = KeysetManager::new(Vec::new(), KeyPolicy::DEFAULT, SystemClock);
/// # manager.create(&root, &tenant, Purpose::Seal, &KeyGroup::DEFAULT).await?;
/// # let keys = Keyset::load(manager.records().to_vec(), &[&root]).await?;
/// #[derive(SealFields)]
/// struct User {
///     id: i64,
///     #[seal(field = "users.email", index = "email")]
///     email: String,
///     #[seal(field = "users.phone", padded)]
///     phone: Option<String>,
/// }
///
/// let alice = User { id: 1, email: "alice@example.com".to_owned(), phone: None };
/// let row = RowContext::new(&keys, tenant, RowKey::int(alice.id)?);
/// let stored: SealedUser = alice.seal_row(&row)?;
/// assert_eq!(stored.id, 1);
/// assert_eq!(stored.open_row(&row)?.email, "alice@example.com");
/// assert_eq!(User::FIELDS[0].index(), Some("email"));
/// # Ok(())
/// # }
/// # main().unwrap(); }
/// ```
///
/// What cannot be meant does not compile: a sealed field without a name,
///
/// ```compile_fail
/// #[derive(crypto_fields::SealFields)]
/// struct User {
///     #[seal(index = "email")]
///     email: String,
/// }
/// ```
///
/// two fields of one name, which could be exchanged,
///
/// ```compile_fail
/// #[derive(crypto_fields::SealFields)]
/// struct User {
///     #[seal(field = "users.email")]
///     email: String,
///     #[seal(field = "users.email")]
///     other: String,
/// }
/// ```
///
/// or a name with a blank in it.
///
/// ```compile_fail
/// #[derive(crypto_fields::SealFields)]
/// struct User {
///     #[seal(field = "users email")]
///     email: String,
/// }
/// ```
pub trait SealFields: Sized {
    /// The row as it is stored.
    type Row;

    /// Every sealed field, for a [`CensusBuilder`](crate::CensusBuilder) and a rotation.
    const FIELDS: &'static [SealedField];

    /// Seals every marked field for its row.
    ///
    /// # Errors
    ///
    /// The first field that is not sealed.
    fn seal_row(&self, row: &RowContext<'_>) -> Result<Self::Row, SealError>;

    /// Opens every marked field in its row.
    ///
    /// # Errors
    ///
    /// The first field that does not open.
    fn open_row(row: &RowContext<'_>, sealed: &Self::Row) -> Result<Self, OpenError>;
}

/// One sealed field of a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedField {
    id: &'static str,
    column: &'static str,
    index: Option<&'static str>,
}

impl SealedField {
    /// What the derive registers.
    #[must_use]
    pub const fn new(id: &'static str, column: &'static str, index: Option<&'static str>) -> Self {
        Self { id, column, index }
    }

    /// Its name in the context.
    ///
    /// # Errors
    ///
    /// [`NameError`] if it was registered by hand with a name that is none.
    pub fn id(&self) -> Result<FieldId, NameError> {
        FieldId::new(self.id)
    }

    /// The member of the struct, which most often is the column.
    #[must_use]
    pub const fn column(&self) -> &'static str {
        self.column
    }

    /// The blind index that goes with it.
    #[must_use]
    pub const fn index(&self) -> Option<&'static str> {
        self.index
    }
}

/// For what the derive generates; the names were checked by it.
#[must_use]
pub fn field(
    id: &'static str,
    group: &'static str,
    padded: bool,
    deterministic: bool,
) -> FieldCipher {
    let mut cipher = FieldCipher::new(FieldId::checked(id)).group(KeyGroup::checked(group));
    if padded {
        cipher = cipher.padded();
    }
    if deterministic {
        cipher = cipher.deterministic();
    }
    cipher
}
