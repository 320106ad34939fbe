//! What unix and Windows do differently, in one place.

pub(super) use system::{
    change_mode, exchange, inode, is_executable, lockable_workspace, make_dir, make_private_dirs, mode_of, new_ambient_file, new_file,
    read_options, same_file_system, symlink, sync_dir, sync_file_system,
};

/// Who may read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// As the user's umask has it.
    Everyone,
    /// Only the user: files 0600, directories 0700. On Windows the profile directory's own protection does this.
    Owner,
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::DirBuilderExt as _;
    use std::path::Path;

    use cap_fs_ext::OpenOptionsSyncExt as _;
    use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, File, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
    use cap_std::fs::{Permissions, PermissionsExt as _};
    use rustix::fs::{Mode, OFlags};

    use super::Readers;
    use crate::model::digest::FileMode;

    /// The number by which one entry is told from another.
    #[expect(clippy::unnecessary_wraps, reason = "Windows has none")]
    pub(in super::super) fn inode(metadata: &Metadata) -> Option<u64> {
        Some(metadata.ino())
    }

    pub(in super::super) fn same_file_system(one: &Metadata, other: &Metadata) -> bool {
        one.dev() == other.dev()
    }

    pub(in super::super) fn is_executable(metadata: &Metadata) -> bool {
        metadata.mode() & 0o100 != 0
    }

    /// The permission bits.
    #[expect(clippy::unnecessary_wraps, reason = "Windows has none")]
    pub(in super::super) fn mode_of(metadata: &Metadata) -> Option<u32> {
        Some(metadata.mode() & 0o777)
    }

    pub(in super::super) fn change_mode(file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Options that make a new file and refuse an existing one.
    pub(in super::super) fn new_file(mode: FileMode, readers: Readers) -> OpenOptions {
        let bits = match (readers, mode) {
            (Readers::Owner, _) => 0o600,
            (Readers::Everyone, FileMode::Regular) => 0o644,
            (Readers::Everyone, FileMode::Executable) => 0o755,
        };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(bits);
        options
    }

    /// Makes a new file outside of workspaces.
    pub(in super::super) fn new_ambient_file(path: &Path, readers: Readers) -> io::Result<std::fs::File> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let bits = if readers == Readers::Owner { 0o600 } else { 0o644 };
        std::fs::OpenOptions::new().write(true).create_new(true).mode(bits).open(path)
    }

    /// Options for reading. A named pipe that took the place of the file since it was looked at does not block.
    pub(in super::super) fn read_options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).nonblock(true);
        options
    }

    pub(in super::super) fn make_dir(dir: &Dir, name: &Path, readers: Readers) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        if readers == Readers::Owner {
            builder.mode(0o700);
        }
        dir.create_dir_with(name, &builder)
    }

    /// Makes a directory and those above it, readable by the user alone.
    pub(in super::super) fn make_private_dirs(path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// Makes a symbolic link with exactly this text, wherever it points.
    pub(in super::super) fn symlink(dir: &Dir, name: &Path, text: &Path) -> io::Result<()> {
        dir.symlink_contents(text, name)
    }

    /// A handle from cap-std may be one that only names the directory, so it is opened anew for the sync.
    pub(in super::super) fn sync_dir(dir: &Dir) -> io::Result<()> {
        let readable = rustix::fs::openat(dir.as_fd(), ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        match rustix::fs::fsync(&readable) {
            // Some network and user-space file systems cannot sync directories.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOTSUP) => Ok(()),
            result => Ok(result?),
        }
    }

    /// Brings everything of the file system to the disk at once. `Ok(false)` where that cannot be asked for.
    #[cfg(target_os = "linux")]
    pub(in super::super) fn sync_file_system(dir: &Dir) -> io::Result<bool> {
        let readable = rustix::fs::openat(dir.as_fd(), ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::fs::syncfs(&readable)?;
        Ok(true)
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, reason = "Linux can fail")]
    pub(in super::super) fn sync_file_system(_: &Dir) -> io::Result<bool> {
        Ok(false)
    }

    /// Exchanges two entries in one step. `Ok(false)` where the system or the file system cannot.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    pub(in super::super) fn exchange(from: &Dir, name: &Path, to: &Dir, to_name: &Path) -> io::Result<bool> {
        use rustix::io::Errno;
        match rustix::fs::renameat_with(from.as_fd(), name, to.as_fd(), to_name, rustix::fs::RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
    #[expect(clippy::unnecessary_wraps, reason = "other systems can fail")]
    pub(in super::super) fn exchange(_: &Dir, _: &Path, _: &Dir, _: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// What is locked for a workspace: its directory itself, so nothing is made in it.
    pub(in super::super) fn lockable_workspace(workspace: &Path, _: &Path) -> io::Result<std::fs::File> {
        std::fs::File::open(workspace)
    }
}

#[cfg(windows)]
mod system {
    use std::io;
    use std::path::Path;

    use cap_std::fs::{Dir, File, Metadata, OpenOptions};

    use super::Readers;
    use crate::model::digest::{Checksum, FileMode};

    /// Entries cannot be told apart by a number; they are never exchanged either, so nobody needs to.
    pub(in super::super) const fn inode(_: &Metadata) -> Option<u64> {
        None
    }

    /// Volumes are mounted as junctions, which are links and refused.
    pub(in super::super) const fn same_file_system(_: &Metadata, _: &Metadata) -> bool {
        true
    }

    pub(in super::super) const fn is_executable(_: &Metadata) -> bool {
        false
    }

    pub(in super::super) const fn mode_of(_: &Metadata) -> Option<u32> {
        None
    }

    pub(in super::super) const fn change_mode(_: &File, _: u32) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) fn new_file(_: FileMode, _: Readers) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        options
    }

    pub(in super::super) fn new_ambient_file(path: &Path, _: Readers) -> io::Result<std::fs::File> {
        std::fs::OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(in super::super) fn read_options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true);
        options
    }

    pub(in super::super) fn make_dir(dir: &Dir, name: &Path, _: Readers) -> io::Result<()> {
        dir.create_dir(name)
    }

    pub(in super::super) fn make_private_dirs(path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    pub(in super::super) fn symlink(dir: &Dir, name: &Path, text: &Path) -> io::Result<()> {
        dir.symlink_file(text, name)
    }

    /// Windows has no sync of directories; NTFS journals names itself.
    pub(in super::super) const fn sync_dir(_: &Dir) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) const fn sync_file_system(_: &Dir) -> io::Result<bool> {
        Ok(false)
    }

    pub(in super::super) const fn exchange(_: &Dir, _: &Path, _: &Dir, _: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// A directory cannot be locked, so a file in the state directory stands for the workspace.
    pub(in super::super) fn lockable_workspace(workspace: &Path, state: &Path) -> io::Result<std::fs::File> {
        let key = Checksum::of(workspace.canonicalize()?.as_os_str().as_encoded_bytes()).hex();
        let locks = state.join("locks");
        std::fs::create_dir_all(&locks)?;
        std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(locks.join(key))
    }
}
