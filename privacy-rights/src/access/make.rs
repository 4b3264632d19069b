//! Making a bundle, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::access::contents::{FileContent, FileContents, FileStream};
use crate::access::error::AccessError;
use crate::access::file::{HashedFile, Written, on_disk, work_dir};
use crate::access::finished::FinishedBundle;
use crate::access::manifest::{
    BundleManifest, Explained, FORMAT, MANIFEST, ManifestFile, NotGiven, SIGNATURE,
};
use crate::access::name::{ending, stem};
use crate::access::page::{Content, Shown, ShownField};
use crate::access::rules::Columns;
use crate::access::seal::{DocumentSigner, sign};
use crate::access::table::{Lines, Lineup, TableFiles, schema};
use crate::access::{AccessBundle, Activity, BundleProgress, Excuse};
use crate::data_map::DataMap;
use crate::data_map::source::{SourceDeclaration, Storage};
use crate::source::PersonalDataSource;
use crate::source::error::SourceError;
use crate::source::record::{Page, Record};
use crate::source::walk::Pages;

/// How many bytes of the journal's entries are gathered before they are written.
const CHUNK: usize = 256 << 10;

/// An unfinished bundle. It is handed to whoever writes files and back, so that its directory goes
/// only when nobody writes there any more.
struct Work {
    dir: TempDir,
    files: Vec<ManifestFile>,
    explained: Vec<Explained>,
    not_given: Vec<NotGiven>,
    shown: Vec<Shown>,
    rows: u64,
    bytes: u64,
}

/// Runs file work on the unfinished bundle.
async fn with<T: Send + 'static>(
    mut work: Work,
    write: impl FnOnce(&mut Work) -> io::Result<T> + Send + 'static,
) -> Result<(Work, T), AccessError> {
    let done = on_disk(move || {
        let value = write(&mut work)?;
        Ok((work, value))
    });
    Ok(done.await?)
}

pub(super) async fn make(
    mut bundle: AccessBundle<'_>,
    workshop: &Path,
    signer: &dyn DocumentSigner,
) -> Result<FinishedBundle, AccessError> {
    let mut sources = by_name(&bundle)?;
    if bundle.activity.is_some()
        && let Some(journal) = bundle.map.sources().iter().find(|of| is_journal(of.storage()))
    {
        return Err(AccessError::Twice { source_name: journal.name().to_owned() });
    }
    let mut work = Work {
        dir: work_dir(workshop)?,
        files: Vec::new(),
        explained: Vec::new(),
        not_given: Vec::new(),
        shown: Vec::new(),
        rows: 0,
        bytes: 0,
    };
    for declaration in bundle.map.sources() {
        let name = declaration.name();
        let source = sources.remove(name);
        let files_missing = matches!(declaration.storage(), Storage::Objects { .. })
            && !bundle.contents.contains_key(name);
        match (source, bundle.explained.get(name)) {
            (None, None) => {
                return Err(AccessError::MissingSource { source_name: name.to_owned() });
            }
            (Some(_), None) if files_missing => {
                return Err(AccessError::MissingContents { source_name: name.to_owned() });
            }
            (source, reason) => {
                work.explained.extend(reason.map(|reason| Explained {
                    source: name.to_owned(),
                    record: None,
                    reason: reason.clone(),
                }));
                if let Some(source) = source {
                    work = table(&mut bundle, source, declaration, work).await?;
                }
            }
        }
    }
    let mut entries = None;
    if let Some(activity) = bundle.activity.take() {
        let (after, count) = write_activity(activity, work).await?;
        (work, entries) = (after, Some(count));
    }
    finish(bundle, work, entries, signer).await
}

/// Whether a source is the journal: then its entries are not given beside it again.
fn is_journal(storage: &Storage) -> bool {
    matches!(storage, Storage::Other { name } if name == Storage::JOURNAL)
}

