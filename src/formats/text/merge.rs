//! Merging three texts as git does, with line ends, byte-order mark and last line end as attributes of their own.
//!
//! An editor that turned LF into CRLF changed every line and meant none of them. So where the three differ in such
//! an attribute it is taken off, the lines are merged, and it is put on again: ours where we changed it, else theirs.
//! Where they do not differ the bytes are git's own.

use super::{Ends, MARK, engine, has_markers, is_binary, work};
use crate::model::written::normalise;

/// Larger texts, all three together, are for a person.
const MAX_BYTES: usize = 64 << 20;

/// What stands behind the markers of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Of what was fetched.
    pub base: String,
    /// Of what lies here.
    pub ours: String,
    /// Of the newer version.
    pub theirs: String,
}

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergedText {
    /// Both changes stand in it.
    Clean(Vec<u8>),
    /// Both sides changed the same lines: they stand between markers.
    Marked(Vec<u8>),
    /// No text, too large, with too many lines that could be any others, or with lines that look like markers: nothing that markers could be put into.
    Unmergeable,
}

/// Merges what both sides changed.
#[must_use]
pub fn merge(base: &[u8], ours: &[u8], theirs: &[u8], labels: &Labels) -> MergedText {
    let all = [base, ours, theirs];
    let size: usize = all.iter().map(|bytes| bytes.len()).sum();
    if size > MAX_BYTES || all.iter().any(|bytes| is_binary(bytes) || has_markers(bytes)) {
        return MergedText::Unmergeable;
    }
    let attributes = all.map(Attributes::of);
    let wanted = Attributes::merged(&attributes);
    let plain = |index: usize| wanted.plain(all[index], &attributes);
    let (base, ours, theirs) = (plain(0), plain(1), plain(2));
    let merged = match (ours == base, theirs == base || theirs == ours) {
        (true, _) => Ok((theirs, true)),
        (false, true) => Ok((ours, true)),
        (false, false) if !work::is_bounded(&base, &ours, &theirs) => return MergedText::Unmergeable,
        (false, false) => engine::merge(&base, &ours, &theirs, labels),
    };
    match merged {
        Ok((text, true)) => MergedText::Clean(wanted.dress(text, &attributes)),
        Ok((text, false)) => MergedText::Marked(wanted.dress(text, &attributes)),
        Err(_) => MergedText::Unmergeable,
    }
}

/// What a text has beside its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attributes {
    mark: bool,
    ends: Ends,
    /// Whether its last line ends.
    closed: bool,
    /// Whether its last line is empty: without its end it would be none.
    blank: bool,
}

impl Attributes {
    fn of(bytes: &[u8]) -> Self {
        let closed = bytes.is_empty() || bytes.ends_with(b"\n");
        Self { mark: bytes.starts_with(MARK), ends: Ends::of(bytes), closed, blank: ends_blank(bytes) }
    }

    fn merged([base, ours, theirs]: &[Self; 3]) -> Self {
        let ends = match (ours.ends, theirs.ends) {
            (Ends::None, other) => other,
            (own, Ends::None) => own,
            (own, other) if own == base.ends => other,
            (own, _) => own,
        };
        let either = |base: bool, ours: bool, theirs: bool| if ours == base { theirs } else { ours };
        let closed = either(base.closed, ours.closed, theirs.closed);
        Self { mark: either(base.mark, ours.mark, theirs.mark), ends, closed, blank: false }
    }

    /// Whether the end of the last line differs, and can be taken off. Where a last line is empty, its end is all of it.
    fn closings_differ(all: &[Self; 3]) -> bool {
        all.iter().any(|one| one.closed != all[0].closed) && !all.iter().any(|one| one.blank)
    }

    /// Whether line ends differ, so that they must be taken off. Mixed ones are a person's, and stay as they are: those of
    /// ours, and those of theirs where we left the line ends alone.
    fn differ(all: &[Self; 3]) -> bool {
        let [base, ours, theirs] = all.each_ref().map(|one| one.ends);
        let known: Vec<_> = [base, ours, theirs].into_iter().filter(|ends| *ends != Ends::None).collect();
        let meant = ours == Ends::Mixed || theirs == Ends::Mixed && ours == base;
        !meant && known.windows(2).any(|pair| pair[0] != pair[1])
    }

    fn plain(self, bytes: &[u8], all: &[Self; 3]) -> Vec<u8> {
        let bytes = if all.iter().any(|one| one.mark) { bytes.strip_prefix(MARK).unwrap_or(bytes) } else { bytes };
        let mut plain = if Self::differ(all) { normalise(bytes).into_owned() } else { bytes.to_vec() };
        if Self::closings_differ(all) && !plain.is_empty() && !plain.ends_with(b"\n") {
            plain.extend_from_slice(if !Self::differ(all) && self.ends == Ends::Crlf { b"\r\n" } else { b"\n" });
        }
        plain
    }

    fn dress(self, mut text: Vec<u8>, all: &[Self; 3]) -> Vec<u8> {
        if Self::differ(all) && self.ends == Ends::Crlf {
            text = with_cr(&text);
        }
        let in_conflict = text.rsplit(|byte| *byte == b'\n').nth(1).is_some_and(|line| line.starts_with(b">>>>>>> "));
        if Self::closings_differ(all) && !self.closed && !in_conflict && !ends_blank(&text) && text.ends_with(b"\n") {
            text.pop();
            if text.ends_with(b"\r") {
                text.pop();
            }
        }
        if self.mark && !text.starts_with(MARK) {
            text.splice(0..0, MARK.iter().copied());
        }
        text
    }
}

