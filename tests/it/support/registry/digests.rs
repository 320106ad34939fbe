//! Tree ids and checksums, computed without the code under test.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::super::Files;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Section 3 of the contract, written out.
pub(crate) fn checksum(files: &Files) -> String {
    checksum_of(files.iter().map(|(path, (executable, bytes))| (path.as_bytes(), mode(*executable), bytes.as_slice())))
}

/// As `checksum`, for what no honest publisher would have.
pub(crate) fn checksum_of<'a>(list: impl Iterator<Item = (&'a [u8], &'a str, &'a [u8])>) -> String {
    let mut lines: Vec<(Vec<u8>, Vec<u8>)> = list
        .map(|(path, mode, bytes)| {
            let mut line = format!("{} {mode} ", sha256(bytes)).into_bytes();
            line.extend_from_slice(path);
            line.push(b'\n');
            (path.to_vec(), line)
        })
        .collect();
    lines.sort();
    let all: Vec<u8> = lines.into_iter().flat_map(|(_, line)| line).collect();
    format!("sha256:{}", sha256(&all))
}

pub(super) fn mode(executable: bool) -> &'static str {
    if executable { "100755" } else { "100644" }
}

fn object_id(kind: git2::ObjectType, bytes: &[u8]) -> git2::Oid {
    git2::Oid::hash_object(kind, bytes).unwrap()
}

/// The git tree id of a set of files, computed without a repository.
pub(crate) fn tree_id(files: &Files) -> String {
    let all: Vec<(&str, bool, &[u8])> =
        files.iter().map(|(path, (executable, bytes))| (path.as_str(), *executable, bytes.as_slice())).collect();
    subtree(&all).to_string()
}

fn subtree(files: &[(&str, bool, &[u8])]) -> git2::Oid {
    let mut below: BTreeMap<&str, Vec<(&str, bool, &[u8])>> = BTreeMap::new();
    let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (path, executable, bytes) in files {
        if let Some((directory, rest)) = path.split_once('/') {
            below.entry(directory).or_default().push((rest, *executable, bytes));
        } else {
            rows.push((path.as_bytes().to_vec(), row(mode(*executable), path.as_bytes(), object_id(git2::ObjectType::Blob, bytes))));
        }
    }
    for (directory, list) in below {
        rows.push((format!("{directory}/").into_bytes(), row("40000", directory.as_bytes(), subtree(&list))));
    }
    rows.sort();
    let body: Vec<u8> = rows.into_iter().flat_map(|(_, row)| row).collect();
    object_id(git2::ObjectType::Tree, &body)
}

pub(super) fn row(mode: &str, name: &[u8], id: git2::Oid) -> Vec<u8> {
    let mut row = format!("{mode} ").into_bytes();
    row.extend_from_slice(name);
    row.push(0);
    row.extend_from_slice(id.as_bytes());
    row
}
