//! The gate: whether everything in a database that belongs to a person is declared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::data_map::DataMap;
use crate::data_map::catalogue::{Catalogue, Table};
use crate::data_map::constraint;
use crate::data_map::source::{Field, Link, SourceDeclaration, Storage};

/// Something that is wrong between a data map and a database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A table that keeps its rows would lose them: they are deleted with the rows they name.
    CascadeDestroys {
        /// The table whose rows are deleted.
        deleted: String,
        /// The table whose rows would go along.
        kept: String,
    },
    /// Rows cannot be deleted in any order: each table's rows are named by another's.
    Cycle {
        /// The tables.
        tables: Vec<String>,
    },
    /// A column that names other rows would come to hold something else.
    ForeignKeyChanged {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A column by which a row is named would change.
    KeyChanged {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A column that is declared, and does not exist.
    MissingColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A table that is declared, and does not exist.
    MissingTable {
        /// The table.
        table: String,
    },
    /// A column that may not be NULL would become so.
    NullForbidden {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// Rows are deleted that rows of another table still name, which stay.
    StillReferenced {
        /// The table whose rows are deleted.
        deleted: String,
        /// The table whose rows stay, or stay longer.
        by: String,
        /// Its column.
        column: String,
    },
    /// A column of a declared table that is neither declared nor waived.
    UndeclaredColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A table that belongs to a person and is neither declared nor waived.
    UndeclaredTable {
        /// The table.
        table: String,
        /// How it belongs to a person: from column to column.
        path: Vec<String>,
    },
    /// Columns in which no value may stand twice would all come to hold the same.
    UniqueRepeated {
        /// The table.
        table: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// A waiver of what does not exist, or is declared after all.
    UnusedWaiver {
        /// The table.
        table: String,
        /// The column, if it is of one.
        column: Option<String>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CascadeDestroys { deleted, kept } => {
                write!(f, "deleting rows of {deleted} deletes rows of {kept}, which are kept")
            }
            Self::Cycle { tables } => {
                write!(f, "no order deletes the rows of {}", tables.join(", "))
            }
            Self::ForeignKeyChanged { table, column } => {
                write!(f, "{table}.{column} is a foreign key and would hold something else")
            }
            Self::KeyChanged { table, column } => {
                write!(f, "{table}.{column} names the row and would change")
            }
            Self::MissingColumn { table, column } => {
                write!(f, "there is no column {table}.{column}")
            }
            Self::MissingTable { table } => write!(f, "there is no table {table}"),
            Self::NullForbidden { table, column } => {
                write!(f, "{table}.{column} may not be NULL and would be")
            }
            Self::StillReferenced { deleted, by, column } => {
                write!(f, "{by}.{column} still names rows of {deleted} that are deleted")
            }
            Self::UndeclaredColumn { table, column } => {
                write!(f, "{table}.{column} is not declared")
            }
            Self::UndeclaredTable { table, path } => {
                write!(f, "{table} is not declared and belongs to a person: {}", path.join(" -> "))
            }
            Self::UniqueRepeated { table, columns } => {
                write!(f, "{table}({}) is unique and would repeat", columns.join(", "))
            }
            Self::UnusedWaiver { table, column: None } => {
                write!(f, "the waiver of {table} is unused")
            }
            Self::UnusedWaiver { table, column: Some(column) } => {
                write!(f, "the waiver of {table}.{column} is unused")
            }
        }
    }
}

impl DataMap {
    /// Holds the map against a database: what of it belongs to a person and is not declared, and
    /// which strategy its constraints forbid. Empty if all is well.
    ///
    /// A table belongs to a person if it names rows of a declared table, directly or through other
    /// tables, or if it has a column of the name of one that links to a person or identifies one.
    /// Views hold nothing of their own and are not looked at.
    #[must_use]
    pub fn check(&self, catalogue: &Catalogue) -> Vec<Finding> {
        let mut findings = missing(self, catalogue);
        findings.extend(undeclared_columns(self, catalogue));
        findings.extend(undeclared_tables(self, catalogue));
        findings.extend(unused_waivers(self, catalogue));
        findings.extend(constraint::findings(self, catalogue));
        findings
    }

    /// The source that is that table.
    pub(crate) fn source_of(
        &self,
        catalogue: &Catalogue,
        table: &str,
    ) -> Option<&SourceDeclaration> {
        self.sources().iter().find(|source| {
            source.storage().as_table().is_some_and(|own| catalogue.same(own.as_str(), table))
        })
    }

    /// Whether a table, or a column of it, was waived.
    fn waives(&self, catalogue: &Catalogue, table: &str, column: Option<&str>) -> bool {
        self.waivers().iter().any(|waiver| {
            catalogue.same(waiver.of_table().as_str(), table)
                && match (waiver.of_column(), column) {
                    (None, None) => true,
                    (Some(waived), Some(column)) => catalogue.same(waived.as_str(), column),
                    _ => false,
                }
        })
    }
}

fn missing(map: &DataMap, catalogue: &Catalogue) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut need = |table: &str, column: &str| {
        if catalogue.nullable(table, column).is_none() {
            let (table, column) = (table.to_owned(), column.to_owned());
            findings.push(Finding::MissingColumn { table, column });
        }
    };
    let mut tables = Vec::new();
    for source in map.sources() {
        let Some(table) = source.storage().as_table() else { continue };
        if catalogue.table(table.as_str()).is_none() {
            tables.push(Finding::MissingTable { table: table.to_string() });
            continue;
        }
        for column in own_columns(source) {
            need(table.as_str(), column);
        }
        for link in source.links() {
            let mut link = link;
            while let Link::Through { table, key, link: next, .. } = link {
                need(table.as_str(), key.as_str());
                need(table.as_str(), next.own_column().as_str());
                link = next;
            }
        }
    }
    tables.extend(findings);
    tables
}

/// The columns of a source's own table that its declaration names.
fn own_columns(source: &SourceDeclaration) -> impl Iterator<Item = &str> {
    let key = match source.storage() {
        Storage::Table { key, .. } => Some(key.as_str()),
        _ => None,
    };
    let links = source.links().iter().map(|link| link.own_column().as_str());
    let fields = source.fields().iter().map(Field::name);
    key.into_iter().chain(links).chain(fields)
}

fn undeclared_columns(map: &DataMap, catalogue: &Catalogue) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in catalogue.tables() {
        let Some(source) = map.source_of(catalogue, &table.name) else { continue };
        for column in table.columns.keys() {
            let declared = own_columns(source).any(|own| catalogue.same(own, column));
            if !declared && !map.waives(catalogue, &table.name, Some(column)) {
                let (table, column) = (table.name.clone(), column.clone());
                findings.push(Finding::UndeclaredColumn { table, column });
            }
        }
    }
    findings
}

