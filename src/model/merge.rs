//! What becomes of one path in an update: a table over base, ours and theirs, with a closed set of outcomes.
//!
//! Base is what was fetched, ours what lies in the workspace, theirs what the newer version brings. The table knows
//! no format: where both sides changed one file it says [`Decision::Both`], and `formats` merges what the file holds.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::written::Sums;

pub mod renames;

/// A file as one side has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// What it holds.
    pub sums: Sums,
    /// Whether it may be executed; `None` where the file system does not say.
    pub executable: Option<bool>,
}

/// What a side has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Nothing.
    Absent,
    /// A file.
    File(File),
    /// A link, a directory, a special file: what no version of a component holds.
    Other,
}

/// What one side did to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It made the file.
    Added,
    /// It changed the file.
    Modified,
    /// It took the file away.
    Removed,
}

/// What the table says. Swapping ours and theirs swaps the two sides of the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nobody changed it.
    Same,
    /// Both changed it alike.
    Alike,
    /// Only we changed it: ours stays.
    Ours(Change),
    /// Only the newer version changed it: theirs comes.
    Theirs(Change),
    /// Both changed the file: what it holds is to be merged.
    Both,
    /// A person must choose.
    Conflict(Conflict),
}

/// Why a person must choose: `conflict` in the answer of `update` (contract, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// Both changed the same place.
    BothModified,
    /// Both made the file, each with its own content.
    BothAdded,
    /// Both changed a file that is no text.
    Binary,
    /// We took away what the newer version changed.
    DeletedHere,
    /// The newer version took away what we changed.
    DeletedUpstream,
}

/// What became of a file: `outcome` in the answer of `update`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it was, and as the newer version has it.
    Unchanged,
    /// The newer version's change came, here nothing had changed.
    Upstream,
    /// Ours stays.
    Kept,
    /// Both changes stand in it.
    Merged,
    /// A person must choose.
    Conflict,
    /// New.
    Added,
    /// Gone, as in the newer version.
    Removed,
    /// At its new place, with our changes.
    Renamed,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BothModified => "changed on both sides",
            Self::BothAdded => "made on both sides",
            Self::Binary => "changed on both sides, and no text",
            Self::DeletedHere => "deleted here, changed upstream",
            Self::DeletedUpstream => "deleted upstream, changed here",
        })
    }
}

impl Outcome {
    /// The word in the answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Upstream => "upstream",
            Self::Kept => "kept",
            Self::Merged => "merged",
            Self::Conflict => "conflict",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
        }
    }
}

impl File {
    /// A mode that a file system does not keep is no change.
    fn same_mode(self, other: Self) -> bool {
        self.executable.zip(other.executable).is_none_or(|(a, b)| a == b)
    }

    fn same(self, other: Self) -> bool {
        self.sums.exact == other.sums.exact && self.same_mode(other)
    }

    /// The same but for line ends: an editor, or git on Windows, changes them by itself.
    fn alike(self, other: Self) -> bool {
        self.same_mode(other) && self.sums.plain == other.sums.plain
    }
}

/// Merges the bit that makes a file executable: ours where we changed it, else theirs.
#[must_use]
pub fn merge_mode(base: Option<bool>, ours: Option<bool>, theirs: Option<bool>) -> bool {
    let changed = ours.is_some() && ours != base;
    if changed { ours } else { theirs.or(ours) }.unwrap_or_default()
}

