//! Which file is which other one's new name: declared by the owner, or seen by what the files hold.
//!
//! An update must carry edits along when a file moved. The owner says so in `[files] renames`; where nobody said
//! anything, a file that is gone and a new one that holds mostly the same lines count as one, as in git.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use semver::Version;

use crate::model::manifest::Rename;
use crate::model::path::RelPath;
use crate::model::written::normalise;

/// The files of one side.
pub type Files<'a> = BTreeMap<&'a RelPath, &'a [u8]>;

/// More pairs than this are not compared line by line.
const MAX_PAIRS: usize = 40_000;
/// Files beyond this many bytes are only the same when every byte is.
const MAX_BYTES: usize = 4 << 20;
/// How much of the larger file two must share, in hundredths, as git has it.
const SIMILAR: usize = 50;

/// New names by old ones. What `declared` says between the two versions comes first, whatever names there are beside.
#[must_use]
pub fn renames(from: (&Version, &Files<'_>), to: (&Version, &Files<'_>), declared: &[Rename]) -> BTreeMap<RelPath, RelPath> {
    let ((old_version, old), (new_version, new)) = (from, to);
    let between = declared.iter().filter(|rename| rename.since > *old_version && rename.since <= *new_version);
    let mut found = followed(old, between.collect());
    found.retain(|from, to| from != to && new.contains_key(to));
    let taken: BTreeSet<&RelPath> = found.values().collect();
    let left: Files<'_> = old.iter().filter(|(path, _)| !found.contains_key(**path)).map(|(path, bytes)| (*path, *bytes)).collect();
    let come: Files<'_> = new.iter().filter(|(path, _)| !taken.contains(*path)).map(|(path, bytes)| (*path, *bytes)).collect();
    let seen = detected(&left, &come).into_iter().map(|(from, to)| (from.clone(), to.clone()));
    found.extend(seen.collect::<Vec<_>>());
    found
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

/// Pairs of a file that is gone and one that is new, the most alike first. Line ends do not count.
#[must_use]
pub fn detected<'a>(old: &Files<'a>, new: &Files<'a>) -> Vec<(&'a RelPath, &'a RelPath)> {
    let only = |files: &Files<'a>, others: &Files<'a>| -> Vec<(&'a RelPath, Cow<'a, [u8]>)> {
        let here = files.iter().filter(|(path, bytes)| !others.contains_key(*path) && !bytes.is_empty());
        here.map(|(path, bytes)| (*path, normalise(bytes))).collect()
    };
    let (gone, come) = (only(old, new), only(new, old));
    let mut pairs = Vec::new();
    let close = gone.len().saturating_mul(come.len()) <= MAX_PAIRS;
    let counted: Vec<_> = come.iter().map(|(_, bytes)| if close { lines(bytes) } else { None }).collect();
    for (from, was) in &gone {
        let mine = if close { lines(was) } else { None };
        for ((to, is), theirs) in come.iter().zip(&counted) {
            let score = if was == is { 101 } else { mine.as_ref().zip(theirs.as_ref()).map_or(0, |(a, b)| likeness(a, b)) };
            if score >= SIMILAR {
                pairs.push((score, from.file_name() == to.file_name(), *from, *to));
            }
        }
    }
    pairs.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then_with(|| (a.2, a.3).cmp(&(b.2, b.3))));
    let (mut used_from, mut used_to) = (BTreeSet::new(), BTreeSet::new());
    let free = |(_, _, from, to): (usize, bool, &'a RelPath, &'a RelPath)| {
        let free = !used_from.contains(from) && !used_to.contains(to);
        (free && used_from.insert(from) && used_to.insert(to)).then_some((from, to))
    };
    pairs.into_iter().filter_map(free).collect()
}

/// How often each line stands there, and all bytes; `None` for what is no text or too large.
type Lines<'a> = (HashMap<&'a [u8], usize>, usize);

fn lines(bytes: &[u8]) -> Option<Lines<'_>> {
    if bytes.len() > MAX_BYTES || bytes.contains(&0) {
        return None;
    }
    let mut counts = HashMap::new();
    bytes.split_inclusive(|byte| *byte == b'\n').for_each(|line| *counts.entry(line).or_default() += 1);
    Some((counts, bytes.len()))
}

fn likeness(a: &Lines<'_>, b: &Lines<'_>) -> usize {
    let (smaller, larger) = (a.1.min(b.1), a.1.max(b.1));
    if smaller * 100 < larger * SIMILAR {
        return 0;
    }
    let shared: usize = a.0.iter().map(|(line, count)| line.len() * count.min(b.0.get(line).unwrap_or(&0))).sum();
    shared * 100 / larger.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        text.parse().expect("a path")
    }

    fn names(old: &[(&str, &str)], new: &[(&str, &str)], declared: &[Rename]) -> Vec<(String, String)> {
        let paths: Vec<_> = old.iter().chain(new).map(|(name, _)| path(name)).collect();
        let files = |list: &'_ [(&str, &str)], from: usize| -> Vec<(usize, Vec<u8>)> {
            list.iter().enumerate().map(|(n, (_, text))| (from + n, text.as_bytes().to_vec())).collect()
        };
        let (old, new) = (files(old, 0), files(new, old.len()));
        let old: Files<'_> = old.iter().map(|(n, bytes)| (&paths[*n], bytes.as_slice())).collect();
        let new: Files<'_> = new.iter().map(|(n, bytes)| (&paths[*n], bytes.as_slice())).collect();
        let found = renames((&Version::new(1, 0, 0), &old), (&Version::new(2, 0, 0), &new), declared);
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
    fn line_ends_do_not_hide_likeness() {
        assert_eq!(names(&[("a", "1\n2\n3\n")], &[("c", "1\r\n2\r\n4\r\n")], &[]).len(), 1);
    }
}
