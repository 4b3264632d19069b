//! A sealed entry: the bytes that are stored, hashed and proved.
//!
//! Sealing is a template around the event's canonical bytes; reading accepts exactly what the
//! template makes and nothing else.

use std::borrow::Cow;
use std::fmt;

use serde::de::MapAccess;
use serde::{Deserialize, Deserializer};

use crate::canonical::defect::{Defect, Located, Place};
use crate::canonical::push_u64;
use crate::canonical::reader::{self, Node, Object, Reader, Shape, Text, Uint, required};
use crate::event::view::{EventView, timestamp_node};
use crate::hash::hex;
use crate::{ChainId, LeafHash, MAX_EVENT, MAX_INTEGER, Reserved, Timestamp};

/// The longest entry, in bytes: the limit of a tlog-tiles entry bundle.
pub const MAX_ENTRY: usize = 65_535;

/// The version of the format that this crate writes and reads.
pub const FORMAT_VERSION: u64 = 1;

/// Writes an entry into `out`, whose former content is dropped, and hashes it.
///
/// `event` must be the text of a [`CanonicalEvent`](crate::CanonicalEvent): it is spliced in as it
/// is. `control` is the greatest seq below `seq` that holds a reserved entry, `None` at seq 0
/// only. `prev` is the leaf hash of the entry before, [`LeafHash::ZERO`] at seq 0.
///
/// # Errors
///
/// [`SealError`] where the entry would not be one that [`Entry::parse`] accepts; `out` then holds
/// nothing that may be used.
pub fn seal(
    out: &mut String,
    seq: u64,
    chain: &ChainId,
    at: Timestamp,
    control: Option<u64>,
    prev: &LeafHash,
    event: &str,
) -> Result<LeafHash, SealError> {
    if seq > MAX_INTEGER {
        return Err(SealError::Seq);
    }
    if control.map_or(seq != 0, |control| control >= seq) {
        return Err(SealError::Control);
    }
    if event.len() > MAX_EVENT {
        return Err(SealError::EventTooLong { bytes: event.len(), limit: MAX_EVENT });
    }
    out.clear();
    // The rest of the template takes at most 336 bytes.
    out.reserve(event.len().saturating_add(336));
    out.push_str("{\"at\":\"");
    at.push_to(out);
    out.push_str("\",\"chain\":\"");
    // The form of a chain's name leaves nothing to escape.
    out.push_str(chain.as_str());
    if let Some(control) = control {
        out.push_str("\",\"control\":");
        push_u64(out, control);
        out.push_str(",\"event\":");
    } else {
        out.push_str("\",\"event\":");
    }
    out.push_str(event);
    out.push_str(",\"prev\":\"");
    out.push_str(hex(prev.as_bytes(), &mut [0; 64]));
    out.push_str("\",\"seq\":");
    push_u64(out, seq);
    out.push_str(",\"v\":1}");
    if out.len() > MAX_ENTRY {
        return Err(SealError::TooLong { bytes: out.len(), limit: MAX_ENTRY });
    }
    Ok(LeafHash::of(out.as_bytes()))
}

/// Why an entry cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// `control` is given at seq 0, not given elsewhere, or not below the entry's own seq.
    #[error("an entry names a reserved entry below itself, unless it is the first")]
    Control,
    /// The event is too long.
    #[error("the event has {bytes} bytes, the limit is {limit}")]
    EventTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The seq is above 2^53 − 1.
    #[error("a seq is at most 2^53 - 1")]
    Seq,
    /// The entry is too long.
    #[error("the entry has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// An entry, read from its stored bytes.
///
/// That it was read says that the bytes have the one canonical form and keep every limit; it says
/// nothing about whether the chain, the tree or a checkpoint commits to them.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    text: &'a str,
    at: Timestamp,
    chain: &'a str,
    control: Option<u64>,
    event: EventView<'a>,
    prev: LeafHash,
    seq: u64,
}

