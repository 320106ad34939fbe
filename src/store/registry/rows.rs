//! The rows of a tree as they stand in the object, whatever they hold.

use git2::{ObjectType, Oid};

/// One row of a tree as it stands in the object.
pub(super) struct Row<'a> {
    pub(super) mode: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) id: Oid,
}

impl Row<'_> {
    /// What the mode says that it is.
    pub(super) fn kind(&self) -> ObjectType {
        match self.mode {
            b"40000" => ObjectType::Tree,
            b"160000" => ObjectType::Commit,
            _ => ObjectType::Blob,
        }
    }
}

/// Reads a tree's rows as they are: libgit2's own reading would put right, or pass over, what must be refused.
pub(super) fn rows(mut bytes: &[u8]) -> Option<Vec<Row<'_>>> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let space = memchr::memchr(b' ', bytes)?;
        let end = memchr::memchr(0, bytes)?;
        let id = Oid::from_bytes(bytes.get(end + 1..end + 21)?).ok()?;
        rows.push(Row { mode: &bytes[..space], name: bytes.get(space + 1..end)?, id });
        bytes = &bytes[end + 21..];
    }
    Some(rows)
}

/// Git's order: directories as if their name ended in `/`.
pub(super) fn sort_key(row: &Row<'_>) -> Vec<u8> {
    let mut key = row.name.to_vec();
    if row.mode == b"40000" {
        key.push(b'/');
    }
    key
}
