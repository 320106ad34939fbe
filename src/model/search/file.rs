//! The bytes of a search index.
//!
//! ```text
//! head:     magic (8 bytes)  format (u32)  length of the head (u32)
//!           checksum of all that follows in the head (u64)
//!           key: length (u32), bytes
//!           number of documents (u32)      adopters of each document (u32 each)
//!           of each record: its end (u32 each), its checksum (u64 each)
//!           one column after the other:    ends of the documents in it (u32 each), its bytes
//! records:  each document as JSON
//! ```
//!
//! The head is read and checked as a whole, the records one by one as they are shown: reading
//! them all would take as long as everything else. Numbers are little-endian. Documents are in the order of their ids. A column of text holds
//! for each document its items (a title is one, keywords are several), each opened by
//! [`ITEM`], with [`WORD`] before every word: so a word start is found by plain byte search,
//! and no phrase reaches over the end of an item or a document.
//!
//! The index is a cache: whoever changes its form or its folding raises [`FORMAT`], and what is
//! of another format counts as damaged and is built anew.

use std::fmt;
use std::ops::Range;

use super::super::digest::ObjectId;
use super::{Document, fold};
use crate::error::Code;
use crate::fail;

const MAGIC: &[u8; 8] = b"forumidx";
const FORMAT: u32 = 2;
const LENGTH_AT: usize = MAGIC.len() + 4;
const CHECKSUM_AT: usize = LENGTH_AT + 4;
const BODY_AT: usize = CHECKSUM_AT + 8;

/// How much of a file [`SearchIndex::head_length`] needs.
pub const PREFIX_LENGTH: usize = CHECKSUM_AT;

/// Opens an item of a text column.
pub(super) const ITEM: u8 = 0x1f;
/// Stands before each word.
pub(super) const WORD: u8 = b' ';

/// The fields in which words are looked up, from the one that counts most to the one that counts least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Title,
    Name,
    Keywords,
    Systems,
    Summary,
    Owner,
}

impl Field {
    pub(super) const ALL: [Self; 6] = [Self::Title, Self::Name, Self::Keywords, Self::Systems, Self::Summary, Self::Owner];
}

/// What a column holds of each document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// The folded words of a field, without marks.
    Plain(Field),
    /// The same words with their marks, letter by letter beside the plain ones; empty where none has a mark.
    Marked(Field),
    Id,
    Kind,
    License,
}

const COLUMNS: usize = 2 * Field::ALL.len() + 3;

impl Content {
    fn all() -> impl Iterator<Item = Self> {
        let fields = Field::ALL.into_iter();
        let text = fields.clone().map(Self::Plain).chain(fields.map(Self::Marked));
        text.chain([Self::Id, Self::Kind, Self::License])
    }

    const fn position(self) -> usize {
        match self {
            Self::Plain(field) => field as usize,
            Self::Marked(field) => Field::ALL.len() + field as usize,
            Self::Id => COLUMNS - 3,
            Self::Kind => COLUMNS - 2,
            Self::License => COLUMNS - 1,
        }
    }
}

/// The file is no index that this forum can use; building it anew is all there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged;

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the search index is damaged or of another version of forum")
    }
}

impl std::error::Error for Damaged {}

/// Where the records of an index are read from.
pub trait Records: fmt::Debug + Send {
    /// How many bytes there are.
    fn size(&self) -> Option<u64>;
    /// Some of them.
    fn read(&self, range: Range<u64>) -> Option<Vec<u8>>;
}

impl Records for Vec<u8> {
    fn size(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }

    fn read(&self, range: Range<u64>) -> Option<Vec<u8>> {
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        self.get(range).map(<[u8]>::to_vec)
    }
}

#[derive(Debug, Default)]
struct Stretch {
    ends: Range<usize>,
    data: Range<usize>,
}

/// The components of one registry, ready to be searched.
#[derive(Debug)]
pub struct SearchIndex {
    bytes: Vec<u8>,
    key: Range<usize>,
    adopters: Range<usize>,
    count: usize,
    record_ends: Range<usize>,
    record_sums: Range<usize>,
    columns: [Stretch; COLUMNS],
    records: Box<dyn Records>,
}

/// One column of an index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a> {
    ends: &'a [u8],
    /// Its bytes, document after document.
    pub(super) data: &'a [u8],
}

impl<'a> Column<'a> {
    /// Where a document ends in `data`, and the next one begins.
    pub(super) fn end(&self, document: usize) -> usize {
        number_at(self.ends, document)
    }

    /// Where a document lies in `data`.
    pub(super) fn range(&self, document: usize) -> Range<usize> {
        let start = document.checked_sub(1).map_or(0, |before| self.end(before));
        start..self.end(document)
    }

    /// What it holds of a document.
    pub(super) fn get(&self, document: usize) -> &'a [u8] {
        self.data.get(self.range(document)).unwrap_or_default()
    }
}

