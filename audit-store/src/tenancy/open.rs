//! Creating and opening: the database's way to keep tenants apart must be the one of the options.

use audit_core::ChainId;

use crate::backend::tenancy::TenancyRow;
use crate::backend::{Backend, Schema};
use crate::error::OpenError;
use crate::journal::options::JournalOptions;
use crate::subject::key::{Directory, DirectoryKey};
use crate::tenancy::{Tenancy, TenantMismatch};

/// The longest name of a setting.
const MAX_SETTING: usize = 63;

/// Whether the options can be had of this database, before it is touched.
pub(crate) fn check_options<DB: Backend>(options: &JournalOptions) -> Result<(), OpenError> {
    if let Some(tenant) = &options.tenant {
        ChainId::new(tenant, "default").map_err(OpenError::TenantName)?;
    }
    let Some(setting) = options.tenancy.setting() else { return Ok(()) };
    if !DB::ROW_SECURITY {
        return Err(OpenError::NoRowSecurity);
    }
    let is_part = |part: &str| {
        part.bytes().next().is_some_and(|b| b == b'_' || b.is_ascii_lowercase())
            && part.bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if setting.len() > MAX_SETTING || !setting.contains('.') || !setting.split('.').all(is_part) {
        return Err(OpenError::SettingName);
    }
    Ok(())
}

/// Refuses a role that row-level security does not hold.
pub(crate) async fn check_role<DB: Backend>(
    conn: &mut DB::Connection,
    options: &JournalOptions,
) -> Result<(), OpenError> {
    if options.tenancy.setting().is_none() {
        return Ok(());
    }
    match DB::role_above(conn).await? {
        Some(role) => Err(OpenError::AboveRowSecurity { role }),
        None => Ok(()),
    }
}

/// What a journal is created with.
pub(crate) fn row(options: &JournalOptions) -> TenancyRow {
    TenancyRow {
        setting: options.tenancy.setting().map(str::to_owned),
        tenant: options.tenant.clone(),
        subject_key: options.directory_key.as_ref().map(DirectoryKey::check_value),
        leaving: false,
    }
}

impl TenancyRow {
    /// How tenants are kept apart.
    pub(crate) fn tenancy(&self) -> Tenancy {
        match &self.setting {
            Some(setting) => Tenancy::RowLevelSecurity { setting: setting.clone() },
            None => Tenancy::ByCaller,
        }
    }
}

/// Compares an open journal's database with the options. Returns the one tenant that the handle is
/// for, where it is for one, and how the directory of data subjects is kept.
pub(crate) async fn check<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    options: &JournalOptions,
) -> Result<(Option<String>, Directory), OpenError> {
    check_options::<DB>(options)?;
    let row = DB::tenancy_row(conn, schema).await?;
    if row.leaving {
        return Err(OpenError::Leaving);
    }
    let stored = row.tenancy();
    if stored != options.tenancy {
        return Err(OpenError::TenancyMismatch { stored, given: options.tenancy.clone() });
    }
    check_role::<DB>(conn, options).await?;
    if let Some(setting) = options.tenancy.setting()
        && let Some(table) = DB::not_isolated(conn, schema, setting).await?
    {
        return Err(OpenError::NotIsolated { table });
    }
    let directory = match (row.subject_key, &options.directory_key) {
        (None, None) => Directory::Plain,
        (None, Some(_)) => return Err(OpenError::DirectoryNotKeyed),
        (Some(_), None) if options.read_only => Directory::Closed,
        (Some(_), None) => return Err(OpenError::DirectoryKeyMissing),
        (Some(stored), Some(key)) if key.check_value() == stored => Directory::Keyed(key.clone()),
        (Some(_), Some(_)) => return Err(OpenError::DirectoryKeyMismatch),
    };
    match (row.tenant, &options.tenant) {
        (Some(bound), Some(given)) if bound != *given => {
            Err(OpenError::TenantMismatch(TenantMismatch { bound, given: given.clone() }))
        }
        (Some(bound), _) => Ok((Some(bound), directory)),
        (None, given) => Ok((given.clone(), directory)),
    }
}
