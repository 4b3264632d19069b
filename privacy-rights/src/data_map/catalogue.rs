//! What a database says about its tables.

use std::collections::BTreeMap;

/// What becomes of a row when the row that it names is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDelete {
    /// It is deleted, too.
    Cascade,
    /// The deletion is refused.
    Refuse,
    /// Its column becomes NULL, or its default.
    SetNull,
}

/// A foreign key of one or more columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignKey {
    /// Its own columns.
    pub(crate) columns: Vec<String>,
    /// The table that it names.
    pub(crate) table: String,
    /// The columns there. Empty for the primary key.
    pub(crate) references: Vec<String>,
    pub(crate) on_delete: OnDelete,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// Whether each may be NULL.
    pub(crate) columns: BTreeMap<String, bool>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// The columns of each primary key and unique index.
    pub(crate) uniques: Vec<Vec<String>>,
}

impl Table {
    /// Whether a column may be NULL, if there is such a column.
    pub(crate) fn nullable(&self, column: &str, ignore_case: bool) -> Option<bool> {
        let found = self.columns.get(column).copied();
        found.or_else(|| {
            let mut others = self.columns.iter().filter(|_| ignore_case);
            others.find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, null)| *null)
        })
    }
}

/// The tables of a database with their columns and keys.
///
/// Read by `Catalogue::read`, or put together by hand where there is no database at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    tables: BTreeMap<String, Table>,
    /// Whether names that differ in case only are the same, as in SQLite.
    ignore_case: bool,
}

impl Catalogue {
    /// Without tables; with names in which case does not matter, or does.
    #[must_use]
    pub const fn new(ignore_case: bool) -> Self {
        Self { tables: BTreeMap::new(), ignore_case }
    }

    fn folded(&self, name: &str) -> String {
        if self.ignore_case { name.to_ascii_lowercase() } else { name.to_owned() }
    }

    fn entry(&mut self, table: &str) -> &mut Table {
        let folded = self.folded(table);
        self.tables
            .entry(folded)
            .or_insert_with(|| Table { name: table.to_owned(), ..Table::default() })
    }

    /// Adds a column, and its table if need be.
    #[must_use]
    pub fn column(mut self, table: &str, column: &str, nullable: bool) -> Self {
        self.add_column(table, column, nullable);
        self
    }

    /// Adds a foreign key of one column.
    #[must_use]
    pub fn foreign_key(
        mut self,
        (table, column): (&str, &str),
        (other, key): (&str, &str),
        on_delete: OnDelete,
    ) -> Self {
        let key = ForeignKey {
            columns: vec![column.to_owned()],
            table: other.to_owned(),
            references: vec![key.to_owned()],
            on_delete,
        };
        self.add_foreign_key(table, key);
        self
    }

    /// Adds a primary key or a unique index.
    #[must_use]
    pub fn unique(mut self, table: &str, columns: &[&str]) -> Self {
        self.add_unique(table, columns.iter().map(|&column| column.to_owned()).collect());
        self
    }

    pub(crate) fn add_column(&mut self, table: &str, column: &str, nullable: bool) {
        self.entry(table).columns.insert(column.to_owned(), nullable);
    }

    pub(crate) fn add_foreign_key(&mut self, table: &str, key: ForeignKey) {
        self.entry(table).foreign_keys.push(key);
    }

    pub(crate) fn add_unique(&mut self, table: &str, columns: Vec<String>) {
        self.entry(table).uniques.push(columns);
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    /// The table of that name.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(&self.folded(name))
    }

    /// Whether two names are of one thing.
    pub(crate) fn same(&self, a: &str, b: &str) -> bool {
        if self.ignore_case { a.eq_ignore_ascii_case(b) } else { a == b }
    }

    /// Whether there is such a column, and whether it may be NULL.
    pub(crate) fn nullable(&self, table: &str, column: &str) -> Option<bool> {
        self.table(table)?.nullable(column, self.ignore_case)
    }
}
