//! The answers in a file of which the text between them is known.

use std::collections::{BTreeMap, BTreeSet};

use super::{LONGEST, MOST_PLACES, Outline, Rules, Way, closed_ends, is_opening, line_end, token_end};

/// So many bytes are looked at to divide a file; what takes more is not read.
const MOST_WORK: usize = 64 << 20;

/// What each step costs beside the bytes it looks at.
const STEP: usize = 128;

/// What came of reading a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Other text stands between the places.
    Other,
    /// It can be divided in several ways.
    Unclear,
    /// The answers, by variable; `None` where what was published stands there yet.
    Found(BTreeMap<String, Option<String>>),
}

/// Reads a file, given with LF for CRLF.
#[must_use]
pub fn read(bytes: &[u8], outline: &Outline, rules: &Rules<'_>) -> Reading {
    let Some(parts) = parts(outline).filter(|parts| bytes.starts_with(parts[0])) else { return Reading::Other };
    let mut reader = Reader { bytes, parts, outline, rules, answers: BTreeMap::new(), found: Vec::new(), left: MOST_WORK };
    if reader.is_of_one() {
        reader.found.extend(reader.of_one());
    } else if outline.places.len() <= MOST_PLACES {
        reader.walk(0, reader.parts[0].len());
    } else {
        return Reading::Unclear;
    }
    match (reader.found.pop(), reader.found.is_empty() && reader.left > 0) {
        (Some(answers), true) => {
            let told = |(name, answer): (String, String)| {
                let published = is_published(outline, rules, &name, &answer);
                (name, (!published).then_some(answer))
            };
            Reading::Found(answers.into_iter().map(told).collect())
        }
        (None, true) => Reading::Other,
        _ => Reading::Unclear,
    }
}

fn is_published(outline: &Outline, rules: &Rules<'_>, name: &str, answer: &String) -> bool {
    let mut places = outline.places.iter().filter(|place| place.name == name);
    places.any(|place| rules.answer(name, place.way, &place.published).as_ref() == Some(answer))
}

/// What is told of a file that was changed elsewhere, by variable: a secret that stands alone in a line which was published
/// once, and is there once.
#[must_use]
pub fn read_lines(bytes: &[u8], outline: &Outline, rules: &Rules<'_>) -> BTreeMap<String, Option<String>> {
    let mut told: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut unsure = BTreeSet::new();
    let parts = parts(outline).unwrap_or_default();
    for (index, place) in outline.places.iter().enumerate().filter(|(_, place)| place.way == Way::Text) {
        let Some(pair) = parts.get(index..index + 2) else { break };
        let Some(text) = in_line(bytes, &outline.open, (pair[0], pair[1]), index == 0) else { continue };
        // The first line of a document is not all of it.
        let Some(answer) = rules.answer(&place.name, place.way, text).filter(|_| !is_opening(text, 0)) else { continue };
        let published = is_published(outline, rules, &place.name, &answer);
        let answer = (!published).then_some(answer);
        if told.get(&place.name).is_some_and(|known| *known != answer) {
            unsure.insert(&place.name);
        }
        told.insert(place.name.clone(), answer);
    }
    told.retain(|name, _| !unsure.contains(name));
    told
}

/// What stands in a line between the end of the part `before` and the start of the part `behind`.
fn in_line<'b>(bytes: &'b [u8], open: &[u8], (before, behind): (&[u8], &[u8]), is_first: bool) -> Option<&'b [u8]> {
    let start = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    let end = memchr::memchr(b'\n', behind).map(|at| &behind[..at])?;
    let whole = is_first || start.len() < before.len();
    let between = |line: &'b [u8]| line.strip_prefix(start)?.strip_suffix(end);
    let is_such = |line: &&[u8]| line.strip_prefix(start).is_some_and(|rest| rest.ends_with(end));
    let once = open.split(|&byte| byte == b'\n').filter(is_such).count() == 1;
    if !whole || !once || !start.iter().any(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mut found = bytes.split(|&byte| byte == b'\n').filter_map(between);
    found.next().filter(|_| found.next().is_none())
}

/// The parts of the text between the places.
fn parts(outline: &Outline) -> Option<Vec<&[u8]>> {
    let mut rest = outline.open.as_slice();
    let mut parts = Vec::new();
    for &length in &outline.pieces {
        let (part, others) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        parts.push(part);
        rest = others;
    }
    (parts.len() == outline.places.len() + 1).then_some(parts)
}

struct Reader<'a> {
    bytes: &'a [u8],
    parts: Vec<&'a [u8]>,
    outline: &'a Outline,
    rules: &'a Rules<'a>,
    answers: BTreeMap<String, String>,
    found: Vec<BTreeMap<String, String>>,
    left: usize,
}

