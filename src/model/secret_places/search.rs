//! The places of secret answers in files as they lie here, found by the digest of what was written.
//!
//! The lock knows the lengths between secrets and one digest over all files. With one secret in a file that is one
//! division of its bytes; with several each division is another digest, and there are as many as the lengths of the
//! secrets multiplied. So the likely ones come first: an answer mostly ends where its line, a quote or a word ends, and is
//! the same at all its places. What follows is tried until the cost is spent; what was not found counts as adapted.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::{LONGEST, MOST_PLACES, Rules, Way, closed_ends, is_opening, line_end, places_in, token_end};
use crate::model::digest::Checksum;
use crate::model::path::RelPath;
use crate::model::variables::Variable;

/// So many bytes are looked at and digested in all, at most.
const MOST_WORK: usize = 16 << 20;

/// So many divisions are tried whatever they cost.
const FREE_TRIES: usize = 16;

/// What each step costs beside the bytes it looks at.
const STEP: usize = 128;

/// A file in which secrets stand, with LF for CRLF.
#[derive(Debug, Clone)]
pub struct Divided {
    /// Where it lies.
    pub path: RelPath,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// The lengths between its secrets.
    pub pieces: Vec<u64>,
}

/// Whether the files can be divided so that what stands between secrets, with the digests of all `other` files, gives
/// `wanted`. `variables` are those of the manifest that lies with the files, where it can be read.
#[must_use]
pub fn matches(
    files: &[Divided],
    other: &[(RelPath, Checksum)],
    variables: Option<&BTreeMap<String, Variable>>,
    wanted: &Checksum,
) -> bool {
    let none = BTreeMap::new();
    let named = variables.unwrap_or(&none);
    let Some(mut sheets) = sheets(files, named).or_else(|| sheets_without_names(files)) else { return false };
    let branching = sheets.iter().filter(|sheet| !sheet.is_of_one()).map(|sheet| sheet.pieces.len());
    if branching.sum::<usize>() > MOST_PLACES {
        return false;
    }
    sheets.sort_by_key(|sheet| (sheet.groups.len(), sheet.bytes.len()));
    let rows = Rows::of(&sheets, other);
    let rules = Rules::of(named);
    let mut search = Search { sheets, rows, rules, wanted, answers: BTreeMap::new(), work: 0, tries: 0, cut: false };
    for far in 0.. {
        search.cut = false;
        if search.file(0, far) {
            return true;
        }
        if !search.cut || search.is_spent() {
            break;
        }
    }
    false
}

/// Places of one variable in one file.
struct Group {
    name: String,
    way: Way,
    /// Those that have no division yet.
    left: usize,
    /// Variables that are asked for alike, and stand alike in all files, are as good as each other at first.
    like: usize,
}

/// A file on its way to a division.
struct Sheet<'a> {
    path: &'a RelPath,
    bytes: &'a [u8],
    pieces: Vec<usize>,
    /// The length of all pieces from each on.
    tails: Vec<usize>,
    groups: Vec<Group>,
    /// Where each place ends.
    ends: Vec<usize>,
    /// Ends that were thought of, by where a place starts, likely ones first.
    likely: BTreeMap<(usize, usize), Rc<Vec<usize>>>,
}

fn sheet(file: &Divided, groups: Vec<Group>) -> Option<Sheet<'_>> {
    let pieces: Vec<usize> = file.pieces.iter().map(|&length| usize::try_from(length).ok()).collect::<Option<_>>()?;
    let mut tails = vec![0_usize];
    for piece in pieces.iter().rev() {
        tails.push(tails[tails.len() - 1].checked_add(*piece)?);
    }
    tails.reverse();
    let places = groups.iter().fold(1_usize, |sum, group| sum.saturating_add(group.left));
    let holds = tails[0] <= file.bytes.len() && places == pieces.len();
    let sheet = || Sheet { path: &file.path, bytes: &file.bytes, pieces, tails, groups, ends: Vec::new(), likely: BTreeMap::new() };
    holds.then(sheet)
}

