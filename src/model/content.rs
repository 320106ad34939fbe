//! The files of a component in memory, before they are published or after they were verified.

use super::digest::{Checksum, FileMode, checksum_of_files};
use super::path::{RelPath, collision_key};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentFile {
    /// Where it lies in the component.
    pub path: RelPath,
    /// Its mode.
    pub mode: FileMode,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The deepest path in parts.
pub const MAX_DEPTH: usize = 32;

/// Whether a path is state of a tool, at any depth: it would take over the workspace or repository of whoever fetches it.
#[must_use]
pub fn is_tool_state(path: &RelPath) -> bool {
    path.parts().any(|part| matches!(collision_key(part).as_str(), "forum.toml" | "forum.lock" | ".forum" | ".gitmodules"))
}

/// The `HEAD` files that make their directories Git repositories, whose configuration git would run.
pub fn repository_heads<'a>(paths: impl Iterator<Item = &'a RelPath> + Clone) -> impl Iterator<Item = &'a RelPath> {
    let keys: Vec<_> = paths.clone().map(|path| collision_key(path.as_str())).collect();
    paths.filter(|path| path.file_name().eq_ignore_ascii_case("head")).filter(move |head| {
        let above = head.parent().map_or(String::new(), |path| format!("{path}/"));
        let has = |name: &str| {
            let start = collision_key(&format!("{above}{name}"));
            keys.iter().any(|key| key.strip_prefix(&start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        };
        has("objects") && has("refs")
    })
}

/// The bytes of the file at `path`.
#[must_use]
pub fn bytes_of<'a>(files: &'a [ContentFile], path: &str) -> Option<&'a [u8]> {
    files.iter().find(|file| file.path.as_str() == path).map(|file| file.bytes.as_slice())
}

/// Whether a file is what Git LFS leaves in the place of a large one.
///
/// Source: <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>: the version line comes first, and a pointer has
/// less than 1024 bytes.
#[must_use]
pub fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.len() < 1024 && bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}

/// The checksum of section 3 of the contract.
#[must_use]
pub fn checksum(files: &[ContentFile]) -> Checksum {
    checksum_of_files(files.iter().map(|file| (&file.path, file.mode, Checksum::of(&file.bytes))))
}