impl SearchIndex {
    /// The bytes of an index of these documents. `key` names the state of the registry that they show.
    ///
    /// # Errors
    /// When a registry holds more text than an index can (4 GiB in one field).
    pub fn build(key: &str, documents: &[Document]) -> anyhow::Result<Vec<u8>> {
        let mut sorted: Vec<&Document> = documents.iter().collect();
        sorted.sort_by(|a, b| a.id.cmp(&b.id));
        let mut out = MAGIC.to_vec();
        out.resize(BODY_AT, 0);
        push_number(&mut out, key.len())?;
        out.extend(key.as_bytes());
        push_number(&mut out, sorted.len())?;
        out.extend(sorted.iter().flat_map(|document| document.adopters.to_le_bytes()));
        let (mut records, mut sums) = (Vec::new(), Vec::new());
        for document in &sorted {
            let start = records.len();
            serde_json::to_writer(&mut records, document)?;
            push_number(&mut out, records.len())?;
            sums.extend(checksum(&records[start..]).to_le_bytes());
        }
        out.append(&mut sums);
        for content in Content::all() {
            let mut data = Vec::new();
            for document in &sorted {
                push_content(&mut data, document, content);
                push_number(&mut out, data.len())?;
            }
            out.append(&mut data);
        }
        seal(&mut out)?;
        out.append(&mut records);
        Ok(out)
    }

    /// How long the head of the index is that starts with these bytes.
    ///
    /// # Errors
    /// When no index of this version starts like that.
    pub fn head_length(prefix: &[u8]) -> Result<usize, Damaged> {
        let mut reader = Reader { bytes: prefix, at: 0 };
        let magic = reader.take(MAGIC.len())?;
        let (format, length) = (reader.number()?, reader.number()?);
        if prefix[magic] == *MAGIC && format == FORMAT as usize && length >= BODY_AT { Ok(length) } else { Err(Damaged) }
    }

    /// Takes all the bytes of an index.
    ///
    /// # Errors
    /// As [`SearchIndex::open_head`].
    pub fn open(mut bytes: Vec<u8>) -> Result<Self, Damaged> {
        let length = Self::head_length(&bytes)?;
        if length > bytes.len() {
            return Err(Damaged);
        }
        let records = bytes.split_off(length);
        Self::open_head(bytes, Box::new(records))
    }

    /// Takes the head of an index, after a look at each byte of it, and a place to read records from.
    ///
    /// # Errors
    /// Anything but a head that [`SearchIndex::build`] of this version made, and records of another length.
    pub fn open_head(bytes: Vec<u8>, records: Box<dyn Records>) -> Result<Self, Damaged> {
        if Self::head_length(&bytes)? != bytes.len() || bytes[CHECKSUM_AT..BODY_AT] != checksum(&bytes[BODY_AT..]).to_le_bytes() {
            return Err(Damaged);
        }
        let mut reader = Reader { bytes: &bytes, at: BODY_AT };
        let key_length = reader.number()?;
        let key = reader.take(key_length)?;
        std::str::from_utf8(&bytes[key.clone()]).map_err(|_| Damaged)?;
        let count = reader.number()?;
        let adopters = reader.numbers(count)?;
        let (record_ends, size) = reader.ends(count)?;
        let record_sums = reader.take(count.checked_mul(8).ok_or(Damaged)?)?;
        let mut columns: [Stretch; COLUMNS] = Default::default();
        for column in &mut columns {
            let (ends, length) = reader.ends(count)?;
            *column = Stretch { ends, data: reader.take(length)? };
        }
        if reader.at != bytes.len() || records.size() != u64::try_from(size).ok() {
            return Err(Damaged);
        }
        Ok(Self { bytes, key, adopters, count, record_ends, record_sums, columns, records })
    }

    /// The state of the registry that the index shows.
    #[must_use]
    pub fn key(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.key.clone()]).unwrap_or_default()
    }

    /// How many documents there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The document at a position, in the order of ids (see [`super::Hit::position`]).
    ///
    /// # Errors
    /// A position beyond the end, or a record that cannot be read or is not what was written.
    pub fn document(&self, position: usize) -> Result<Document, Damaged> {
        if position >= self.count {
            return Err(Damaged);
        }
        let ends = &self.bytes[self.record_ends.clone()];
        let start = position.checked_sub(1).map_or(0, |before| number_at(ends, before));
        let record = self.records.read(start as u64..number_at(ends, position) as u64).ok_or(Damaged)?;
        let sum = self.bytes[self.record_sums.clone()].chunks_exact(8).nth(position).ok_or(Damaged)?;
        if sum != checksum(&record).to_le_bytes() {
            return Err(Damaged);
        }
        serde_json::from_slice(&record).map_err(|_| Damaged)
    }

    /// All documents, each with the blob that it was read from, to build the next index with.
    pub fn documents(&self) -> impl Iterator<Item = (ObjectId, Document)> {
        (0..self.count).filter_map(|position| self.document(position).ok()).map(|document| (document.blob, document))
    }

    pub(super) fn column(&self, content: Content) -> Column<'_> {
        let stretch = &self.columns[content.position()];
        Column { ends: &self.bytes[stretch.ends.clone()], data: &self.bytes[stretch.data.clone()] }
    }

    pub(super) fn adopters(&self, document: usize) -> u32 {
        u32::try_from(number_at(&self.bytes[self.adopters.clone()], document)).unwrap_or(u32::MAX)
    }
}