impl Sheet<'_> {
    /// Whether one answer alone stands in it, as it is: then its length is known.
    fn is_of_one(&self) -> bool {
        matches!(self.groups.as_slice(), [group] if group.way == Way::Text)
    }

    /// Where the places of that answer end.
    fn ends_of_one(&self) -> Option<Vec<usize>> {
        let (free, times) = (self.bytes.len() - self.tails[0], self.pieces.len() - 1);
        let length = Some(free / times).filter(|_| free % times == 0)?;
        let ends = self.pieces[..times].iter().scan(0, |end, piece| {
            *end += piece + length;
            Some(*end)
        });
        let ends: Vec<usize> = ends.collect();
        let text = |end: &usize| &self.bytes[end - length..*end];
        ends.iter().all(|end| text(end) == text(&ends[0])).then_some(ends)
    }
}

/// `None` where the manifest does not tell of all places.
fn sheets<'a>(files: &'a [Divided], variables: &BTreeMap<String, Variable>) -> Option<Vec<Sheet<'a>>> {
    let mut all: Vec<Vec<_>> = files.iter().map(|file| places_in(variables, &file.path)).collect();
    let like = |name: &str| {
        let places = all.iter().map(|places| places.iter().filter(|one| one.0 == name).map(|one| (one.1, one.2)).collect::<Vec<_>>());
        let variable = variables.get(name);
        format!("{:?} {:?}", variable.map(|v| (&v.pattern, &v.choices)), places.collect::<Vec<_>>())
    };
    let mut kinds = BTreeMap::new();
    let mut number = |kind: String| {
        let next = kinds.len();
        *kinds.entry(kind).or_insert(next)
    };
    let likes: BTreeMap<&str, usize> = variables.keys().map(|name| (name.as_str(), number(like(name)))).collect();
    let group = |(name, way, left): (&str, Way, usize)| Group { name: name.to_owned(), way, left, like: likes[name] };
    files.iter().zip(&mut all).map(|(file, places)| sheet(file, places.drain(..).map(group).collect())).collect()
}

/// Each place for itself.
fn sheets_without_names(files: &[Divided]) -> Option<Vec<Sheet<'_>>> {
    let group = |path: &RelPath, index: usize| Group { name: format!("{path} {index}"), way: Way::Text, left: 1, like: 0 };
    files.iter().map(|file| sheet(file, (1..file.pieces.len()).map(|index| group(&file.path, index)).collect())).collect()
}

/// The rows of the digest, in their order.
struct Rows {
    /// The rows before the first file that is divided.
    start: Sha256,
    /// What follows each divided file, and which one that is.
    rest: Vec<(usize, String, String)>,
    length: usize,
}

impl Rows {
    fn of(sheets: &[Sheet<'_>], other: &[(RelPath, Checksum)]) -> Self {
        let known = other.iter().map(|(path, sum)| (path, Err(sum)));
        let mut all: Vec<_> = sheets.iter().enumerate().map(|(index, sheet)| (sheet.path, Ok(index))).chain(known).collect();
        all.sort_by(|a, b| a.0.as_str().as_bytes().cmp(b.0.as_str().as_bytes()));
        let (mut start, mut rest, mut length) = (Sha256::new(), Vec::<(usize, String, String)>::new(), 0);
        for (path, what) in all {
            let row = match what {
                Ok(index) => {
                    rest.push((index, format!(" {path}\n"), String::new()));
                    length += path.as_str().len() + 66;
                    continue;
                }
                Err(sum) => format!("{} {path}\n", sum.hex()),
            };
            match rest.last_mut() {
                None => start.update(row),
                Some((_, _, after)) => {
                    length += row.len();
                    *after += &row;
                }
            }
        }
        Self { start, rest, length }
    }
}

struct Search<'a> {
    sheets: Vec<Sheet<'a>>,
    rows: Rows,
    rules: Rules<'a>,
    wanted: &'a Checksum,
    /// Answers that were found on the way, by variable.
    answers: BTreeMap<String, String>,
    work: usize,
    tries: usize,
    /// Whether less likely divisions were left out.
    cut: bool,
}

