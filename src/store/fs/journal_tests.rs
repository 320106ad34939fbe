//! A change fails, or the process dies, at each of its steps in turn: the workspace is then old or new, never between.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::super::faults::injected::{Fault, arm, disarm, elsewhere, meddle, without_exchange};
use super::*;

type Contents = BTreeMap<String, Vec<u8>>;

fn contents(top: &Path) -> Contents {
    let mut found = Contents::new();
    let mut open = vec![top.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("readable") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(top).expect("below").to_string_lossy().into_owned();
            if path.is_dir() {
                found.insert(format!("{name}/"), Vec::new());
                open.push(path);
            } else {
                found.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

fn path(text: &str) -> RelPath {
    text.parse().expect("a path")
}

fn old_workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, bytes) in
        [("forum.toml", "old"), ("components/aa/one/f", "old one"), ("components/aa/two/f", "old two"), ("mine.txt", "mine")]
    {
        let file = dir.path().join(name);
        fs::create_dir_all(file.parent().expect("a parent")).expect("made");
        fs::write(file, bytes).expect("written");
    }
    dir
}

/// Adds a component below a new owner, replaces one, removes one, replaces a file and adds another.
fn change(workspace: &Path) -> Result<()> {
    let mut change = Transaction::begin(workspace)?;
    for (target, text) in [("components/bb/new", "new"), ("components/aa/one", "new one")] {
        let mut tree = change.stage_tree(&path(target))?;
        tree.write(&path("f"), FileMode::Regular, text.as_bytes())?;
        tree.write(&path("deep/er/run.sh"), FileMode::Executable, b"#!/bin/sh\n")?;
        tree.finish()?;
    }
    change.expect(&path("components/bb/new"), Expectation::Absent)?;
    change.remove_tree(&path("components/aa/two"))?;
    change.stage_file(&path("forum.toml"), b"new")?;
    change.stage_file(&path("forum.lock"), b"lock")?;
    change.commit()
}

fn new_contents() -> Contents {
    let dir = old_workspace();
    change(dir.path()).expect("changed");
    contents(dir.path())
}

/// Each component directory and each file is one of the two.
fn assert_old_or_new(now: &Contents, old: &Contents, new: &Contents, at: u32) {
    for place in ["components/bb/new/", "components/aa/one/", "components/aa/two/", "forum.toml", "forum.lock", "mine.txt"] {
        let of = |all: &Contents| {
            all.iter().filter(|(name, _)| name.starts_with(place)).map(|(n, b)| (n.clone(), b.clone())).collect::<Vec<_>>()
        };
        let (is, was, will) = (of(now), of(old), of(new));
        assert!(is == was || is == will, "step {at}: {place} is between: {is:?}");
    }
}

fn kill_at_each_step() -> u32 {
    let new = new_contents();
    for at in 0.. {
        let dir = old_workspace();
        let old = contents(dir.path());
        arm(Fault::Kill, at);
        let result = change(dir.path());
        if !disarm() {
            result.expect("no fault");
            return at;
        }
        let now = contents(dir.path());
        if super::super::faults::exchange_is_missing() {
            assert_eq!(now["mine.txt"], old["mine.txt"]);
        } else {
            assert_old_or_new(&now, &old, &new, at);
        }
        recover(dir.path()).unwrap_or_else(|e| panic!("step {at}: {e:#}"));
        let after = contents(dir.path());
        assert!(after == old || after == new, "step {at}: recovered to neither: {after:?}");
        change_again_or_done(dir.path(), &after, &new, at);
    }
    unreachable!("the loop ends where no fault is met")
}

fn change_again_or_done(workspace: &Path, after: &Contents, new: &Contents, at: u32) {
    if after != new {
        change(workspace).unwrap_or_else(|e| panic!("step {at}: the same change again: {e:#}"));
        assert_eq!(contents(workspace), *new, "step {at}");
    }
}

#[test]
fn a_kill_at_each_step_is_finished_or_undone_by_the_next_run() {
    assert!(kill_at_each_step() >= 60, "a change must have at least 60 steps for this test to mean something");
}

/// After a kill somebody writes into each of these files, as far as it is there: no edit is lost.
#[test]
fn what_a_person_writes_after_a_kill_is_not_lost() {
    let edits = ["components/aa/one/f", "components/aa/two/f", "components/aa/one/notes.txt", "forum.toml", "forum.lock"];
    let (mut taken_back, mut finished) = (0, 0);
    for edit in edits {
        for at in 0.. {
            let dir = old_workspace();
            arm(Fault::Kill, at);
            let result = change(dir.path());
            if !disarm() {
                result.expect("no fault");
                break;
            }
            let file = dir.path().join(edit);
            if !file.parent().expect("above").is_dir() {
                continue;
            }
            fs::write(&file, "mine").expect("written");
            match recover(dir.path()).unwrap_or_else(|e| panic!("step {at}: {e:#}")) {
                Recovered::TakenBack(_) => taken_back += 1,
                Recovered::Finished => finished += 1,
                Recovered::Nothing | Recovered::Discarded => {}
            }
            let after = contents(dir.path());
            assert_eq!(after.get(edit).map(Vec::as_slice), Some(&b"mine"[..]), "step {at}: {edit} is lost");
            assert!(!after.keys().any(|name| name.starts_with(".forum")), "step {at}: {after:?}");
        }
    }
    assert!(taken_back > 5 && finished > 5, "{taken_back} {finished}");
}

#[test]
fn two_edits_of_which_one_would_be_lost_are_for_a_person() {
    for at in 0.. {
        let dir = old_workspace();
        arm(Fault::Kill, at);
        let result = change(dir.path());
        if !disarm() {
            result.expect("no fault");
            panic!("no step lies between the two");
        }
        let (one, wishes) = (dir.path().join("components/aa/one/f"), dir.path().join("forum.toml"));
        let between = fs::read(&one).expect("there") == b"new one" && fs::read(&wishes).expect("there") == b"old";
        if !between {
            continue;
        }
        fs::write(&one, "mine").expect("written");
        fs::write(&wishes, "mine").expect("written");
        let now = contents(dir.path());
        let error = recover(dir.path()).expect_err("neither way");
        assert_eq!(crate::error::Failure::of(&error).code, Code::Occupied, "{error:#}");
        assert_eq!(contents(dir.path()), now);
        fs::write(&wishes, "old").expect("written");
        assert_eq!(recover(dir.path()).expect("finished"), Recovered::Finished);
        assert_eq!(fs::read(&one).expect("there"), b"mine");
        return;
    }
}

#[test]
fn so_also_where_directories_cannot_be_exchanged() {
    without_exchange(true);
    kill_at_each_step();
    without_exchange(false);
}

#[test]
fn so_also_where_targets_lie_on_another_file_system() {
    elsewhere(Some("aa"));
    kill_at_each_step();
    elsewhere(None);
}

#[test]
fn a_failure_at_each_step_leaves_the_workspace_as_it_was() {
    let new = new_contents();
    for at in 0.. {
        let dir = old_workspace();
        let old = contents(dir.path());
        arm(Fault::Once, at);
        let result = change(dir.path());
        if !disarm() {
            result.expect("no fault");
            return;
        }
        let after = contents(dir.path());
        if result.is_err() {
            assert_eq!(after, old, "step {at}");
        } else {
            // The change was made; only its traces could not be removed, which the next run does.
            recover(dir.path()).expect("recovered");
            assert_eq!(contents(dir.path()), new, "step {at}");
        }
    }
}

#[test]
fn what_lies_in_the_way_is_refused_and_left_alone() {
    let dir = old_workspace();
    fs::create_dir_all(dir.path().join("components/bb/new")).expect("made");
    fs::write(dir.path().join("components/bb/new/mine"), "mine").expect("written");
    let old = contents(dir.path());
    let error = change(dir.path()).expect_err("occupied");
    assert_eq!(crate::error::Failure::of(&error).code, Code::Occupied);
    assert_eq!(contents(dir.path()), old);
}

#[test]
fn what_was_put_there_meanwhile_is_left_alone() {
    let dir = old_workspace();
    let mut change = Transaction::begin(dir.path()).expect("begun");
    change.expect(&path("components/bb/new"), Expectation::Absent).expect("free");
    let mut tree = change.stage_tree(&path("components/bb/new")).expect("staged");
    tree.write(&path("f"), FileMode::Regular, b"theirs").expect("written");
    tree.finish().expect("staged");
    fs::create_dir_all(dir.path().join("components/bb/new")).expect("made");
    fs::write(dir.path().join("components/bb/new/f"), "mine").expect("written");
    let error = change.commit().expect_err("occupied");
    assert_eq!(crate::error::Failure::of(&error).code, Code::Occupied);
    assert_eq!(contents(dir.path())["components/bb/new/f"], b"mine");
}

#[test]
fn what_a_person_writes_meanwhile_is_not_lost() {
    let dir = old_workspace();
    let place = dir.path().join("components/aa/one");
    let read = Snapshot::of(&Dir::open(&place).expect("opened")).expect("read");
    let mut change = Transaction::begin(dir.path()).expect("begun");
    let mut tree = change.stage_tree(&path("components/aa/one")).expect("staged");
    tree.write(&path("f"), FileMode::Regular, b"new one").expect("written");
    tree.finish().expect("staged");
    change.watch(&path("components/aa/one"), read);
    fs::write(place.join("more"), "mine").expect("written");
    let old = contents(&place);
    let error = change.commit().expect_err("somebody is at work there");
    assert_eq!(crate::error::Failure::of(&error).code, Code::Occupied);
    assert_eq!(contents(&place), old);
    assert!(!dir.path().join(".forum").exists());
}

/// Saves begin at each step of the change once, and go on through the taking back.
#[test]
fn what_a_person_goes_on_writing_is_not_lost() {
    for exchange in [true, false] {
        for begin in (0..60).step_by(3) {
            let dir = old_workspace();
            let (root, place) = (dir.path().to_path_buf(), dir.path().join("components/aa/one"));
            let read = Snapshot::of(&Dir::open(&place).expect("opened")).expect("read");
            let mut change = Transaction::begin(dir.path()).expect("begun");
            let mut tree = change.stage_tree(&path("components/aa/one")).expect("staged");
            tree.write(&path("f"), FileMode::Regular, b"new one").expect("written");
            tree.finish().expect("staged");
            change.watch(&path("components/aa/one"), read);
            without_exchange(!exchange);
            let count = std::rc::Rc::new(std::cell::Cell::new(0));
            let saved = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
            let (steps, names) = (std::rc::Rc::clone(&count), std::rc::Rc::clone(&saved));
            meddle(Some(Box::new(move || {
                let now = steps.replace(steps.get() + 1);
                let name = format!("save-{now}");
                if now >= begin && fs::write(place.join(&name), "mine").is_ok() {
                    names.borrow_mut().push(name);
                }
            })));
            let done = change.commit();
            meddle(None);
            without_exchange(false);
            let all = contents(&root);
            let lost: Vec<_> = saved.borrow().iter().filter(|name| !all.keys().any(|path| path.ends_with(*name))).cloned().collect();
            assert!(lost.is_empty(), "{lost:?} of {saved:?} lost, exchange {exchange}, from step {begin}: {done:?}: {:?}", all.keys());
            if count.get() < begin {
                break;
            }
        }
    }
}

#[test]
fn what_is_of_another_kind_is_never_replaced() {
    for meanwhile in [false, true] {
        let dir = old_workspace();
        let place = dir.path().join("components/aa/one");
        let put_a_file = || {
            fs::remove_dir_all(&place).expect("removed");
            fs::write(&place, "mine").expect("written");
        };
        let replace = || {
            let mut change = Transaction::begin(dir.path())?;
            let mut tree = change.stage_tree(&path("components/aa/one"))?;
            tree.write(&path("f"), FileMode::Regular, b"new one")?;
            tree.finish()?;
            if meanwhile {
                put_a_file();
            }
            change.commit()
        };
        if !meanwhile {
            put_a_file();
        }
        let error = replace().expect_err("a file is there");
        assert_eq!(crate::error::Failure::of(&error).code, Code::Occupied, "{error:#}");
        assert_eq!(fs::read(&place).expect("a file"), b"mine");
        assert!(!dir.path().join(".forum").exists());
    }
}

#[test]
fn of_two_targets_one_in_the_other_none_changes() {
    let dir = old_workspace();
    let old = contents(dir.path());
    let mut change = Transaction::begin(dir.path()).expect("begun");
    for target in ["components/cc", "components/CC/inner"] {
        let mut tree = change.stage_tree(&path(target)).expect("staged");
        tree.write(&path("f"), FileMode::Regular, b"new").expect("written");
        tree.finish().expect("staged");
    }
    let error = change.commit().expect_err("one would lie in the other");
    assert_eq!(crate::error::Failure::of(&error).code, Code::Occupied);
    assert_eq!(contents(dir.path()), old);
}

#[cfg(unix)]
#[test]
fn links_on_the_way_and_a_hostile_forum_directory_are_refused() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().expect("a directory");
    for link in ["components/bb", ".forum"] {
        let dir = old_workspace();
        symlink(outside.path(), dir.path().join(link)).expect("linked");
        change(dir.path()).expect_err(link);
        assert_eq!(fs::read_dir(outside.path()).expect("readable").count(), 0, "{link}");
    }
    let dir = old_workspace();
    fs::create_dir(dir.path().join(".forum")).expect("made");
    let journal = r#"{"format":1,"operations":[{"kind":"put-tree","target":"../../out","slot":"0"}],"areas":[]}"#;
    fs::write(dir.path().join(".forum/journal.json"), journal).expect("written");
    recover(dir.path()).expect_err("a target outside");
    assert_eq!(fs::read_dir(outside.path()).expect("readable").count(), 0);
}

#[test]
fn what_a_person_wrote_into_a_file_meanwhile_is_not_replaced() {
    let dir = old_workspace();
    let (root, target) = (dir.path(), path("forum.toml"));
    for (read, now) in [(Some("read"), Some("read and edited")), (Some("read"), None), (None, Some("made meanwhile"))] {
        let _ = fs::remove_file(root.join("forum.toml"));
        if let Some(text) = read {
            fs::write(root.join("forum.toml"), text).expect("written");
        }
        let mut change = Transaction::begin(root).expect("a change");
        change.stage_file(&target, b"by forum").expect("staged");
        change.watch_file(&target, read.map(|text| text.as_bytes().to_vec()));
        let _ = fs::remove_file(root.join("forum.toml"));
        if let Some(text) = now {
            fs::write(root.join("forum.toml"), text).expect("written");
        }
        let error = change.commit().expect_err("refused");
        assert!(error.to_string().contains("forum.toml was changed while"), "{error:#}");
        assert_eq!(fs::read_to_string(root.join("forum.toml")).ok().as_deref(), now);
    }
}