/// The sources that were given, each as it is declared in the map.
fn by_name<'a>(
    bundle: &AccessBundle<'a>,
) -> Result<BTreeMap<String, &'a dyn PersonalDataSource>, AccessError> {
    let mut sources = BTreeMap::new();
    for source in &bundle.sources {
        let source_name = source.declaration().name().to_owned();
        if bundle.map.source(&source_name) != Some(source.declaration()) {
            return Err(AccessError::NotInMap { source_name });
        }
        if sources.insert(source_name.clone(), *source).is_some() {
            return Err(AccessError::Twice { source_name });
        }
    }
    let named = bundle.explained.keys().chain(bundle.contents.keys());
    if let Some(unknown) = named.into_iter().find(|name| bundle.map.source(name).is_none()) {
        return Err(AccessError::NotInMap { source_name: unknown.clone() });
    }
    Ok(sources)
}

/// Writes the data of a source.
async fn table(
    bundle: &mut AccessBundle<'_>,
    source: &dyn PersonalDataSource,
    declaration: &SourceDeclaration,
    mut work: Work,
) -> Result<Work, AccessError> {
    let failed =
        |source| AccessError::Source { source_name: declaration.name().to_owned(), source };
    let mut columns = Columns::new(bundle.form, bundle.map, declaration)?;
    if columns.given().next().is_none() {
        // Nothing of it is given, so nothing of it is read.
        work.not_given.extend(columns.not_given());
        return Ok(work);
    }
    let stem = stem(declaration.name());
    let contents = bundle.contents.get(declaration.name()).copied();
    let mut lineup = Lineup::new(contents.is_some());
    let first = lineup.begin(&columns)?;
    let (path, at) = (stem.clone(), work);
    let (mut work, mut files) = with(at, move |work| {
        let mut files = TableFiles::create(work.dir.path(), &path)?;
        files.write(&first)?;
        Ok(files)
    })
    .await?;
    let about_files = about(bundle.map, &columns);
    let excuse = bundle.excuse.take();
    let mut attached = Attached {
        source_name: declaration.name(),
        stem: &stem,
        about: &about_files,
        excuse: excuse.as_deref(),
        record: 0,
        count: 0,
    };
    let mut pages = Pages::new(source, bundle.selection.clone());
    while let Some(page) = pages.next().await.map_err(failed)? {
        let (after, of_files) = match contents {
            Some(contents) => attached.page(contents, &page, work).await?,
            None => (work, page.records.iter().map(|_| None).collect()),
        };
        let lines = lines(bundle, &mut columns, &mut lineup, &page, of_files)?;
        let written = with(after, move |_| {
            files.write(&lines)?;
            Ok(files)
        });
        (work, files) = written.await?;
        (bundle.progress)(&BundleProgress {
            source: declaration.name().to_owned(),
            rows: lineup.rows(),
            all_rows: work.rows.saturating_add(lineup.rows()),
            bytes: work.bytes.saturating_add(files.bytes()),
        });
    }
    let rows = lineup.rows();
    work.rows = work.rows.saturating_add(rows);
    work.bytes = work.bytes.saturating_add(files.bytes());
    work.not_given.extend(columns.not_given());
    work.shown.push(Shown {
        name: declaration.name().to_owned(),
        rows,
        files: attached.count,
        header: lineup.header(&columns),
        first: lineup.shown,
        fields: ShownField::all(bundle.map, &columns),
        stem: stem.clone(),
    });
    let schema = schema(bundle.map, &columns, contents.is_some());
    bundle.excuse = excuse;
    let about = about_files;
    let (work, ()) = with(work, move |work| {
        files.write(&Lineup::end())?;
        for written in files.finish()? {
            work.files.push(ManifestFile { rows: Some(rows), ..about.of(written) });
        }
        let path = format!("schema/{stem}.schema.json");
        let written = HashedFile::whole(work.dir.path(), &path, &schema)?;
        work.files.push(about.of(written));
        Ok(())
    })
    .await?;
    Ok(work)
}

