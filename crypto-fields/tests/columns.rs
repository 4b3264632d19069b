//! Sealed values as columns of SQLite. PostgreSQL goes through the same code, on its own `Vec<u8>`
//! and `String`.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use crypto_fields::{
    ApiToken, CredentialHash, CredentialKeys, DataKey, Purpose, Sealed, SealedText, TokenLookupId,
    TokenPrefix,
};
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

#[tokio::test]
async fn what_is_stored_of_a_token_goes_through_columns_and_is_found_there() {
    let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::query("CREATE TABLE token (id TEXT UNIQUE NOT NULL, hash BLOB NOT NULL)")
        .execute(&mut db)
        .await
        .unwrap();
    let keys = CredentialKeys::new(&DataKey::generate(Purpose::Credential).unwrap()).unwrap();
    let token = ApiToken::generate(&TokenPrefix::new("acme").unwrap()).unwrap();
    let stored = token.stored(&keys);
    sqlx::query("INSERT INTO token VALUES ($1, $2)")
        .bind(&stored.lookup_id)
        .bind(stored.hash)
        .execute(&mut db)
        .await
        .unwrap();
    let row: (TokenLookupId, CredentialHash, Vec<u8>) =
        sqlx::query_as("SELECT id, hash, hash FROM token WHERE hash = $1 AND id = $2")
            .bind(stored.hash)
            .bind(token.lookup_id())
            .fetch_one(&mut db)
            .await
            .unwrap();
    assert_eq!((row.0, row.1), (stored.lookup_id, stored.hash));
    assert_eq!(row.2, stored.hash.to_bytes());
    for bad in ["SELECT x'00'", "SELECT zeroblob(40)"] {
        assert!(sqlx::query_scalar::<_, CredentialHash>(bad).fetch_one(&mut db).await.is_err());
    }
    let short = sqlx::query_scalar::<_, TokenLookupId>("SELECT 'short'").fetch_one(&mut db).await;
    assert!(short.is_err());
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
    is_column::<crypto_fields::BlindIndexValue>();
    is_column::<CredentialHash>();
    is_column::<TokenLookupId>();
    assert_eq!(
        <Sealed<i64> as sqlx::Type<sqlx::Postgres>>::type_info(),
        <Vec<u8> as sqlx::Type<sqlx::Postgres>>::type_info()
    );
}