impl<'a> Entry<'a> {
    /// Reads an entry, strictly: only the canonical bytes (RFC 8785), only the members of this
    /// version, each in its form.
    ///
    /// # Errors
    ///
    /// [`EntryError::UnsupportedVersion`] where the text is JSON of another version,
    /// [`EntryError::TooLong`] above [`MAX_ENTRY`] bytes, otherwise [`EntryError::Malformed`] with
    /// the place and the defect.
    pub fn parse(text: &'a str) -> Result<Self, EntryError> {
        if text.len() > MAX_ENTRY {
            return Err(EntryError::TooLong { bytes: text.len(), limit: MAX_ENTRY });
        }
        let mut entry = reader::read(text, Object::<EntryShape<'a>>::new())
            .map_err(|problem| explain(text, &problem))?;
        entry.text = text;
        Ok(entry)
    }

    /// When it was sealed.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The chain it belongs to: `tenant/series`.
    #[must_use]
    pub const fn chain(&self) -> &'a str {
        self.chain
    }

    /// The greatest seq below this one that holds a reserved entry; `None` at seq 0 only.
    #[must_use]
    pub const fn control(&self) -> Option<u64> {
        self.control
    }

    /// What the host said.
    #[must_use]
    pub const fn event(&self) -> &EventView<'a> {
        &self.event
    }

    /// The leaf hash of the entry before, [`LeafHash::ZERO`] at seq 0.
    #[must_use]
    pub const fn prev(&self) -> LeafHash {
        self.prev
    }

    /// What a reserved entry says, with the bounds that its own seq sets; `None` of an entry of the
    /// host's.
    ///
    /// # Errors
    ///
    /// [`EntryError::Malformed`] where `meta` is not that of the action, where a pruning or an
    /// erasure reaches to its own seq or beyond, and where `journal.opened` stands elsewhere than
    /// at seq 0 or something else there.
    pub fn reserved(&self) -> Result<Option<Reserved>, EntryError> {
        let reserved = Reserved::parse(&self.event)?;
        let malformed = |pointer: &str, expected| EntryError::Malformed {
            pointer: pointer.to_owned(),
            defect: Defect::Form { expected },
        };
        match &reserved {
            Some(Reserved::Opened { .. }) if self.seq > 0 => {
                return Err(malformed("/event/action", "journal.opened at seq 0 only"));
            }
            Some(Reserved::Opened { .. }) => {}
            _ if self.seq == 0 => {
                return Err(malformed("/event/action", "journal.opened at seq 0"));
            }
            Some(Reserved::Pruned { before, .. }) if *before >= self.seq => {
                return Err(malformed("/event/meta/before", "below the entry's own seq"));
            }
            Some(Reserved::SubjectErased { through, .. }) if *through >= self.seq => {
                return Err(malformed("/event/meta/through", "below the entry's own seq"));
            }
            _ => {}
        }
        Ok(reserved)
    }

    /// The entry's index in its chain, from 0.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The stored bytes.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The entry's leaf hash, computed now.
    #[must_use]
    pub fn leaf(&self) -> LeafHash {
        LeafHash::of(self.text.as_bytes())
    }
}

impl Reserved {
    /// Reads what an entry's reserved event says; `None` of an event of the host's.
    ///
    /// What its own seq forbids is seen by [`Entry::reserved`] only.
    ///
    /// # Errors
    ///
    /// [`EntryError::Malformed`] with the place and the defect.
    pub fn parse(event: &EventView<'_>) -> Result<Option<Self>, EntryError> {
        event.read_reserved().map_err(|problem| {
            let problem = problem.within("event");
            EntryError::Malformed { pointer: problem.pointer(), defect: problem.defect }
        })
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("chain", &self.chain)
            .field("seq", &self.seq)
            .field("action", &self.event.action())
            .finish_non_exhaustive()
    }
}

/// Why bytes are not an entry. No value is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// A member breaks the format, or the text is not in canonical form.
    #[error("malformed entry: {} {defect}", Place(pointer))]
    Malformed {
        /// Where in the entry, as an RFC 6901 pointer.
        pointer: String,
        /// What is wrong there.
        defect: Defect,
    },
    /// The entry is too long.
    #[error("the entry has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The entry says that it has another version of the format.
    #[error("the entry has format version {found}, this library reads version 1")]
    UnsupportedVersion {
        /// The version it names.
        found: u64,
    },
}

