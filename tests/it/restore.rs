//! `forum remove`, `forum restore`, `fetch --force`: what a command replaces can always be brought back.

use std::fs;
use std::path::PathBuf;

use crate::support::fixtures::{BYTES, KOMMUN, PUPIL, SFTP, ready};
use crate::support::sandbox::{Sandbox, table};
use crate::support::{contents, same_contents, same_files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;

/// A workspace with the pupil system in it, adapted.
fn adapted() -> (Sandbox, crate::support::fixtures::Small, PathBuf) {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let at = ws.join("components").join(PUPIL);
    fs::write(at.join("README.md"), "# ours\n").unwrap();
    fs::write(at.join("notes with \u{e5}.txt"), "more\n").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("README.md", at.join("link")).unwrap();
    (sandbox, small, ws)
}

#[test]
fn remove_takes_all_and_restore_brings_all() {
    let (sandbox, _small, ws) = adapted();
    let before = contents(&ws);
    let run = sandbox.run(&ws, &["remove", "pupil-system", "--json"]).ok();
    let gone = run.components();
    assert_eq!(gone.keys().collect::<Vec<_>>(), [PUPIL, SFTP], "with what only it needed: {run}");
    let kept = PathBuf::from(gone[PUPIL]["kept_as"].as_str().unwrap());
    assert_eq!(fs::read_to_string(kept.join("README.md")).unwrap(), "# ours\n");
    assert!(!ws.join("components").exists() && !ws.join(".forum").exists());
    assert!(table(&ws.join("forum.toml")).get("components").is_none_or(|all| all.as_table().unwrap().is_empty()));
    assert!(table(&ws.join("forum.lock")).get("component").is_none());
    sandbox.fetch(&ws, &["--locked"]).exits(2);
    let run = sandbox.run(&ws, &["restore", "pupil-system", "--json"]).ok();
    assert!(run.components()[PUPIL]["kept_as"].is_null(), "nothing was there: {run}");
    same_contents(&before, &ws);
    let run = sandbox.fetch(&ws, &["--locked"]).ok();
    assert_eq!(run.components()[PUPIL]["action"], "kept", "{run}");
}

#[test]
fn what_is_kept_of_a_workspace_that_was_moved_is_found_by_a_person() {
    let (sandbox, _small, ws) = adapted();
    let before = contents(&ws);
    sandbox.run(&ws, &["remove", "pupil-system"]).ok();
    let moved = sandbox.path("ws/moved");
    fs::rename(&ws, &moved).unwrap();
    let run = sandbox.run(&moved, &["restore", "--json"]).ok();
    let listed = run.json()["kept"].as_array().unwrap().clone();
    let row = listed.iter().find(|row| row["id"] == PUPIL).unwrap_or_else(|| panic!("{run}"));
    assert_eq!(row["workspace"], ws.to_str().unwrap(), "{run}");
    let place = row["kept_as"].as_str().unwrap();
    assert!(run.stderr.contains("--from"), "{run}");
    // Whose copy it is, is for the person to say.
    let error = sandbox.run(&moved, &["restore", PUPIL, "--json"]).fails(1, "not-found");
    assert!(error.contains(&format!("forum restore {PUPIL} --from {place}")) && error.contains(ws.to_str().unwrap()), "{error}");
    sandbox.run(&moved, &["restore", PUPIL, "--from", place]).ok();
    same_contents(&before, &moved);
    // Where a workspace is in its place, what is kept of it is nobody else's.
    let other = sandbox.directory("other");
    fs::create_dir_all(&ws).unwrap();
    let run = sandbox.run(&other, &["restore", "--json"]).ok();
    assert!(run.json()["kept"].as_array().unwrap().is_empty() && !run.stderr.contains("no command"), "{run}");
}

#[test]
fn an_update_that_waits_is_taken_back_where_the_workspace_was_moved() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[&format!("{PUPIL}@=1.1.0"), K[0], K[1]]).ok();
    let wishes = fs::read_to_string(ws.join("forum.toml")).unwrap();
    fs::write(ws.join("forum.toml"), wishes.replace("=1.1.0", "^1.1")).unwrap();
    fs::write(ws.join("components").join(PUPIL).join("README.md"), "# ours\n").unwrap();
    let before = contents(&ws);
    sandbox.run(&ws, &["update", PUPIL]).exits(4);
    let moved = sandbox.path("ws/moved");
    fs::rename(&ws, &moved).unwrap();
    sandbox.run(&moved, &["update", PUPIL, "--abort"]).ok();
    same_contents(&before, &moved);
}

#[test]
fn a_record_that_cannot_be_read_is_named() {
    let (sandbox, _small, ws) = adapted();
    let kept = sandbox.run(&ws, &["remove", "pupil-system", "--json"]).ok().components()[PUPIL]["kept_as"].clone();
    let folder = PathBuf::from(kept.as_str().unwrap()).parent().unwrap().parent().unwrap().to_path_buf();
    let record = folder.join("kept.json");
    fs::write(&record, &fs::read(&record).unwrap()[..20]).unwrap();
    for args in [&["restore"][..], &["restore", PUPIL]] {
        let run = sandbox.run(&ws, args);
        assert!(run.stderr.contains(folder.to_str().unwrap()) && !run.stderr.contains("nothing is kept"), "{run}");
    }
    assert_eq!(fs::read_to_string(folder.join(PUPIL).join("README.md")).unwrap(), "# ours\n");
}