/// The lines of a page of records.
fn lines(
    bundle: &AccessBundle<'_>,
    columns: &mut Columns<'_>,
    lineup: &mut Lineup,
    page: &Page,
    of_files: Vec<Option<Value>>,
) -> Result<Lines, AccessError> {
    let mut cells = Vec::with_capacity(page.records.len());
    for record in &page.records {
        cells.push(columns.cells(record, bundle.redactor)?);
    }
    let columns = &*columns;
    let rows = page.records.iter().zip(cells).zip(of_files);
    lineup
        .lines(rows.map(|((record, cells), file)| (record.key.as_str(), columns.json(cells), file)))
}

/// The files of a source's records, as they are written.
struct Attached<'a> {
    source_name: &'a str,
    stem: &'a str,
    about: &'a About,
    excuse: Option<&'a Excuse<'a>>,
    record: u64,
    count: u64,
}

impl Attached<'_> {
    /// Writes the files of a page of records; for each, what its record says of it.
    async fn page(
        &mut self,
        contents: &dyn FileContents,
        page: &Page,
        mut work: Work,
    ) -> Result<(Work, Vec<Option<Value>>), AccessError> {
        let mut told = Vec::with_capacity(page.records.len());
        for record in &page.records {
            self.record = self.record.saturating_add(1);
            let (after, value) = self.file(contents, record, work).await?;
            work = after;
            told.push(Some(value));
        }
        Ok((work, told))
    }

    async fn file(
        &mut self,
        contents: &dyn FileContents,
        record: &Record,
        mut work: Work,
    ) -> Result<(Work, Value), AccessError> {
        let name = self.source_name;
        match contents.open(record).await.map_err(|source| self.failed(source))? {
            FileContent::None => Ok((work, Value::Null)),
            FileContent::Missing => {
                let excuse = self.excuse.and_then(|excuse| excuse(name, &record.key));
                let reason = excuse.ok_or_else(|| AccessError::MissingFile {
                    source_name: name.to_owned(),
                    record: self.record,
                })?;
                let value = json!({ "$missing": reason });
                let record = Some(record.key.clone());
                work.explained.push(Explained { source: name.to_owned(), record, reason });
                Ok((work, value))
            }
            FileContent::Bytes(stream) => {
                self.count = self.count.saturating_add(1);
                let ending = ending(&record.key);
                let path = format!("files/{}/{:07}.{ending}", self.stem, self.count);
                let value = Value::from(path.as_str());
                let (mut work, written) = self.write(stream, path, work).await?;
                work.bytes = work.bytes.saturating_add(written.bytes);
                work.files.push(self.about.of(written));
                Ok((work, value))
            }
        }
    }

    async fn write(
        &self,
        mut stream: FileStream<'_>,
        path: String,
        work: Work,
    ) -> Result<(Work, Written), AccessError> {
        let create = move |work: &mut Work| HashedFile::create(work.dir.path(), path);
        let (mut work, mut file) = with(work, create).await?;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|source| self.failed(source))?;
            let written = with(work, move |_| {
                file.write(&piece)?;
                Ok(file)
            });
            (work, file) = written.await?;
        }
        with(work, move |_| file.finish()).await
    }

    fn failed(&self, source: SourceError) -> AccessError {
        AccessError::Source { source_name: self.source_name.to_owned(), source }
    }
}

/// What the manifest says of the data of a source.
struct About {
    source: String,
    category: BTreeSet<String>,
    basis: BTreeSet<String>,
    period: BTreeSet<String>,
}

fn about(map: &DataMap, columns: &Columns<'_>) -> About {
    let source = columns.source();
    let mut about = About {
        source: source.name().to_owned(),
        category: BTreeSet::new(),
        basis: BTreeSet::new(),
        period: BTreeSet::new(),
    };
    for field in columns.given().map(|column| column.field) {
        about.category.insert(field.category().name().to_owned());
        let purpose = source.purpose_of(field).and_then(|name| map.purpose(name));
        about.basis.extend(purpose.map(|purpose| purpose.basis().to_string()));
        about.period.extend(source.retention_of(field).map(|kept| kept.words().to_owned()));
    }
    about
}

