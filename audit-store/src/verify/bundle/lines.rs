//! The lines of a bundle: one thread reads and cuts, others examine, the calling one merges.

use std::collections::{BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use audit_core::{
    Absence, BlockSummary, BlockVerifier, BundlePath, ChainId, ChainVerifier, Disclosed,
    DisclosureLine, EntryLine, Finding, FindingCode, InputKind, LineAbsence, LineContent,
    SignedCheckpoint,
};

use crate::bundle::{Bundle, BundleError, LineBlock, LineFile, LineReader};
use crate::verify::{VerifyOptions, VerifyProgress};

/// What the files hold, to be compared with the manifest.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) entries: u64,
    pub(super) disclosures: u64,
    pub(super) withheld: u64,
    /// The size of the last checkpoint.
    pub(super) checkpoint: u64,
    /// Checkpoints of more entries than there are: the chain was cut.
    beyond: Vec<Stored>,
    /// Files that are not what they should be.
    pub(super) faults: Vec<BundleError>,
}

/// A part of the bundle, for one thread.
struct Work {
    entries: LineBlock,
    disclosures: Vec<String>,
    checkpoints: Vec<Stored>,
    answer: SyncSender<Examined>,
}

/// How many checkpoints of more entries than there are make the point.
const BEYOND: usize = 64;

/// A checkpoint's file.
#[derive(Debug)]
struct Stored {
    size: u64,
    incarnation: u64,
    note: String,
}

/// What a thread answers.
struct Examined {
    summary: BlockSummary,
    withheld: u64,
}

/// Examines everything and merges it; what is wrong with whole files is in the answer.
pub(super) fn examine(
    bundle: &Bundle,
    input: InputKind,
    verifier: &mut ChainVerifier,
    options: &VerifyOptions,
) -> Result<Found, BundleError> {
    let threads = options.threads.get();
    let chain = &bundle.manifest().chain;
    let (work, waiting) = sync_channel::<Work>(threads);
    let waiting = Mutex::new(waiting);
    // Answers are awaited in the order of the blocks; the bound is what keeps memory flat.
    let (order, answers) = sync_channel::<Receiver<Examined>>(threads.saturating_mul(2));
    let mut withheld = 0_u64;
    let mut found = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(work) = next(&waiting) {
                    let examined = examine_block(chain, input, &work);
                    // Nobody waits only where everything is being given up.
                    let _given_up = work.answer.send(examined);
                }
            });
        }
        let reader = scope.spawn(move || {
            let mut feed = Feed { work, order };
            read(bundle, &mut feed)
        });
        for answer in answers {
            let Ok(examined) = answer.recv() else { break };
            withheld = withheld.saturating_add(examined.withheld);
            let done = examined.summary.end();
            if verifier.merge(examined.summary).is_err() {
                break;
            }
            if let Some(report) = &options.progress {
                let total = bundle.manifest().entries;
                report(VerifyProgress { chain: chain.clone(), done, total });
            }
        }
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    found.withheld = withheld;
    for Stored { size, incarnation, note } in &found.beyond {
        verifier.checkpoint(*incarnation, *size, note);
    }
    Ok(found)
}

/// The next piece of work, for whichever thread asks first.
fn next(waiting: &Mutex<Receiver<Work>>) -> Option<Work> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Where the reading thread puts what it has cut.
struct Feed {
    work: SyncSender<Work>,
    order: SyncSender<Receiver<Examined>>,
}

impl Feed {
    /// Hands on one block; `false` where nobody takes it any more.
    fn put(
        &mut self,
        entries: LineBlock,
        disclosures: Vec<String>,
        checkpoints: Vec<Stored>,
    ) -> bool {
        let (answer, awaited) = sync_channel(1);
        let work = Work { entries, disclosures, checkpoints, answer };
        self.order.send(awaited).is_ok() && self.work.send(work).is_ok()
    }
}

