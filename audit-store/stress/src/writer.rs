//! A process's tasks, which append by one way or by all of them in turn.

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;

use audit_core::{Actor, ChainId, Event, Outcome, Target};
use audit_store::Journal;
use clap::ValueEnum;
use uuid::Uuid;

use crate::host::Host;

/// How an event reaches the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Way {
    /// `append`: a transaction of the journal's own, shared with whoever waits.
    Append,
    /// `JournalTx`: the host's statements inside the journal's transaction.
    Tx,
    /// `stage` in a host's transaction of the default isolation.
    Stage,
    /// `stage` in a host's transaction that is SERIALIZABLE.
    StageSerializable,
    /// All of them in turn.
    Mixed,
}

/// What a process of writers is told.
#[derive(Debug, clap::Args)]
#[non_exhaustive]
pub struct WriterArguments {
    /// The chain to append to.
    #[arg(long, default_value = "acme/default")]
    pub chain: ChainId,
    /// How many tasks.
    #[arg(long, default_value_t = 8)]
    pub tasks: usize,
    /// How many events each task appends.
    #[arg(long, default_value_t = 200)]
    pub count: usize,
    /// By which way.
    #[arg(long, value_enum, default_value_t = Way::Mixed)]
    pub way: Way,
}

const TURNS: [Way; 4] = [Way::Append, Way::Tx, Way::Stage, Way::StageSerializable];

/// Runs the tasks and returns when each has appended all its events.
///
/// Prints `ack <event id>` after each append that returned, and only then: a line that was read by
/// the parent is a promise the journal has to keep.
///
/// # Errors
///
/// Whatever the journal reports first.
pub async fn write<DB: Host>(url: &str, arguments: WriterArguments) -> Result<(), Box<dyn Error>> {
    let journal = Arc::new(DB::open(url, &crate::options()).await?);
    let chain = Arc::new(arguments.chain);
    let tasks: Vec<_> = (0..arguments.tasks)
        .map(|task| {
            let (journal, chain) = (Arc::clone(&journal), Arc::clone(&chain));
            tokio::spawn(async move {
                for turn in 0..arguments.count {
                    let way = match arguments.way {
                        Way::Mixed => {
                            TURNS.into_iter().cycle().nth((task ^ turn) % 4).unwrap_or(Way::Append)
                        }
                        way => way,
                    };
                    one(&journal, &chain, way).await.map_err(|e| e.to_string())?;
                }
                Ok::<_, String>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    if let Some(journal) = Arc::into_inner(journal) {
        journal.close().await;
    }
    Ok(())
}

/// Appends one event and says so once that is certain.
async fn one<DB: Host>(
    journal: &Journal<DB>,
    chain: &ChainId,
    way: Way,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let id = Uuid::now_v7();
    match way {
        Way::Append => {
            journal.append(chain, event(id)?).await?;
        }
        Way::Tx => {
            let mut tx = journal.begin().await?;
            DB::insert_order(&mut tx, &id.to_string()).await?;
            tx.record(chain, event(id)?).await?;
            tx.commit().await?;
        }
        Way::Stage | Way::StageSerializable | Way::Mixed => {
            let serializable = way == Way::StageSerializable;
            // A serializable transaction may be told to try again: that is the host's bargain with
            // its database, and the same event id makes the second try the same event.
            while let Err(error) = stage(journal, chain, id, serializable).await {
                if !error.downcast_ref::<sqlx::Error>().is_some_and(must_be_retried) {
                    return Err(error);
                }
            }
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {id}")?;
    out.flush()?;
    Ok(())
}

async fn stage<DB: Host>(
    journal: &Journal<DB>,
    chain: &ChainId,
    id: Uuid,
    serializable: bool,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut tx = DB::begin_host(journal.pool(), serializable).await?;
    DB::insert_order(&mut tx, &id.to_string()).await?;
    journal.stage(&mut tx, chain, event(id)?).await?;
    tx.commit().await?;
    Ok(())
}

/// A serialization failure or a deadlock: PostgreSQL's 40001 and 40P01.
fn must_be_retried(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == "40001" || code == "40P01")
}

fn event(id: Uuid) -> Result<Event, audit_core::EventError> {
    Event::builder("order.placed", Actor::user("u-17"))
        .id(id)
        .target(Target::new("order", id.to_string()))
        .outcome(Outcome::Success)
        .private("u-17", "/context/ip", "192.0.2.7")
        .build()
}
