//! Texts that occur nowhere else, looked for everywhere.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64ct::{Base64, Base64Url, Encoding as _};

/// How much of a file is read at once.
const CHUNK: usize = 1 << 20;

/// How a canary stands where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CanaryForm {
    /// As Base64 of what holds it, of the usual alphabet or of that for URLs.
    Base64,
    /// In hexadecimal, as databases print bytes.
    Hex,
    /// As JSON writes it, where that differs.
    Json,
    /// As it is, in UTF-8.
    Plain,
    /// In UTF-16, little-endian.
    Utf16,
}

/// A canary that is still there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CanaryFound {
    /// Which.
    pub canary: String,
    /// In which form.
    pub form: CanaryForm,
    /// Where: a file's path, or what the caller called the place.
    pub place: String,
}

/// Texts that a test puts into a person's records and that occur nowhere else, and which are looked
/// for after the person was erased: in files, in folders, in whatever bytes the host has.
///
/// Each is looked for as it is, in UTF-16, as JSON, in hexadecimal and in Base64. What is compressed
/// or sealed shows nothing, nor does a text that is broken over two pages of a database: so a test first
/// finds its canaries, before the erasure, and uses several of each. At least 12 bytes long, so that
/// none occurs by chance.
///
/// ```
/// use privacy_rights::Canaries;
///
/// let canaries = Canaries::new(["CANARY-7b1f2c-phone"]);
/// assert_eq!(canaries.in_bytes("memory", b"...CANARY-7b1f2c-phone...").len(), 1);
/// assert!(canaries.in_bytes("memory", b"CANARY-7b1f2c-mail").is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Canaries {
    texts: Vec<String>,
    needles: Vec<Needle>,
    /// By its first byte, the needles that begin so.
    by_first: Vec<Vec<usize>>,
    longest: usize,
}

#[derive(Clone, Debug)]
struct Needle {
    bytes: Vec<u8>,
    text: usize,
    form: CanaryForm,
}

impl Canaries {
    /// These texts. Empty ones are left out.
    pub fn new<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        let mut needles = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let mut forms: BTreeSet<(Vec<u8>, CanaryForm)> = BTreeSet::new();
            forms.insert((text.clone().into_bytes(), CanaryForm::Plain));
            let json = serde_json::Value::from(text.as_str()).to_string();
            let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
            if inner != text {
                forms.insert((inner.as_bytes().to_vec(), CanaryForm::Json));
            }
            let ascii: String = inner.encode_utf16().map(escaped).collect();
            if ascii != inner {
                forms.insert((ascii.into_bytes(), CanaryForm::Json));
            }
            let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            forms.insert((wide, CanaryForm::Utf16));
            let hex = base16ct::lower::encode_string(text.as_bytes());
            forms.insert((hex.to_uppercase().into_bytes(), CanaryForm::Hex));
            forms.insert((hex.into_bytes(), CanaryForm::Hex));
            for skipped in 0..3 {
                // Whole groups of three bytes: of what is left nothing can be said without what follows.
                let rest = text.as_bytes().get(skipped..).unwrap_or_default();
                let (whole, _) = rest.as_chunks::<3>();
                let whole = whole.as_flattened();
                let encoded = [Base64::encode_string(whole), Base64Url::encode_string(whole)];
                forms.extend(encoded.map(|text| (text.into_bytes(), CanaryForm::Base64)));
            }
            let of_text = forms.into_iter().filter(|(bytes, _)| !bytes.is_empty());
            needles.extend(of_text.map(|(bytes, form)| Needle { bytes, text: at, form }));
        }
        let mut by_first = vec![Vec::new(); 256];
        for (at, needle) in needles.iter().enumerate() {
            let first = needle.bytes.first().map(|byte| usize::from(*byte));
            if let Some(begin) = first.and_then(|first| by_first.get_mut(first)) {
                begin.push(at);
            }
        }
        let longest = needles.iter().map(|needle| needle.bytes.len()).max().unwrap_or_default();
        Self { texts, needles, by_first, longest }
    }

    /// What of them stands in some bytes, which the caller calls `place`.
    #[must_use]
    pub fn in_bytes(&self, place: &str, bytes: &[u8]) -> Vec<CanaryFound> {
        let mut found = BTreeSet::new();
        self.scan(bytes, &mut found);
        self.said(place, &found)
    }

    /// What of them stands in what a reader gives, in memory that does not grow with it.
    ///
    /// # Errors
    ///
    /// That of the reader.
    pub fn in_reader(&self, place: &str, reader: impl Read) -> io::Result<Vec<CanaryFound>> {
        let (mut reader, mut found, mut window) = (reader, BTreeSet::new(), Vec::new());
        loop {
            let mut chunk = Vec::new();
            let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX);
            if reader.by_ref().take(limit).read_to_end(&mut chunk)? == 0 {
                return Ok(self.said(place, &found));
            }
            window.extend_from_slice(&chunk);
            self.scan(&window, &mut found);
            // What may begin in this chunk and end in the next one.
            let tail = window.len().saturating_sub(self.longest.saturating_sub(1));
            window.drain(..tail);
        }
    }

    /// What of them stands in a file.
    ///
    /// # Errors
    ///
    /// The file could not be read.
    pub fn in_file(&self, path: impl AsRef<Path>) -> io::Result<Vec<CanaryFound>> {
        let path = path.as_ref();
        self.in_reader(&path.display().to_string(), File::open(path)?)
    }

    /// What of them stands in the files of a folder and of the folders in it. A file or an inner folder
    /// that goes away meanwhile holds nothing; links are not followed.
    ///
    /// # Errors
    ///
    /// The folder or a file could not be read.
    pub fn in_directory(&self, path: impl AsRef<Path>) -> io::Result<Vec<CanaryFound>> {
        let root = path.as_ref();
        let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && folder != root => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    match self.in_file(entry.path()) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        some => found.extend(some?),
                    }
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn scan(&self, bytes: &[u8], found: &mut BTreeSet<usize>) {
        for (at, byte) in bytes.iter().enumerate() {
            let Some(begin) = self.by_first.get(usize::from(*byte)) else { continue };
            for number in begin {
                let rest = bytes.get(at..).unwrap_or_default();
                let needle = self.needles.get(*number);
                if needle.is_some_and(|needle| rest.starts_with(&needle.bytes)) {
                    found.insert(*number);
                }
            }
        }
    }

    fn said(&self, place: &str, found: &BTreeSet<usize>) -> Vec<CanaryFound> {
        let mut said: Vec<CanaryFound> = Vec::new();
        for needle in found.iter().filter_map(|number| self.needles.get(*number)) {
            let canary = self.texts.get(needle.text).cloned().unwrap_or_default();
            said.push(CanaryFound { canary, form: needle.form, place: place.to_owned() });
        }
        said.sort();
        said.dedup();
        said
    }
}

/// A unit of UTF-16 as JSON may write it: escaped, unless it is ASCII.
fn escaped(unit: u16) -> String {
    match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
        _ => format!("\\u{unit:04x}"),
    }
}
