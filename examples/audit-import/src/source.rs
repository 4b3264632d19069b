//! Events in batches: from a file, or made up.

use std::path::Path;

use audit_core::Event;
use serde_json::Value;
use test_support::Synthetic;
use tokio::sync::mpsc::Sender;
use tool_support::{During, Failure};

use crate::cli::Format;
use crate::lines::{Line, Lines};
use crate::refusal::Refusal;
use crate::{cloudtrail, jsonl, strict};

/// Events of one batch: each batch is one transaction.
const BATCH: usize = 1_000;

/// Where an event stood: a line, and the record in it where there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) record: Option<usize>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}", self.line)?;
        match self.record {
            Some(record) => write!(f, ", record {record}"),
            None => Ok(()),
        }
    }
}

/// What was read since the last batch.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<(Place, Event)>,
    pub(crate) refused: Vec<(Place, String)>,
    /// Lines with nothing in them.
    pub(crate) blank: u64,
}

impl Batch {
    fn take(&mut self, place: Place, event: Result<Event, Refusal>) {
        match event {
            Ok(event) => self.events.push((place, event)),
            Err(refusal) => self.refused.push((place, refusal.to_string())),
        }
    }

    fn take_line(&mut self, format: Format, line: Line) {
        let (number, text) = match line {
            Line::Text(number, text) => (number, text),
            Line::NotText(line) => {
                let reason = Refusal::new("not UTF-8");
                return self.take(Place { line, record: None }, Err(reason));
            }
            Line::TooLong(line) => {
                let reason = Refusal::new("longer than any record");
                return self.take(Place { line, record: None }, Err(reason));
            }
        };
        let place = Place { line: number, record: None };
        if text.trim().is_empty() {
            self.blank = self.blank.saturating_add(1);
            return;
        }
        match (format, strict::parse(&text)) {
            (_, Err(reason)) => self.take(place, Err(Refusal::new(reason))),
            (Format::Jsonl, Ok(line)) => self.take(place, jsonl::event(line)),
            (Format::Cloudtrail, Ok(Value::Object(mut file)))
                if file.get("Records").is_some_and(Value::is_array) =>
            {
                // AWS's own files: one object, all records in it.
                let Some(Value::Array(records)) = file.remove("Records") else { return };
                for (record, number) in records.into_iter().zip(1..) {
                    let place = Place { record: Some(number), ..place };
                    self.take(place, cloudtrail::event(record));
                }
            }
            (Format::Cloudtrail, Ok(record)) => self.take(place, cloudtrail::event(record)),
        }
    }

    fn is_full(&self) -> bool {
        self.events.len().saturating_add(self.refused.len()) >= BATCH
    }

    /// At most [`BATCH`] events at a time, whatever one line held.
    fn send(&mut self, to: &Sender<Self>) -> Result<(), Stopped> {
        let mut batch = std::mem::take(self);
        let mut rest = batch.events.split_off(std::cmp::min(BATCH, batch.events.len()));
        to.blocking_send(batch).map_err(|_| Stopped)?;
        while !rest.is_empty() {
            let next = rest.split_off(std::cmp::min(BATCH, rest.len()));
            let batch = Self { events: rest, ..Self::default() };
            to.blocking_send(batch).map_err(|_| Stopped)?;
            rest = next;
        }
        Ok(())
    }
}

/// Nobody wants more: the import has ended.
struct Stopped;

/// Reads a file to its end, on the thread that calls.
pub(crate) fn read(
    mut lines: Lines,
    path: &Path,
    format: Format,
    to: &Sender<Batch>,
) -> Result<(), Failure> {
    let mut batch = Batch::default();
    loop {
        let line = lines.next();
        let ended = !matches!(line, Ok(Some(_)));
        match line {
            Ok(Some(line)) => batch.take_line(format, line),
            Ok(None) => {}
            Err(error) => {
                // What was read before is good, and is sealed.
                if batch.send(to).is_err() {
                    return Ok(());
                }
                return Err(Failure::because(format!("cannot read {}", path.display()), &error));
            }
        }
        if ended {
            let _nobody_wants_more = batch.send(to);
            return Ok(());
        }
        if batch.is_full() && batch.send(to).is_err() {
            return Ok(());
        }
    }
}

/// Makes up `count` events, on the thread that calls.
pub(crate) fn make_up(count: u64, seed: u64, to: &Sender<Batch>) -> Result<(), Failure> {
    let mut batch = Batch::default();
    for (event, line) in Synthetic::new(seed).private_every(4).zip(1..=count) {
        let event = event.during("a made-up event")?;
        batch.events.push((Place { line, record: None }, event));
        if batch.is_full() && batch.send(to).is_err() {
            return Ok(());
        }
    }
    let _nobody_wants_more = batch.send(to);
    Ok(())
}
