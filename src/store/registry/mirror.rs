//! An offline mirror: all of `main` in one bundle file, whole, so that whoever has the file needs nothing else.
//!
//! The format is git's `gitformat-bundle(5)`, version 2: what [`super::bundle`] reads.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use git2::{Oid, Repository};

use super::git::repository_at;
use super::{Options, bundle};
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::Address;
use crate::store::fs::{make_directory, remove_directory, remove_file};
use crate::store::transport::{History, INCOMING, Job, engine};

/// What was written.
#[derive(Debug, Clone, Copy)]
pub struct Mirrored {
    /// The commit that `main` is at in it.
    pub main: Oid,
    /// The size of the file.
    pub bytes: u64,
}

/// Writes the mirror of the registry at `address`, in which a path is absolute. A file that is there is replaced at once, or stays as it was.
///
/// # Errors
/// [`Code::InvalidRegistry`] for a folder or a bundle, and the transport's own.
pub fn mirror(address: &Address, options: &Options, target: &Path) -> Result<Mirrored> {
    if target.symlink_metadata().is_ok() && !bundle::is_bundle(target) {
        let failure = Failure::new(Code::Exists, format!("{} is there already, and is no mirror", target.display()));
        return Err(failure.hint("name another file, or remove it first").into());
    }
    if let Some(path) = address.local_path() {
        if bundle::is_bundle(&path) {
            let failure = Failure::new(Code::InvalidRegistry, format!("{} is a mirror already", path.display()));
            return Err(failure.hint("copy the file").into());
        }
        if !path.exists() {
            fail!(Code::NotFound, "there is no registry at {}", path.display());
        }
        let Some(repository) = repository_at(&path)? else {
            fail!(Code::InvalidRegistry, "{} is no Git repository; a folder has no history that could be mirrored", path.display());
        };
        if repository.is_shallow() {
            let failure = Failure::new(Code::InvalidRegistry, format!("{} is a shallow clone, and has not all of it", path.display()));
            return Err(failure.hint("git fetch --unshallow").into());
        }
        return write(&repository, "refs/heads/main", target);
    }
    let Some(cache) = &options.cache_dir else {
        fail!(Code::Io, "there is no home directory for the cache: set HOME or FORUM_CACHE_DIR");
    };
    // Kept apart from the partial copy that other commands read: this one is whole, and needed once.
    let stage = cache.join(format!("mirror-{}", std::process::id()));
    make_directory(cache)?;
    let done = bring(address, options, &stage).and_then(|repository| write(&repository, INCOMING, target));
    if stage.exists() {
        remove_directory(&stage)?;
    }
    done
}

fn bring(address: &Address, options: &Options, stage: &Path) -> Result<Repository> {
    let mut plain = git2::RepositoryInitOptions::new();
    plain.bare(true).external_template(false);
    Repository::init_opts(stage, &plain).with_context(|| format!("making {}", stage.display()))?;
    let (engine, _) = engine(&options.engine)?;
    let progress = |phase: &str| options.progress.tell(&format!("{address}: {phase}"));
    let job = Job { repository: stage, address, timeout: options.timeout, terminal: options.terminal, progress: &progress };
    engine.fetch_main(&job, History::Everything)?;
    Ok(Repository::open_bare(stage)?)
}

fn write(repository: &Repository, reference: &str, target: &Path) -> Result<Mirrored> {
    let Ok(main) = repository.find_reference(reference).and_then(|main| main.peel_to_commit()).map(|commit| commit.id()) else {
        fail!(Code::InvalidRegistry, "the registry has no branch main");
    };
    let mut walk = repository.revwalk()?;
    walk.push(main)?;
    let mut pack = repository.packbuilder()?;
    pack.insert_walk(&mut walk)?;
    let mut part = target.as_os_str().to_owned();
    part.push(format!(".part-{}", std::process::id()));
    let part = Path::new(&part);
    let doing = || format!("writing {}", target.display());
    let written = (|| -> Result<u64> {
        if let Some(above) = target.parent().filter(|above| !above.as_os_str().is_empty()) {
            make_directory(above)?;
        }
        let mut file = BufWriter::new(File::create(part)?);
        write!(file, "# v2 git bundle\n{main} refs/heads/main\n\n")?;
        let mut failed = None;
        pack.foreach(|bytes| file.write_all(bytes).map_err(|error| failed = Some(error)).is_ok())
            .map_err(|error| failed.map_or_else(|| anyhow::Error::from(error), anyhow::Error::from))?;
        let file = file.into_inner()?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        std::fs::rename(part, target)?;
        Ok(bytes)
    })();
    if written.is_err() {
        remove_file(part)?;
    }
    Ok(Mirrored { main, bytes: written.with_context(doing)? })
}
