//! The two digests of a version: git's tree id, and the checksum of section 3.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::path::RelPath;
use super::text::{reason, text_form};

/// The id of a git tree or blob in a repository with SHA-1 objects: 40 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId([u8; 20]);

/// `sha256:<64 hex>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum([u8; 32]);

reason! {
    /// Why a text is no digest.
    InvalidDigest
}

/// The two modes that a published file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileMode {
    /// `100644`
    Regular,
    /// `100755`
    Executable,
}

impl FileMode {
    /// The six digits of git.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
        }
    }
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = text.as_bytes();
    if bytes.len() != 2 * N || !bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let text: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    f.write_str(&text)
}

impl ObjectId {
    /// Wraps the raw bytes of an id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for ObjectId {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        unhex(text).map(Self).ok_or_else(|| InvalidDigest(format!("`{}` is no git object id of 40 hex digits", text.escape_debug())))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl Checksum {
    /// Wraps the raw bytes of a SHA-256.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// SHA-256 of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 64 hex digits without the prefix.
    #[must_use]
    pub fn hex(&self) -> String {
        self.to_string().split_off("sha256:".len())
    }
}

impl FromStr for Checksum {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        text.strip_prefix("sha256:")
            .and_then(unhex)
            .map(Self)
            .ok_or_else(|| InvalidDigest(format!("`{}` is no checksum of the form sha256:<64 hex digits>", text.escape_debug())))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        hex(&self.0, f)
    }
}

text_form!(ObjectId);
text_form!(Checksum);

/// The checksum of section 3 over `(path, mode, SHA-256 of the bytes)`, in any order.
pub fn checksum_of_files<'a>(files: impl IntoIterator<Item = (&'a RelPath, FileMode, Checksum)>) -> Checksum {
    let mut rows: Vec<_> = files.into_iter().collect();
    rows.sort_by(|a, b| a.0.as_str().as_bytes().cmp(b.0.as_str().as_bytes()));
    let mut hasher = Sha256::new();
    for (path, mode, digest) in rows {
        hasher.update(format!("{} {} {path}\n", digest.hex(), mode.as_str()));
    }
    Checksum(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_contract() {
        let (a, b): (RelPath, RelPath) = ("a/b".parse().expect("path"), "a.b".parse().expect("path"));
        let rows = [(&a, FileMode::Regular, Checksum::of(b"1")), (&b, FileMode::Executable, Checksum::of(b"2"))];
        let text = format!("{} 100755 a.b\n{} 100644 a/b\n", Checksum::of(b"2").hex(), Checksum::of(b"1").hex());
        assert_eq!(checksum_of_files(rows), Checksum::of(text.as_bytes()));
    }

    #[test]
    fn digests_are_parsed_strictly() {
        assert!("sha256:00".parse::<Checksum>().is_err());
        assert!("A".repeat(40).parse::<ObjectId>().is_err());
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(id.parse::<ObjectId>().expect("an id").to_string(), id);
    }
}
