//! A customer of a music shop asks what is known of her, and then to be forgotten.
//!
//! `rights-desk [FOLDER] [SHOP]`: what is made stays in FOLDER, if one is named; SHOP is the file of
//! a Chinook database, of which a copy is used; without one, a small shop is made.

use std::error::Error;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, AuditorPolicy, ChainId, JournalName, ManualClock, SigningKey, Target};
use audit_store::{JournalOptions, Query, SqliteJournal, VerifyOptions};
use crypto_fields::{
    CachePolicy, CredentialKeys, DataKey, EpochKeys, KeyEncryptionKey, KeyStore, Purpose,
    SubjectKeys, SystemClock,
};
use privacy_rights::sqlx::{Sqlite, SqlitePool};
use privacy_rights::{
    AccessBundle, AccessNotice, AutomatedDecisions, Breach, BreachStep, Certificate, DataMap, Desk,
    DeskOptions, Duty, ErasureCertificate, HoldPermit, Identifier, LeftCount, NewRequest,
    PersonalDataSource, Place, Regime, Register, RequestEvent, Resolution, Right, Risk, Selection,
    SqlSource, Step, SubjectKeyVault, apply_all, assert_covered, resolve, verify_bundle,
};

mod declared;
mod erased;
mod shop;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// The person who asks.
const CUSTOMER: &str = "2";

/// Everything that the acts of this play need.
struct Stage {
    folder: PathBuf,
    clock: Arc<ManualClock>,
    law: (Regime, Place),
    key: SigningKey,
    chain: ChainId,
    journal: SqliteJournal,
    desk: Desk<Sqlite>,
    map: DataMap,
    sources: Vec<SqlSource<Sqlite>>,
}

#[tokio::main]
async fn main() -> Done {
    let temporary = tempfile::tempdir()?;
    let (mut folder, mut given) = (temporary.path().to_owned(), None);
    for argument in std::env::args_os().skip(1).map(PathBuf::from) {
        if argument.is_file() { given = Some(argument) } else { folder = argument }
    }
    std::fs::create_dir_all(&folder)?;
    let pool = shop::open(given.as_deref(), &folder.join("shop.db")).await?;
    let stage = set_up(folder, pool).await?;
    stage.access().await?;
    stage.erasure().await?;
    stage.breach()?;
    stage.registers()?;
    stage.looking_back().await
}

/// A journal, a desk and the declared sources over the shop's own database.
async fn set_up(folder: PathBuf, pool: SqlitePool) -> Done<Stage> {
    // A Tuesday: the old invoices have had their seven years, the young ones have not.
    let clock = Arc::new(ManualClock::new("2030-03-05T09:00:00.000000Z".parse()?));
    let key = SigningKey::generate("audit.example.com")?;
    let options = JournalOptions::new(JournalName::new("audit.example.com")?)
        .signer(key.renamed("audit.example.com")?)
        .clock(clock.clone());
    let journal = SqliteJournal::create_in_pool(pool.clone(), &options).await?;
    let chain = ChainId::new("records", "rights")?;

    // Whom a request is about lies sealed under a key of that request alone.
    let epoch = Arc::new(KeyEncryptionKey::new(&DataKey::generate(Purpose::Wrap)?)?);
    let store = KeyStore::open(pool.clone(), &SystemClock).await?;
    let cache = CachePolicy::new(100, Duration::from_secs(300));
    let keys = SubjectKeys::new(store, EpochKeys::new(epoch), cache, Arc::new(SystemClock));
    let codes = Arc::new(CredentialKeys::new(&DataKey::generate(Purpose::Credential)?)?);
    let vault = Arc::new(SubjectKeyVault::new(Arc::new(keys))?);
    let law = (Regime::gdpr(), Place::new(chrono_tz::Europe::Brussels));
    let options = DeskOptions::new(chain.clone(), law.clone(), clock.clone(), vault, codes);
    let desk = Desk::open(journal.clone(), pool.clone(), options).await?;

    let map = declared::map()?;
    assert_covered(&pool, &map).await?;
    let mut sources = Vec::new();
    for declaration in map.sources() {
        sources.push(SqlSource::new(pool.clone(), declaration.clone()).await?);
    }
    let fields: usize = map.sources().iter().map(|source| source.fields().len()).sum();
    say(format_args!(
        "\n 1  A shop in {}, with a journal and a desk in the same file.\n    {} tables with {fields} \
         columns are declared; nothing of a customer's is left out.\n    The journal's public key: {}",
        folder.join("shop.db").display(),
        map.sources().len(),
        key.verifier(),
    ))?;
    Ok(Stage { folder, clock, law, key, chain, journal, desk, map, sources })
}

