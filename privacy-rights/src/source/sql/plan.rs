//! What a declaration means in a database.

use chrono::NaiveDate;

use crate::backend::Backend;
use crate::backend::value::Fields;
use crate::clock::period::Period;
use crate::data_map::catalogue::Catalogue;
use crate::data_map::name::SqlName;
use crate::data_map::rules::{ErasureStrategy, ExportRule, Statutory};
use crate::data_map::source::{Link, SourceDeclaration, Storage};
use crate::source::error::SourceError;
use crate::source::permit::{Reason, Until};
use crate::source::sql::SqlSourceError;

/// The least length of a token that is unique: five characters of a prefix, and 44 bits.
const LEAST_TOKEN: usize = 16;

/// How rows are linked to a person, with quoted names.
pub(super) enum LinkPlan {
    Column { column: SqlName, sql_type: String, kind: String },
    Through { column: SqlName, table: SqlName, key: SqlName, link: Box<Self> },
}

pub(super) struct FieldPlan {
    pub(super) name: String,
    /// Quoted, of `t`.
    pub(super) column: String,
    /// Quoted, alone.
    pub(super) target: String,
    pub(super) sql_type: String,
    pub(super) nullable: bool,
    pub(super) export: ExportRule,
    pub(super) strategy: ErasureStrategy,
    /// Which of the plan's rules keeps it.
    rule: Option<usize>,
    kind: Option<String>,
}

impl FieldPlan {
    /// Whether it identifies the person.
    pub(super) const fn is_identifier(&self) -> bool {
        self.kind.is_some()
    }

    /// Whether an erasure does nothing to the column here.
    pub(super) const fn is_left_alone(&self) -> bool {
        matches!(self.strategy, ErasureStrategy::Shred | ErasureStrategy::Retain(_))
    }
}

/// What a law keeps, with the expression of the day from which on.
pub(super) struct RulePlan {
    law: String,
    period: Period,
    pub(super) day: String,
}

impl RulePlan {
    /// Why it keeps a row of that day, if it does.
    pub(super) fn keeps(&self, day: Option<&str>, today: NaiveDate) -> Option<Reason> {
        let last = day
            .and_then(|day| day.parse::<NaiveDate>().ok())
            .and_then(|day| self.period.after(day));
        let until = match last {
            Some(last) if today > last => return None,
            Some(last) => Until::Date(last),
            None => Until::Unknown,
        };
        Some(Reason::new(self.law.clone(), until))
    }
}

pub(super) struct Plan {
    /// Quoted.
    pub(super) table: String,
    /// Quoted, of `t`.
    pub(super) key: String,
    pub(super) key_type: String,
    pub(super) links: Vec<LinkPlan>,
    pub(super) fields: Vec<FieldPlan>,
    pub(super) rules: Vec<RulePlan>,
    pub(super) deletes: bool,
}

impl Plan {
    pub(super) fn new<DB: Backend>(
        declaration: &SourceDeclaration,
        catalogue: &Catalogue,
    ) -> Result<Self, SqlSourceError> {
        let Storage::Table { table, key } = declaration.storage() else {
            return Err(SqlSourceError::NotATable { name: declaration.name().to_owned() });
        };
        let look = |table: &SqlName, column: &SqlName| look_up(catalogue, table, column.as_str());
        let mut plan = Self {
            table: table.quoted(),
            key: of_t(key),
            key_type: look(table, key)?,
            links: Vec::new(),
            fields: Vec::new(),
            rules: Vec::new(),
            deletes: declaration.deletes_rows(),
        };
        for link in declaration.links() {
            plan.links.push(link_plan(catalogue, table, link)?);
        }
        let mut rules: Vec<&Statutory> = Vec::new();
        for field in declaration.fields() {
            let unsupported =
                |what| SqlSourceError::Unsupported { column: field.name().to_owned(), what };
            let name = SqlName::column(field.name()).map_err(|_| SqlSourceError::Missing {
                name: format!("{table}.{}", field.name()),
            })?;
            let sql_type = look(table, &name)?;
            let strategy = declaration.strategy_of(field).ok_or_else(|| unsupported("erased"))?;
            match strategy {
                ErasureStrategy::Pseudonymise => return Err(unsupported("pseudonymised")),
                ErasureStrategy::Anonymise => fits_token::<DB>(&name, &sql_type)?,
                _ => {}
            }
            let statutory = declaration.retention_of(field).and_then(|kept| kept.statutory());
            let rule = match statutory {
                None => None,
                Some(rule) => {
                    let known = rules.iter().position(|other| *other == rule);
                    if known.is_none() {
                        plan.rules.push(rule_plan::<DB>(declaration, catalogue, table, rule)?);
                        rules.push(rule);
                    }
                    Some(known.unwrap_or(rules.len().saturating_sub(1)))
                }
            };
            plan.fields.push(FieldPlan {
                name: field.name().to_owned(),
                column: of_t(&name),
                target: name.quoted(),
                sql_type,
                nullable: catalogue.find(table.as_str(), name.as_str()).is_some_and(|c| c.nullable),
                export: field.export().clone(),
                strategy: strategy.clone(),
                rule,
                kind: field.identifier().map(ToOwned::to_owned),
            });
        }
        Ok(plan)
    }

