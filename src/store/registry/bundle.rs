//! A bundle file as registry: an offline mirror in one file.
//!
//! Its pack is taken into a repository in the cache, once for each state of the file. The format is git's
//! `gitformat-bundle(5)`, versions 2 and 3.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use git2::Oid;

use super::network::{Cached, alone};
use crate::error::Code;
use crate::fail;
use crate::store::transport::ACCEPTED;

/// The largest header, in bytes.
const MAX_HEADER: u64 = 1 << 20;

/// Whether a file begins like a bundle.
pub(super) fn is_bundle(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut line = String::new();
    BufReader::new(file.take(64)).read_line(&mut line).is_ok() && matches!(line.as_str(), "# v2 git bundle\n" | "# v3 git bundle\n")
}

/// Brings the bundle's `main` into the repository `cache` as [`ACCEPTED`], unless it is there.
pub(super) fn import(path: &Path, cache: &Cached) -> Result<()> {
    let shown = path.display();
    let doing = || format!("reading the bundle {shown}");
    let mut reader = BufReader::new(File::open(path).with_context(doing)?);
    let (mut main, mut read) = (None, 0);
    loop {
        let mut line = Vec::new();
        read += reader.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line).with_context(doing)? as u64;
        if read > MAX_HEADER || line.is_empty() {
            fail!(Code::InvalidRegistry, "the bundle {shown} has no end to its header");
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\n');
        if line.is_empty() {
            break;
        }
        if line == "@object-format=sha256" {
            fail!(Code::InvalidRegistry, "the bundle {shown} has SHA-256 objects; forum reads SHA-1 objects");
        }
        if line.starts_with('-') || line.starts_with("@filter=") {
            fail!(Code::InvalidRegistry, "the bundle {shown} is not whole: it builds on commits that it does not have");
        }
        if let Some((id, "refs/heads/main")) = line.split_once(' ') {
            main = Some(Oid::from_str(id).with_context(doing)?);
        }
    }
    let Some(main) = main else { fail!(Code::InvalidRegistry, "the bundle {shown} has no branch main") };
    let repository = &cache.repository;
    let is_here = || repository.find_reference(ACCEPTED).ok().and_then(|known| known.target()) == Some(main);
    if is_here() {
        return Ok(());
    }
    let _alone = alone(&cache.folder)?;
    if is_here() {
        return Ok(());
    }
    let odb = repository.odb()?;
    let mut pack = odb.packwriter()?;
    std::io::copy(&mut reader, &mut pack).with_context(doing)?;
    pack.flush().with_context(doing)?;
    if let Err(error) = pack.commit() {
        fail!(Code::Integrity, "the bundle {shown} is damaged: {}", error.message());
    }
    repository.reference(ACCEPTED, main, true, "bundle")?;
    Ok(())
}