/// Tells another version from a malformed entry, which only a refused one has to be asked.
fn explain(text: &str, problem: &Located) -> EntryError {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    match serde_json::from_str(text) {
        Ok(Version { v: found }) if found != FORMAT_VERSION => {
            EntryError::UnsupportedVersion { found }
        }
        _ => EntryError::Malformed { pointer: problem.pointer(), defect: problem.defect },
    }
}

#[derive(Default)]
struct EntryShape<'a> {
    at: Option<Timestamp>,
    chain: Option<&'a str>,
    control: Option<u64>,
    event: Option<EventView<'a>>,
    prev: Option<LeafHash>,
    seq: Option<u64>,
    v: Option<u64>,
}

impl<'a> Shape<'a> for EntryShape<'a> {
    const MEMBERS: &'static [&'static str] =
        &["at", "chain", "control", "event", "prev", "seq", "v"];
    type Out = Entry<'a>;

    fn member<A: MapAccess<'a>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match index {
            0 => self.at = Some(reader.value(map, timestamp_node())?),
            1 => self.chain = Some(reader.value(map, chain_node())?),
            2 => self.control = Some(reader.value(map, Uint)?),
            3 => self.event = Some(reader.value(map, EventNode)?),
            4 => self.prev = Some(reader.value(map, hash_node())?),
            5 => self.seq = Some(reader.value(map, Uint)?),
            _ => self.v = Some(reader.value(map, Uint)?),
        }
        Ok(())
    }

    fn finish(self) -> Result<Entry<'a>, (&'static str, Defect)> {
        let seq = required("seq", self.seq)?;
        let prev = required("prev", self.prev)?;
        match self.control {
            None if seq > 0 => return Err(("control", Defect::Missing)),
            Some(control) if control >= seq => {
                let expected = "below the entry's own seq, and absent at seq 0";
                return Err(("control", Defect::Form { expected }));
            }
            _ => {}
        }
        if seq == 0 && prev != LeafHash::ZERO {
            return Err(("prev", Defect::Form { expected: "64 zeros at seq 0" }));
        }
        if required("v", self.v)? != FORMAT_VERSION {
            return Err(("v", Defect::Form { expected: "1" }));
        }
        Ok(Entry {
            text: "",
            at: required("at", self.at)?,
            chain: required("chain", self.chain)?,
            control: self.control,
            event: required("event", self.event)?,
            prev,
            seq,
        })
    }
}

/// The event, whose nesting counts from itself and whose length has a limit of its own.
struct EventNode;

impl<'a> Node<'a> for EventNode {
    type Out = EventView<'a>;

    fn read<D: Deserializer<'a>>(
        self,
        reader: &mut Reader<'a>,
        deserializer: D,
    ) -> Result<EventView<'a>, D::Error> {
        let (event, text) =
            reader.document(|reader| EventView::node().read(reader, deserializer))?;
        if text.len() > MAX_EVENT {
            return Err(reader.fail(Defect::TooLong { bytes: text.len(), limit: MAX_EVENT }));
        }
        Ok(event)
    }
}

fn chain_node<'a>() -> impl Node<'a, Out = &'a str> {
    const FORM: &str = "tenant/series";
    Text {
        expected: FORM,
        parse: |text: Cow<'a, str>| match text {
            Cow::Borrowed(text) if crate::name::is_chain(text) => Ok(text),
            _ => Err(Defect::Form { expected: FORM }),
        },
    }
}

fn hash_node<'a>() -> impl Node<'a, Out = LeafHash> {
    const FORM: &str = "64 lowercase hexadecimal digits";
    Text {
        expected: FORM,
        parse: |text: Cow<'a, str>| text.parse().map_err(|_| Defect::Form { expected: FORM }),
    }
}
