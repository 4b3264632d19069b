//! Registers kept in the database, each row with its entry in the journal.

use std::fmt;
use std::sync::Arc;

use audit_core::{Actor, Event, EventBuilder, Outcome, Target, Timestamp};
use audit_store::JournalTx;
use serde::Serialize;

use crate::backend::Backend;
use crate::clock::regime::Duty;
use crate::clock::rule::Rule;
use crate::data_map::DataMap;
use crate::desk::Desk;
use crate::erasure::certificate::hex_digest;
use crate::erasure::suppression::SuppressionTokens;
use crate::registers::Register;
use crate::registers::breach::{Breach, BreachStep};
use crate::registers::disclosure::Disclosure;
use crate::registers::engagement::{Engagement, EngagementStep};

pub(crate) mod error;
mod link;
mod people;
pub(crate) mod source;
mod store;

use error::RegistersError;
use store::Place;

const BREACH: &str = "breach";
const DISCLOSURE: &str = "disclosure";
const PREFERENCE: &str = "preference";
const RECIPIENT: &str = "recipient";

/// The registers of a desk's tenant, kept in the desk's database: breaches, disclosures, recipients,
/// and what each person has agreed to, objected to and had restricted.
///
/// Nothing is overwritten: a register is the sequence of what was entered, and its tables refuse to
/// change or remove a row. Each row is committed together with its entry in the journal
/// (`register.breach_aware`, `register.consent_given` and so on), which holds the row's SHA-256 and
/// not its texts. What contradicts what was entered before is refused, and nothing is stored.
///
/// Preferences are kept by keyed tokens of a person's identifiers, under a domain of their own; no
/// table names anybody. An erasure ([`erased`](Self::erased), or by itself with a
/// [`PreferenceSource`](crate::PreferenceSource) among the sources) ends consents and restrictions, while
/// an objection goes on: who objected and was erased is not written to again when an import brings
/// the address back. That a consent was given stays as evidence (GDPR Art. 5(2), 7(1)) until
/// [`forget_since`](Self::forget_since) removes the tokens, and nobody can tell whose it was.
pub struct Registers<DB: Backend> {
    desk: Arc<Desk<DB>>,
    tokens: SuppressionTokens,
    single: Vec<String>,
}

impl<DB: Backend> Registers<DB> {
    /// Of a desk: its database, chain, regime, place and clock; tokens under `tokens`.
    #[must_use]
    pub const fn new(desk: Arc<Desk<DB>>, tokens: SuppressionTokens) -> Self {
        Self { desk, tokens, single: Vec::new() }
    }

    /// Of identifiers of that kind each person has one, which tells apart people who share another:
    /// the e-mail address of a household.
    #[must_use]
    pub fn single(mut self, kind: impl Into<String>) -> Self {
        self.single.push(kind.into());
        self
    }

    pub(crate) const fn desk(&self) -> &Arc<Desk<DB>> {
        &self.desk
    }

    pub(crate) const fn suppression_tokens(&self) -> &SuppressionTokens {
        &self.tokens
    }

    pub(crate) fn single_kinds(&self) -> impl Iterator<Item = &str> {
        self.single.iter().map(String::as_str)
    }

    /// Takes a step of a breach, the first one or another, at the moment when it happened. The notice
    /// to the authority is under the regime's rule for
    /// [`TELL_AUTHORITY`](crate::Duty::TELL_AUTHORITY).
    ///
    /// # Errors
    ///
    /// [`RegistersError::Breach`] for what contradicts, [`RegistersError::NoRule`],
    /// [`RegistersError::FromTheFuture`], [`RegistersError::Name`], [`RegistersError::Conflict`],
    /// those of the database and the journal. Nothing was stored.
    pub async fn breach_step(
        &self,
        id: &str,
        at: Timestamp,
        step: BreachStep,
        actor: Actor,
    ) -> Result<Breach, RegistersError> {
        self.may_be(id, at)?;
        let mut tx = self.desk.journal.begin().await?;
        let mut breach = self.load_breach(&mut tx, id).await?;
        breach.step(at, step.clone(), (self.rule()?, &self.desk.options.place))?;
        let count = breach.steps().len().saturating_sub(1);
        let entry =
            self.entry(&format!("register.breach_{}", step.name()), (BREACH, id), at, actor);
        let entry = match &step {
            BreachStep::Assessed { risk, persons, .. } => {
                entry.meta("risk", risk).meta("persons", persons)
            }
            BreachStep::Warned { hours } => entry.meta("hours", hours),
            _ => entry,
        };
        self.add(&mut tx, (BREACH, id), count, (at, &step), entry).await?;
        tx.commit().await?;
        Ok(breach)
    }

