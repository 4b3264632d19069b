//! What the constraints of a database forbid.

use std::collections::{BTreeMap, BTreeSet};

use crate::data_map::DataMap;
use crate::data_map::catalogue::{Catalogue, ForeignKey, OnDelete, Table};
use crate::data_map::coverage::Finding;
use crate::data_map::rules::ErasureStrategy;
use crate::data_map::source::{Link, SourceDeclaration, Storage};

/// A declared table that exists.
type Declared<'a> = (&'a SourceDeclaration, &'a Table);

pub(super) fn findings(map: &DataMap, catalogue: &Catalogue) -> Vec<Finding> {
    let declared = declared(map, catalogue);
    let mut findings = Vec::new();
    for (source, table) in &declared {
        findings.extend(columns(source, table, catalogue));
        if source.deletes_rows() {
            findings.extend(references(map, source, table, catalogue));
        }
    }
    if let Err(tables) = order(&declared, catalogue) {
        findings.push(Finding::Cycle { tables });
    }
    findings
}

fn declared<'a>(map: &'a DataMap, catalogue: &'a Catalogue) -> Vec<Declared<'a>> {
    let table = |source: &SourceDeclaration| {
        source.storage().as_table().and_then(|table| catalogue.table(table.as_str()))
    };
    map.sources().iter().filter_map(|source| Some((source, table(source)?))).collect()
}

/// The strategy for a column, where it is a declared field.
fn strategy<'a>(
    source: &'a SourceDeclaration,
    catalogue: &Catalogue,
    column: &str,
) -> Option<&'a ErasureStrategy> {
    let field = source.fields().iter().find(|field| catalogue.same(field.name(), column))?;
    source.strategy_of(field)
}

fn columns(source: &SourceDeclaration, table: &Table, catalogue: &Catalogue) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = |column: &str| (table.name.clone(), column.to_owned());
    let Storage::Table { key, .. } = source.storage() else { return findings };
    for field in source.fields() {
        let Some(strategy) = source.strategy_of(field).filter(|s| !s.deletes_rows()) else {
            continue;
        };
        let (table_name, column) = place(field.name());
        if catalogue.same(field.name(), key.as_str()) {
            findings.push(Finding::KeyChanged { table: table_name, column });
        } else if strategy.nulls() {
            if catalogue.nullable(&table.name, field.name()) == Some(false) {
                findings.push(Finding::NullForbidden { table: table_name, column });
            }
        } else if names_rows(table, catalogue, field.name()) {
            findings.push(Finding::ForeignKeyChanged { table: table_name, column });
        }
    }
    for unique in &table.uniques {
        let repeats = |column: &String| {
            strategy(source, catalogue, column).is_some_and(ErasureStrategy::repeats)
        };
        if !unique.is_empty() && unique.iter().all(repeats) {
            let (table, columns) = (table.name.clone(), unique.clone());
            findings.push(Finding::UniqueRepeated { table, columns });
        }
    }
    findings
}

fn names_rows(table: &Table, catalogue: &Catalogue, column: &str) -> bool {
    let mut columns = table.foreign_keys.iter().flat_map(|key| &key.columns);
    columns.any(|own| catalogue.same(own, column))
}

/// Who still names rows of `table` when they are deleted.
fn references(
    map: &DataMap,
    source: &SourceDeclaration,
    table: &Table,
    catalogue: &Catalogue,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for other in catalogue.tables().filter(|other| other.name != table.name) {
        let keys = other.foreign_keys.iter();
        for key in keys.filter(|key| catalogue.same(&key.table, &table.name)) {
            let by = map.source_of(catalogue, &other.name);
            let goes = by.is_some_and(|by| by.deletes_rows() && !outlives(by, source));
            if goes || by.is_some_and(|by| detaches(by, catalogue, key)) {
                continue;
            }
            let (deleted, kept) = (table.name.clone(), other.name.clone());
            match key.on_delete {
                OnDelete::SetNull => {}
                OnDelete::Cascade if by.is_none() => {}
                OnDelete::Cascade => findings.push(Finding::CascadeDestroys { deleted, kept }),
                OnDelete::Refuse => findings.push(Finding::StillReferenced {
                    deleted,
                    by: kept,
                    column: key.columns.join("+"),
                }),
            }
        }
    }
    findings
}

/// Whether a law keeps rows of `by` that it does not keep of `source`.
fn outlives(by: &SourceDeclaration, source: &SourceDeclaration) -> bool {
    let statutory = |source: &SourceDeclaration| {
        let mut retentions = source.fields().iter().filter_map(|field| source.retention_of(field));
        retentions.any(|retention| retention.statutory().is_some())
    };
    statutory(by) && !statutory(source)
}

/// Whether a foreign key is set to NULL by the declaration.
fn detaches(source: &SourceDeclaration, catalogue: &Catalogue, key: &ForeignKey) -> bool {
    key.columns
        .iter()
        .any(|column| strategy(source, catalogue, column).is_some_and(ErasureStrategy::nulls))
}

/// Sources whose rows are named by others come after those: an order in which to erase, or the
/// tables of a cycle. What is no table comes first.
fn order(declared: &[Declared<'_>], catalogue: &Catalogue) -> Result<Vec<String>, Vec<String>> {
    // For each table those that have to go before it, and those that rather should.
    let mut before: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut rather: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (source, table) in declared {
        before.entry(&table.name).or_default();
        for (parent, other) in declared.iter().filter(|(_, other)| other.name != table.name) {
            let names = |key: &&ForeignKey| catalogue.same(&key.table, &other.name);
            let mut keys = table.foreign_keys.iter().filter(names).peekable();
            // The root of a person's records goes last.
            if keys.peek().is_some() {
                rather.entry(&other.name).or_default().insert(&table.name);
            }
            let named = keys.any(|key| key.on_delete != OnDelete::SetNull);
            // Whoever is found through a row is found while it is still there.
            let found = source.links().iter().any(|link| {
                matches!(link, Link::Through { table, .. } if catalogue.same(table.as_str(), &other.name))
            });
            if found || (named && parent.deletes_rows()) {
                before.entry(&other.name).or_default().insert(&table.name);
            }
        }
    }
    let mut ordered = Vec::new();
    while !before.is_empty() {
        let ready: Vec<&str> =
            before.iter().filter(|(_, first)| first.is_empty()).map(|(table, _)| *table).collect();
        let is_last = |table: &&str| rather.get(table).is_none_or(BTreeSet::is_empty);
        let next = ready.iter().copied().find(is_last).or_else(|| ready.first().copied());
        let Some(next) = next else {
            return Err(before.into_keys().map(ToOwned::to_owned).collect());
        };
        before.remove(next);
        for first in before.values_mut().chain(rather.values_mut()) {
            first.remove(next);
        }
        ordered.push(next.to_owned());
    }
    Ok(ordered)
}

impl DataMap {
    /// The sources in an order in which their rows can be erased: what names rows of another table
    /// before that table; what is no table first of all.
    ///
    /// # Errors
    ///
    /// [`Finding::Cycle`] if there is none.
    pub fn erasure_order(&self, catalogue: &Catalogue) -> Result<Vec<&SourceDeclaration>, Finding> {
        let declared = declared(self, catalogue);
        let tables = order(&declared, catalogue).map_err(|tables| Finding::Cycle { tables })?;
        let others = self.sources().iter().filter(|source| source.storage().as_table().is_none());
        let tables = tables.iter().filter_map(|table| self.source_of(catalogue, table));
        Ok(others.chain(tables).collect())
    }
}