impl Stage {
    fn sources(&self) -> Vec<&dyn PersonalDataSource> {
        let mut all: Vec<&dyn PersonalDataSource> = Vec::new();
        for source in &self.sources {
            all.push(source);
        }
        all
    }

    /// By all that she is known by; somebody who shares an address with her is for a human to review.
    async fn person(&self) -> Done<Selection> {
        let start = Selection::of(Identifier::new("customer_id", CUSTOMER)?);
        match resolve(&self.sources(), start, &["customer_id"]).await? {
            Resolution::One(person) => Ok(person),
            other => Err(format!("who is it? {other:?}").into()),
        }
    }

    /// She asks, says who she is, and gets everything in one signed bundle.
    async fn access(&self) -> Done {
        let person = self.person().await?;
        let names = person.len();
        let request = NewRequest::new(Right::Access, person.clone());
        let id = self.desk.receive(request, clerk()).await?;
        let due = self.desk.due(id).await?;
        say(format_args!(
            "\n 2  Customer {CUSTOMER}, known by {names} identifiers, asks for her data."
        ))?;
        if let Some(deadline) = due.deadline() {
            say(format_args!("    The answer is due on {}:", deadline.last_day))?;
        }
        for ground in due.grounds() {
            say(format_args!("      - {ground}"))?;
        }
        let code = self.desk.ask_identity(id, clerk()).await?;
        let verdict = self.desk.prove_identity(id, code.reveal(), clerk()).await?;
        say(format_args!(
            "    A code of six digits went to her address; she typed it: {verdict:?}."
        ))?;

        let at = self.folder.join("bundle");
        let notice = AccessNotice::new(
            "Data Protection Authority, Brussels",
            "From you, when you opened your account and when you bought something.",
            AutomatedDecisions::None,
        );
        let now = self.now().into();
        let mut bundle = AccessBundle::access(&self.map, &person, &notice, id, now);
        for source in self.sources() {
            bundle = bundle.source(source);
        }
        let manifest = bundle.write_directory(&at, &self.key).await?;
        verify_bundle(&at, &[self.key.verifier().clone()])?;
        say(format_args!("    Her bundle has {} files, signed:", manifest.files.len()))?;
        for file in manifest.files.iter().filter(|file| file.path.ends_with(".csv")) {
            if let Some(rows) = file.rows {
                say(format_args!("      {rows:>4} records in {}", file.path))?;
            }
        }
        for field in &manifest.not_given {
            say(format_args!("      without {}.{} ({})", field.source, field.field, field.ground))?;
        }
        say(format_args!("    Open {} in a browser.", at.join("index.html").display()))
    }

    /// She asks to be forgotten: what the law keeps stays until it does not.
    async fn erasure(&self) -> Done {
        let person = self.person().await?;
        let request = NewRequest::new(Right::Erasure, person.clone());
        let id = self.desk.receive(request, clerk()).await?;
        self.desk.vouch_identity(id, "session", clerk()).await?;
        // What names other rows goes first.
        let mut sources = self.sources();
        sources.reverse();
        let preview = self.desk.preview(id, &sources).await?;
        say(format_args!("\n 3  She asks to be forgotten. The plan:"))?;
        for source in &preview.sources {
            let (records, kept) = (source.records, source.kept_by_law);
            say(format_args!(
                "      {:<14} {records:>3} records, a law keeps {kept}",
                source.source
            ))?;
        }
        self.desk.plan(&preview, clerk()).await?;
        self.desk.approve(id, preview.digest(), None, officer()).await?;
        let intended_at = self.now();

        let permit = HoldPermit::new(self.journal.clone(), self.chain.tenant())
            .target(Target::new("customer", CUSTOMER))
            .records_of("invoices", "invoice");
        let step = Step::new(id, self.law.1.day(self.now()));
        let (mut tally, mut left) = (erased::Tally::default(), LeftCount::default());
        for source in &sources {
            let each = |applied: &_| tally.add(source.declaration(), applied);
            apply_all(*source, &person, &step, &permit, each).await?;
            let remaining = source.remaining(&person, &step).await?;
            left.records = left.records.saturating_add(remaining.records);
            left.explained = left.explained.saturating_add(remaining.kept_by_law);
        }
        let LeftCount { records: remaining, explained, .. } = left;
        for event in [
            RequestEvent::Executed,
            RequestEvent::NothingLeft { remaining, explained },
            RequestEvent::Completed,
        ] {
            self.desk.record(id, event, clerk()).await?;
        }
        say(format_args!("    Approved by its digest, and done:"))?;
        tally.tell()?;

        let names = (self.key.verifier().name().parse()?, self.chain.clone());
        let what = ("gdpr-17-1-a", preview.digest());
        let mut part = ErasureCertificate::new(names, id, what, (intended_at, self.now()));
        (part.erased, part.kept) = tally.counts();
        (part.deferred, part.left) = (remaining, left);
        self.certify(&Certificate::Erasure(part)).await
    }