impl Search<'_> {
    fn is_spent(&self) -> bool {
        self.work > MOST_WORK
    }

    /// Divides the files from number `index` on, exactly `far` from what is most likely.
    fn file(&mut self, index: usize, far: usize) -> bool {
        match self.sheets.get(index) {
            Some(sheet) if sheet.is_of_one() => self.of_one(index, far),
            Some(sheet) => self.place(index, sheet.pieces[0], far),
            None => far == 0 && self.is_wanted(),
        }
    }

    /// Goes on with the one way to divide a file in which one answer stands.
    fn of_one(&mut self, index: usize, far: usize) -> bool {
        let sheet = &mut self.sheets[index];
        let Some(ends) = sheet.ends_of_one() else { return false };
        let (name, first) = (sheet.groups[0].name.clone(), sheet.pieces[0]);
        let Some(answer) = self.rules.answer(&name, Way::Text, &sheet.bytes[first..ends[0]]) else { return false };
        let is_new = match self.answers.get(&name) {
            Some(known) if *known != answer => return false,
            known => known.is_none(),
        };
        sheet.ends = ends;
        if is_new {
            self.answers.insert(name.clone(), answer);
        }
        let found = self.file(index + 1, far);
        if is_new {
            self.answers.remove(&name);
        }
        self.sheets[index].ends.clear();
        found
    }

    /// Tries the next place of a file, which starts at `at`.
    fn place(&mut self, index: usize, at: usize, far: usize) -> bool {
        let place = self.sheets[index].ends.len();
        if place + 1 == self.sheets[index].pieces.len() {
            return self.file(index + 1, far);
        }
        for group in self.next(index) {
            let ends = self.ends(index, group, at);
            for (rank, &end) in ends.iter().enumerate() {
                let distance = (rank + 1).ilog2() as usize;
                if distance > far {
                    self.cut = true;
                    break;
                }
                if self.is_spent() {
                    return false;
                }
                if self.take(index, group, (at, end), far - distance) {
                    return true;
                }
            }
        }
        false
    }

    /// The variables that may stand at the next place: of several that are alike, the first.
    fn next(&mut self, index: usize) -> Vec<usize> {
        let groups = &self.sheets[index].groups;
        self.work += 16 * groups.len();
        let (mut next, mut seen) = (Vec::new(), BTreeSet::new());
        for (number, group) in groups.iter().enumerate().filter(|(_, group)| group.left > 0) {
            if self.answers.contains_key(&group.name) || seen.insert((&group.like, group.way)) {
                next.push(number);
            }
        }
        next
    }

    /// Goes on with one end of one place.
    fn take(&mut self, index: usize, group: usize, (at, end): (usize, usize), far: usize) -> bool {
        self.work += STEP + end - at;
        let sheet = &mut self.sheets[index];
        let one = &mut sheet.groups[group];
        let Some(answer) = self.rules.answer(&one.name, one.way, &sheet.bytes[at..end]) else { return false };
        let is_new = match self.answers.get(&one.name) {
            Some(known) if *known != answer => return false,
            known => known.is_none(),
        };
        one.left -= 1;
        let name = one.name.clone();
        sheet.ends.push(end);
        let next = end + sheet.pieces[sheet.ends.len()];
        if is_new {
            self.answers.insert(name.clone(), answer);
        }
        let found = self.place(index, next, far);
        if is_new {
            self.answers.remove(&name);
        }
        self.sheets[index].ends.pop();
        self.sheets[index].groups[group].left += 1;
        found
    }

    /// Where a place of a variable may end, likely ends first.
    fn ends(&mut self, index: usize, group: usize, at: usize) -> Rc<Vec<usize>> {
        let sheet = &self.sheets[index];
        let place = sheet.ends.len();
        let Some(most) = sheet.bytes.len().checked_sub(sheet.tails[place + 1]).filter(|most| *most >= at) else { return Rc::default() };
        let one = &sheet.groups[group];
        let only = |end: Option<usize>| Rc::new(end.filter(|end| *end <= most).into_iter().collect());
        if place + 2 == sheet.pieces.len() {
            return only(Some(most));
        }
        if one.way == Way::Token {
            return only(token_end(sheet.bytes, at));
        }
        if let Some(known) = self.answers.get(&one.name) {
            return only(at.checked_add(known.len()));
        }
        if let Some((known, times)) = self.alone(sheet, &one.name) {
            let length = (most - at).checked_sub(known).filter(|free| free % times == 0).map(|free| free / times);
            return only(length.and_then(|length| at.checked_add(length)));
        }
        if let Some(likely) = sheet.likely.get(&(place, at)) {
            return Rc::clone(likely);
        }
        let likely = Rc::new(likely_ends(sheet.bytes, at, most, sheet.pieces[place + 1]));
        self.work += 4 * likely.len() + if is_opening(sheet.bytes, at) { LONGEST } else { 0 };
        self.sheets[index].likely.insert((place, at), Rc::clone(&likely));
        likely
    }

    /// Where an answer is the only one of those left that is not known: the bytes of the others, and how often it stands.
    fn alone(&self, sheet: &Sheet<'_>, name: &str) -> Option<(usize, usize)> {
        let (mut known, mut times) = (0_usize, 0);
        for group in sheet.groups.iter().filter(|group| group.left > 0) {
            match self.answers.get(&group.name) {
                _ if group.way == Way::Token => return None,
                Some(answer) => known = known.checked_add(answer.len().checked_mul(group.left)?)?,
                None if group.name == name => times = group.left,
                None => return None,
            }
        }
        Some((known, times)).filter(|_| times > 0)
    }

    fn is_wanted(&mut self) -> bool {
        self.tries += 1;
        let mut rows = self.rows.start.clone();
        let mut length = self.rows.length;
        for (index, name, after) in &self.rows.rest {
            let sheet = &self.sheets[*index];
            rows.update(open_sum(sheet).hex());
            rows.update(name);
            rows.update(after);
            length += sheet.tails[0];
        }
        if self.tries > FREE_TRIES {
            self.work += length;
        }
        Checksum::from_bytes(rows.finalize().into()) == *self.wanted
    }
}

