//! Rows of a host's tables in SQLite.

use sqlx::{Sqlite, SqliteConnection};

use crate::backend::source::SourceSql;
use crate::source::permit::Connection;

impl SourceSql for Sqlite {
    /// The transaction is the only writer.
    const LOCK_ROWS: &'static str = "";

    const IN_KEY_ORDER: Option<(&'static str, &'static str)> = None;

    fn json(column: &str) -> String {
        // Bytes as they are written in hexadecimal; numbers that JSON does not know as their text.
        format!(
            "CASE typeof({column}) WHEN 'blob' THEN json_quote(lower(hex({column})))
                 WHEN 'real' THEN CASE WHEN abs({column}) > 1e308 THEN json_quote({column} || '')
                     ELSE json_quote({column}) END
                 ELSE json_quote({column}) END"
        )
    }

    fn text(column: &str) -> String {
        format!("CAST({column} AS TEXT)")
    }

    fn day(column: &str, _sql_type: &str) -> String {
        format!("date({column})")
    }

    fn compare(
        column: &str,
        operator: &str,
        number: usize,
        _sql_type: &str,
        _value: &str,
    ) -> Option<String> {
        // A parameter takes the affinity of the column it is compared with.
        Some(format!("{column} {operator} ${number}"))
    }

    fn order(column: &str, _sql_type: &str) -> String {
        column.to_owned()
    }

    fn assign(number: usize, _sql_type: &str) -> String {
        format!("${number}")
    }

    /// SQLite counts nobody's characters.
    fn longest(_sql_type: &str) -> Option<usize> {
        None
    }

    /// The affinity that SQLite derives from the type's name.
    fn is_text(sql_type: &str) -> bool {
        let upper = sql_type.to_ascii_uppercase();
        !upper.contains("INT") && ["CHAR", "CLOB", "TEXT"].iter().any(|word| upper.contains(word))
    }

    /// Whatever the column's collation: one that compares without regard of case would not see that
    /// a name is written otherwise.
    fn differs(column: &str, other: &str) -> String {
        format!("{column} IS NOT {other} COLLATE BINARY")
    }

    fn connection(conn: &mut SqliteConnection) -> Connection<'_> {
        Connection::Sqlite(conn)
    }

    fn of_connection(conn: Connection<'_>) -> Option<&mut SqliteConnection> {
        match conn {
            Connection::Sqlite(conn) => Some(conn),
            _ => None,
        }
    }
}
