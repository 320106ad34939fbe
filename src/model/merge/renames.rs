//! Which file is which other one's new name: declared by the owner, or seen by what the files hold.
//!
//! An update must carry edits along when a file moved. The owner says so in `[files] renames`; where nobody said
//! anything, a file that is gone and a new one that holds mostly the same lines count as one, as in git.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::hash::{Hash as _, Hasher as _};

use semver::Version;

use crate::model::digest::Checksum;
use crate::model::manifest::Rename;
use crate::model::path::RelPath;
use crate::model::written::{Sums, normalise};

/// The files of one side.
pub type Files<'a> = BTreeMap<&'a RelPath, Sums>;

/// More pairs than this are not compared line by line.
const MAX_PAIRS: usize = 40_000;
/// Files beyond this many bytes are only the same when every byte is.
const MAX_BYTES: usize = 4 << 20;
/// How much of the larger file two must share, in hundredths, as git has it.
const SIMILAR: usize = 50;

/// The lines of a file, as far as likeness needs them: their digests, how long each is, and how often it stands there.
#[derive(Debug)]
pub struct Lines {
    /// Sorted by digest.
    counts: Vec<(u64, usize, usize)>,
    bytes: usize,
}

/// Where the lines of a file come from: of the older side or of the newer one.
pub trait Reader {
    /// Why a file could not be read.
    type Error;
    /// The lines of a file that is gone; `None` for what has none ([`Lines::of`]).
    ///
    /// # Errors
    /// When it cannot be read.
    fn gone(&self, path: &RelPath) -> Result<Option<Lines>, Self::Error>;
    /// The same of a file that is new.
    ///
    /// # Errors
    /// When it cannot be read.
    fn come(&self, path: &RelPath) -> Result<Option<Lines>, Self::Error>;
}

/// Both sides in memory.
#[derive(Debug, Default)]
pub struct Held<'a> {
    /// The files of the older side.
    pub old: BTreeMap<&'a RelPath, &'a [u8]>,
    /// Those of the newer one.
    pub new: BTreeMap<&'a RelPath, &'a [u8]>,
}

impl<'a> Held<'a> {
    /// What both sides hold: the older one first.
    #[must_use]
    pub fn sums(&self) -> (Files<'a>, Files<'a>) {
        let sums = |side: &BTreeMap<&'a RelPath, &'a [u8]>| side.iter().map(|(path, bytes)| (*path, Sums::of(bytes))).collect();
        (sums(&self.old), sums(&self.new))
    }
}

impl Reader for Held<'_> {
    type Error = Infallible;

    fn gone(&self, path: &RelPath) -> Result<Option<Lines>, Infallible> {
        Ok(self.old.get(path).and_then(|bytes| Lines::of(bytes)))
    }

    fn come(&self, path: &RelPath) -> Result<Option<Lines>, Infallible> {
        Ok(self.new.get(path).and_then(|bytes| Lines::of(bytes)))
    }
}

