//! The parts, put together: a journal, a desk and the declared sources over the shop's own database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit_core::{
    Actor, ChainId, Clock as _, Event, JournalName, ManualClock, SigningKey, Target, Timestamp,
};
use audit_store::{JournalOptions, SqliteJournal};
use crypto_fields::{
    CachePolicy, CredentialKeys, DataKey, EpochKeys, KeyEncryptionKey, KeyId, KeyStore, Purpose,
    SecretKey, SubjectKeys, SystemClock,
};
use privacy_rights::sqlx::{Sqlite, SqlitePool};
use privacy_rights::{
    Catalogue, DataMap, Desk, DeskOptions, Identifier, PersonalDataSource, Place, Regime,
    Registers, Resolution, Selection, SqlSource, SubjectKeyVault, SuppressionTokens,
    assert_covered, resolve,
};

use crate::{Done, declared, say};

/// The person who asks.
pub(crate) const CUSTOMER: &str = "2";

/// Everything that the acts of this play need.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) law: (Regime, Place),
    pub(crate) key: SigningKey,
    pub(crate) journal: SqliteJournal,
    /// Where requests and registers are recorded.
    pub(crate) chain: ChainId,
    token_key: SecretKey,
    pub(crate) desk: Arc<Desk<Sqlite>>,
    pub(crate) registers: Registers<Sqlite>,
    pub(crate) map: DataMap,
    /// The tables, in the order in which they are erased: the customers last.
    pub(crate) tables: Vec<Arc<dyn PersonalDataSource>>,
}

pub(crate) async fn set_up(folder: PathBuf, pool: SqlitePool) -> Done<Stage> {
    // A Tuesday: the old invoices have had their seven years, the young ones have not.
    let clock = Arc::new(ManualClock::new("2030-03-05T09:00:00.000000Z".parse()?));
    let key = SigningKey::generate("audit.example.com")?;
    let options = JournalOptions::new(JournalName::new("audit.example.com")?)
        .signer(key.renamed("audit.example.com")?)
        .clock(clock.clone());
    let journal = SqliteJournal::create_in_pool(pool.clone(), &options).await?;
    something_happened(&journal).await?;

    // Whom a request is about lies sealed under a key of that request alone. In a real service the
    // keys are kept elsewhere than the data, and backed up elsewhere.
    let epoch = Arc::new(KeyEncryptionKey::new(&DataKey::generate(Purpose::Wrap)?)?);
    let store = KeyStore::open(pool.clone(), &SystemClock).await?;
    let cache = CachePolicy::new(100, Duration::from_secs(300));
    let keys = SubjectKeys::new(store, EpochKeys::new(epoch), cache, Arc::new(SystemClock));
    let codes = Arc::new(CredentialKeys::new(&DataKey::generate(Purpose::Credential)?)?);
    let vault = Arc::new(SubjectKeyVault::new(Arc::new(keys))?);

    let chain = ChainId::new("records", "rights")?;
    let law = (Regime::gdpr(), Place::new(chrono_tz::Europe::Brussels));
    let options = DeskOptions::new(chain.clone(), law.clone(), clock.clone(), vault, codes);
    let desk = Arc::new(Desk::open(journal.clone(), pool.clone(), options).await?);
    // This key, too, is kept elsewhere than the data, and stays.
    let token_key = SecretKey::random()?;
    let registers = Registers::new(desk.clone(), tokens_under(&token_key)?);

    let map = declared::map()?;
    // A test of the shop's would do this: it fails on a table that nobody declared.
    assert_covered(&pool, &map).await?;
    let mut tables: Vec<Arc<dyn PersonalDataSource>> = Vec::new();
    let catalogue = Catalogue::read(&pool).await?;
    for declaration in map.erasure_order(&catalogue).map_err(|cycle| cycle.to_string())? {
        if declaration.storage().as_table().is_some() {
            let table = SqlSource::new(pool.clone(), declaration.clone()).await?;
            tables.push(Arc::new(table));
        }
    }
    let fields: usize = map.sources().iter().map(|source| source.fields().len()).sum();
    say(format_args!(
        "\n 1  A shop in {}, with a journal and a desk in the same file.\n    {} tables and the journal, \
         with {fields} fields, are declared; nothing of a customer's is left out.\n    \
         The journal's public key: {}",
        folder.join("shop.db").display(),
        tables.len(),
        key.verifier(),
    ))?;
    Ok(Stage { folder, clock, law, key, journal, chain, token_key, desk, registers, map, tables })
}

/// Before all this, somebody of the staff had looked at her record.
async fn something_happened(journal: &SqliteJournal) -> Done {
    let chain = ChainId::new("records", "app")?;
    journal.create_chain(&chain).await?;
    let read = Event::builder("customer.read", Actor::user("usr_peacock"))
        .target(Target::new("customer", CUSTOMER))
        .private(CUSTOMER, "/meta/reason", "she called about an invoice");
    journal.append(&chain, read.build()?).await?;
    Ok(())
}

/// Keyed tokens of identifiers: always under the same key. Under another one nobody would be known
/// any more who was erased or has objected.
fn tokens_under(secret: &SecretKey) -> Done<SuppressionTokens> {
    let secret = SecretKey::from_slice(secret.expose()).ok_or("it is a key")?;
    Ok(SuppressionTokens::new(DataKey::from_parts(
        KeyId::new(1).ok_or("it is one")?,
        Purpose::BlindIndex,
        secret,
    )))
}

impl Stage {
    /// The registers' tokens, and the eraser's.
    pub(crate) fn tokens(&self) -> Done<SuppressionTokens> {
        tokens_under(&self.token_key)
    }

    /// By all that she is known by; somebody who shares an address with her is for a human to review.
    pub(crate) async fn person(&self) -> Done<Selection> {
        let start = Selection::of(Identifier::new("customer_id", CUSTOMER)?);
        let tables: Vec<&dyn PersonalDataSource> =
            self.tables.iter().map(|table| &**table).collect();
        match resolve(&tables, start, &["customer_id"]).await? {
            Resolution::One(person) => Ok(person),
            other => Err(format!("who is it? {other:?}").into()),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

pub(crate) fn clerk() -> Actor {
    Actor::user("usr_desk")
}

pub(crate) fn officer() -> Actor {
    Actor::user("usr_dpo")
}
