//! What each person has agreed to, objected to and had restricted, kept by tokens.

use std::collections::{BTreeMap, BTreeSet};

use audit_core::{Actor, Timestamp};
use audit_store::JournalTx;
use uuid::Uuid;

use crate::backend::Backend;
use crate::data_map::purpose::Purpose;
use crate::registers::kept::error::RegistersError;
use crate::registers::kept::link::{self, Token};
use crate::registers::kept::store;
use crate::registers::kept::{PREFERENCE, Registers};
use crate::registers::preference::{Permission, Preference, PreferenceEvent, Preferences};
use crate::source::selection::Selection;

/// What the tables hold of one person.
pub(super) struct Found {
    /// The events of each history.
    pub(super) histories: BTreeMap<String, Vec<(Timestamp, Preference)>>,
}

impl Found {
    /// All that the person has said, in the order of time.
    fn preferences(&self) -> Preferences {
        let mut events: Vec<&(Timestamp, Preference)> = self.histories.values().flatten().collect();
        // Stable: what one history has of one moment stays in its order.
        events.sort_by_key(|(at, _)| *at);
        let mut preferences = Preferences::default();
        for (at, preference) in events {
            preferences.take(PreferenceEvent::new(*at, preference.clone()));
        }
        preferences
    }
}

impl<DB: Backend> Registers<DB> {
    /// Enters what a person says, at the moment when they said it. Every identifier that is given
    /// finds it from now on. Returns what stands now.
    ///
    /// # Errors
    ///
    /// [`RegistersError::Preference`] for what contradicts, [`RegistersError::Ambiguous`],
    /// [`RegistersError::FromTheFuture`], [`RegistersError::Token`], [`RegistersError::Conflict`],
    /// those of the database and the journal. Nothing was stored.
    pub async fn prefer(
        &self,
        person: &Selection,
        event: PreferenceEvent,
        actor: Actor,
    ) -> Result<Preferences, RegistersError> {
        if event.at > self.desk.options.clock.now() {
            return Err(RegistersError::FromTheFuture);
        }
        let mut tx = self.desk.journal.begin().await?;
        let preferences = self.prefer_in(&mut tx, person, event, actor).await?;
        tx.commit().await?;
        Ok(preferences)
    }

    /// [`prefer`](Self::prefer) inside a transaction of the journal's database that is under way.
    pub(crate) async fn prefer_in(
        &self,
        tx: &mut JournalTx<DB>,
        person: &Selection,
        event: PreferenceEvent,
        actor: Actor,
    ) -> Result<Preferences, RegistersError> {
        let tokens = self.tokens(person)?;
        let found = self.find(tx, &tokens).await?;
        let mut preferences = found.preferences();
        preferences.add(event.clone())?;
        let first = found.histories.first_key_value();
        let (id, count) = match first {
            Some((id, events)) => (id.clone(), events.len()),
            None => (Uuid::now_v7().to_string(), 0),
        };
        self.enter(tx, (&id, count), &event, actor).await?;
        // Whatever identifies the person now finds all that they ever said.
        let known = found.histories.keys().chain(std::iter::once(&id));
        for id in known.collect::<BTreeSet<_>>() {
            for token in &tokens {
                link::link::<DB>(tx, self.tenant(), token, id).await?;
            }
        }
        Ok(preferences)
    }

    /// What stands for a person, with its history; nothing for somebody who said nothing.
    ///
    /// # Errors
    ///
    /// [`RegistersError::Ambiguous`], [`RegistersError::Token`], those of the database.
    pub async fn preferences(&self, person: &Selection) -> Result<Preferences, RegistersError> {
        let mut conn = self.desk.pool.acquire().await?;
        self.preferences_in(&mut conn, person).await
    }

    /// [`preferences`](Self::preferences) on a connection.
    pub(crate) async fn preferences_in(
        &self,
        conn: &mut DB::Connection,
        person: &Selection,
    ) -> Result<Preferences, RegistersError> {
        let tokens = self.tokens(person)?;
        Ok(self.find(conn, &tokens).await?.preferences())
    }

    /// Whether a person's data may be used for a purpose now ([`Preferences::permit`]).
    ///
    /// # Errors
    ///
    /// As of [`preferences`](Self::preferences); whoever gets an error has no permission.
    pub async fn permit(
        &self,
        person: &Selection,
        purpose: &Purpose,
    ) -> Result<Permission, RegistersError> {
        Ok(self.preferences(person).await?.permit(purpose))
    }