#[cfg(unix)]
#[test]
fn kept_copies_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (sandbox, _small, ws) = adapted();
    let run = sandbox.run(&ws, &["remove", PUPIL, "--json"]).ok();
    let mut place = PathBuf::from(run.components()[PUPIL]["kept_as"].as_str().unwrap());
    let state = sandbox.path("state");
    assert!(place.starts_with(&state), "{run}");
    let mut private = false;
    while place != state {
        private |= fs::metadata(&place).unwrap().permissions().mode().trailing_zeros() >= 6;
        place.pop();
    }
    assert!(private, "no directory above the copy is closed to others");
}

#[test]
fn what_others_need_stays() {
    let (sandbox, _small, ws) = adapted();
    let before = snapshot(&ws);
    let error = sandbox.run(&ws, &["remove", SFTP, "--json"]).fails(1, "no-solution");
    assert!(error.contains(PUPIL), "{error}");
    sandbox.run(&ws, &["remove", BYTES, "--json"]).fails(1, "not-found");
    sandbox.run(&ws, &["remove", PUPIL, "--locked", "--json"]).fails(5, "locked");
    unchanged(&before, &ws);
    assert!(sandbox.run(&ws, &["restore", "--json"]).ok().json()["kept"].as_array().unwrap().is_empty());
}

#[test]
fn a_dependency_that_another_needs_or_that_was_asked_for_stays() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, SFTP, K[0], K[1]]).ok();
    let run = sandbox.run(&ws, &["remove", PUPIL, "--json"]).ok();
    assert_eq!(run.components().keys().collect::<Vec<_>>(), [PUPIL], "{run}");
    assert!(ws.join("components").join(SFTP).is_dir());
    sandbox.fetch(&ws, &["--locked"]).ok();
}

#[test]
fn force_throws_away_and_restore_undoes_and_redoes() {
    let (sandbox, small, ws) = adapted();
    let ours = contents(&ws);
    let at = ws.join("components").join(PUPIL);
    sandbox.fetch(&ws, &["--force"]).fails(2, "usage");
    let run = sandbox.fetch(&ws, &["--force", PUPIL]).ok();
    assert_eq!(run.components()[PUPIL]["action"], "updated", "{run}");
    assert!(run.stderr.contains("forum restore"), "{run}");
    same_files(&at, &small.pupil[2].files);
    let theirs = contents(&ws);
    let run = sandbox.run(&ws, &["restore", PUPIL, "--json"]).ok();
    assert!(run.components()[PUPIL]["kept_as"].is_string(), "{run}");
    same_contents(&ours, &ws);
    sandbox.run(&ws, &["restore", PUPIL]).ok();
    same_contents(&theirs, &ws);
    let listed = sandbox.run(&ws, &["restore", "--json"]).ok().json();
    let kept = listed["kept"].as_array().unwrap();
    let commands: Vec<_> = kept.iter().map(|row| row["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["restore", "restore", "fetch"], "{listed}");
    assert!(kept.iter().all(|row| row["id"] == PUPIL && row["at"].is_string()), "{listed}");
    sandbox.run(&ws, &["restore", PUPIL, "--from", kept[2]["kept_as"].as_str().unwrap()]).ok();
    same_contents(&ours, &ws);
}

#[test]
fn a_moved_clean_component_comes_back_at_its_old_version() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[&format!("{PUPIL}@=1.0.0"), K[0], K[1]]).ok();
    let before = contents(&ws);
    let run = sandbox.fetch(&ws, &[&format!("{PUPIL}@=1.2.0")]).ok();
    assert_eq!(run.components()[PUPIL]["action"], "updated", "{run}");
    sandbox.run(&ws, &["restore", PUPIL]).ok();
    same_contents(&before, &ws);
}

#[test]
fn restore_does_not_replace_what_is_not_forums() {
    let (sandbox, _small, ws) = adapted();
    sandbox.run(&ws, &["remove", PUPIL]).ok();
    let at = ws.join("components").join(PUPIL);
    fs::create_dir_all(&at).unwrap();
    fs::write(at.join("mine.txt"), "mine\n").unwrap();
    let before = snapshot(&ws);
    sandbox.run(&ws, &["restore", PUPIL, "--json"]).fails(1, "occupied");
    unchanged(&before, &ws);
    sandbox.run(&ws, &["restore", "inera/nonsense", "--json"]).fails(1, "not-found");
}

#[cfg(unix)]
#[test]
fn what_cannot_be_kept_is_not_removed() {
    let (sandbox, _small, ws) = adapted();
    let pipe = ws.join("components").join(PUPIL).join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = sandbox.run(&ws, &["remove", PUPIL, "--json"]).fails(1, "occupied");
    assert!(error.contains("pipe") && error.contains(PUPIL), "{error}");
    assert!(ws.join("components").join(PUPIL).join("README.md").is_file());
    assert!(!ws.join(".forum").exists());
}