/// Puts length and checksum of a head in their places.
pub(super) fn seal(head: &mut [u8]) -> anyhow::Result<()> {
    let mut fixed = FORMAT.to_le_bytes().to_vec();
    push_number(&mut fixed, head.len())?;
    fixed.extend(checksum(&head[BODY_AT..]).to_le_bytes());
    head[MAGIC.len()..BODY_AT].copy_from_slice(&fixed);
    Ok(())
}

fn push_content(out: &mut Vec<u8>, document: &Document, content: Content) {
    match content {
        Content::Plain(field) => push_items(out, &items(document, field), |phrase| fold::without_marks(&phrase)),
        Content::Marked(field) => {
            let items = items(document, field);
            if items.iter().any(|phrase| fold::is_marked(phrase)) {
                push_items(out, &items, |phrase| phrase);
            }
        }
        Content::Id => out.extend(document.id.to_string().bytes()),
        Content::Kind => out.extend(document.card.kind.as_str().bytes()),
        Content::License => out.extend(document.card.license.bytes()),
    }
}

/// The folded texts of a field.
fn items(document: &Document, field: Field) -> Vec<String> {
    let texts = match field {
        Field::Title => std::slice::from_ref(&document.card.title),
        Field::Summary => std::slice::from_ref(&document.card.summary),
        Field::Keywords => &document.card.keywords,
        Field::Systems => &document.card.systems,
        Field::Name => &[document.id.name().to_string()],
        // `goteborg` has no mark: whoever types `göteborg` finds the title.
        Field::Owner => &[document.id.owner().to_string(), document.owner_title.clone()],
    };
    texts.iter().map(|text| fold::words(text).join(" ")).filter(|phrase| !phrase.is_empty()).collect()
}

fn push_items(out: &mut Vec<u8>, items: &[String], form: impl Fn(String) -> String) {
    for item in items {
        out.extend([ITEM, WORD]);
        out.extend(form(item.clone()).bytes());
    }
}

fn push_number(out: &mut Vec<u8>, number: usize) -> anyhow::Result<()> {
    let Ok(number) = u32::try_from(number) else {
        fail!(Code::InvalidRegistry, "the cards of the registry hold more than 4 GiB of text: too much for a search index");
    };
    out.extend(number.to_le_bytes());
    Ok(())
}

/// The `position`th number of a run of numbers.
fn number_at(numbers: &[u8], position: usize) -> usize {
    let bytes = numbers.get(4 * position..4 * position + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_le_bytes(bytes.unwrap_or_default()) as usize
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Result<Range<usize>, Damaged> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(Damaged)?;
        Ok(std::mem::replace(&mut self.at, end)..end)
    }

    fn number(&mut self) -> Result<usize, Damaged> {
        let range = self.take(4)?;
        Ok(number_at(&self.bytes[range], 0))
    }

    fn numbers(&mut self, count: usize) -> Result<Range<usize>, Damaged> {
        self.take(count.checked_mul(4).ok_or(Damaged)?)
    }

    /// Where the documents end in something, and where the last one does.
    fn ends(&mut self, count: usize) -> Result<(Range<usize>, usize), Damaged> {
        let range = self.numbers(count)?;
        let mut ends = self.bytes[range.clone()].chunks_exact(4).map(|end| number_at(end, 0));
        if ends.clone().is_sorted() { Ok((range, ends.next_back().unwrap_or(0))) } else { Err(Damaged) }
    }
}

/// Finds flipped bits and torn writes, not forgers: whoever can write the cache is the user.
/// A cryptographic digest would take longer than the search itself. Four lanes keep the
/// processor busy; each step is reversible, so that a difference in one word cannot vanish.
fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |lane: u64, word: &[u8]| {
        let mut padded = [0; 8];
        padded[..word.len()].copy_from_slice(word);
        (lane ^ u64::from_le_bytes(padded)).wrapping_mul(FACTOR).rotate_left(29)
    };
    let mut lanes: [u64; 4] = [1, 2, 3, 4];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            *lane = mix(*lane, word);
        }
    }
    let tail = blocks.remainder().chunks(8).fold(bytes.len() as u64, mix);
    lanes.iter().fold(tail, |sum, lane| mix(sum, &lane.to_le_bytes()))
}
