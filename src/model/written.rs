//! The digest of files as written, by which `clean` and `adapted` are told apart without cache or network.
//!
//! It is SHA-256 over `<sha256 hex> <path>\n` for all files, sorted by path. CRLF counts as LF in files without
//! NUL bytes, since git on Windows makes such differences by itself; modes and the places of secret answers are
//! left out. The lengths between secret answers (`pieces` of the lock) help to find those places: [`secret_places`].

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::digest::Checksum;
use super::path::RelPath;
#[cfg(doc)]
use super::secret_places;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        text.parse().expect("a path")
    }

    #[test]
    fn line_ends_do_not_count_in_text_and_count_in_binaries() {
        let plain = |bytes: &[u8]| Sums::of(bytes).plain;
        assert_eq!(plain(b"a\r\nb\n"), plain(b"a\nb\r\n"));
        assert_ne!(plain(b"a\r\n\0"), plain(b"a\n\0"));
        assert_ne!(plain(b"a\r"), plain(b"a\n"));
    }

    #[test]
    fn a_file_more_or_less_is_another_digest() {
        let (a, b) = (path("a"), path("b"));
        let one = digest([(&a, Checksum::of(b"1"))]);
        assert_ne!(one, digest([]));
        assert_ne!(one, digest([(&a, Checksum::of(b"1")), (&b, Checksum::of(b"2"))]));
        assert_ne!(one, digest([(&b, Checksum::of(b"1"))]));
    }
}