impl About {
    fn of(&self, written: Written) -> ManifestFile {
        ManifestFile {
            source: Some(self.source.clone()),
            category: self.category.iter().cloned().collect(),
            basis: self.basis.iter().cloned().collect(),
            period: self.period.iter().cloned().collect(),
            ..plain(written)
        }
    }
}

/// A file that is no data of a source.
fn plain(written: Written) -> ManifestFile {
    ManifestFile {
        path: written.path,
        bytes: written.bytes,
        sha256: written.sha256,
        rows: None,
        source: None,
        category: Vec::new(),
        basis: Vec::new(),
        period: Vec::new(),
    }
}

/// Writes what the journal holds; how many entries.
async fn write_activity(
    mut activity: Activity<'_>,
    work: Work,
) -> Result<(Work, u64), AccessError> {
    let create = |work: &mut Work| HashedFile::create(work.dir.path(), "activity.json".to_owned());
    let (mut work, mut file) = with(work, create).await?;
    let (mut lines, mut count) = (b"[".to_vec(), 0_u64);
    while let Some(entry) = activity.next().await {
        let entry = entry.map_err(AccessError::Activity)?;
        lines.extend_from_slice(if count == 0 { b"\n" } else { b",\n" });
        lines.extend_from_slice(entry.get().as_bytes());
        count = count.saturating_add(1);
        if lines.len() >= CHUNK {
            let piece = std::mem::take(&mut lines);
            let written = with(work, move |_| {
                file.write(&piece)?;
                Ok(file)
            });
            (work, file) = written.await?;
        }
    }
    lines.extend_from_slice(b"\n]\n");
    let (work, ()) = with(work, move |work| {
        file.write(&lines)?;
        let written = file.finish()?;
        work.files.push(ManifestFile { rows: Some(count), ..plain(written) });
        Ok(())
    })
    .await?;
    Ok((work, count))
}

/// Writes the page, the manifest and its signature.
async fn finish(
    bundle: AccessBundle<'_>,
    work: Work,
    activity: Option<u64>,
    signer: &dyn DocumentSigner,
) -> Result<FinishedBundle, AccessError> {
    let content = Content {
        map: bundle.map,
        form: bundle.form,
        notice: bundle.notice,
        id: bundle.id,
        made_at: bundle.made_at,
        kinds: bundle.kinds(),
        sources: &work.shown,
        not_given: &work.not_given,
        explained: &work.explained,
        activity,
    };
    let page = content.render()?;
    let mut manifest = BundleManifest {
        format: FORMAT.to_owned(),
        id: bundle.id,
        form: bundle.form,
        made_at: bundle.made_at,
        controller: bundle.map.controller().name().to_owned(),
        files: Vec::new(),
        not_given: Vec::new(),
        explained: Vec::new(),
    };
    drop(bundle);
    let (mut work, index) =
        with(work, move |work| HashedFile::whole(work.dir.path(), "index.html", page.as_bytes()))
            .await?;
    work.files.push(plain(index));
    work.files.sort_by(|one, other| one.path.cmp(&other.path));
    manifest.files = std::mem::take(&mut work.files);
    manifest.not_given = std::mem::take(&mut work.not_given);
    manifest.explained = std::mem::take(&mut work.explained);
    let mut text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::from)?;
    text.push(b'\n');
    let note = sign(signer, manifest.id, &text).await?;
    let (work, ()) = with(work, move |work| {
        HashedFile::whole(work.dir.path(), MANIFEST, &text)?;
        HashedFile::whole(work.dir.path(), SIGNATURE, note.as_bytes())?;
        Ok(())
    })
    .await?;
    Ok(FinishedBundle::new(work.dir, manifest))
}
