//! What a directory handle refuses: more than is allowed, links, and ways upwards.

use super::*;

#[test]
fn no_more_is_read_or_listed_than_is_allowed() {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(place.path().join("a/b/c")).expect("made");
    std::fs::write(place.path().join("a/file"), [0; 100]).expect("written");
    let dir = Dir::open(place.path()).expect("opened");
    let code = |error: anyhow::Error| crate::error::Failure::of(&error).code;
    let file: RelPath = "a/file".parse().expect("a path");
    assert_eq!(dir.read(&file, 100).expect("as much as is allowed").map(|bytes| bytes.len()), Some(100));
    assert_eq!(code(dir.read(&file, 99).expect_err("more")), Code::UnsafeContent);
    assert_eq!(dir.list(Limits { entries: 4, depth: 3 }).expect("as much as is allowed").len(), 4);
    for limits in [Limits { entries: 3, depth: 3 }, Limits { entries: 4, depth: 2 }] {
        assert_eq!(code(dir.list(limits).expect_err("more")), Code::UnsafeContent);
    }
}

#[cfg(unix)]
#[test]
fn no_link_is_followed_not_even_within_the_directory() {
    use std::os::unix::fs::symlink;
    let place = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(place.path().join("real")).expect("made");
    std::fs::write(place.path().join("real/file"), "text").expect("written");
    symlink("real", place.path().join("directory")).expect("linked");
    symlink("real/file", place.path().join("file")).expect("linked");
    let dir = Dir::open(place.path()).expect("opened");
    let code = |error: anyhow::Error| crate::error::Failure::of(&error).code;
    for path in ["directory/file", "file"] {
        assert_eq!(code(dir.read(&path.parse().expect("a path"), 100).expect_err(path)), Code::Occupied, "{path}");
    }
    assert_eq!(code(dir.create_below(&"directory/new".parse().expect("a path")).expect_err("a link")), Code::Occupied);
    dir.write_new(Path::new("file"), b"new", FileMode::Regular, Readers::Everyone).expect_err("a link is there");
    dir.sync_file(Path::new("file")).expect_err("a link");
    dir.set_mode(Path::new("file"), 0o600).expect_err("a link");
    assert_eq!(std::fs::read(place.path().join("real/file")).expect("there"), b"text");
}

#[test]
fn a_path_that_leads_upwards_has_no_parts() {
    for path in ["..", "a/../b", "/a", "a/../../b"] {
        assert!(parts(Path::new(path)).is_err(), "{path}");
    }
    assert_eq!(parts(Path::new("a/b")).expect("it stays below"), ["a", "b"]);
}
