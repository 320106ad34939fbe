//! Text: its line ends, byte-order mark and last line, how two versions of it differ, and how they merge.

pub mod compare;
mod engine;
pub mod merge;
mod work;

use std::borrow::Cow;

pub use merge::{Labels, MergedText, merge};

use crate::model::written::normalise;

/// A byte-order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// How the lines of a text end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// There is no line end.
    None,
    /// LF alone.
    Lf,
    /// CRLF each time.
    Crlf,
    /// Some so, some so.
    Mixed,
}

impl Ends {
    /// Those of a text.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let all = memchr::memchr_iter(b'\n', bytes).count();
        let crlf = memchr::memmem::find_iter(bytes, b"\r\n").count();
        match (all, crlf) {
            (0, _) => Self::None,
            (_, 0) => Self::Lf,
            (all, crlf) if all == crlf => Self::Crlf,
            _ => Self::Mixed,
        }
    }
}

/// The newer text of a file in which nothing but line ends was changed here: with the line ends of here.
#[must_use]
pub fn in_ends_of_ours<'a>(base: &[u8], ours: &[u8], theirs: &'a [u8]) -> Cow<'a, [u8]> {
    match Ends::of(ours) {
        own if own == Ends::of(base) || is_binary(theirs) => Cow::Borrowed(theirs),
        Ends::Lf => normalise(theirs),
        Ends::Crlf => Cow::Owned(merge::with_cr(&normalise(theirs))),
        Ends::None | Ends::Mixed => Cow::Borrowed(theirs),
    }
}

/// Whether git and people would take it for something else than text.
#[must_use]
pub fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_some()
}

/// Whether a line is one that a merge leaves around a conflict. Seven `=` alone are none: many a text underlines so.
#[must_use]
pub fn has_markers(bytes: &[u8]) -> bool {
    let marks = |line: &[u8]| [b"<<<<<<< ", b"||||||| ", b">>>>>>> "].iter().any(|mark| line.starts_with(*mark));
    bytes.strip_prefix(MARK).unwrap_or(bytes).split(|byte| *byte == b'\n').any(marks)
}

/// Whether one of these lines stands in a text.
#[must_use]
pub fn has_line(bytes: &[u8], lines: &[String]) -> bool {
    let wanted = |line: &[u8]| lines.iter().any(|one| line.strip_suffix(b"\r").unwrap_or(line) == one.as_bytes());
    bytes.strip_prefix(MARK).unwrap_or(bytes).split(|byte| *byte == b'\n').any(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_markers_are_told_apart() {
        for (text, ends) in [
            ("", Ends::None),
            ("a", Ends::None),
            ("a\n", Ends::Lf),
            ("a\r\nb", Ends::Crlf),
            ("a\r\nb\n", Ends::Mixed),
            ("a\rb", Ends::None),
        ] {
            assert_eq!(Ends::of(text.as_bytes()), ends, "{text:?}");
        }
        for (text, marked) in [
            ("Title\n=======\n", false),
            ("a\n<<<<<<< x\n", true),
            (" <<<<<<< x", false),
            (">>>>>>> x", true),
            ("\u{feff}<<<<<<< x\n", true),
        ] {
            assert_eq!(has_markers(text.as_bytes()), marked, "{text:?}");
        }
    }
}