/// The digest of what stands between the secrets.
fn open_sum(sheet: &Sheet<'_>) -> Checksum {
    let mut hasher = Sha256::new();
    let starts = [0].into_iter().chain(sheet.ends.iter().copied());
    for (start, length) in starts.zip(&sheet.pieces) {
        hasher.update(&sheet.bytes[start..start + length]);
    }
    Checksum::from_bytes(hasher.finalize().into())
}

/// Where an answer of one line that starts at `at` may end, likely ends first; and where a closed document does. The next
/// place starts `piece` bytes behind it.
fn likely_ends(bytes: &[u8], at: usize, most: usize, piece: usize) -> Vec<usize> {
    let line = line_end(bytes, at).min(most).min(at.saturating_add(LONGEST));
    let rank = |end: usize| {
        let behind = match bytes.get(end) {
            None | Some(b'\n') => 0,
            Some(b'"' | b'\'' | b'<' | b'`') => 1,
            Some(byte) if byte.is_ascii_alphanumeric() || !byte.is_ascii() => 4,
            Some(_) => 2,
        };
        let before = match piece.checked_sub(1).and_then(|last| bytes.get(end + last)) {
            _ if piece == 0 => 0,
            Some(b'=' | b':' | b'"' | b'\'' | b'>' | b' ' | b'\t' | b'\n') => 0,
            Some(byte) if byte.is_ascii_alphanumeric() => 3,
            _ => 1,
        };
        behind + before
    };
    let is_start = |end: usize| std::str::from_utf8(&bytes[end..(end + 1).min(bytes.len())]).is_ok() || bytes[end] >= 0xc0;
    let mut ends: Vec<(usize, usize)> = (at..=line).filter(|&end| is_start(end)).map(|end| (rank(end), end)).collect();
    ends.sort_unstable();
    let near = &bytes[..bytes.len().min(at.saturating_add(LONGEST))];
    let closed = closed_ends(near, at).filter(|end| *end > line && *end <= most);
    closed.chain(ends.into_iter().map(|(_, end)| end)).collect()
}

#[cfg(test)]
mod tests;