    /// A breach with its history.
    ///
    /// # Errors
    ///
    /// [`RegistersError::Unknown`], those of the database.
    pub async fn breach(&self, id: &str) -> Result<Breach, RegistersError> {
        let mut conn = self.desk.pool.acquire().await?;
        let breach = self.load_breach(&mut conn, id).await?;
        if breach.steps().is_empty() { Err(RegistersError::Unknown) } else { Ok(breach) }
    }

    /// All breaches.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn breaches(&self) -> Result<Vec<Breach>, RegistersError> {
        let mut conn = self.desk.pool.acquire().await?;
        let mut all = Vec::new();
        for id in store::ids::<DB>(&mut conn, self.tenant(), BREACH).await? {
            all.push(self.load_breach(&mut conn, &id).await?);
        }
        Ok(all)
    }

    /// Raises what warnings of breaches have come: each once, as a step of the breach, with its entry.
    /// To be called now and then, by one process or by many. Returns what was raised now.
    ///
    /// # Errors
    ///
    /// [`RegistersError::NoRule`], [`RegistersError::Clock`], those of the database and the journal;
    /// what was raised before stays.
    pub async fn sweep(&self) -> Result<Vec<(String, u16)>, RegistersError> {
        let (now, mut raised) = (self.desk.options.clock.now(), Vec::new());
        for breach in self.breaches().await? {
            for hours in breach.unraised(self.rule()?, &self.desk.options.place, now)? {
                let (id, actor) = (breach.id().to_owned(), Actor::system("privacy-rights"));
                match self.breach_step(&id, now, BreachStep::Warned { hours }, actor).await {
                    Ok(_) => raised.push((id, hours)),
                    // Somebody is just at it.
                    Err(RegistersError::Conflict | RegistersError::Breach(_)) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(raised)
    }

    /// Enters what an authority asked for and what was decided.
    ///
    /// # Errors
    ///
    /// [`RegistersError::Disclosure`], [`RegistersError::Exists`],
    /// [`RegistersError::FromTheFuture`], [`RegistersError::Name`], those of the database and the
    /// journal. Nothing was stored.
    pub async fn disclose(&self, new: &Disclosure, actor: Actor) -> Result<(), RegistersError> {
        new.check()?;
        self.may_be(&new.id, new.decided_at)?;
        let mut tx = self.desk.journal.begin().await?;
        let (what, at) = ((DISCLOSURE, new.id.as_str()), new.decided_at);
        let given = new.categories.len();
        let entry = self.entry("register.disclosed", what, at, actor).meta("categories", given);
        match self.add(&mut tx, what, 0, (at, new), entry).await {
            Err(RegistersError::Conflict) => return Err(RegistersError::Exists),
            done => done?,
        }
        tx.commit().await?;
        Ok(())
    }

    /// All disclosures, by id.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn disclosures(&self) -> Result<Vec<Disclosure>, RegistersError> {
        let mut conn = self.desk.pool.acquire().await?;
        let mut all = Vec::new();
        for id in store::ids::<DB>(&mut conn, self.tenant(), DISCLOSURE).await? {
            let place = self.place((DISCLOSURE, &id));
            all.extend(store::load::<DB, _>(&mut conn, place).await?.into_iter().map(|one| one.1));
        }
        Ok(all)
    }

    /// Takes a step of a recipient or sub-processor, by its name in the data map.
    ///
    /// # Errors
    ///
    /// [`RegistersError::Engagement`] for what contradicts, [`RegistersError::FromTheFuture`],
    /// [`RegistersError::Name`], [`RegistersError::Conflict`], those of the database and the journal.
    /// Nothing was stored.
    pub async fn recipient_step(
        &self,
        recipient: &str,
        at: Timestamp,
        step: EngagementStep,
        actor: Actor,
    ) -> Result<Engagement, RegistersError> {
        self.may_be(recipient, at)?;
        let mut tx = self.desk.journal.begin().await?;
        let mut engagement = self.load_engagement(&mut tx, recipient).await?;
        engagement.step(at, step.clone())?;
        let count = engagement.steps().len().saturating_sub(1);
        let (what, action) =
            ((RECIPIENT, recipient), format!("register.recipient_{}", step.name()));
        let entry = self.entry(&action, what, at, actor);
        self.add(&mut tx, what, count, (at, &step), entry).await?;
        tx.commit().await?;
        Ok(engagement)
    }

    /// All recipients that ever were announced, by name.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn engagements(&self) -> Result<Vec<Engagement>, RegistersError> {
        let mut conn = self.desk.pool.acquire().await?;
        let mut all = Vec::new();
        for name in store::ids::<DB>(&mut conn, self.tenant(), RECIPIENT).await? {
            all.push(self.load_engagement(&mut conn, &name).await?);
        }
        Ok(all)
    }

    /// The recipients of a data map that were never announced as they are declared there, by name: for
    /// a test or a boot check that finds the sub-processor nobody was told of.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn unannounced(&self, map: &DataMap) -> Result<Vec<String>, RegistersError> {
        let known = self.engagements().await?;
        let announced = |recipient: &crate::data_map::party::Recipient| {
            let mut known = known.iter().filter(|one| one.recipient() == recipient.name());
            known.any(|one| one.is_announced_as(recipient))
        };
        let missing = map.recipients().filter(|recipient| !announced(recipient));
        Ok(missing.map(|recipient| recipient.name().to_owned()).collect())
    }

    /// The registers of breaches, disclosures and changes of recipients, to be exported.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn registers(&self) -> Result<Vec<Register>, RegistersError> {
        Ok(vec![
            Breach::register(&self.breaches().await?),
            Disclosure::register(&self.disclosures().await?),
            Engagement::register(&self.engagements().await?),
        ])
    }

    async fn load_breach(
        &self,
        conn: &mut DB::Connection,
        id: &str,
    ) -> Result<Breach, RegistersError> {
        let mut breach = Breach::new(id);
        for (at, step) in store::load::<DB, _>(conn, self.place((BREACH, id))).await? {
            breach.take(at, step);
        }
        Ok(breach)
    }

    async fn load_engagement(
        &self,
        conn: &mut DB::Connection,
        name: &str,
    ) -> Result<Engagement, RegistersError> {
        let mut engagement = Engagement::new(name);
        for (at, step) in store::load::<DB, _>(conn, self.place((RECIPIENT, name))).await? {
            engagement.take(at, step);
        }
        Ok(engagement)
    }

    /// Adds an event after `count` others, with its entry.
    async fn add<E: Serialize + Sync>(
        &self,
        tx: &mut JournalTx<DB>,
        what: (&'static str, &str),
        count: usize,
        event: (Timestamp, &E),
        entry: EventBuilder,
    ) -> Result<(), RegistersError> {
        let body = store::append::<DB, E>(tx, self.place(what), count, event).await?;
        let entry = entry
            .meta("number", count.saturating_add(1))
            .meta("sha256", hex_digest(body.as_bytes()));
        tx.record(&self.desk.options.chain, entry.build()?).await?;
        Ok(())
    }

    fn entry(
        &self,
        action: &str,
        (register, id): (&'static str, &str),
        at: Timestamp,
        actor: Actor,
    ) -> EventBuilder {
        Event::builder(action, actor)
            .target(Target::new(register, id))
            .outcome(Outcome::Success)
            .occurred_at(at)
    }

    fn place<'a>(&'a self, (register, id): (&'static str, &'a str)) -> Place<'a> {
        Place { tenant: self.tenant(), register, id }
    }

    fn tenant(&self) -> &str {
        self.desk.options.chain.tenant()
    }

    fn rule(&self) -> Result<&Rule, RegistersError> {
        let duty = Duty::TELL_AUTHORITY;
        self.desk.options.regime.rule(&duty).ok_or(RegistersError::NoRule { duty })
    }

    /// Whether something can have that id, and have happened at that moment.
    fn may_be(&self, id: &str, at: Timestamp) -> Result<(), RegistersError> {
        if id.trim().is_empty() || id.chars().count() > 200 || id.contains('\0') {
            return Err(RegistersError::Name);
        }
        if at > self.desk.options.clock.now() {
            return Err(RegistersError::FromTheFuture);
        }
        Ok(())
    }
}

impl<DB: Backend> fmt::Debug for Registers<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registers").field("chain", &self.desk.options.chain).finish_non_exhaustive()
    }
}