    /// The person was erased: consents and a restriction end, objections stand. The tokens of
    /// identifiers of which each person has one ([`single`](Self::single)) are removed, since such an
    /// id does not come back; an address can. Asking again changes nothing.
    ///
    /// # Errors
    ///
    /// As of [`prefer`](Self::prefer). Nothing was changed.
    pub async fn erased(&self, person: &Selection, actor: Actor) -> Result<(), RegistersError> {
        let tokens = self.tokens(person)?;
        let mut tx = self.desk.journal.begin().await?;
        let found = self.find(&mut tx, &tokens).await?;
        for (id, events) in &found.histories {
            self.erase_history(&mut tx, (id, events), actor.clone()).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Removes the tokens of everybody for whom nothing stands any more (no consent, objection or
    /// restriction) and who has said nothing since that moment: what they once said proves nothing
    /// then, and is nobody's. Returns how many histories that were; one entry in the journal says so.
    ///
    /// # Errors
    ///
    /// Those of the database and the journal; asking again goes on.
    pub async fn forget_since(
        &self,
        since: Timestamp,
        actor: Actor,
    ) -> Result<u64, RegistersError> {
        let (mut forgotten, mut after) = (0_u64, String::new());
        let mut tx = self.desk.journal.begin().await?;
        DB::wipe_what_is_overwritten(&mut tx).await?;
        loop {
            let ids = link::linked::<DB>(&mut tx, self.tenant(), &after).await?;
            let Some(last) = ids.last() else { break };
            after.clone_from(last);
            for id in ids {
                // All that may be of the same person goes together: alone, a consent whose
                // withdrawal stands elsewhere would come to life again.
                let mut tokens = link::tokens::<DB>(&mut tx, self.tenant(), &id).await?;
                let all = link::histories::<DB>(&mut tx, self.tenant(), &tokens).await?;
                let found = self.load_all(&mut tx, all).await?;
                let spoke = found.histories.values().flatten().any(|(at, _)| *at >= since);
                if spoke || !found.preferences().is_idle() {
                    continue;
                }
                for id in found.histories.keys() {
                    tokens.append(&mut link::tokens::<DB>(&mut tx, self.tenant(), id).await?);
                    for token in &tokens {
                        link::unlink::<DB>(&mut tx, self.tenant(), token, id).await?;
                    }
                    forgotten = forgotten.saturating_add(1);
                }
            }
        }
        if forgotten > 0 {
            let now = self.desk.options.clock.now();
            let entry = self.entry("register.people_forgotten", (PREFERENCE, "*"), now, actor);
            let entry = entry.meta("histories", forgotten).meta("since", since.to_string());
            tx.record(&self.desk.options.chain, entry.build()?).await?;
        }
        tx.commit().await?;
        Ok(forgotten)
    }

    pub(super) async fn enter(
        &self,
        tx: &mut JournalTx<DB>,
        (id, count): (&str, usize),
        event: &PreferenceEvent,
        actor: Actor,
    ) -> Result<(), RegistersError> {
        let preference = &event.preference;
        let action = format!("register.{}", preference.name());
        let entry = self.entry(&action, (PREFERENCE, id), event.at, actor);
        let entry = match preference.purpose() {
            Some(purpose) => entry.meta("purpose", purpose),
            None => entry,
        };
        self.add(tx, (PREFERENCE, id), count, (event.at, preference), entry).await
    }

    /// The tokens of what identifies a person.
    pub(super) fn tokens(&self, person: &Selection) -> Result<Vec<Token>, RegistersError> {
        let token = |one: &crate::source::selection::Identifier| {
            let token = self.tokens.token_for("privacy_preference", one)?;
            Ok(Token { token, kind: one.kind().to_owned() })
        };
        person.identifiers().map(token).collect()
    }

    /// The histories of a person, without those of others with whom they share an identifier.
    pub(super) async fn find(
        &self,
        conn: &mut DB::Connection,
        tokens: &[Token],
    ) -> Result<Found, RegistersError> {
        let mut ids = link::histories::<DB>(conn, self.tenant(), tokens).await?;
        for kind in &self.single {
            let of_kind = |token: &&Token| token.kind == *kind;
            let own: BTreeSet<&Token> = tokens.iter().filter(of_kind).collect();
            let mut values: BTreeSet<Token> = own.iter().map(|token| (*token).clone()).collect();
            let mut kept = BTreeSet::new();
            for id in ids {
                let theirs = link::tokens::<DB>(conn, self.tenant(), &id).await?;
                let theirs: BTreeSet<&Token> = theirs.iter().filter(of_kind).collect();
                if own.is_empty() {
                    values.extend(theirs.into_iter().cloned());
                } else if !theirs.is_empty() && theirs.is_disjoint(&own) {
                    continue;
                }
                kept.insert(id);
            }
            if values.len() > 1 {
                let (kind, values) = (kind.clone(), values.len());
                return Err(RegistersError::Ambiguous { kind, values });
            }
            ids = kept;
        }
        self.load_all(conn, ids).await
    }

    async fn load_all(
        &self,
        conn: &mut DB::Connection,
        ids: BTreeSet<String>,
    ) -> Result<Found, RegistersError> {
        let mut histories = BTreeMap::new();
        for id in ids {
            let events = store::load::<DB, _>(conn, self.place((PREFERENCE, &id))).await?;
            histories.insert(id, events);
        }
        Ok(Found { histories })
    }
}
