//! A new registry: a repository with one commit on `main`, ready to be pushed.

use std::path::Path;

use anyhow::{Context as _, Result};
use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};
use jiff::Timestamp;

use crate::error::{Code, Failure};
use crate::model::path::RelPath;
use crate::store::fs::atomic::write_atomic;
use crate::store::fs::dir::Readers;
use crate::store::fs::{make_directory, names_in, remove_directory, remove_file};

/// What the first commit says, and when.
pub struct First<'a> {
    /// Its message.
    pub message: &'a str,
    /// Whose name it bears where git knows nobody.
    pub name: &'a str,
    /// When it is made.
    pub at: Timestamp,
}

/// Makes the repository at `place`, which must not be there, or be empty: all of it, or nothing.
///
/// # Errors
/// [`Code::Occupied`] where something is, and what the file system says.
pub fn start(place: &Path, files: &[(RelPath, Vec<u8>)], first: &First<'_>) -> Result<String> {
    let shown = place.display();
    if place.symlink_metadata().is_ok() && !place.read_dir().is_ok_and(|mut entries| entries.next().is_none()) {
        let failure = Failure::new(Code::Occupied, format!("{shown} is there already, and is no empty directory"));
        return Err(failure.hint("name a directory that is not there yet").into());
    }
    // An empty directory may be where somebody stands, or a mount: it stays, and is filled.
    let made = if place.symlink_metadata().is_ok() { fill_in_place(place, files, first) } else { appear(place, files, first) };
    made.with_context(|| format!("starting the registry in {shown}"))
}

/// All of it appears at once.
fn appear(place: &Path, files: &[(RelPath, Vec<u8>)], first: &First<'_>) -> Result<String> {
    let above = place.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(above)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let stage = above.join(format!(".{name}.forum-{}", std::process::id()));
    let made = fill(&stage, files, first).and_then(|commit| {
        std::fs::rename(&stage, place).with_context(|| format!("making {}", place.display()))?;
        Ok(commit)
    });
    if made.is_err() && stage.exists() {
        remove_directory(&stage)?;
    }
    made
}

/// Made within the directory, and moved up; what fails leaves it empty again.
fn fill_in_place(place: &Path, files: &[(RelPath, Vec<u8>)], first: &First<'_>) -> Result<String> {
    let stage = place.join(format!(".forum-{}", std::process::id()));
    let mut moved = Vec::new();
    let made = fill(&stage, files, first).and_then(|commit| {
        for name in names_in(&stage)? {
            std::fs::rename(stage.join(&name), place.join(&name)).with_context(|| format!("making {name}"))?;
            moved.push(place.join(name));
        }
        Ok(commit)
    });
    if made.is_err() {
        for path in &moved {
            if path.is_dir() { remove_directory(path)? } else { remove_file(path)? }
        }
    }
    if stage.exists() {
        remove_directory(&stage)?;
    }
    made
}

fn fill(stage: &Path, files: &[(RelPath, Vec<u8>)], first: &First<'_>) -> Result<String> {
    let mut options = RepositoryInitOptions::new();
    options.initial_head("main").external_template(false).no_reinit(true);
    let repository = Repository::init_opts(stage, &options)?;
    for (path, bytes) in files {
        write_atomic(&stage.join(path.to_path()), bytes, Readers::Everyone)?;
    }
    let mut index = repository.index()?;
    // Whatever the user's git ignores elsewhere, all of this belongs to it.
    index.add_all(["*"], IndexAddOption::FORCE, None)?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let when = Time::new(first.at.as_second(), 0);
    let who = match repository.signature() {
        Ok(user) => Signature::new(user.name().unwrap_or(first.name), user.email().unwrap_or_default(), &when)?,
        Err(_) => Signature::new(first.name, "forum@localhost", &when)?,
    };
    Ok(repository.commit(Some("HEAD"), &who, &who, first.message, &tree, &[])?.to_string())
}