/// Follows foreign keys backwards from what is declared, then from what a name tells; a waived table
/// passes the link on.
fn undeclared_tables(map: &DataMap, catalogue: &Catalogue) -> Vec<Finding> {
    let mut paths: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for table in catalogue.tables() {
        if map.source_of(catalogue, &table.name).is_some() {
            paths.insert(&table.name, Vec::new());
        }
    }
    follow(catalogue, &mut paths);
    for table in catalogue.tables() {
        if !paths.contains_key(table.name.as_str())
            && let Some(path) = by_name(map, table)
        {
            paths.insert(&table.name, path);
        }
    }
    follow(catalogue, &mut paths);
    let undeclared = paths
        .into_iter()
        .filter(|(table, path)| !path.is_empty() && !map.waives(catalogue, table, None));
    undeclared
        .map(|(table, path)| Finding::UndeclaredTable { table: table.to_owned(), path })
        .collect()
}

/// Adds every table that names rows of one that is there, by the shortest way.
fn follow<'a>(catalogue: &'a Catalogue, paths: &mut BTreeMap<&'a str, Vec<String>>) {
    let mut queue: VecDeque<&str> = paths.keys().copied().collect();
    while let Some(person) = queue.pop_front() {
        let onwards = paths.get(person).cloned().unwrap_or_default();
        for table in catalogue.tables() {
            let mut keys = table.foreign_keys.iter();
            let named = keys.find(|key| catalogue.same(&key.table, person));
            if let Some(key) = named
                && !paths.contains_key(table.name.as_str())
            {
                let mut path = vec![format!("{}.{}", table.name, key.columns.join("+"))];
                if onwards.is_empty() {
                    path.push(person.to_owned());
                }
                path.extend(onwards.iter().cloned());
                paths.insert(&table.name, path);
                queue.push_back(&table.name);
            }
        }
    }
}

/// Many a database has no foreign keys: a column of the same name says as much.
fn by_name(map: &DataMap, table: &Table) -> Option<Vec<String>> {
    let simple = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let mut telling: BTreeMap<String, String> = BTreeMap::new();
    for source in map.sources() {
        let Some(own) = source.storage().as_table() else { continue };
        let links = source.links().iter().filter(|link| matches!(link, Link::Column { .. }));
        let identifying =
            source.fields().iter().filter(|field| field.identifier().is_some()).map(Field::name);
        for column in links.map(|link| link.own_column().as_str()).chain(identifying) {
            let place = format!("{own}.{column}");
            let bare = own.as_str().rsplit('.').next().unwrap_or_default();
            telling.entry(simple(&format!("{bare}id"))).or_insert_with(|| own.to_string());
            // Every other table has an `id`.
            if simple(column) != "id" {
                telling.entry(simple(column)).or_insert(place);
            }
        }
    }
    table.columns.keys().find_map(|column| {
        let place = telling.get(&simple(column))?;
        Some(vec![format!("{}.{column}", table.name), format!("{place} (by its name)")])
    })
}

fn unused_waivers(map: &DataMap, catalogue: &Catalogue) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for waiver in map.waivers() {
        let (table, column) = (waiver.of_table(), waiver.of_column());
        let source = map.source_of(catalogue, table.as_str());
        let used = match column {
            None => catalogue.table(table.as_str()).is_some() && source.is_none(),
            Some(column) => source.is_some_and(|source| {
                catalogue.nullable(table.as_str(), column.as_str()).is_some()
                    && !own_columns(source).any(|own| catalogue.same(own, column.as_str()))
            }),
        };
        if !used || !seen.insert((table, column)) {
            let (table, column) = (table.to_string(), column.map(ToString::to_string));
            findings.push(Finding::UnusedWaiver { table, column });
        }
    }
    findings
}
