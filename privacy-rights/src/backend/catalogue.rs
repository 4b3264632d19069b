//! Reading what a database says about its tables.

use std::fmt;

use audit_store::DatabaseError;
use sqlx::{Database, Pool};

use crate::backend::{Backend, fixed};
use crate::data_map::DataMap;
use crate::data_map::catalogue::{Catalogue, Column, ForeignKey, OnDelete};
use crate::data_map::coverage::Finding;

/// Queries for the catalogue.
pub trait CatalogueSql: Database {
    /// Whether names that differ in case only are the same.
    const IGNORES_CASE: bool;

    /// Table, column, whether it may be NULL (1 or 0), type.
    const COLUMNS: &'static str;

    /// Table, name of the key, column, other table, its column or NULL, what becomes of the row
    /// (`c`ascade, `n`ull, or else). In the order of table, key and place in the key.
    const FOREIGN_KEYS: &'static str;

    /// Table, name of the index, column. In the order of table, index and place in the index.
    const UNIQUES: &'static str;
}

impl Catalogue {
    /// Reads the catalogue of a database: all its tables, but for the system's. A table of another
    /// schema than the connection's own carries its schema's name.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub async fn read<DB: Backend>(pool: &Pool<DB>) -> Result<Self, DatabaseError> {
        let mut conn = pool.acquire().await?;
        let mut catalogue = Self::new(DB::IGNORES_CASE);
        for mut row in DB::fetch(&mut conn, fixed(DB::COLUMNS), Vec::new()).await? {
            let (table, column) = (row.text()?, row.text()?);
            let (nullable, sql_type) = (row.int()? != 0, row.text()?);
            catalogue.add_column(&table, &column, Column { nullable, sql_type });
        }
        let mut last: Option<(String, String, ForeignKey)> = None;
        for mut row in DB::fetch(&mut conn, fixed(DB::FOREIGN_KEYS), Vec::new()).await? {
            let (table, name, column) = (row.text()?, row.text()?, row.text()?);
            let (other, references) = (row.text()?, row.text_or_null()?);
            let on_delete = match row.text()?.as_str() {
                "c" => OnDelete::Cascade,
                "n" => OnDelete::SetNull,
                _ => OnDelete::Refuse,
            };
            match &mut last {
                Some((of, key, foreign)) if *of == table && *key == name => {
                    foreign.columns.push(column);
                    foreign.references.extend(references);
                }
                _ => {
                    let foreign = ForeignKey {
                        columns: vec![column],
                        table: other,
                        references: references.into_iter().collect(),
                        on_delete,
                    };
                    if let Some((table, _, key)) = last.replace((table, name, foreign)) {
                        catalogue.add_foreign_key(&table, key);
                    }
                }
            }
        }
        if let Some((table, _, key)) = last {
            catalogue.add_foreign_key(&table, key);
        }
        let mut last: Option<(String, String, Vec<String>)> = None;
        for mut row in DB::fetch(&mut conn, fixed(DB::UNIQUES), Vec::new()).await? {
            let (table, name, column) = (row.text()?, row.text()?, row.text()?);
            match &mut last {
                Some((of, index, columns)) if *of == table && *index == name => {
                    columns.push(column);
                }
                _ => {
                    if let Some((table, _, columns)) = last.replace((table, name, vec![column])) {
                        catalogue.add_unique(&table, columns);
                    }
                }
            }
        }
        if let Some((table, _, columns)) = last {
            catalogue.add_unique(&table, columns);
        }
        Ok(catalogue)
    }
}

/// A database and a data map do not agree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoverageError {
    /// The catalogue could not be read.
    #[error("the catalogue of the database cannot be read")]
    Database(#[from] DatabaseError),
    /// Something is not declared, or declared so that the database forbids it.
    #[error("{}", Listed(findings))]
    Findings {
        /// What.
        findings: Vec<Finding>,
    },
}

struct Listed<'a>(&'a [Finding]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data map and the database do not agree:")?;
        self.0.iter().try_for_each(|finding| write!(f, "\n- {finding}"))
    }
}

/// The gate for a host's own tests: fails when a table or column that belongs to a person is not
/// declared, or a strategy is against a constraint of the database.
///
/// ```no_run
/// # async fn test(pool: &sqlx::SqlitePool, map: &privacy_rights::DataMap) {
/// if let Err(error) = privacy_rights::assert_covered(pool, map).await {
///     panic!("{error}");
/// }
/// # }
/// ```
///
/// # Errors
///
/// [`CoverageError`], with every [`Finding`] of [`DataMap::check`].
pub async fn assert_covered<DB: Backend>(
    pool: &Pool<DB>,
    map: &DataMap,
) -> Result<(), CoverageError> {
    let findings = map.check(&Catalogue::read(pool).await?);
    if findings.is_empty() { Ok(()) } else { Err(CoverageError::Findings { findings }) }
}