/// Whether a text ends in an empty line.
fn ends_blank(text: &[u8]) -> bool {
    text.strip_suffix(b"\n").is_some_and(|rest| matches!(rest.strip_suffix(b"\r").unwrap_or(rest), [] | [.., b'\n']))
}

pub(super) fn with_cr(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(bare) => {
                out.extend_from_slice(bare);
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels { base: "b".into(), ours: "o".into(), theirs: "t".into() }
    }

    fn clean(base: &str, ours: &str, theirs: &str) -> String {
        match merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), &labels()) {
            MergedText::Clean(text) => String::from_utf8(text).expect("text"),
            other => panic!("{base:?} {ours:?} {theirs:?}: {other:?}"),
        }
    }

    #[test]
    fn line_ends_marks_and_the_last_line_end_are_attributes() {
        let (base, theirs) = ("a\nb\nc\nd\n", "a\nb\nc\nD\n");
        assert_eq!(clean(base, "A\r\nb\r\nc\r\nd\r\n", theirs), "A\r\nb\r\nc\r\nD\r\n", "ours changed to CRLF");
        assert_eq!(clean(base, "A\nb\nc\nd\n", &theirs.replace('\n', "\r\n")), "A\r\nb\r\nc\r\nD\r\n", "theirs did");
        assert_eq!(clean(base, "\u{feff}A\nb\nc\nd\n", theirs), "\u{feff}A\nb\nc\nD\n");
        assert_eq!(clean("\u{feff}a\nb\nc\nd\n", "\u{feff}A\nb\nc\nd\n", "a\nb\nc\nD\n"), "A\nb\nc\nD\n");
        assert_eq!(clean(base, "A\nb\nc\nd", theirs), "A\nb\nc\nD");
        assert_eq!(clean(base, "A\nb\nc\nd\n", "a\nb\nc\nD"), "A\nb\nc\nD");
        assert_eq!(clean(base, "A\nb\nc\nd", "a\nb\nc\nd\n"), "A\nb\nc\nd");
        assert_eq!(clean("a\r\nb\r\nc\r\nd", "A\r\nb\r\nc\r\nd", "a\r\nb\r\nc\r\nd\r\n"), "A\r\nb\r\nc\r\nd\r\n");
    }

    #[test]
    fn single_line_ends_come() {
        let base = "a\nb\nc\nd\ne\nf\n";
        assert_eq!(clean(base, "a\nb\nc\nd\ne\nF\n", "a\nb\r\nc\nd\ne\nf\n"), "a\nb\r\nc\nd\ne\nF\n");
    }

    #[test]
    fn an_empty_last_line_is_a_line_and_its_end_no_attribute() {
        // What `git merge-file --diff3` says.
        let marked = |base: &str, ours: &str, theirs: &str, want: &str| match merge(
            base.as_bytes(),
            ours.as_bytes(),
            theirs.as_bytes(),
            &labels(),
        ) {
            MergedText::Marked(text) => assert_eq!(String::from_utf8_lossy(&text), want),
            other => panic!("{base:?} {ours:?} {theirs:?}: {other:?}"),
        };
        marked("a\nf\n", "a\nf\n\n", "a\nf", "a\n<<<<<<< o\nf\n\n||||||| b\nf\n=======\nf\n>>>>>>> t\n");
        marked("a\nb\nf", "a\nb\nf\n\n", "A\nb\nf\n", "A\nb\n<<<<<<< o\nf\n\n||||||| b\nf\n=======\nf\n>>>>>>> t\n");
        assert_eq!(clean("a\nb\nf\n", "a\nb\nf\n\n", "A\nb\nf\n"), "A\nb\nf\n\n");
    }

    #[test]
    fn markers_use_the_line_ends_of_the_file_and_carry_labels() {
        let MergedText::Marked(text) = merge(b"a\r\n", b"b\r\n", b"c\n", &labels()) else { panic!("no conflict") };
        assert_eq!(String::from_utf8_lossy(&text), "<<<<<<< o\nb\n||||||| b\na\n=======\nc\n>>>>>>> t\n");
        let MergedText::Marked(text) = merge(b"a\r\n", b"b\r\n", b"c\r\n", &labels()) else { panic!("no conflict") };
        assert_eq!(String::from_utf8_lossy(&text), "<<<<<<< o\r\nb\r\n||||||| b\r\na\r\n=======\r\nc\r\n>>>>>>> t\r\n");
        let MergedText::Marked(text) = merge(b"", b"b\n", b"c\n", &labels()) else { panic!("no conflict") };
        assert_eq!(String::from_utf8_lossy(&text), "<<<<<<< o\nb\n||||||| b\n=======\nc\n>>>>>>> t\n");
    }

    #[test]
    fn what_markers_cannot_be_put_into_is_left_to_a_person() {
        assert_eq!(merge(b"\0", b"1", b"2", &labels()), MergedText::Unmergeable);
        assert_eq!(merge(b"a\n", b"<<<<<<< x\n", b"2\n", &labels()), MergedText::Unmergeable);
    }
}