    /// Kinds of identifiers with the columns that hold them, and the field where it is one.
    pub(super) fn identifying(&self) -> Vec<(&str, &str, Option<&FieldPlan>)> {
        let of_field = |field: &'_ FieldPlan| field.kind.is_some();
        let fields = self.fields.iter().filter(|field| of_field(field)).map(|field| {
            (field.kind.as_deref().unwrap_or_default(), field.column.as_str(), Some(field))
        });
        let mut all: Vec<(&str, &str, Option<&FieldPlan>)> = fields.collect();
        if let Some(key) = self.key_kind()
            && !all.iter().any(|(kind, ..)| *kind == key)
        {
            all.push((key, &self.key, None));
        }
        all
    }

    /// The kind of identifier that the key is.
    fn key_kind(&self) -> Option<&str> {
        self.links.iter().find_map(|link| match link {
            LinkPlan::Column { column, kind, .. } if of_t(column) == self.key => {
                Some(kind.as_str())
            }
            _ => None,
        })
    }

    /// The days of a row from which on its rules keep it.
    pub(super) fn days(&self, row: &mut Fields) -> Result<Vec<Option<String>>, SourceError> {
        let mut days = Vec::with_capacity(self.rules.len());
        for _ in &self.rules {
            days.push(row.text_or_null()?);
        }
        Ok(days)
    }

    /// Which fields of a row are erased, which are kept, and why.
    pub(super) fn divide(
        &self,
        days: &[Option<String>],
        today: NaiveDate,
    ) -> (Vec<&FieldPlan>, Vec<String>, Vec<Reason>) {
        let keeping: Vec<Option<Reason>> = self
            .rules
            .iter()
            .zip(days)
            .map(|(rule, day)| rule.keeps(day.as_deref(), today))
            .collect();
        let is_kept = |field: &FieldPlan| {
            let of_rule = field.rule.and_then(|rule| keeping.get(rule));
            of_rule.is_some_and(Option::is_some)
        };
        // A row that goes as a whole stays as a whole.
        let whole = self.deletes && keeping.iter().any(Option::is_some);
        let (kept, erased): (Vec<&FieldPlan>, Vec<&FieldPlan>) =
            self.fields.iter().partition(|field| whole || is_kept(field));
        let kept = kept.into_iter().map(|field| field.name.clone()).collect();
        (erased, kept, keeping.into_iter().flatten().collect())
    }

    /// The fields that one rule keeps, or none.
    pub(super) fn of_rule(&self, rule: Option<usize>) -> Vec<&FieldPlan> {
        self.fields.iter().filter(|field| field.rule == rule).collect()
    }
}

fn of_t(column: &SqlName) -> String {
    format!("t.{}", column.quoted())
}

/// The type of a column, if there is such a column.
fn look_up(catalogue: &Catalogue, table: &SqlName, column: &str) -> Result<String, SqlSourceError> {
    let found = catalogue.find(table.as_str(), column);
    let missing = || SqlSourceError::Missing { name: format!("{table}.{column}") };
    found.map(|column| column.sql_type.clone()).ok_or_else(missing)
}

fn link_plan(
    catalogue: &Catalogue,
    table: &SqlName,
    link: &Link,
) -> Result<LinkPlan, SqlSourceError> {
    let sql_type = look_up(catalogue, table, link.own_column().as_str())?;
    Ok(match link {
        Link::Column { column, identifier } => {
            LinkPlan::Column { column: column.clone(), sql_type, kind: identifier.clone() }
        }
        Link::Through { column, table, key, link } => {
            look_up(catalogue, table, key.as_str())?;
            let link = Box::new(link_plan(catalogue, table, link)?);
            LinkPlan::Through {
                column: column.clone(),
                table: table.clone(),
                key: key.clone(),
                link,
            }
        }
    })
}

fn rule_plan<DB: Backend>(
    declaration: &SourceDeclaration,
    catalogue: &Catalogue,
    table: &SqlName,
    rule: &Statutory,
) -> Result<RulePlan, SqlSourceError> {
    let since = rule.since();
    let unsupported =
        |what| SqlSourceError::Unsupported { column: since.as_str().to_owned(), what };
    if matches!(rule.period(), Period::Hours(_) | Period::WorkingDays(_)) {
        return Err(unsupported("kept for such a period"));
    }
    let day = if rule.is_linked() {
        let linked = declaration.links().iter().find_map(|link| match link {
            Link::Through { column, table, key, .. } => Some((column, table, key)),
            Link::Column { .. } => None,
        });
        let (column, other, key) = linked.ok_or_else(|| unsupported("found in a linked table"))?;
        let day =
            DB::day(&format!("o.{}", since.quoted()), &look_up(catalogue, other, since.as_str())?);
        let (other, key) = (other.quoted(), key.quoted());
        format!("(SELECT {day} FROM {other} o WHERE o.{key} = {} LIMIT 1)", of_t(column))
    } else {
        DB::day(&of_t(since), &look_up(catalogue, table, since.as_str())?)
    };
    Ok(RulePlan { law: rule.law().to_owned(), period: rule.period(), day })
}

fn fits_token<DB: Backend>(column: &SqlName, sql_type: &str) -> Result<(), SqlSourceError> {
    let column = || column.as_str().to_owned();
    if !DB::is_text(sql_type) {
        return Err(SqlSourceError::Unsupported { column: column(), what: "anonymised" });
    }
    match DB::longest(sql_type) {
        Some(characters) if characters < LEAST_TOKEN => {
            Err(SqlSourceError::ColumnTooShort { column: column(), characters, least: LEAST_TOKEN })
        }
        _ => Ok(()),
    }
}