/// Reads all files, a block of entries at a time with what belongs to it.
fn read(bundle: &Bundle, feed: &mut Feed) -> Result<Found, BundleError> {
    let mut found = Found::default();
    let mut checkpoints = CheckpointFiles::new(bundle);
    let mut file = take(bundle.lines(&BundlePath::Disclosures), &mut found)?;
    let mut disclosures = DisclosureFile::open(file.as_mut(), &mut found)?;
    let mut file = take(bundle.lines(&BundlePath::Entries), &mut found)?;
    let mut entries = match read_lines(file.as_mut(), &mut found)? {
        Some(reader) => reader,
        None => {
            found.beyond = checkpoints.up_to(u64::MAX, BEYOND, &mut found)?;
            return Ok(found);
        }
    };
    while let Some(block) = take(entries.next_block(), &mut found)?.flatten() {
        let lines = u64::try_from(block.len()).unwrap_or(u64::MAX);
        found.entries = block.first_line().saturating_add(lines);
        let before = disclosures.before(found.entries, &mut found)?;
        let covered = checkpoints.up_to(found.entries, usize::MAX, &mut found)?;
        if !feed.put(block, before, covered) {
            return Ok(found);
        }
    }
    // Lines about entries that are not there are given to no block: the manifest's count tells.
    disclosures.rest(&mut found)?;
    found.beyond = checkpoints.up_to(u64::MAX, BEYOND, &mut found)?;
    Ok(found)
}

/// The lines of a file, where there is one and it can be read.
fn read_lines<'a>(
    file: Option<&'a mut LineFile>,
    found: &mut Found,
) -> Result<Option<LineReader<'a>>, BundleError> {
    file.map_or(Ok(None), |file| take(file.lines(), found))
}

/// A fault of a file is noted, what hinders the reading is not survived.
fn take<T>(result: Result<T, BundleError>, found: &mut Found) -> Result<Option<T>, BundleError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(fault @ BundleError::Malformed { .. }) => {
            found.faults.push(fault);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The checkpoints, read as the entries reach their sizes.
struct CheckpointFiles<'a> {
    bundle: &'a Bundle,
    /// Ascending by size.
    paths: std::iter::Peekable<std::vec::IntoIter<(u64, BundlePath)>>,
}

impl<'a> CheckpointFiles<'a> {
    fn new(bundle: &'a Bundle) -> Self {
        let sized = |path: &BundlePath| match path {
            BundlePath::Checkpoint { size, .. } => Some((*size, *path)),
            _ => None,
        };
        let mut paths: Vec<_> = bundle.checkpoints().filter_map(sized).collect();
        paths.sort_unstable();
        Self { bundle, paths: paths.into_iter().peekable() }
    }

    /// At most `limit` of those up to size `end`.
    fn up_to(
        &mut self,
        end: u64,
        limit: usize,
        found: &mut Found,
    ) -> Result<Vec<Stored>, BundleError> {
        let mut all = Vec::new();
        while let Some((size, path)) = self.paths.next_if(|(size, _)| *size <= end) {
            found.checkpoint = size;
            let Some(note) = take(self.bundle.text(&path), found)? else { continue };
            let BundlePath::Checkpoint { incarnation, .. } = path else { continue };
            let signed = SignedCheckpoint::parse(&note).ok();
            let stated = signed.map(|signed| signed.checkpoint().origin.incarnation());
            let incarnation = incarnation.or(stated).unwrap_or(1);
            if all.len() < limit {
                all.push(Stored { size, incarnation, note });
            }
        }
        Ok(all)
    }
}

/// `disclosures.jsonl`, read alongside the entries.
struct DisclosureFile<'a> {
    reader: Option<LineReader<'a>>,
    block: VecDeque<String>,
}

impl<'a> DisclosureFile<'a> {
    fn open(file: Option<&'a mut LineFile>, found: &mut Found) -> Result<Self, BundleError> {
        Ok(Self { reader: read_lines(file, found)?, block: VecDeque::new() })
    }

    /// The lines about entries below `end`.
    fn before(&mut self, end: u64, found: &mut Found) -> Result<Vec<String>, BundleError> {
        let mut lines = Vec::new();
        while self.fill(found)? {
            let below =
                self.block.iter().position(|line| seq_of(line).is_some_and(|seq| seq >= end));
            let count = below.unwrap_or(self.block.len());
            lines.extend(self.block.drain(..count));
            if below.is_some() {
                break;
            }
        }
        Ok(lines)
    }

    /// Reads the file to its end, for its count and its hash.
    fn rest(&mut self, found: &mut Found) -> Result<(), BundleError> {
        while self.fill(found)? {
            self.block.clear();
        }
        Ok(())
    }

