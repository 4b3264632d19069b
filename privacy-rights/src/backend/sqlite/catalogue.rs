//! The catalogue of SQLite.

use sqlx::Sqlite;

use crate::backend::catalogue::CatalogueSql;

impl CatalogueSql for Sqlite {
    const IGNORES_CASE: bool = true;

    const COLUMNS: &'static str = "SELECT t.name, c.name, c.\"notnull\" = 0 AND c.pk = 0, c.type
         FROM sqlite_schema t, pragma_table_xinfo(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND c.hidden IN (0, 2, 3)
         ORDER BY 1, c.cid";

    const FOREIGN_KEYS: &'static str = "SELECT t.name, CAST(k.id AS TEXT), k.\"from\", k.\"table\",
             k.\"to\",
             CASE k.on_delete WHEN 'CASCADE' THEN 'c' WHEN 'SET NULL' THEN 'n'
                 WHEN 'SET DEFAULT' THEN 'n' ELSE 'r' END
         FROM sqlite_schema t, pragma_foreign_key_list(t.name) k
         WHERE t.type = 'table'
         ORDER BY 1, k.id, k.seq";

    const UNIQUES: &'static str = "SELECT t.name, i.name, c.name
         FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
         WHERE t.type = 'table' AND i.\"unique\" = 1 AND i.partial = 0
             AND NOT EXISTS (SELECT 1 FROM pragma_index_info(i.name) e WHERE e.name IS NULL)
         UNION ALL
         SELECT t.name, '', c.name FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND c.pk > 0
         ORDER BY 1, 2";
}
