//! Advisory locks between runs of forum.
//!
//! The system releases them when the process ends, however it ends, so none is ever stale.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::platform;
use crate::store::interrupt;

/// How often a lock that another run holds is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// Held while a command reads and changes a workspace.
#[derive(Debug)]
pub struct WorkspaceLock {
    _file: File,
}

impl WorkspaceLock {
    /// Waits for the workspace. `waiting` is called once if another run has it.
    ///
    /// # Errors
    /// When the directory cannot be opened or the system refuses the lock.
    pub fn acquire(workspace: &Path, state_dir: &Path, waiting: &dyn Fn()) -> Result<Self> {
        let doing = || format!("locking the workspace {}", workspace.display());
        let file = platform::lockable_workspace(workspace, state_dir).with_context(doing)?;
        wait(&file, Share::Exclusive, waiting, &doing)?;
        Ok(Self { _file: file })
    }
}

/// A lock on a file of forum's own cache or state, which is made if it is missing.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits for a lock that others may share.
    ///
    /// # Errors
    /// When the file cannot be opened or the system refuses the lock.
    pub fn shared(path: &Path, waiting: &dyn Fn()) -> Result<Self> {
        Self::take(path, Share::Shared, waiting)
    }

    /// Waits for a lock that nobody shares.
    ///
    /// # Errors
    /// When the file cannot be opened or the system refuses the lock.
    pub fn exclusive(path: &Path, waiting: &dyn Fn()) -> Result<Self> {
        Self::take(path, Share::Exclusive, waiting)
    }

    fn take(path: &Path, share: Share, waiting: &dyn Fn()) -> Result<Self> {
        let doing = || format!("locking {}", path.display());
        if let Some(above) = path.parent() {
            platform::make_private_dirs(above).with_context(doing)?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).with_context(doing)?;
        wait(&file, share, waiting, &doing)?;
        Ok(Self { _file: file })
    }
}

#[derive(Clone, Copy)]
enum Share {
    Shared,
    Exclusive,
}

fn wait(file: &File, share: Share, waiting: &dyn Fn(), doing: &dyn Fn() -> String) -> Result<()> {
    let at_once = match share {
        Share::Shared => file.try_lock_shared(),
        Share::Exclusive => file.try_lock(),
    };
    match at_once {
        Ok(()) => return Ok(()),
        Err(TryLockError::WouldBlock) => waiting(),
        Err(TryLockError::Error(error)) => return Err(error).with_context(doing),
    }
    // The system's own waiting could not be interrupted.
    loop {
        std::thread::sleep(PAUSE);
        let now = match share {
            Share::Shared => file.try_lock_shared(),
            Share::Exclusive => file.try_lock(),
        };
        match now {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => interrupt::check()?,
            Err(TryLockError::Error(error)) => return Err(error).with_context(doing),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_second_run_waits_and_says_so_once() {
        let workspace = tempfile::tempdir().expect("a directory");
        let state = tempfile::tempdir().expect("a directory");
        let first = WorkspaceLock::acquire(workspace.path(), state.path(), &|| panic!("nobody has it")).expect("free");
        let (send, receive) = mpsc::channel();
        let (inside, outside) = (workspace.path().to_owned(), state.path().to_owned());
        let second = std::thread::spawn(move || {
            let calls = Cell::new(0);
            let _lock = WorkspaceLock::acquire(&inside, &outside, &|| {
                calls.set(calls.get() + 1);
                send.send(()).expect("the test listens");
            });
            calls.get()
        });
        receive.recv().expect("the second run waits");
        drop(first);
        assert_eq!(second.join().expect("no panic"), 1);
        #[cfg(unix)]
        assert_eq!(std::fs::read_dir(workspace.path()).expect("readable").count(), 0);
    }

    #[test]
    fn shared_locks_are_shared() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("cache/lock");
        let _one = FileLock::shared(&path, &|| panic!("shared")).expect("free");
        let _two = FileLock::shared(&path, &|| panic!("shared")).expect("shared");
        let file = File::open(&path).expect("it was made");
        assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    }
}
