//! Exports that are one line, or one row, for each entry.

use std::io::Write;
use std::ops::Range;

use audit_core::siem::{self, Producer};
use audit_core::{ChainId, Entry};
use futures_core::Stream;

use crate::backend::Backend;
use crate::journal::Journal;

use super::csv::CsvRows;
use super::error::ExportError;
use super::reader::ChainReader;

/// What an entry becomes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ExportFormat {
    /// A CloudEvent a line.
    CloudEvents(Producer),
    /// A row of RFC 4180 CSV, with a header; the columns are [`CSV_COLUMNS`](crate::CSV_COLUMNS).
    ///
    /// A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets a `'` in front,
    /// so that no spreadsheet takes what a user typed for a formula.
    Csv,
    /// An event of the Elastic Common Schema a line.
    Ecs(Producer),
    /// The entry's exact bytes and a newline: what the hashes were made of.
    JsonLines,
    /// An event of the Open Cybersecurity Schema Framework a line.
    Ocsf(Producer),
}

/// What was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportSummary {
    /// How many entries.
    pub entries: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// An export that is under way: a page of text at a time, in the order of the entries.
///
/// Entries that were pruned are passed over. Private fields are never part of it.
pub struct Export<DB: Backend> {
    reader: ChainReader<DB>,
    format: ExportFormat,
    end: u64,
    csv: Option<CsvRows>,
    entries: u64,
}

impl<DB: Backend> std::fmt::Debug for Export<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("format", &self.format).finish_non_exhaustive()
    }
}

impl<DB: Backend> Journal<DB> {
    /// Exports the chain's entries as they are at this moment, those of `seqs` only.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn example(journal: &audit_store::SqliteJournal) -> Result<(), Box<dyn std::error::Error>> {
    /// use audit_store::ExportFormat;
    ///
    /// let chain = "acme/default".parse()?;
    /// let export = journal.export(&chain, .., ExportFormat::JsonLines).await?;
    /// export.write_to(std::fs::File::create("acme.jsonl")?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExportError::UnknownChain`], [`ExportError::Database`].
    pub async fn export(
        &self,
        chain: &ChainId,
        seqs: impl std::ops::RangeBounds<u64> + Send,
        format: ExportFormat,
    ) -> Result<Export<DB>, ExportError> {
        let Range { start, end } = half_open(&seqs);
        let csv = match format {
            ExportFormat::Csv => Some(CsvRows::new().map_err(into_io)?),
            _ => None,
        };
        let mut reader = ChainReader::begin(&self.store, chain).await?;
        reader.seek(start);
        Ok(Export { reader, format, end, csv, entries: 0 })
    }
}

fn half_open(seqs: &impl std::ops::RangeBounds<u64>) -> Range<u64> {
    use std::ops::Bound;
    let start = match seqs.start_bound() {
        Bound::Included(seq) => *seq,
        Bound::Excluded(seq) => seq.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match seqs.end_bound() {
        Bound::Included(seq) => seq.saturating_add(1),
        Bound::Excluded(seq) => *seq,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

fn into_io(error: csv::Error) -> ExportError {
    ExportError::Io(std::io::Error::other(error))
}

impl<DB: Backend> Export<DB> {
    /// The next piece of text, `None` at the end. It ends with a whole line.
    ///
    /// # Errors
    ///
    /// [`ExportError::Entry`] for an entry that is malformed and cannot be put into another form;
    /// [`ExportError::Database`].
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        while let Some((_, page)) = self.reader.next_page(self.end).await? {
            let mut out = Vec::with_capacity(page.bytes.len().saturating_add(4 << 10));
            for entry in page.texts() {
                let (seq, body) = entry?;
                self.entries = self.entries.saturating_add(1);
                self.push(seq, body, &mut out)?;
            }
            if let Some(csv) = &mut self.csv {
                out = csv.take().map_err(into_io)?;
            }
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
        Ok(None)
    }

    fn push(&mut self, seq: u64, body: &str, out: &mut Vec<u8>) -> Result<(), ExportError> {
        let mapped = match &self.format {
            ExportFormat::JsonLines => {
                out.extend_from_slice(body.as_bytes());
                out.push(b'\n');
                return Ok(());
            }
            _ => Entry::parse(body).map_err(|source| ExportError::Entry {
                chain: self.reader.chain.clone(),
                seq,
                source,
            })?,
        };
        let value = match &self.format {
            ExportFormat::CloudEvents(producer) => siem::cloud_event(&mapped, producer),
            ExportFormat::Ecs(producer) => siem::ecs(&mapped, producer),
            ExportFormat::Ocsf(producer) => siem::ocsf(&mapped, producer),
            ExportFormat::Csv | ExportFormat::JsonLines => {
                return match &mut self.csv {
                    Some(csv) => csv.push(&mapped, body).map_err(into_io),
                    None => Ok(()),
                };
            }
        };
        serde_json::to_writer(&mut *out, &value).map_err(std::io::Error::from)?;
        out.push(b'\n');
        Ok(())
    }

    /// Writes the whole export and flushes it.
    ///
    /// # Errors
    ///
    /// As [`next_chunk`](Self::next_chunk), and [`ExportError::Io`]; what was written until then
    /// stays written.
    pub async fn write_to(
        mut self,
        mut out: impl Write + Send,
    ) -> Result<ExportSummary, ExportError> {
        let mut summary = ExportSummary::default();
        while let Some(chunk) = self.next_chunk().await? {
            out.write_all(&chunk)?;
            let bytes = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            summary.bytes = summary.bytes.saturating_add(bytes);
        }
        out.flush()?;
        summary.entries = self.entries;
        self.reader.end().await?;
        Ok(summary)
    }

    /// The export as a stream of pieces, for the body of an HTTP response.
    pub fn into_stream(self) -> impl Stream<Item = Result<Vec<u8>, ExportError>> + Send {
        futures_util::stream::try_unfold(self, |mut export| async move {
            Ok(export.next_chunk().await?.map(|chunk| (chunk, export)))
        })
    }
}
