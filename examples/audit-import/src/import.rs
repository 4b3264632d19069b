//! Sealing batch after batch, and telling what became of each line.

use audit_core::{ChainId, Event};
use audit_store::{AppendError, Receipt};
use indicatif::ProgressBar;
use tokio::sync::mpsc::Receiver;
use tool_support::{AnyJournal, During, Failure, printable, with_journal};

use crate::source::{Batch, Place};

/// What became of the lines.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) sealed: u64,
    /// Stood there already, the same.
    pub(crate) known: u64,
    pub(crate) refused: u64,
    pub(crate) blank: u64,
}

/// An import under way.
pub(crate) struct Import<'a> {
    pub(crate) journal: &'a AnyJournal,
    pub(crate) chain: &'a ChainId,
    pub(crate) bar: &'a ProgressBar,
    /// The first seq that is not there yet: a receipt below it is of an entry from before.
    pub(crate) next: u64,
    pub(crate) tally: Tally,
}

impl Import<'_> {
    /// Seals all that comes.
    pub(crate) async fn run(
        &mut self,
        mut batches: Receiver<Batch>,
        mut after_each: impl FnMut(&ProgressBar, &Tally),
    ) -> Result<(), Failure> {
        while let Some(batch) = batches.recv().await {
            self.tally.blank = self.tally.blank.saturating_add(batch.blank);
            for (place, reason) in &batch.refused {
                self.refuse(*place, reason);
            }
            self.seal(batch.events).await?;
            after_each(self.bar, &self.tally);
        }
        Ok(())
    }

    /// In one transaction; where an event is refused, one by one, so that the others are not.
    async fn seal(&mut self, events: Vec<(Place, Event)>) -> Result<(), Failure> {
        let all = events.iter().map(|(_, event)| event.clone()).collect();
        match self.append(all).await {
            Ok(receipts) => receipts.iter().for_each(|receipt| self.count(receipt)),
            Err(error) if is_the_events_fault(&error) => {
                for (place, event) in events {
                    match self.append(vec![event]).await {
                        Ok(receipts) => receipts.iter().for_each(|receipt| self.count(receipt)),
                        Err(error) if is_the_events_fault(&error) => {
                            let reason = crate::refusal::Refusal::from(error).to_string();
                            self.refuse(place, &reason);
                        }
                        Err(error) => return Err(error).during("cannot seal"),
                    }
                }
            }
            Err(error) => return Err(error).during("cannot seal"),
        }
        Ok(())
    }

    async fn append(&self, events: Vec<Event>) -> Result<Vec<Receipt>, AppendError> {
        with_journal!(self.journal, journal => journal.append_batch(self.chain, events).await)
    }

    fn count(&mut self, receipt: &Receipt) {
        let counter =
            if receipt.seq < self.next { &mut self.tally.known } else { &mut self.tally.sealed };
        *counter = counter.saturating_add(1);
        self.next = std::cmp::max(self.next, receipt.seq.saturating_add(1));
    }

    #[allow(clippy::print_stderr, reason = "the report of a program of the command line")]
    fn refuse(&mut self, place: Place, reason: &str) {
        self.tally.refused = self.tally.refused.saturating_add(1);
        self.bar.suspend(|| eprintln!("{place}: {}", printable(reason)));
    }
}

/// Whether another event would have been taken.
fn is_the_events_fault(error: &AppendError) -> bool {
    matches!(
        error,
        AppendError::DuplicateId { .. }
            | AppendError::Event(_)
            | AppendError::Reserved { .. }
            | AppendError::Seal(_)
            | AppendError::SubjectId { .. }
    )
}