    /// A list of addresses went to the wrong printer.
    fn breach(&self) -> Done {
        let (regime, place) = &self.law;
        let rule = regime.rule(&Duty::TELL_AUTHORITY).ok_or("the GDPR has one")?;
        let mut breach = Breach::new("2030-1");
        let facts = String::from("a list of addresses was sent to the wrong printer");
        breach.step(self.now(), BreachStep::Aware { facts }, (rule, place))?;
        if let Some(due) = breach.due(rule, place)?
            && let Some(deadline) = due.deadline()
        {
            say(format_args!("\n 4  A breach: the authority is told before {}.", deadline.ends))?;
        }
        self.clock.advance(Duration::from_secs(50 * 3600));
        let come = breach.warnings(rule, place, self.now())?;
        say(format_args!(
            "    50 hours later {come} warnings have come, and somebody assesses it."
        ))?;
        let (risk, persons) = (Risk::Unlikely, Some(3));
        let (effects, measures) = ("three addresses were seen by staff".into(), "shredded".into());
        let reason = || String::from("colleagues under confidentiality saw it, for minutes");
        for step in [
            BreachStep::Assessed { risk, persons, effects, measures },
            BreachStep::AuthorityNotRequired { reason: reason() },
            BreachStep::PersonsNotRequired { reason: reason() },
            BreachStep::Closed,
        ] {
            breach.step(self.now(), step, (rule, place))?;
        }
        self.write("breaches.html", &Breach::register(&[breach]))
    }

    /// What a controller can be asked to show follows from the declarations.
    fn registers(&self) -> Done {
        say(format_args!("\n 5  For whoever asks, from the declarations:"))?;
        self.write("processing.html", &self.map.processing_register())?;
        self.write("bases.html", &self.map.basis_register())
    }

    fn write(&self, name: &str, register: &Register) -> Done {
        std::fs::write(self.folder.join(name), register.to_html()?)?;
        let (title, basis, rows) = (register.title(), register.basis(), register.rows().len());
        say(format_args!("    {title} ({basis}): {rows} rows, in {name}"))
    }

    /// All of it stands in the journal, and of her there is nothing in it.
    async fn looking_back(self) -> Done {
        let question = Query::new(&self.chain).action_prefix("rights.").oldest_first();
        say(format_args!("\n 6  What the journal says of it:"))?;
        for stored in self.journal.query(&question).await?.entries {
            let entry = stored.entry()?;
            say(format_args!("    {:>4}  {}", entry.seq(), entry.event().action()))?;
        }
        let policy = AuditorPolicy::new([self.key.verifier().clone()]);
        let report = self.journal.verify(&VerifyOptions::new(policy)).await?;
        say(format_args!("    The auditor checks it: {}.\n", report.verdict))?;
        self.journal.close().await;
        Ok(())
    }

    fn now(&self) -> audit_core::Timestamp {
        audit_core::Clock::now(&*self.clock)
    }
}

fn clerk() -> Actor {
    Actor::user("usr_desk")
}

fn officer() -> Actor {
    Actor::user("usr_dpo")
}

fn say(text: std::fmt::Arguments<'_>) -> Done {
    Ok(writeln!(stdout(), "{text}")?)
}
