//! Reading and changing rows of a host's tables.

use sqlx::Database;

use crate::source::permit::Connection;

/// Expressions in which the databases differ. Columns are quoted, types are those of the catalogue.
pub trait SourceSql: Database {
    /// What a query ends with that locks the rows of `t` that it finds.
    const LOCK_ROWS: &'static str;

    /// What has the transaction's next queries go along an index instead of sorting, and what ends
    /// that; none where the database needs no telling.
    const IN_KEY_ORDER: Option<(&'static str, &'static str)>;

    /// A column as JSON text.
    fn json(column: &str) -> String;

    /// A column as text.
    fn text(column: &str) -> String;

    /// The day of a column that holds a date or a moment, as `YYYY-MM-DD`; NULL if it does not.
    fn day(column: &str, sql_type: &str) -> String;

    /// A column of that type compared with the parameter of that number: `None` if no value of the
    /// column can be `value`.
    fn compare(
        column: &str,
        operator: &str,
        number: usize,
        sql_type: &str,
        value: &str,
    ) -> Option<String>;

    /// A column in the order in which [`compare`](Self::compare) compares.
    fn order(column: &str, sql_type: &str) -> String;

    /// The parameter of that number as a value of a column of that type.
    fn assign(number: usize, sql_type: &str) -> String;

    /// How many characters a column of that type takes: `None` if it is no text, or any number.
    fn longest(sql_type: &str) -> Option<usize>;

    /// Whether a column of that type holds text.
    fn is_text(sql_type: &str) -> bool;

    /// Whether two values differ, NULL being one.
    fn differs(column: &str, other: &str) -> String;

    /// The connection for whoever is asked inside the transaction.
    fn connection(conn: &mut Self::Connection) -> Connection<'_>;

    /// The connection that somebody was given, if it is of this database.
    fn of_connection(conn: Connection<'_>) -> Option<&mut Self::Connection>;
}
