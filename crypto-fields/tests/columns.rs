//! Sealed values as columns of SQLite. PostgreSQL goes through the same code, on its own `Vec<u8>`
//! and `String`.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use crypto_fields::{Sealed, SealedText};
use sqlx::{Connection, SqliteConnection};

#[tokio::test]
async fn sealed_values_go_through_columns_as_bytes_and_text() {
    let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::query("CREATE TABLE t (a BLOB NOT NULL, b TEXT NOT NULL, c BLOB)")
        .execute(&mut db)
        .await
        .unwrap();
    let bytes = Sealed::<i64>::from_bytes(vec![0xC1, 0, 1, 2]);
    let text = SealedText::<i64>::from_text("cf1.wQ".to_owned());
    sqlx::query("INSERT INTO t VALUES ($1, $2, $3)")
        .bind(&bytes)
        .bind(&text)
        .bind(None::<Sealed<String>>)
        .execute(&mut db)
        .await
        .unwrap();
    let row: (Sealed<i64>, SealedText<i64>, Option<Sealed<String>>) =
        sqlx::query_as("SELECT a, b, c FROM t").fetch_one(&mut db).await.unwrap();
    assert_eq!(row, (bytes, text, None));
    let raw: (Vec<u8>, String) =
        sqlx::query_as("SELECT a, b FROM t").fetch_one(&mut db).await.unwrap();
    assert_eq!(raw, (vec![0xC1, 0, 1, 2], "cf1.wQ".to_owned()));
}

/// That it is a column of PostgreSQL too is a matter of types.
#[cfg(feature = "postgres")]
#[test]
fn sealed_values_are_columns_of_postgresql() {
    fn is_column<T>()
    where
        T: sqlx::Type<sqlx::Postgres>
            + for<'a> sqlx::Encode<'a, sqlx::Postgres>
            + for<'a> sqlx::Decode<'a, sqlx::Postgres>,
    {
    }
    is_column::<Sealed<String>>();
    is_column::<Option<Sealed<String>>>();
    is_column::<SealedText<String>>();
    assert_eq!(
        <Sealed<i64> as sqlx::Type<sqlx::Postgres>>::type_info(),
        <Vec<u8> as sqlx::Type<sqlx::Postgres>>::type_info()
    );
}
