//! From Fernet to `cf1` on a living table: old tokens are read, new values are bound to their rows.

use std::error::Error;
use std::io::{Write, stdout};

use crypto_fields::{
    BlindIndex, BlindIndexValue, DataKey, FernetKey, FieldCipher, FieldId, IndexWidth, KeyGroup,
    KeyPolicy, Keyset, KeysetManager, LocalKey, MultiFernet, Normalizer, Purpose, RowContext,
    RowKey, SealedText, SecretKey, SystemClock, TenantId,
};
use sqlx::{Connection, SqliteConnection};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The column `users.email`, which holds tokens of both kinds until the last one has moved.
struct Emails {
    fernet: MultiFernet,
    keys: Keyset,
    cipher: FieldCipher,
    index: BlindIndex,
}

impl Emails {
    fn row(&self, id: i64) -> Result<RowContext<'_>> {
        Ok(RowContext::new(&self.keys, TenantId::new("acme")?, RowKey::int(id)?))
    }

    /// Whatever stands there. No Fernet token begins with `cf1.`, so nothing is guessed; once none
    /// is left, their branch goes, and its keys with it.
    fn read(&self, id: i64, stored: &str) -> Result<String> {
        if stored.starts_with("cf1.") {
            let sealed = SealedText::from_text(stored.to_owned());
            return Ok(self.cipher.open_text(&self.row(id)?, &sealed)?);
        }
        Ok(String::from_utf8(self.fernet.decrypt(stored)?.to_vec())?)
    }

    /// The new value, and its index for the lookup that Fernet could not do.
    fn write(&self, id: i64, email: &String) -> Result<(String, Option<BlindIndexValue>)> {
        let sealed = self.cipher.seal_text(&self.row(id)?, email)?.into_text();
        Ok((sealed, self.index.value(email)?))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut out = stdout();
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}?mode=rwc", folder.path().join("shop.db").display());
    let db = &mut SqliteConnection::connect(&file).await?;
    let sql = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, email_index BLOB UNIQUE)";
    sqlx::query(sql).execute(&mut *db).await?;

    // The shop so far: FERNET_KEYS has two keys, as after a rotation that nobody finished.
    let (old, new) = (FernetKey::generate()?, FernetKey::generate()?);
    let before = MultiFernet::new(old.duplicate());
    let fernet = MultiFernet::new(new).decrypting(old);
    for id in 1..=1_000 {
        let by = if id <= 700 { &before } else { &fernet };
        let token = by.encrypt(format!("user{id}@example.com").as_bytes())?;
        let sql = "INSERT INTO users (id, email) VALUES (?, ?)";
        sqlx::query(sql).bind(id).bind(token).execute(&mut *db).await?;
    }
    let (user_7, user_8) = (stored(db, 7).await?, stored(db, 8).await?);
    writeln!(out, "\n 1  A table of 1,000 addresses as Fernet tokens, under two keys.")?;
    writeln!(out, "    User 7: {user_7:.40}.. ({} characters)", user_7.len())?;
    let moved = fernet.decrypt(&user_8)?;
    let moved = String::from_utf8_lossy(&moved);
    writeln!(out, "    User 8's token, copied into the row of user 7, opens: {moved}")?;

    // From here on the shop has a root key, a keyset under it, and a key for the index.
    let root = LocalKey::new(SecretKey::random()?);
    let mut manager = KeysetManager::new(Vec::new(), KeyPolicy::DEFAULT, SystemClock);
    let tenant = TenantId::new("acme")?;
    manager.create(&root, &tenant, Purpose::Seal, &KeyGroup::DEFAULT).await?;
    let (field, key) = (FieldId::new("users.email")?, DataKey::generate(Purpose::BlindIndex)?);
    let emails = Emails {
        fernet,
        keys: Keyset::load(manager.records().to_vec(), &[&root]).await?,
        cipher: FieldCipher::new(field.clone()),
        index: BlindIndex::new(1, &key, field, Normalizer::Email, IndexWidth::UNIQUE)?,
    };
    for id in 1_001..=1_010 {
        let (sealed, index) = emails.write(id, &format!("user{id}@example.com"))?;
        let sql = "INSERT INTO users VALUES (?, ?, ?)";
        sqlx::query(sql).bind(id).bind(sealed).bind(index).execute(&mut *db).await?;
    }
    writeln!(out, "\n 2  Ten new users are sealed as cf1; the old tokens are read still:")?;
    writeln!(out, "    {}", census(db, &emails).await?)?;

    // The move: read the rows, and store each only where the token that was read still stands.
    let sql = "SELECT id, email FROM users WHERE email NOT LIKE 'cf1.%'";
    let rows: Vec<(i64, String)> = sqlx::query_as(sql).fetch_all(&mut *db).await?;
    // Meanwhile user 500 has a new address.
    let (sealed, index) = emails.write(500, &"five.hundred@example.org".to_owned())?;
    let current = stored(db, 500).await?;
    replace(db, 500, &current, sealed, index).await?;
    let (mut moved, all) = (0_u64, rows.len());
    for (id, token) in rows {
        let (sealed, index) = emails.write(id, &emails.read(id, &token)?)?;
        moved = moved.saturating_add(replace(db, id, &token, sealed, index).await?);
    }
    writeln!(
        out,
        "\n 3  Moved {moved} of {all} rows; one had a new address meanwhile and kept it."
    )?;
    writeln!(out, "    {}", census(db, &emails).await?)?;

    let question = " Five.Hundred@EXAMPLE.org";
    let index = emails.index.query(question)?.pop().ok_or("an address is not empty")?;
    let sql = "SELECT id FROM users WHERE email_index = ?";
    let found: i64 = sqlx::query_scalar(sql).bind(index).fetch_one(&mut *db).await?;
    writeln!(out, "\n 4  Who is{question}? User {found}, by an index that holds no address.")?;

    let (user_7, user_8) = (stored(db, 7).await?, stored(db, 8).await?);
    writeln!(out, "\n 5  User 7: {user_7:.40}.. ({} characters)", user_7.len())?;
    if let Err(refusal) = emails.read(7, &user_8) {
        writeln!(out, "    User 8's value, copied into the row of user 7: {refusal}.\n")?;
    }
    Ok(())
}

async fn stored(db: &mut SqliteConnection, id: i64) -> Result<String> {
    let sql = "SELECT email FROM users WHERE id = ?";
    Ok(sqlx::query_scalar(sql).bind(id).fetch_one(db).await?)
}

/// Stores a value in place of `old`; zero rows if something else stands there by now.
async fn replace(
    db: &mut SqliteConnection,
    id: i64,
    old: &str,
    sealed: String,
    index: Option<BlindIndexValue>,
) -> Result<u64> {
    let sql = "UPDATE users SET email = ?, email_index = ? WHERE id = ? AND email = ?";
    let update = sqlx::query(sql).bind(sealed).bind(index).bind(id).bind(old);
    Ok(update.execute(db).await?.rows_affected())
}

async fn census(db: &mut SqliteConnection, emails: &Emails) -> Result<String> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, email FROM users").fetch_all(db).await?;
    let sealed = rows.iter().filter(|(_, stored)| stored.starts_with("cf1.")).count();
    let read = rows.iter().filter(|(id, stored)| emails.read(*id, stored).is_ok()).count();
    Ok(format!("{sealed} of {} are cf1, and {read} can be read.", rows.len()))
}
