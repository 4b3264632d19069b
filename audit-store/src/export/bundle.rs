//! The auditor's bundle, as a directory or an archive.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use audit_core::{
    BundlePath, ChainId, Digest, DisclosureLine, Entry, EntryLine, LeafHash, LineAbsence,
    LineContent, Manifest, Timestamp, VerifierKey,
};

use crate::backend::Backend;
use crate::backend::rows::{DisclosureRow, PackedEntries};
use crate::journal::Journal;

use super::error::ExportError;
use super::pack::pack;
use super::reader::ChainReader;
use super::withhold::{Withholding, boundaries};
use super::workdir::{HashedFile, WorkDir};

/// How a bundle is made.
#[derive(Debug, Clone, Default)]
pub struct BundleOptions {
    keys: Vec<VerifierKey>,
    withholding: Option<Withholding>,
    stored: bool,
}

impl BundleOptions {
    /// Everything, with the journal's own keys, packed where it is an archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more key in `keys.txt`; without any, the journal's own are written there. An auditor
    /// trusts his own copy, so the file is a convenience.
    #[must_use]
    pub fn key(mut self, key: VerifierKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Leaves something out.
    #[must_use]
    pub fn withholding(mut self, withholding: Withholding) -> Self {
        self.withholding = Some(withholding);
        self
    }

    /// Makes an archive without compression: about three times as large, and faster to make and to
    /// verify.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        self.stored = true;
        self
    }
}

impl<DB: Backend> Journal<DB> {
    /// Exports the chain as an auditor's bundle into a new directory.
    ///
    /// The bundle is made beside `directory` and moved there when it is whole and on disk, so that
    /// there is never half of one. Dropping the future leaves nothing, or all of it where nothing
    /// was left to do but the move.
    ///
    /// # Errors
    ///
    /// [`ExportError`]; then nothing is left.
    pub async fn export_bundle(
        &self,
        chain: &ChainId,
        directory: impl AsRef<Path> + Send,
        options: &BundleOptions,
    ) -> Result<Manifest, ExportError> {
        let place = directory.as_ref().to_owned();
        let (work, manifest) = make(self, chain, &place, options).await?;
        blocking(move || work.into_place(&place).map_err(|e| refused(e, &place))).await?;
        Ok(manifest)
    }

    /// Exports the chain as an auditor's bundle into a new zip archive.
    ///
    /// The same journal and options make the same bytes. Room for the unpacked bundle is needed
    /// beside the archive while it is made. Otherwise as [`export_bundle`](Self::export_bundle).
    ///
    /// # Errors
    ///
    /// [`ExportError`]; then nothing is left.
    pub async fn export_bundle_zip(
        &self,
        chain: &ChainId,
        file: impl AsRef<Path> + Send,
        options: &BundleOptions,
    ) -> Result<Manifest, ExportError> {
        let place = file.as_ref().to_owned();
        let (work, manifest) = make(self, chain, &place, options).await?;
        let stored = options.stored;
        blocking(move || {
            let archive = pack(work.path(), &manifest, stored)?;
            work.file_into_place(&archive, &place).map_err(|e| refused(e, &place))?;
            Ok(manifest)
        })
        .await
    }
}

/// Runs file work where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

fn refused(error: std::io::Error, place: &Path) -> ExportError {
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        ExportError::AlreadyExists { path: place.to_owned() }
    } else {
        ExportError::Io(error)
    }
}

/// Writes the files of a bundle into a directory beside `place`.
async fn make<DB: Backend>(
    journal: &Journal<DB>,
    chain: &ChainId,
    place: &Path,
    options: &BundleOptions,
) -> Result<(WorkDir, Manifest), ExportError> {
    let mut reader = ChainReader::begin(&journal.store, chain).await?;
    if place.symlink_metadata().is_ok() {
        return Err(ExportError::AlreadyExists { path: place.to_owned() });
    }
    let kept = match &options.withholding {
        Some(withholding) if withholding.may_withhold_entries() => boundaries(&mut reader).await?,
        _ => BTreeSet::new(),
    };
    let mut writer = BundleWriter::create(place)?;
    let mut lines = Lines {
        chain: chain.clone(),
        last: reader.size.checked_sub(1),
        kept,
        withholding: options.withholding.clone(),
        from_to: None,
        disclosures: 0,
        withheld: 0,
    };
    while let Some((seqs, page)) = reader.next_page(u64::MAX).await? {
        let gone = gone(&seqs, &page);
        let leaves = reader.leaves(&gone).await?;
        let disclosures = reader.disclosures(&seqs).await?;
        let absent = gone.into_iter().zip(leaves);
        // The writing of one page goes on while the next one is read.
        (writer, lines) = {
            let (mut writer, mut lines) = (writer, lines);
            blocking(move || {
                let (entries, disclosed) = lines.page(&page, absent, &disclosures)?;
                writer.entries.write(entries.as_bytes())?;
                writer.disclosures.write(disclosed.as_bytes())?;
                Ok((writer, lines))
            })
            .await?
        };
    }
    let mut manifest = lines.manifest(&reader);
    manifest.checkpoint = write_checkpoints(&mut reader, &writer.work, &mut manifest).await?;
    let known = reader.store().stored_keys().await?;
    let keys: String = match &*options.keys {
        [] => known.iter().map(|known| format!("{}\n", known.key)).collect(),
        keys => keys.iter().map(|key| format!("{key}\n")).collect(),
    };
    reader.end().await?;
    blocking(move || writer.finish(manifest, &keys)).await
}