impl Reader<'_> {
    /// Whether one answer alone stands in the file, as it is: then its length is known.
    fn is_of_one(&self) -> bool {
        let places = &self.outline.places;
        places.iter().all(|place| place.way == Way::Text && place.name == places[0].name)
    }

    fn of_one(&self) -> Option<BTreeMap<String, String>> {
        let (first, times) = (&self.outline.places.first()?.name, self.outline.places.len());
        let free = self.bytes.len().checked_sub(self.outline.open.len()).filter(|free| free % times == 0)?;
        let start = self.parts[0].len();
        let text = self.bytes.get(start..start + free / times)?;
        let mut rest = &self.bytes[start..];
        for part in &self.parts[1..] {
            rest = rest.strip_prefix(text)?.strip_prefix(*part)?;
        }
        Some([(first.clone(), self.rules.answer(first, Way::Text, text)?)].into())
    }

    /// Tries all ends of the place number `index`, which starts at `at`. Two ways are enough to know that there are several.
    fn walk(&mut self, index: usize, at: usize) {
        let Some(place) = self.outline.places.get(index) else {
            if at == self.bytes.len() && !self.found.contains(&self.answers) {
                self.found.push(self.answers.clone());
            }
            return;
        };
        let next = self.parts[index + 1];
        for end in self.ends(index, at) {
            if self.found.len() > 1 || self.left == 0 {
                return;
            }
            self.left = self.left.saturating_sub(STEP + end - at);
            if !self.bytes.get(end..).is_some_and(|rest| rest.starts_with(next)) {
                continue;
            }
            let Some(answer) = self.rules.answer(&place.name, place.way, &self.bytes[at..end]) else { continue };
            match self.answers.get(&place.name) {
                Some(known) if *known == answer => self.walk(index + 1, end + next.len()),
                Some(_) => {}
                None => {
                    self.answers.insert(place.name.clone(), answer);
                    self.walk(index + 1, end + next.len());
                    self.answers.remove(&place.name);
                }
            }
        }
    }

    fn ends(&mut self, index: usize, at: usize) -> Vec<usize> {
        let (place, next) = (&self.outline.places[index], self.parts[index + 1]);
        if index + 1 == self.outline.places.len() {
            return self.bytes.len().checked_sub(next.len()).filter(|end| *end >= at).into_iter().collect();
        }
        if place.way == Way::Token {
            return token_end(self.bytes, at).into_iter().collect();
        }
        let line = line_end(self.bytes, at);
        let near = &self.bytes[..self.bytes.len().min(at.saturating_add(LONGEST))];
        self.left = self.left.saturating_sub(line - at + if is_opening(near, at) { LONGEST } else { 0 });
        let fits = |end: &usize| self.bytes[*end..].starts_with(next);
        let mut ends: Vec<usize> = (at..=line).filter(fits).collect();
        ends.extend(closed_ends(near, at).filter(|end| *end > line));
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret_places::Place;

    fn outline(parts: &[&str], names: &[&str]) -> Outline {
        let place = |name: &&str| Place { name: (*name).to_owned(), way: Way::Text, published: format!("@@{name}@@").into_bytes() };
        let pieces = parts.iter().map(|part| part.len() as u64).collect();
        Outline { open: parts.concat().into_bytes(), pieces, places: names.iter().map(place).collect() }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        let outline = outline(&["u=", ":", "\n"], &["a", "b"]);
        let read = |text: &str| read(text.as_bytes(), &outline, &Rules::default());
        let found = |a: &str, b: &str| Reading::Found([("a", a), ("b", b)].map(|(n, v)| (n.to_owned(), Some(v.to_owned()))).into());
        assert_eq!((read("u=x:y\n"), read("u=x:y:z\n"), read("u=x\n")), (found("x", "y"), Reading::Unclear, Reading::Other));
        assert_eq!(read("u=x:@@b@@\n"), Reading::Found([("a".into(), Some("x".into())), ("b".into(), None)].into()));
    }

    #[test]
    fn a_secret_is_read_from_its_line_where_others_were_changed() {
        let outline = outline(&["h\nKEY=\"", "\"\nTOK=", "\nU=", ":", "\n"], &["key", "tok", "a", "b"]);
        let told = |text: &str| read_lines(text.as_bytes(), &outline, &Rules::default());
        let want = [("key".to_owned(), Some("x".to_owned())), ("tok".to_owned(), None)];
        assert_eq!(told("mine\nKEY=\"x\"\nTOK=@@tok@@\nU=a:b\nmine\n"), want.clone().into());
        assert_eq!(told("KEY=\"x\"\nKEY=\"y\"\nTOK=@@tok@@\n"), [want[1].clone()].into(), "two such lines");
        assert_eq!(told("KEY=\"x\" # mine\nTOK=-----BEGIN KEY-----\nabc\n"), BTreeMap::new());
    }
}
