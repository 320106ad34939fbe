//! The digest of files as written, by which `clean` and `adapted` are told apart without cache or network.
//!
//! It is SHA-256 over `<sha256 hex> <path>\n` for all files, sorted by path. CRLF counts as LF in files without
//! NUL bytes, since git on Windows makes such differences by itself; modes and the places of secret answers are
//! left out. The lengths between secret answers (`pieces` of the lock) say where those places are.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::digest::Checksum;
use super::path::RelPath;

/// How many places a secret answer may have before a file counts as adapted: with several secret answers of unknown
/// lengths in one file, each division of the bytes is tried.
const MAX_TRIES: usize = 4096;

/// LF for CRLF, in what is text.
#[must_use]
pub fn normalise(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(bytes, b"\r\n").is_none() || memchr::memchr(0, bytes).is_some() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// What a file holds, told without holding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// SHA-256 of its bytes.
    pub exact: Checksum,
    /// The same with LF for CRLF, in what is text.
    pub plain: Checksum,
}

impl Sums {
    /// Those of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let exact = Checksum::of(bytes);
        let plain = match normalise(bytes) {
            Cow::Borrowed(_) => exact,
            Cow::Owned(text) => Checksum::of(&text),
        };
        Self { exact, plain }
    }
}

/// The possible digests of one file: exactly one without `pieces`, else one for each way to divide the bytes.
/// None where the bytes cannot hold the pieces.
#[must_use]
pub fn file_digests(bytes: &[u8], pieces: Option<&[u64]>) -> Vec<Checksum> {
    let bytes = normalise(bytes);
    let Some(pieces) = pieces else { return vec![Checksum::of(&bytes)] };
    let lengths: Vec<usize> = pieces.iter().filter_map(|&n| usize::try_from(n).ok()).collect();
    let fixed = lengths.iter().try_fold(0_usize, |sum, &n| sum.checked_add(n));
    let Some(free) = fixed.and_then(|fixed| bytes.len().checked_sub(fixed)) else { return Vec::new() };
    let mut found = Vec::new();
    divide(&bytes, &lengths, free, &mut Sha256::new(), &mut found);
    found
}

fn divide(rest: &[u8], lengths: &[usize], free: usize, hasher: &mut Sha256, found: &mut Vec<Checksum>) {
    let Some((&first, others)) = lengths.split_first() else { return };
    hasher.update(&rest[..first]);
    let rest = &rest[first..];
    match others.len() {
        0 => found.push(Checksum::from_bytes(hasher.clone().finalize().into())),
        1 => divide(&rest[free..], others, 0, hasher, found),
        _ => {
            for taken in 0..=free {
                if found.len() >= MAX_TRIES {
                    return;
                }
                divide(&rest[taken..], others, free - taken, &mut hasher.clone(), found);
            }
        }
    }
}

/// The digest over the files' own digests, sorted by path.
pub fn digest<'a>(files: impl IntoIterator<Item = (&'a RelPath, Checksum)>) -> Checksum {
    let mut rows: Vec<_> = files.into_iter().collect();
    rows.sort_by(|a, b| a.0.as_str().as_bytes().cmp(b.0.as_str().as_bytes()));
    let mut hasher = Sha256::new();
    for (path, sum) in rows {
        hasher.update(format!("{} {path}\n", sum.hex()));
    }
    Checksum::from_bytes(hasher.finalize().into())
}

/// Whether one choice of the files' possible digests gives `wanted`.
#[must_use]
pub fn matches(files: &[(RelPath, Vec<Checksum>)], wanted: &Checksum) -> bool {
    let ways = files.iter().try_fold(1_usize, |ways, (_, sums)| ways.checked_mul(sums.len())).unwrap_or(usize::MAX);
    (0..ways.min(MAX_TRIES)).any(|way| {
        let mut left = way;
        let choice = files.iter().map(|(path, sums)| {
            let pick = sums[left % sums.len()];
            left /= sums.len();
            (path, pick)
        });
        digest(choice) == *wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        text.parse().expect("a path")
    }

    #[test]
    fn line_ends_do_not_count_in_text_and_count_in_binaries() {
        assert_eq!(file_digests(b"a\r\nb\n", None), file_digests(b"a\nb\r\n", None));
        assert_ne!(file_digests(b"a\r\n\0", None), file_digests(b"a\n\0", None));
        assert_ne!(file_digests(b"a\r", None), file_digests(b"a\n", None));
    }

    #[test]
    fn secrets_of_any_length_leave_the_digest_alone() {
        let (a, b) = (file_digests(b"KEY=one\n", Some(&[4, 1])), file_digests(b"KEY=three\r\n", Some(&[4, 1])));
        assert_eq!(a, b);
        assert_ne!(a, file_digests(b"kEY=one\n", Some(&[4, 1])));
        assert!(file_digests(b"KEY", Some(&[4, 1])).is_empty());
    }

    #[test]
    fn two_secrets_of_unknown_lengths_are_found() {
        let wanted = digest([(&path("f"), Checksum::of(b"a=; b=;"))]);
        for (text, same) in [("a=12; b=3;", true), ("a=; b=45;", true), ("a=12; c=3;", false)] {
            let sums = file_digests(text.as_bytes(), Some(&[2, 4, 1]));
            assert_eq!(matches(&[(path("f"), sums)], &wanted), same, "{text}");
        }
    }

    #[test]
    fn a_file_more_or_less_is_another_digest() {
        let one = [(path("a"), file_digests(b"1", None))];
        let wanted = digest([(&path("a"), Checksum::of(b"1"))]);
        assert!(matches(&one, &wanted));
        assert!(!matches(&[], &wanted));
        assert!(!matches(&[one[0].clone(), (path("b"), file_digests(b"2", None))], &wanted));
    }
}