/// The seqs of a page that have no row.
fn gone(seqs: &std::ops::Range<u64>, page: &PackedEntries) -> Vec<u64> {
    let mut standing = page.seqs.iter().filter_map(|seq| u64::try_from(*seq).ok()).peekable();
    seqs.clone().filter(|seq| standing.next_if_eq(seq).is_none()).collect()
}

/// Writes the stored checkpoints; returns the size of the last.
async fn write_checkpoints<DB: Backend>(
    reader: &mut ChainReader<DB>,
    work: &WorkDir,
    manifest: &mut Manifest,
) -> Result<u64, ExportError> {
    let (mut after, mut last) = ((0, -1), 0);
    loop {
        let page = reader.checkpoints_after(after.0, after.1).await?;
        let Some(newest) = page.last() else { return Ok(last) };
        after = (newest.incarnation, newest.size);
        for row in page {
            let (Ok(size), Ok(incarnation)) =
                (u64::try_from(row.size), u64::try_from(row.incarnation))
            else {
                continue;
            };
            if size > reader.size {
                continue;
            }
            let plain = BundlePath::checkpoint(size, None);
            let recurs = manifest.files.contains_key(&plain);
            let path = if recurs { BundlePath::checkpoint(size, Some(incarnation)) } else { plain };
            let mut file = HashedFile::create(&work.path().join(path.to_string()))?;
            file.write(row.note.as_bytes())?;
            manifest.files.insert(path, file.finish_unsynced()?);
            last = size;
        }
    }
}

/// The files of a bundle while it grows.
struct BundleWriter {
    work: WorkDir,
    entries: HashedFile,
    disclosures: HashedFile,
}

impl BundleWriter {
    fn create(place: &Path) -> Result<Self, ExportError> {
        let work = WorkDir::beside(place)?;
        let at = |path: BundlePath| -> PathBuf { work.path().join(path.to_string()) };
        std::fs::create_dir(work.path().join("checkpoints"))?;
        let entries = HashedFile::create(&at(BundlePath::Entries))?;
        let disclosures = HashedFile::create(&at(BundlePath::Disclosures))?;
        Ok(Self { work, entries, disclosures })
    }

    fn finish(
        self,
        mut manifest: Manifest,
        keys: &str,
    ) -> Result<(WorkDir, Manifest), ExportError> {
        let Self { work, entries, disclosures } = self;
        manifest.files.insert(BundlePath::Entries, entries.finish()?);
        manifest.files.insert(BundlePath::Disclosures, disclosures.finish()?);
        let mut file = HashedFile::create(&work.path().join(BundlePath::Keys.to_string()))?;
        file.write(keys.as_bytes())?;
        manifest.files.insert(BundlePath::Keys, file.finish()?);
        let text = manifest.to_json()?;
        let mut file = HashedFile::create(&work.path().join(BundlePath::Manifest.to_string()))?;
        file.write(text.as_bytes())?;
        file.finish()?;
        Ok((work, manifest))
    }
}

/// What becomes of entries and disclosures in a bundle.
struct Lines {
    chain: ChainId,
    last: Option<u64>,
    /// Boundary records, which are never left out.
    kept: BTreeSet<u64>,
    withholding: Option<Withholding>,
    from_to: Option<(Timestamp, Timestamp)>,
    disclosures: u64,
    withheld: u64,
}

