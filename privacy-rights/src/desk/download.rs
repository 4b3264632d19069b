//! Bundles that are made and handed out, and that an erasure of the same person takes back.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit_core::{Actor, Event, EventBuilder, Outcome, Target, Timestamp};
use uuid::Uuid;

use crate::access::error::AccessError;
use crate::access::finished::FinishedBundle;
use crate::backend::Backend;
use crate::desk::Desk;
use crate::desk::error::DeskError;
use crate::erasure::suppression::{SuppressionTokens, TokenError};
use crate::request::RequestState;
use crate::request::event::Right;
use crate::source::selection::Selection;

mod files;
mod remove;
pub(crate) mod rows;
pub(crate) mod token;

use token::{DownloadToken, Given};

/// Where bundles are, and for how long.
#[derive(Clone)]
pub(crate) struct Downloads {
    pub(crate) folder: PathBuf,
    pub(crate) tokens: Arc<SuppressionTokens>,
    pub(crate) lifetime: Duration,
}

impl Downloads {
    /// For how long a bundle can be had where nothing else is said.
    pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
    /// What is not published after so long was given up, or its process died.
    const UNFINISHED: Duration = Duration::from_secs(86_400);
    const ARCHIVE: &str = "bundle.zip";
    const DIRECTORY: &str = "bundle";
}

