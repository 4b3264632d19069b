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

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) nullable: bool,
    /// Its type as the database writes it. Empty where it was not read.
    pub(crate) sql_type: String,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: BTreeMap<String, Column>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// The columns of each primary key and unique index.
    pub(crate) uniques: Vec<Vec<String>>,
}

impl Table {
    /// The column of that name.
    pub(crate) fn column(&self, name: &str, ignore_case: bool) -> Option<&Column> {
        self.columns.get(name).or_else(|| {
            let mut others = self.columns.iter().filter(|_| ignore_case);
            others.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, column)| column)
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
        self.add_column(table, column, Column { nullable, sql_type: String::new() });
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

    pub(crate) fn add_column(&mut self, table: &str, name: &str, column: Column) {
        self.entry(table).columns.insert(name.to_owned(), column);
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

    /// A column of a table.
    pub(crate) fn find(&self, table: &str, column: &str) -> Option<&Column> {
        self.table(table)?.column(column, self.ignore_case)
    }

    /// Whether there is such a column, and whether it may be NULL.
    pub(crate) fn nullable(&self, table: &str, column: &str) -> Option<bool> {
        self.find(table, column).map(|column| column.nullable)
    }
}