/// The table. Line ends of ours alone are no change of ours; those of theirs may be meant. [`Side::Other`] of base or theirs cannot be: it counts as absent.
#[must_use]
pub fn decide(base: Side, ours: Side, theirs: Side) -> Decision {
    let file = |side| if let Side::File(file) = side { Some(file) } else { None };
    match (file(base), ours, file(theirs)) {
        (None, Side::Absent, None) => Decision::Same,
        (None, _, None) => Decision::Ours(Change::Added),
        (None, Side::Absent, Some(_)) => Decision::Theirs(Change::Added),
        (None, Side::File(ours), Some(theirs)) if ours.sums.plain == theirs.sums.plain => Decision::Alike,
        (None, _, Some(_)) => Decision::Conflict(Conflict::BothAdded),
        (Some(_), Side::Absent, None) => Decision::Alike,
        (Some(base), Side::Absent, Some(theirs)) if theirs.alike(base) => Decision::Ours(Change::Removed),
        (Some(_), Side::Absent, Some(_)) => Decision::Conflict(Conflict::DeletedHere),
        (Some(base), Side::File(ours), None) if ours.alike(base) => Decision::Theirs(Change::Removed),
        (Some(_), _, None) => Decision::Conflict(Conflict::DeletedUpstream),
        (Some(base), Side::Other, Some(theirs)) if theirs.same(base) => Decision::Ours(Change::Modified),
        (Some(_), Side::Other, Some(_)) => Decision::Conflict(Conflict::BothModified),
        (Some(base), Side::File(ours), Some(theirs)) => match (ours.alike(base), theirs.same(base)) {
            (true, true) => Decision::Same,
            (false, true) => Decision::Ours(Change::Modified),
            (true, false) => Decision::Theirs(Change::Modified),
            (false, false) if ours.alike(theirs) => Decision::Alike,
            (false, false) => Decision::Both,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swapped(decision: Decision) -> Decision {
        match decision {
            Decision::Ours(change) => Decision::Theirs(change),
            Decision::Theirs(change) => Decision::Ours(change),
            Decision::Conflict(Conflict::DeletedHere) => Decision::Conflict(Conflict::DeletedUpstream),
            Decision::Conflict(Conflict::DeletedUpstream) => Decision::Conflict(Conflict::DeletedHere),
            other => other,
        }
    }

    fn file(bytes: &str, executable: bool) -> Side {
        Side::File(File { sums: Sums::of(bytes.as_bytes()), executable: Some(executable) })
    }

    fn all() -> [Side; 7] {
        let plain = |bytes: &str| file(bytes, false);
        let program = |bytes: &str| file(bytes, true);
        [Side::Absent, plain("1"), program("1"), plain("2"), program("2"), plain("3"), program("3")]
    }

    #[test]
    fn every_cell_has_its_mirror_and_keeps_the_laws_of_a_merge() {
        for base in all() {
            for x in all() {
                let ours = decide(base, x, base);
                assert!(matches!(ours, Decision::Same | Decision::Ours(_)), "{base:?} {x:?}: {ours:?}");
                let theirs = decide(base, base, x);
                assert!(matches!(theirs, Decision::Same | Decision::Theirs(_)), "{base:?} {x:?}: {theirs:?}");
                assert!(matches!(decide(base, x, x), Decision::Same | Decision::Alike | Decision::Ours(Change::Removed)) || base == x);
                for y in all() {
                    assert_eq!(swapped(decide(base, x, y)), decide(base, y, x), "{base:?} {x:?} {y:?}");
                }
            }
        }
    }

    #[test]
    fn the_cells_of_the_design_are_there() {
        use Conflict::{BothAdded, BothModified, DeletedHere, DeletedUpstream};
        let (none, one, two, three) = (Side::Absent, file("1", false), file("2", false), file("3", false));
        for (base, ours, theirs, want) in [
            (none, none, one, Decision::Theirs(Change::Added)),
            (none, one, none, Decision::Ours(Change::Added)),
            (none, one, two, Decision::Conflict(BothAdded)),
            (none, one, file("1", true), Decision::Alike),
            (none, Side::Other, one, Decision::Conflict(BothAdded)),
            (none, Side::Other, none, Decision::Ours(Change::Added)),
            (one, none, one, Decision::Ours(Change::Removed)),
            (one, one, none, Decision::Theirs(Change::Removed)),
            (one, none, none, Decision::Alike),
            (one, none, two, Decision::Conflict(DeletedHere)),
            (one, two, none, Decision::Conflict(DeletedUpstream)),
            (one, Side::Other, none, Decision::Conflict(DeletedUpstream)),
            (one, Side::Other, two, Decision::Conflict(BothModified)),
            (one, Side::Other, one, Decision::Ours(Change::Modified)),
            (one, two, three, Decision::Both),
            (one, file("1", true), two, Decision::Both),
            (one, two, two, Decision::Alike),
        ] {
            assert_eq!(decide(base, ours, theirs), want, "{base:?} {ours:?} {theirs:?}");
        }
    }

    #[test]
    fn line_ends_of_ours_are_no_change() {
        let (lf, crlf, other) = (file("1\n", false), file("1\r\n", false), file("2\n", false));
        for (base, ours, theirs, want) in [
            (lf, crlf, lf, Decision::Same),
            (crlf, lf, crlf, Decision::Same),
            (lf, crlf, Side::Absent, Decision::Theirs(Change::Removed)),
            (lf, Side::Absent, crlf, Decision::Ours(Change::Removed)),
            (lf, crlf, other, Decision::Theirs(Change::Modified)),
            (lf, lf, crlf, Decision::Theirs(Change::Modified)),
            (other, crlf, lf, Decision::Alike),
            (Side::Absent, crlf, lf, Decision::Alike),
            (file("\0\n", false), file("\0\r\n", false), Side::Absent, Decision::Conflict(Conflict::DeletedUpstream)),
        ] {
            assert_eq!(decide(base, ours, theirs), want, "{base:?} {ours:?} {theirs:?}");
        }
    }

    #[test]
    fn a_mode_that_nobody_keeps_is_no_change() {
        let silent = |bytes: &[u8]| Side::File(File { sums: Sums::of(bytes), executable: None });
        assert_eq!(decide(file("1", true), silent(b"1"), file("1", true)), Decision::Same);
        assert_eq!(decide(file("1", true), silent(b"1"), file("2", true)), Decision::Theirs(Change::Modified));
        assert!(merge_mode(Some(false), Some(true), Some(false)) && merge_mode(Some(false), Some(false), Some(true)));
        assert!(merge_mode(Some(true), None, Some(true)) && !merge_mode(Some(true), Some(false), Some(true)));
    }
}