/// A bundle was not made, not handed out or not given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The person is being erased.
    #[error("the person is being erased")]
    BeingErased,
    /// The bundle could not be put in its place. Nothing is left of it.
    #[error("the bundle was not put in its place")]
    Bundle(#[from] AccessError),
    /// The export does not stand any more: an erasure of the person has begun since, it took longer
    /// than a day, it is published already, or its request was closed without an answer. Nothing is
    /// left of it.
    #[error("the export was cancelled")]
    Cancelled,
    /// The desk failed.
    #[error("the desk did not do its part")]
    Desk(#[from] DeskError),
    /// The file system refused.
    #[error("the folder of bundles cannot be written")]
    Disk(#[from] io::Error),
    /// The desk was opened without a folder for bundles.
    #[error("the desk has no folder for bundles")]
    NoFolder,
    /// The request asks for something else, is closed, or it was not proven who asks.
    #[error("no bundle is given for the request")]
    NotForThis,
    /// The person that was given is not the one of the request.
    #[error("the request is about somebody else")]
    OtherPerson,
    /// The operating system gives no randomness.
    #[error("no token was drawn")]
    Random(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A token of an identifier could not be computed.
    #[error("an identifier has no token")]
    Token(#[from] TokenError),
    /// There is no bundle to be had for that: never, not any more, or it is of another desk.
    #[error("there is no such bundle")]
    Unknown,
}

impl From<sqlx::Error> for DownloadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Desk(error.into())
    }
}

/// An export of a person that was begun, and that an erasure of theirs cancels.
#[derive(Debug)]
pub struct Export {
    id: Uuid,
    request: Uuid,
    place: PathBuf,
}

impl Export {
    /// Its id, and that of its bundle.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The request that it answers.
    #[must_use]
    pub const fn request(&self) -> Uuid {
        self.request
    }

    /// Where to make the bundle ([`AccessBundle::make`](crate::AccessBundle::make)): whatever is here
    /// goes when the export does.
    #[must_use]
    pub fn workshop(&self) -> &Path {
        &self.place
    }
}

/// A bundle that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Download {
    /// Its id.
    pub bundle: Uuid,
    /// The request that it answers.
    pub request: Uuid,
    /// Where it is: an archive, or a directory.
    pub path: PathBuf,
    /// A name for whoever saves it, of its id: nothing in it was typed by anybody.
    pub file_name: String,
}

impl<DB: Backend> Desk<DB> {
    /// Begins an export of a person for a request for access or portability
    /// (`rights.bundle_begun`). To be called before the first source is read: from here on an erasure
    /// of the person cancels it, so that what was read before an erasure is not handed out after it.
    /// `person` is what the bundle is made of: all that the request was received with, and what was
    /// resolved from that. Persons who share an identifier share the fate of their exports.
    ///
    /// # Errors
    ///
    /// [`DownloadError::BeingErased`], [`DownloadError::NotForThis`],
    /// [`DownloadError::OtherPerson`], [`DownloadError::NoFolder`], those of the database and the
    /// journal: nothing was begun. [`DownloadError::Disk`]: it was begun and is abandoned, which is on
    /// record (`rights.bundle_abandoned`).
    pub async fn begin_export(
        &self,
        request: Uuid,
        person: &Selection,
        actor: Actor,
    ) -> Result<Export, DownloadError> {
        let downloads = self.downloads()?;
        let known = self.request(request).await?;
        let is_for_it = matches!(known.right(), Right::Access | Right::Portability);
        if !is_for_it || !known.is_verified() || !known.state().is_open() {
            return Err(DownloadError::NotForThis);
        }
        let about = self.person(request).await?;
        if !about.identifiers().all(|identifier| person.contains(identifier)) {
            return Err(DownloadError::OtherPerson);
        }
        let tokens = downloads.tokens.tokens(person)?;
        let id = Uuid::now_v7();
        let mut tx = self.journal.begin().await.map_err(DeskError::from)?;
        rows::take_turns::<DB>(&mut tx, self.tenant(), &tokens).await?;
        if rows::is_leased::<DB>(&mut tx, self.tenant(), &tokens).await? {
            return Err(DownloadError::BeingErased);
        }
        let begun = (id, request, self.options.clock.now());
        rows::insert::<DB>(&mut tx, self.tenant(), begun, &tokens).await?;
        rows::leave_turns::<DB>(&mut tx, self.tenant(), &tokens).await?;
        let entry = bundle_entry("rights.bundle_begun", (id, request), actor);
        self.record_bundle(&mut tx, entry).await?;
        tx.commit().await.map_err(DeskError::from)?;
        // What a crash leaves behind is removed by the sweep.
        let place = self.place(id)?;
        if let Err(error) = files::make(&place).await {
            self.abandon(id).await?;
            return Err(error.into());
        }
        Ok(Export { id, request, place })
    }

    /// Whether an export still stands. To be asked now and then by one that takes long; what counts is
    /// whether it can be published.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn export_stands(&self, export: &Export) -> Result<bool, DownloadError> {
        let mut conn = self.pool.acquire().await?;
        let row = rows::load::<DB>(&mut conn, self.tenant(), export.id).await?;
        Ok(row.is_some_and(|row| row.state == rows::MAKING))
    }

    /// Puts a bundle in its place, as a directory, and registers it (`rights.bundle_published`):
    /// whoever has the token that is returned, and stored nowhere, can have it until it expires
    /// ([`DeskOptions::download_lifetime`](crate::DeskOptions::download_lifetime)).
    ///
    /// # Errors
    ///
    /// [`DownloadError::Cancelled`], where an erasure of the person has begun since the export did,
    /// too: it is found in the transaction that registers. Others of what is asked. Nothing is left of
    /// the bundle but what the file system does not let go, which the [sweep](Self::sweep) removes.
    pub async fn publish_directory(
        &self,
        export: Export,
        bundle: FinishedBundle,
        actor: Actor,
    ) -> Result<DownloadToken, DownloadError> {
        let to = export.place.join(Downloads::DIRECTORY);
        let moved = bundle.into_directory(&to).await.map(drop);
        self.publish(export, moved, actor).await
    }

    /// The same as a zip archive.
    ///
    /// # Errors
    ///
    /// As of [`publish_directory`](Self::publish_directory).
    #[cfg(feature = "zip")]
    pub async fn publish_zip(
        &self,
        export: Export,
        bundle: FinishedBundle,
        actor: Actor,
    ) -> Result<DownloadToken, DownloadError> {
        let to = export.place.join(Downloads::ARCHIVE);
        let packed = bundle.into_zip(&to).await.map(drop);
        self.publish(export, packed, actor).await
    }

    async fn publish(
        &self,
        export: Export,
        placed: Result<(), AccessError>,
        actor: Actor,
    ) -> Result<DownloadToken, DownloadError> {
        let registered = match placed {
            Ok(()) => self.register(&export, actor).await,
            // Whose folder was deleted meanwhile was cancelled.
            Err(_) if !self.export_stands(&export).await? => Err(DownloadError::Cancelled),
            Err(error) => Err(error.into()),
        };
        if registered.is_err() {
            // What cannot be removed now is by the sweep; why it is not published counts for more.
            let _left = files::remove(&export.place).await;
        }
        registered
    }

    async fn register(
        &self,
        export: &Export,
        actor: Actor,
    ) -> Result<DownloadToken, DownloadError> {
        let token = DownloadToken::generate()?;
        let given = token.given(&self.options.codes);
        let expires_at = self.options.clock.now().saturating_add(self.downloads()?.lifetime);
        let state = self.request(export.request).await?.state();
        if matches!(state, RequestState::Refused | RequestState::Withdrawn | RequestState::Expired)
        {
            return Err(DownloadError::Cancelled);
        }
        let mut tx = self.journal.begin().await.map_err(DeskError::from)?;
        if !rows::publish::<DB>(&mut tx, self.tenant(), export.id, (expires_at, &given)).await? {
            return Err(DownloadError::Cancelled);
        }
        let about = (export.id, export.request);
        let entry = bundle_entry("rights.bundle_published", about, actor)
            .meta("expires_at", expires_at.to_string());
        self.record_bundle(&mut tx, entry).await?;
        tx.commit().await.map_err(DeskError::from)?;
        Ok(token)
    }

    /// Gives a bundle to whoever has its token, and records that (`rights.bundle_downloaded`). The
    /// path is to be opened at once: the file may be deleted at any time after.
    ///
    /// # Errors
    ///
    /// [`DownloadError::Unknown`], without a word why; those of the database and the journal.
    pub async fn download(&self, token: &str, actor: Actor) -> Result<Download, DownloadError> {
        let token = DownloadToken::parse(token).ok_or(DownloadError::Unknown)?;
        let now = self.options.clock.now();
        let mut tx = self.journal.begin().await.map_err(DeskError::from)?;
        let found = rows::by_lookup::<DB>(&mut tx, self.tenant(), &token.lookup()).await?;
        let (bundle, request, hash) = found.ok_or(DownloadError::Unknown)?;
        let is_it = Given::parse(&hash).is_some_and(|given| token.is(&self.options.codes, &given));
        // The row is locked with that: an erasure that begins comes before or after.
        if !is_it || !rows::may_be_had::<DB>(&mut tx, self.tenant(), bundle, now).await? {
            return Err(DownloadError::Unknown);
        }
        let place = self.place(bundle)?;
        let (archive, directory) =
            (place.join(Downloads::ARCHIVE), place.join(Downloads::DIRECTORY));
        let (path, file_name) = if files::is_there(&archive, Metadata::is_file).await? {
            (archive, format!("bundle-{bundle}.zip"))
        } else if files::is_there(&directory, Metadata::is_dir).await? {
            (directory, format!("bundle-{bundle}"))
        } else {
            return Err(DownloadError::Unknown);
        };
        let entry = bundle_entry("rights.bundle_downloaded", (bundle, request), actor);
        self.record_bundle(&mut tx, entry).await?;
        tx.commit().await.map_err(DeskError::from)?;
        Ok(Download { bundle, request, path, file_name })
    }

    fn downloads(&self) -> Result<&Downloads, DownloadError> {
        self.options.downloads.as_ref().ok_or(DownloadError::NoFolder)
    }

    fn place(&self, bundle: Uuid) -> Result<PathBuf, DownloadError> {
        Ok(files::of_tenant(&self.downloads()?.folder, self.tenant()).join(bundle.to_string()))
    }

    async fn record_bundle(
        &self,
        tx: &mut audit_store::JournalTx<DB>,
        entry: EventBuilder,
    ) -> Result<(), DeskError> {
        tx.record(&self.options.chain, entry.build()?).await?;
        Ok(())
    }
}

fn bundle_entry(action: &str, (bundle, request): (Uuid, Uuid), actor: Actor) -> EventBuilder {
    Event::builder(action, actor)
        .target(Target::new("rights_bundle", bundle.to_string()))
        .target(Target::new("rights_request", request.to_string()))
        .outcome(Outcome::Success)
}

/// The last moment at which an export may have begun that is still under way.
fn too_old(now: Timestamp) -> Timestamp {
    let age = i64::try_from(Downloads::UNFINISHED.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(age)).unwrap_or(Timestamp::MIN)
}