    /// Whether there is a line at hand.
    fn fill(&mut self, found: &mut Found) -> Result<bool, BundleError> {
        if self.block.is_empty()
            && let Some(reader) = &mut self.reader
        {
            match take(reader.next_block(), found)?.flatten() {
                Some(block) => {
                    let lines = u64::try_from(block.len()).unwrap_or(u64::MAX);
                    found.disclosures = found.disclosures.saturating_add(lines);
                    self.block.extend(block.lines().map(str::to_owned));
                }
                None => self.reader = None,
            }
        }
        Ok(!self.block.is_empty())
    }
}

/// The seq that a line of a disclosure names, as far as it takes to give it to the right thread,
/// which then reads it strictly. The last member of that name: texts before it escape their quotes.
fn seq_of(line: &str) -> Option<u64> {
    let (_, rest) = line.rsplit_once("\"seq\":")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn examine_block(chain: &ChainId, input: InputKind, work: &Work) -> Examined {
    let first = work.entries.first_line();
    let lines = u64::try_from(work.entries.len()).unwrap_or(0);
    let mut block = BlockVerifier::new(chain, input, first);
    let mut withheld = 0_u64;
    for (line, seq) in work.entries.lines().zip(first..) {
        match EntryLine::parse(line) {
            Ok(EntryLine::Entry(text)) => {
                block.entry(seq, text.as_bytes());
            }
            Ok(EntryLine::Absent { absence, leaf, seq: stated, .. }) if stated == seq => {
                let absence = match absence {
                    LineAbsence::Withheld => {
                        withheld = withheld.saturating_add(1);
                        Absence::Withheld
                    }
                    _ => Absence::Pruned,
                };
                block.absent(seq, absence, Some(leaf));
            }
            _ => {
                let message = "the line of an absent entry has another form";
                block.report(Finding::at(FindingCode::Malformed, chain, seq, message));
            }
        }
    }
    for line in &work.disclosures {
        match DisclosureLine::parse(line) {
            Ok(DisclosureLine { seq, subject, content, .. }) => match &content {
                LineContent::Disclosure(text) => {
                    block.disclosure(seq, subject, Disclosed::Plain { digest: None, text });
                }
                LineContent::Sealed { digest, .. } => {
                    let digest = digest.as_str();
                    block.disclosure(seq, subject, Disclosed::Sealed { digest });
                }
                LineContent::Withheld { digest, .. } => {
                    withheld = withheld.saturating_add(1);
                    let digest = digest.as_str();
                    block.disclosure(seq, subject, Disclosed::Withheld { digest });
                }
                _ => {}
            },
            Err(error) => {
                let seq = std::cmp::max(first, seq_of(line).unwrap_or(first));
                let finding = Finding::at(FindingCode::Malformed, chain, seq, error.to_string());
                block.report(finding);
            }
        }
    }
    for Stored { size, incarnation, note } in &work.checkpoints {
        block.checkpoint(*incarnation, *size, note);
    }
    Examined { summary: block.finish(first.saturating_add(lines)), withheld }
}

/// Gives the verifier once more the entries that it wants to see again.
pub(super) fn read_boundaries(
    bundle: &Bundle,
    verifier: &mut ChainVerifier,
) -> Result<(), BundleError> {
    let wanted: BTreeSet<u64> = verifier.wanted().into_iter().collect();
    if wanted.is_empty() {
        return Ok(());
    }
    // What is wrong with the file was said when it was read first.
    let mut ignored = Found::default();
    let mut file = take(bundle.lines(&BundlePath::Entries), &mut ignored)?;
    let Some(mut entries) = read_lines(file.as_mut(), &mut ignored)? else {
        return Ok(());
    };
    while let Some(block) = take(entries.next_block(), &mut ignored)?.flatten() {
        let first = block.first_line();
        let end = first.saturating_add(u64::try_from(block.len()).unwrap_or(0));
        if wanted.range(first..end).next().is_none() {
            continue;
        }
        for (line, seq) in block.lines().zip(first..) {
            if wanted.contains(&seq) {
                verifier.boundary(seq, line.as_bytes());
            }
        }
    }
    Ok(())
}
