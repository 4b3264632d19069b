//! The catalogue of PostgreSQL.

use sqlx::Postgres;

use crate::backend::catalogue::CatalogueSql;

/// The name of the table `$oid`: with its schema, unless that is the connection's own.
macro_rules! name {
    ($class:literal, $namespace:literal) => {
        concat!(
            "CASE WHEN ",
            $namespace,
            ".nspname = current_schema() THEN ",
            $class,
            ".relname::text
                 ELSE ",
            $namespace,
            ".nspname::text || '.' || ",
            $class,
            ".relname::text END"
        )
    };
}

/// Tables that are the host's, and no part of another.
macro_rules! tables {
    () => {
        "pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
             AND t.relkind IN ('r', 'p') AND NOT t.relispartition
             AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
    };
}

impl CatalogueSql for Postgres {
    const IGNORES_CASE: bool = false;

    const COLUMNS: &'static str = concat!(
        "SELECT ",
        name!("t", "n"),
        ", a.attname::text, CASE WHEN a.attnotnull THEN 0 ELSE 1 END,
             format_type(a.atttypid, a.atttypmod)
         FROM ",
        tables!(),
        "
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY 1, a.attnum"
    );

    const FOREIGN_KEYS: &'static str = concat!(
        "SELECT ",
        name!("t", "n"),
        ", k.conname::text, a.attname::text, ",
        name!("o", "m"),
        ",
             b.attname::text,
             CASE k.confdeltype WHEN 'c' THEN 'c' WHEN 'n' THEN 'n' WHEN 'd' THEN 'n' ELSE 'r' END
         FROM ",
        tables!(),
        "
         JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' AND k.conparentid = 0
         JOIN pg_class o ON o.oid = k.confrelid
         JOIN pg_namespace m ON m.oid = o.relnamespace
         CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS c (own, other, place)
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.own
         JOIN pg_attribute b ON b.attrelid = o.oid AND b.attnum = c.other
         ORDER BY 1, 2, c.place"
    );

    const UNIQUES: &'static str = concat!(
        "SELECT ",
        name!("t", "n"),
        ", i.indexrelid::text, a.attname::text
         FROM ",
        tables!(),
        "
         JOIN pg_index i ON i.indrelid = t.oid AND i.indisunique
             AND i.indpred IS NULL AND i.indexprs IS NULL
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS c (own, place)
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.own
         WHERE c.place <= i.indnkeyatts
         ORDER BY 1, 2, c.place"
    );
}
