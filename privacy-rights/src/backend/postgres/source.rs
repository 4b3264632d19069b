//! Rows of a host's tables in PostgreSQL.

use sqlx::{PgConnection, Postgres};

use crate::backend::source::SourceSql;
use crate::source::permit::Connection;

impl SourceSql for Postgres {
    const LOCK_ROWS: &'static str = " FOR UPDATE OF t";

    const IN_KEY_ORDER: Option<(&'static str, &'static str)> =
        Some(("SET LOCAL enable_sort = off", "SET LOCAL enable_sort TO DEFAULT"));

    fn json(column: &str) -> String {
        format!("to_json({column})::text")
    }

    fn text(column: &str) -> String {
        format!("{column}::text")
    }

    fn day(column: &str, sql_type: &str) -> String {
        let is_time = sql_type == "date" || sql_type.starts_with("timestamp");
        if is_time { format!("to_char({column}, 'YYYY-MM-DD')") } else { "NULL".to_owned() }
    }

    fn compare(
        column: &str,
        operator: &str,
        number: usize,
        sql_type: &str,
        value: &str,
    ) -> Option<String> {
        // A parameter of the column's own type lets an index be used; a text that is no such value
        // would be an error.
        let fits = match sql_type {
            "smallint" => value.parse::<i16>().is_ok(),
            "integer" => value.parse::<i32>().is_ok(),
            "bigint" => value.parse::<i64>().is_ok(),
            "uuid" => value.parse::<uuid::Uuid>().is_ok(),
            _ if Self::is_text(sql_type) => return Some(format!("{column} {operator} ${number}")),
            _ => return Some(format!("{column}::text {operator} ${number}")),
        };
        fits.then(|| format!("{column} {operator} CAST(${number} AS {sql_type})"))
    }

    fn order(column: &str, sql_type: &str) -> String {
        match sql_type {
            "smallint" | "integer" | "bigint" | "uuid" => column.to_owned(),
            _ if Self::is_text(sql_type) => column.to_owned(),
            _ => Self::text(column),
        }
    }

    fn assign(number: usize, sql_type: &str) -> String {
        format!("CAST(${number} AS {sql_type})")
    }

    fn longest(sql_type: &str) -> Option<usize> {
        let length = sql_type.strip_prefix("character varying(");
        let length = length.or_else(|| sql_type.strip_prefix("character("));
        length?.strip_suffix(')')?.parse().ok()
    }

    fn is_text(sql_type: &str) -> bool {
        matches!(sql_type, "text" | "citext") || sql_type.starts_with("character")
    }

    /// As text, byte by byte: some types have no equality (`json`), and to some a name that is written
    /// otherwise is the same (`citext`, a collation without regard of case).
    fn differs(column: &str, other: &str) -> String {
        format!(r#"{column}::text COLLATE "C" IS DISTINCT FROM {other}::text COLLATE "C""#)
    }

    fn connection(conn: &mut PgConnection) -> Connection<'_> {
        Connection::Postgres(conn)
    }

    fn of_connection(conn: Connection<'_>) -> Option<&mut PgConnection> {
        match conn {
            Connection::Postgres(conn) => Some(conn),
            _ => None,
        }
    }
}
