//! Single files outside of workspaces (settings, state, cache): replaced as a whole, and only if changed.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::dir::{Dir, Readers};
use super::faults;
use super::platform;

/// Writes `bytes` beside `path`, brings them to the disk and renames them over it. Says whether anything changed.
///
/// Directories above are made. A link at `path` is the user's own (settings kept elsewhere): its destination is replaced.
///
/// # Errors
/// When the file system refuses; the file is as it was.
pub fn write_atomic(path: &Path, bytes: &[u8], readers: Readers) -> Result<bool> {
    let doing = || format!("writing {}", path.display());
    let path = destination(path).with_context(doing)?;
    match fs::read(&path) {
        Ok(existing) if existing == bytes => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(doing),
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match readers {
        Readers::Owner => platform::make_private_dirs(above),
        Readers::Everyone => fs::create_dir_all(above),
    }
    .with_context(doing)?;
    let draft = draft_name(&path);
    let replaced = replace(&path, &draft, bytes, readers);
    if replaced.is_err() {
        let _ = fs::remove_file(&draft);
    }
    replaced.with_context(doing)?;
    Dir::open(above)?.sync()?;
    Ok(true)
}

fn destination(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => path.canonicalize(),
        _ => Ok(path.to_owned()),
    }
}

/// A name that no other run uses.
fn draft_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.{:016x}.new", std::process::id(), super::random()));
    path.with_file_name(name)
}

fn replace(path: &Path, draft: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    faults::step()?;
    let mut file = platform::new_ambient_file(draft, readers)?;
    if let (Ok(existing), Readers::Everyone) = (fs::metadata(path), readers) {
        file.set_permissions(existing.permissions())?;
    }
    faults::step()?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    faults::step()?;
    fs::rename(draft, path)
}

#[cfg(test)]
mod tests {
    use super::super::faults::injected::{Fault, arm, disarm};
    use super::*;

    #[test]
    fn a_file_is_replaced_only_if_changed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a/b.toml");
        assert!(write_atomic(&path, b"1", Readers::Owner).expect("written"));
        assert!(!write_atomic(&path, b"1", Readers::Owner).expect("read"));
        assert!(write_atomic(&path, b"2", Readers::Owner).expect("written"));
        assert_eq!(fs::read(&path).expect("there"), b"2");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_failure_leaves_the_file_and_no_draft() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("b.toml");
        fs::write(&path, "old").expect("written");
        for at in 0.. {
            arm(Fault::Once, at);
            let result = write_atomic(&path, b"new", Readers::Everyone);
            if !disarm() {
                break;
            }
            assert!(result.is_err());
            let names = fs::read_dir(dir.path()).expect("readable").count();
            assert_eq!(names, 1);
            let now = fs::read(&path).expect("there");
            assert!(now == b"old" || now == b"new");
            fs::write(&path, "old").expect("written");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_destination_of_a_link_is_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("real"), "old").expect("written");
        std::os::unix::fs::symlink("real", dir.path().join("link")).expect("linked");
        write_atomic(&dir.path().join("link"), b"new", Readers::Everyone).expect("written");
        assert_eq!(fs::read(dir.path().join("real")).expect("there"), b"new");
        assert!(fs::symlink_metadata(dir.path().join("link")).expect("there").is_symlink());
    }
}