impl Lines {
    /// The lines of `entries.jsonl` and of `disclosures.jsonl` for a page.
    fn page(
        &mut self,
        page: &PackedEntries,
        absent: impl Iterator<Item = (u64, LeafHash)>,
        disclosures: &[DisclosureRow],
    ) -> Result<(String, String), ExportError> {
        let mut entries = String::with_capacity(page.bytes.len().saturating_add(8 << 10));
        let mut disclosed = String::new();
        let mut absent = absent.peekable();
        let mut rest = disclosures.iter().peekable();
        for entry in page.texts() {
            let (seq, body) = entry?;
            while let Some((gone, leaf)) = absent.next_if(|(gone, _)| *gone < seq) {
                push_line(&mut entries, &EntryLine::absent(LineAbsence::Pruned, leaf, gone));
            }
            // Only what is left out, disclosed, first or last has to be understood.
            let of_this = |row: &&DisclosureRow| u64::try_from(row.seq).ok() == Some(seq);
            while rest.next_if(|row| u64::try_from(row.seq).is_ok_and(|of| of < seq)).is_some() {}
            let rows: Vec<_> = std::iter::from_fn(|| rest.next_if(of_this)).collect();
            let first_or_last = self.from_to.is_none() || self.last == Some(seq);
            if !first_or_last && rows.is_empty() && self.withholding.is_none() {
                push_line(&mut entries, &EntryLine::Entry(body));
                continue;
            }
            let parsed = Entry::parse(body);
            if first_or_last && let Ok(entry) = &parsed {
                let at = entry.at();
                self.from_to = Some((self.from_to.map_or(at, |(from, _)| from), at));
            }
            if let (Some(withholding), Ok(entry)) = (&self.withholding, &parsed)
                && !entry.event().is_reserved()
                && self.last != Some(seq)
                && !self.kept.contains(&seq)
                && withholding.withholds_entry(entry)
            {
                let leaf = LeafHash::of(body.as_bytes());
                push_line(&mut entries, &EntryLine::absent(LineAbsence::Withheld, leaf, seq));
                self.withheld = self.withheld.saturating_add(1);
                continue;
            }
            push_line(&mut entries, &EntryLine::Entry(body));
            for row in rows {
                self.disclosures(parsed.as_ref().ok(), seq, row, &mut disclosed)?;
            }
        }
        for (gone, leaf) in absent {
            push_line(&mut entries, &EntryLine::absent(LineAbsence::Pruned, leaf, gone));
        }
        Ok((entries, disclosed))
    }

    fn disclosures(
        &mut self,
        entry: Option<&Entry<'_>>,
        seq: u64,
        row: &DisclosureRow,
        out: &mut String,
    ) -> Result<(), ExportError> {
        let malformed = || ExportError::Disclosures { chain: self.chain.clone(), seq };
        let (subject, items) = row.read().ok_or_else(malformed)?;
        let mut lines = Vec::with_capacity(items.len());
        for item in items {
            let digest: Digest = item.digest.parse().map_err(|_| malformed())?;
            let reason = self.withholding.as_ref().zip(entry).and_then(|(withholding, entry)| {
                withholding.reason(entry, subject, item.disclosure)
            });
            let content = match (reason, item.disclosure, item.sealed) {
                (Some(reason), ..) => {
                    self.withheld = self.withheld.saturating_add(1);
                    LineContent::withheld(digest, reason.into())
                }
                (None, Some(text), None) => LineContent::Disclosure(text.into()),
                (None, None, Some(sealed)) => LineContent::sealed(digest, sealed.into()),
                _ => return Err(malformed()),
            };
            lines.push((content.digest(), content));
        }
        lines.sort_by_key(|(digest, _)| *digest);
        for (_, content) in lines {
            DisclosureLine::new(seq, subject, content).push_to(out)?;
            out.push('\n');
            self.disclosures = self.disclosures.saturating_add(1);
        }
        Ok(())
    }

    fn manifest<DB: Backend>(self, reader: &ChainReader<DB>) -> Manifest {
        // A chain has its first entry from the beginning; one that cannot be read has no times.
        let (from, to) = self.from_to.unwrap_or((Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH));
        let name = reader.store().options.name.clone();
        let mut manifest = Manifest::new(name, self.chain, from, to);
        manifest.entries = reader.size;
        manifest.disclosures = self.disclosures;
        manifest.withheld = self.withheld;
        // Only where something was: a filter that met nothing changes nothing.
        manifest.filter = self.withholding.map(|w| w.filter).filter(|_| manifest.withheld > 0);
        manifest
    }
}

fn push_line(out: &mut String, line: &EntryLine<'_>) {
    line.push_to(out);
    out.push('\n');
}