/// New names by old ones. What `declared` says between the two versions comes first, whatever names there are beside.
///
/// # Errors
/// Those of the reader.
pub fn renames<R: Reader>(
    from: (&Version, &Files<'_>),
    to: (&Version, &Files<'_>),
    declared: &[Rename],
    reader: &R,
) -> Result<BTreeMap<RelPath, RelPath>, R::Error> {
    let ((old_version, old), (new_version, new)) = (from, to);
    let between = declared.iter().filter(|rename| rename.since > *old_version && rename.since <= *new_version);
    let mut found = followed(old, between.collect());
    found.retain(|from, to| from != to && new.contains_key(to));
    let taken: BTreeSet<&RelPath> = found.values().collect();
    let left: Files<'_> = old.iter().filter(|(path, _)| !found.contains_key(**path)).map(|(path, sums)| (*path, *sums)).collect();
    let come: Files<'_> = new.iter().filter(|(path, _)| !taken.contains(*path)).map(|(path, sums)| (*path, *sums)).collect();
    let seen = detected(&left, &come, reader)?.into_iter().map(|(from, to)| (from.clone(), to.clone()));
    found.extend(seen.collect::<Vec<_>>());
    Ok(found)
}

/// Where each file stands after all renames, those of one version at once. A name that a renamed file takes over is no
/// longer that of the file that had it; of two files that take one name the first declared has it.
fn followed(old: &Files<'_>, mut declared: Vec<&Rename>) -> BTreeMap<RelPath, RelPath> {
    declared.sort_by(|a, b| a.since.cmp(&b.since));
    let mut names: BTreeMap<RelPath, RelPath> = old.keys().map(|path| ((*path).clone(), (*path).clone())).collect();
    for version in declared.chunk_by(|a, b| a.since == b.since) {
        let origins: BTreeMap<RelPath, RelPath> = names.iter().map(|(origin, now)| (now.clone(), origin.clone())).collect();
        let mut moved: BTreeMap<&RelPath, &RelPath> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for rename in version {
            if let Some(origin) = origins.get(&rename.from).filter(|origin| !moved.contains_key(origin))
                && taken.insert(&rename.to)
            {
                moved.insert(origin, &rename.to);
            }
        }
        names.retain(|origin, now| moved.contains_key(origin) || !taken.contains(now));
        for (origin, to) in moved {
            names.insert(origin.clone(), to.clone());
        }
    }
    names
}

/// A file that is gone, and the new one that it became.
type Pair<'a> = (&'a RelPath, &'a RelPath);

/// Pairs of a file that is gone and one that is new: first those that are the same, then the most alike. Line ends do
/// not count, and files that hold nothing are like no other.
///
/// # Errors
/// Those of the reader.
pub fn detected<'a, R: Reader>(old: &Files<'a>, new: &Files<'a>, reader: &R) -> Result<Vec<Pair<'a>>, R::Error> {
    let nothing = Checksum::of(b"");
    let only = |files: &Files<'a>, others: &Files<'a>| -> BTreeMap<&'a RelPath, Checksum> {
        let here = files.iter().filter(|(path, sums)| !others.contains_key(*path) && sums.plain != nothing);
        here.map(|(path, sums)| (*path, sums.plain)).collect()
    };
    let (mut gone, mut come) = (only(old, new), only(new, old));
    let close = gone.len().saturating_mul(come.len()) <= MAX_PAIRS;
    let mut found = same(&gone, &come);
    if close {
        for (from, to) in &found {
            gone.remove(from);
            come.remove(to);
        }
        found.extend(best(alike(gone.into_keys(), come.into_keys(), reader)?));
    }
    Ok(found)
}

/// Files that hold the same, those of one name first.
fn same<'a>(gone: &BTreeMap<&'a RelPath, Checksum>, come: &BTreeMap<&'a RelPath, Checksum>) -> Vec<Pair<'a>> {
    let mut open: BTreeMap<Checksum, BTreeSet<&'a RelPath>> = BTreeMap::new();
    let mut named: BTreeMap<(Checksum, &str), VecDeque<&'a RelPath>> = BTreeMap::new();
    for (path, sum) in come {
        open.entry(*sum).or_default().insert(path);
        named.entry((*sum, path.file_name())).or_default().push_back(path);
    }
    let (mut found, mut left) = (Vec::new(), Vec::new());
    for (from, sum) in gone {
        match named.get_mut(&(*sum, from.file_name())).and_then(VecDeque::pop_front) {
            Some(to) => {
                found.push((*from, to));
                open.entry(*sum).or_default().remove(to);
            }
            None => left.push((*from, sum)),
        }
    }
    found.extend(left.into_iter().filter_map(|(from, sum)| Some((from, open.get_mut(sum)?.pop_first()?))));
    found
}

/// Pairs with how alike they are, in hundredths.
type Scored<'a> = Vec<(usize, Pair<'a>)>;

fn alike<'a, R: Reader>(
    gone: impl Iterator<Item = &'a RelPath>,
    come: impl Iterator<Item = &'a RelPath>,
    reader: &R,
) -> Result<Scored<'a>, R::Error> {
    let gone: Vec<_> = gone.collect();
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let come = come.map(|to| Ok((to, reader.come(to)?))).collect::<Result<Vec<_>, R::Error>>()?;
    let mut scored = Vec::new();
    for from in gone.into_iter().filter(|_| !come.is_empty()) {
        let Some(was) = reader.gone(from)? else { continue };
        let scores = come.iter().filter_map(|(to, is)| Some((was.likeness(is.as_ref()?), (from, *to))));
        scored.extend(scores.filter(|(score, _)| *score >= SIMILAR));
    }
    Ok(scored)
}

/// The best pairs in which each file stands once; among equals those whose names are the same.
fn best(mut scored: Scored<'_>) -> Vec<Pair<'_>> {
    let rank = |(score, (from, to)): &(usize, Pair<'_>)| (*score, from.file_name() == to.file_name());
    scored.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| a.1.cmp(&b.1)));
    let (mut used_from, mut used_to) = (BTreeSet::new(), BTreeSet::new());
    let free = |(_, (from, to))| {
        let free = !used_from.contains(from) && !used_to.contains(to);
        (free && used_from.insert(from) && used_to.insert(to)).then_some((from, to))
    };
    scored.into_iter().filter_map(free).collect()
}

impl Lines {
    /// Those of a file; `None` for what is no text or too large. Line ends do not count.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let bytes = normalise(bytes);
        if bytes.len() > MAX_BYTES || bytes.contains(&0) {
            return None;
        }
        let mut digests: Vec<(u64, usize)> = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| (digest(line), line.len())).collect();
        digests.sort_unstable();
        let counts = digests.chunk_by(|a, b| a == b).map(|alike| (alike[0].0, alike[0].1, alike.len())).collect();
        Some(Self { counts, bytes: bytes.len() })
    }

    /// How much of the larger one both share, in hundredths.
    fn likeness(&self, other: &Self) -> usize {
        let (smaller, larger) = (self.bytes.min(other.bytes), self.bytes.max(other.bytes));
        if smaller * 100 < larger * SIMILAR {
            return 0;
        }
        let (mut shared, mut rest) = (0, other.counts.as_slice());
        for (digest, length, count) in &self.counts {
            rest = &rest[rest.partition_point(|(theirs, _, _)| theirs < digest)..];
            if let Some((_, _, theirs)) = rest.first().filter(|(theirs, _, _)| theirs == digest) {
                shared += length * count.min(theirs);
            }
        }
        shared * 100 / larger.max(1)
    }
}

/// Two lines with one digest would count as one: that makes files seem more alike, and no more.
fn digest(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        text.parse().expect("a path")
    }

    fn names(old: &[(&str, &'static str)], new: &[(&str, &'static str)], declared: &[Rename]) -> Vec<(String, String)> {
        let side = |all: &[(&str, &'static str)]| all.iter().map(|(name, text)| (path(name), text.as_bytes())).collect::<Vec<_>>();
        let (old, new) = (side(old), side(new));
        let [old, new] = [&old, &new].map(|all| all.iter().map(|(path, bytes)| (path, *bytes)).collect());
        let held = Held { old, new };
        let (old, new) = held.sums();
        let found =
            renames((&Version::new(1, 0, 0), &old), (&Version::new(2, 0, 0), &new), declared, &held).unwrap_or_else(|never| match never {});
        found.into_iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
    }

    #[test]
    fn what_was_declared_counts_and_what_holds_the_same_is_seen() {
        let pair = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
        let declared = |since: &str| [Rename { from: path("a"), to: path("b"), since: since.parse().expect("version") }];
        assert_eq!(names(&[("a", "x\n")], &[("b", "y\n")], &declared("2.0.0")), pair("a", "b"));
        assert_eq!(names(&[("a", "x\n")], &[("b", "y\n")], &declared("1.0.0")), []);
        assert_eq!(names(&[("a", "x\n")], &[("b", "y\n")], &declared("2.0.1")), []);
        assert_eq!(names(&[("a", "x\n")], &[("a", "x\n"), ("b", "y\n")], &declared("2.0.0")), pair("a", "b"));
        assert_eq!(names(&[("a", "x\n"), ("b", "z\n")], &[("b", "y\n")], &declared("2.0.0")), pair("a", "b"));
        assert_eq!(names(&[("a", "x\n")], &[("c", "y\n")], &declared("2.0.0")), []);
        assert_eq!(names(&[("a", "1\n2\n3\n")], &[("c", "1\n2\n4\n")], &[]), pair("a", "c"));
        assert_eq!(names(&[("a", "1\n2\n3\n")], &[("c", "1\n5\n4\n")], &[]), []);
        assert_eq!(names(&[("a", "1\n2\n3\n")], &[("c", "1\n2\n4\n"), ("d", "1\n2\n3\n")], &[]), pair("a", "d"));
    }

    fn list(all: &[(&str, &str, &str)]) -> Vec<Rename> {
        let one =
            |(from, to, since): &(&str, &str, &str)| Rename { from: path(from), to: path(to), since: since.parse().expect("version") };
        all.iter().map(one).collect()
    }

    #[test]
    fn declared_renames_are_followed_in_the_order_of_versions() {
        let pairs = |all: &[(&str, &str)]| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        let chain = list(&[("b", "c", "1.2.0"), ("a", "b", "1.1.0")]);
        assert_eq!(names(&[("a", "x\n")], &[("c", "y\n")], &chain), pairs(&[("a", "c")]));
        assert_eq!(names(&[("b", "x\n")], &[("c", "y\n")], &chain), pairs(&[("b", "c")]));
        let swap = list(&[("a", "b", "1.1.0"), ("b", "a", "1.1.0")]);
        assert_eq!(names(&[("a", "x\n"), ("b", "y\n")], &[("a", "y\n"), ("b", "x\n")], &swap), pairs(&[("a", "b"), ("b", "a")]));
        let back = list(&[("a", "b", "1.1.0"), ("b", "a", "1.2.0")]);
        assert_eq!(names(&[("a", "x\n")], &[("a", "y\n")], &back), []);
        let two = list(&[("a", "c", "1.1.0"), ("b", "c", "1.1.0")]);
        assert_eq!(names(&[("a", "x\n"), ("b", "y\n")], &[("c", "z\n")], &two), pairs(&[("a", "c")]));
        // What stood at the new name is another file, which may have moved as well.
        let over = list(&[("a", "b", "1.1.0")]);
        assert_eq!(names(&[("a", "x\n"), ("b", "y\n")], &[("b", "z\n"), ("d", "y\n")], &over), pairs(&[("a", "b"), ("b", "d")]));
    }

    #[test]
    fn of_many_that_hold_the_same_those_of_one_name_belong_together() {
        let (old, new) = ([("a/x", "1\n"), ("a/y", "1\n"), ("a/z", "1\n")], [("b/w", "1\n"), ("b/y", "1\n"), ("b/z", "1\r\n")]);
        let pairs = [("a/x", "b/w"), ("a/y", "b/y"), ("a/z", "b/z")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(names(&old, &new, &[]), pairs);
    }

    #[test]
    fn line_ends_do_not_hide_likeness() {
        assert_eq!(names(&[("a", "1\n2\n3\n")], &[("c", "1\r\n2\r\n4\r\n")], &[]).len(), 1);
    }
}
