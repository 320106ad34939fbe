//! `forum update`: improvements reach an adapted copy, and nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::fixtures::{KOMMUN, empty};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{Outcome, Sandbox, table, text};
use crate::support::{contents, files, same_contents, set_mode, snapshot, unchanged};

pub(crate) const ID: &str = "goteborg/pupil-system";

/// A registry, and a workspace that holds the first version of a component.
pub(crate) struct Copy {
    pub(crate) sandbox: Sandbox,
    pub(crate) registry: Registry,
    pub(crate) ws: PathBuf,
    pub(crate) at: PathBuf,
}

pub(crate) fn version(number: &str, list: &[(&str, &str)]) -> Version {
    Version::new(ID, number, files(list))
}

impl Copy {
    /// Publishes the versions, and fetches the first.
    pub(crate) fn of(versions: Vec<Version>) -> Self {
        Self::with_answers(versions, &[])
    }

    /// The same, with answers given to the first.
    pub(crate) fn with_answers(versions: Vec<Version>, answers: &[&str]) -> Self {
        let (sandbox, mut registry) = empty();
        let first = versions[0].version.clone();
        registry.batch(|registry| versions.into_iter().for_each(|one| drop(registry.publish_version(one))));
        let ws = sandbox.workspace("first", &registry.url());
        let at = ws.join("components").join(ID);
        let copy = Self { sandbox, registry, ws, at };
        let wish = format!("{ID}@={first}");
        let set = answers.iter().flat_map(|answer| ["--set", answer]);
        copy.run(&["fetch", &wish, KOMMUN[0], KOMMUN[1]].into_iter().chain(set).collect::<Vec<_>>()).ok();
        let wish = text(&copy.ws.join("forum.toml")).replace(&format!("={first}"), ">=0.1");
        fs::write(copy.ws.join("forum.toml"), wish).unwrap();
        copy
    }

    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.sandbox.run(&self.ws, args)
    }

    pub(crate) fn update(&self, args: &[&str]) -> Outcome {
        let mut all = vec!["update"];
        all.extend_from_slice(args);
        all.push("--json");
        self.run(&all)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at.join(path).parent().unwrap()).unwrap();
        fs::write(self.at.join(path), text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        text(&self.at.join(path))
    }

    pub(crate) fn locked(&self) -> String {
        table(&self.ws.join("forum.lock"))["component"][0]["version"].as_str().unwrap().to_owned()
    }

    pub(crate) fn beside(&self, word: &str) -> Vec<String> {
        contents(&self.at).into_keys().filter(|path| path.contains(word)).collect()
    }
}

/// The outcome of a file, and why a person must choose.
#[track_caller]
pub(crate) fn outcome(run: &Outcome, path: &str) -> (String, Value) {
    let components = run.json()["components"].clone();
    let all: Vec<Value> = components.as_array().unwrap().iter().flat_map(|one| one["files"].as_array().unwrap().clone()).collect();
    let row = all.iter().find(|row| row["path"] == path).unwrap_or_else(|| panic!("{path} is not among {all:?}"));
    (row["outcome"].as_str().unwrap().to_owned(), row["conflict"].clone())
}

pub(crate) const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

pub(crate) fn ten(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(TEN.to_owned(), |text, (from, to)| text.replacen(&format!("{from}\n"), &format!("{to}\n"), 1))
}

#[test]
fn an_untouched_copy_becomes_the_newer_version_byte_for_byte() {
    let copy = Copy::of(vec![
        version("1.0.0", &[("a.txt", TEN), ("old.txt", "old\n")]),
        version("1.1.0", &[("a.txt", &ten(&[("3", "three")])), ("new/b.txt", "new\n")]),
    ]);
    let newer = fetched_elsewhere(&copy, "1.1.0");
    let run = copy.update(&[]).ok();
    assert_eq!(run.json()["components"][0]["from"], "1.0.0", "{run}");
    assert_eq!(run.json()["components"][0]["to"], "1.1.0", "{run}");
    for (path, want) in [("a.txt", "upstream"), ("new/b.txt", "added"), ("old.txt", "removed")] {
        assert_eq!(outcome(&run, path), (want.to_owned(), Value::Null));
    }
    same_contents(&contents(&newer), &copy.at);
    assert_eq!(copy.locked(), "1.1.0");
    assert_eq!(copy.run(&["status", "--json"]).components()[ID]["state"], "clean");
    let before = snapshot(&copy.ws);
    let run = copy.update(&[]).ok();
    assert_eq!(run.json()["components"].as_array().unwrap().len(), 0, "{run}");
    unchanged(&before, &copy.ws);
}

/// The component's directory as a fetch of that version gives it.
fn fetched_elsewhere(copy: &Copy, number: &str) -> PathBuf {
    let ws = copy.sandbox.workspace("elsewhere", &copy.registry.url());
    copy.sandbox.fetch(&ws, &[&format!("{ID}@={number}"), KOMMUN[0], KOMMUN[1]]).ok();
    ws.join("components").join(ID)
}

#[test]
fn edits_here_and_upstream_come_together() {
    let copy = Copy::of(vec![
        version("1.0.0", &[("a.txt", TEN), ("b.txt", TEN)]),
        version("1.1.0", &[("a.txt", &ten(&[("9", "nine")])), ("b.txt", TEN)]),
    ]);
    copy.write("a.txt", &ten(&[("1", "one")]));
    copy.write("b.txt", &ten(&[("2", "two")]));
    copy.write("mine/notes.txt", "mine\n");
    copy.write(".gitignore", "cache/\n");
    copy.write("cache/x", "x\n");
    let before = snapshot(&copy.ws);
    let run = copy.update(&["--dry-run"]).ok();
    assert_eq!(outcome(&run, "a.txt").0, "merged");
    unchanged(&before, &copy.ws);
    let run = copy.update(&[]).ok();
    assert_eq!(outcome(&run, "b.txt").0, "kept");
    assert_eq!(outcome(&run, "mine/notes.txt").0, "kept");
    assert_eq!(copy.read("a.txt"), ten(&[("1", "one"), ("9", "nine")]));
    assert_eq!((copy.read("mine/notes.txt"), copy.read("cache/x")), ("mine\n".to_owned(), "x\n".to_owned()));
    assert!(!copy.ws.join(".forum").exists());
    let status = copy.run(&["status", "--json"]).components();
    assert_eq!(status[ID]["state"], "adapted");
    let changed: Vec<_> = status[ID]["changed"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect();
    assert_eq!(changed, [".gitignore", "a.txt", "b.txt", "cache/x", "mine/notes.txt"]);
    // What nobody changed is not even written again.
    let after = snapshot(&copy.at);
    let old = |path: &str| before.get(&format!("components/{ID}/{path}"));
    assert!(after.get("mine/notes.txt") == old("mine/notes.txt") && after.get("b.txt") == old("b.txt"));
    copy.run(&["restore", ID]).ok();
    let now = contents(&copy.ws);
    let before: std::collections::BTreeMap<_, _> = before.into_iter().map(|(path, entry)| (path, without_time(entry))).collect();
    assert!(now == before, "restore brings all back");
}

fn without_time(entry: crate::support::Entry) -> crate::support::Entry {
    match entry {
        crate::support::Entry::File { mode, bytes, .. } => crate::support::Entry::File { mode, bytes, modified: None },
        other => other,
    }
}

fn conflicting() -> Copy {
    let copy = Copy::of(vec![
        version("1.0.0", &[("a.txt", TEN), ("b.txt", TEN)]),
        version("1.1.0", &[("a.txt", &ten(&[("5", "five")])), ("b.txt", "b\n")]),
    ]);
    copy.write("a.txt", &ten(&[("5", "fem"), ("1", "one")]));
    copy
}

#[test]
fn a_conflict_waits_until_it_is_settled() {
    let copy = conflicting();
    let run = copy.update(&[]).exits(4);
    assert_eq!(outcome(&run, "a.txt"), ("conflict".to_owned(), "both-modified".into()));
    assert_eq!((&run.json()["conflicts"], &run.json()["ok"]), (&Value::from(1), &Value::from(true)));
    for part in ["a.txt", "--continue", "--abort"] {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
    let marked = "one\n2\n3\n4\n<<<<<<< yours\nfem\n||||||| goteborg/pupil-system 1.0.0\n5\n=======\nfive\n>>>>>>> goteborg/pupil-system 1.1.0\n6\n7\n8\n9\n10\n";
    assert_eq!(copy.read("a.txt"), marked);
    assert_eq!((copy.locked(), copy.read("b.txt")), ("1.0.0".to_owned(), "b\n".to_owned()));
    assert_eq!(table(&copy.ws.join("forum.lock"))["component"][0]["pending"]["to"].as_str(), Some("1.1.0"));
    assert_eq!(copy.run(&["status", "--json"]).components()[ID]["state"], "conflicted");
    copy.run(&["status", "--exit-code"]).exits(3);
    let before = snapshot(&copy.ws);
    copy.update(&[ID]).fails(1, "pending");
    copy.update(&["--dry-run"]).ok();
    let run = copy.update(&[]).exits(4);
    assert!(run.stderr.contains(ID), "{run}");
    copy.run(&["remove", ID, "--json"]).fails(1, "pending");
    copy.run(&["fetch", "--force", ID, "--json"]).fails(1, "pending");
    let error = copy.update(&["--continue"]).fails(1, "pending");
    assert!(error.contains("a.txt") && error.contains("markers"), "{error}");
    copy.run(&["fetch", "--json"]).ok();
    unchanged(&before, &copy.ws);
    copy.write("a.txt", &ten(&[("5", "fem"), ("1", "one")]));
    let run = copy.update(&["--continue"]).ok();
    assert_eq!(run.json()["conflicts"], 0, "{run}");
    assert_eq!(copy.locked(), "1.1.0");
    assert!(!copy.ws.join(".forum").exists());
    assert_eq!(copy.run(&["status", "--json"]).components()[ID]["changed"], serde_json::json!(["a.txt"]));
    copy.update(&["--continue"]).fails(1, "not-found");
    copy.update(&["--abort"]).fails(1, "not-found");
}

#[test]
fn abort_brings_back_every_byte_and_keeps_what_was_written_meanwhile() {
    let copy = conflicting();
    set_mode(&copy.at.join("a.txt"), 0o600);
    let before = contents(&copy.ws);
    copy.update(&[]).exits(4);
    copy.update(&["--abort", ID]).ok();
    same_contents(&before, &copy.ws);
    copy.update(&[]).exits(4);
    copy.write("a.txt", "settled\n");
    copy.write("later.txt", "written while it waited\n");
    let run = copy.update(&["--abort"]).ok();
    assert!(run.stderr.contains("forum restore"), "{run}");
    assert_eq!(copy.read("later.txt"), "written while it waited\n");
    fs::remove_file(copy.at.join("later.txt")).unwrap();
    same_contents(&before, &copy.ws);
    copy.run(&["restore", ID]).ok();
    assert_eq!(copy.read("a.txt"), "settled\n");
}

#[test]
fn restore_takes_an_update_that_waits_back_too() {
    let copy = conflicting();
    let before = contents(&copy.ws);
    copy.update(&[]).exits(4);
    copy.run(&["restore", ID]).ok();
    same_contents(&before, &copy.ws);
    copy.update(&[]).exits(4);
}

#[test]
fn a_lost_record_of_what_waits_is_made_again() {
    let copy = conflicting();
    let before = contents(&copy.ws);
    copy.update(&[]).exits(4);
    fs::remove_dir_all(copy.ws.join(".forum")).unwrap();
    copy.update(&["--continue"]).fails(1, "pending");
    let run = copy.update(&["--abort"]).ok();
    assert!(!run.stderr.contains("you wrote") && run.stderr.contains("forum restore"), "{run}");
    same_contents(&before, &copy.ws);
    copy.update(&[]).exits(4);
    fs::remove_dir_all(copy.ws.join(".forum")).unwrap();
    copy.write("a.txt", TEN);
    copy.update(&["--continue"]).ok();
    assert_eq!(copy.locked(), "1.1.0");
}

#[test]
fn which_version_comes() {
    let one = |number: &str| version(number, &[("a.txt", &format!("{number}\n"))]);
    let copy = Copy::of(vec![one("1.0.0"), one("1.1.0"), one("1.2.0"), one("2.0.0-rc.1")]);
    let wish = |text_: &str| fs::write(copy.ws.join("forum.toml"), text(&copy.ws.join("forum.toml")).replace(">=0.1", text_)).unwrap();
    wish("^1");
    copy.update(&[ID, "--to", "2.0.0-rc.1"]).fails(1, "no-solution");
    copy.update(&[ID, "--to", "7.0.0"]).fails(1, "not-found");
    copy.update(&["--to", "1.1.0"]).fails(2, "usage");
    copy.update(&["nobody/nothing"]).fails(1, "not-found");
    copy.update(&["--locked"]).fails(5, "locked");
    copy.update(&[ID, "--to", "1.1.0"]).ok();
    assert_eq!((copy.locked(), copy.read("a.txt")), ("1.1.0".into(), "1.1.0\n".into()));
    copy.update(&[]).ok();
    assert_eq!(copy.locked(), "1.2.0");
    copy.update(&[ID, "--to", "1.0.0"]).ok();
    assert_eq!(copy.locked(), "1.0.0");
}

#[test]
fn a_yanked_version_does_not_come_and_nothing_goes_back() {
    let one = |number: &str| version(number, &[("a.txt", &format!("{number}\n"))]);
    let mut copy = Copy::of(vec![one("1.1.0"), one("1.0.0"), one("1.2.0")]);
    copy.registry.yank(ID, "1.2.0", "wrong");
    copy.registry.yank(ID, "1.1.0", "wrong");
    let before = snapshot(&copy.ws);
    copy.update(&[]).ok();
    unchanged(&before, &copy.ws);
}

#[test]
fn dependencies_move_only_where_that_is_asked_for_and_wait_together() {
    const BASE: &str = "inera/base";
    let base = |number: &str| Version::new(BASE, number, files(&[("b.txt", &format!("{number}\n"))]));
    let top = |number: &str, needs: &str| version(number, &[("a.txt", &format!("{number}\n"))]).needs(BASE, needs);
    let mut copy = Copy::of(vec![top("1.0.0", "^1"), base("1.0.0")]);
    copy.registry.publish_version(base("1.1.0"));
    copy.registry.publish_version(top("1.1.0", "^1"));
    copy.update(&[]).ok();
    let version_of = |copy: &Copy, id: &str| copy.run(&["status", "--json"]).components()[id]["version"].clone();
    assert_eq!((version_of(&copy, ID), version_of(&copy, BASE)), ("1.1.0".into(), "1.0.0".into()));
    copy.registry.publish_version(base("2.0.0"));
    copy.registry.publish_version(top("1.2.0", "^2"));
    fs::write(copy.ws.join("components/inera/base/b.txt"), "ours\n").unwrap();
    copy.update(&[]).exits(4);
    assert_eq!((version_of(&copy, ID), version_of(&copy, BASE)), ("1.1.0".into(), "1.0.0".into()));
    assert_eq!(copy.read("a.txt"), "1.2.0\n");
    fs::write(copy.ws.join("components/inera/base/b.txt"), "settled\n").unwrap();
    // Also where it is no longer written down which ones wait together.
    fs::remove_dir_all(copy.ws.join(".forum")).unwrap();
    copy.update(&["--abort", BASE]).ok();
    assert_eq!(copy.read("a.txt"), "1.1.0\n");
    copy.update(&[]).exits(4);
    fs::remove_dir_all(copy.ws.join(".forum")).unwrap();
    fs::write(copy.ws.join("components/inera/base/b.txt"), "settled\n").unwrap();
    copy.update(&["--continue", BASE]).ok();
    assert_eq!((version_of(&copy, ID), version_of(&copy, BASE)), ("1.2.0".into(), "2.0.0".into()));
}

#[test]
fn a_new_dependency_comes_and_goes_with_the_update_that_brings_it() {
    let base = Version::new("inera/base", "1.0.0", files(&[("b.txt", "b\n")]));
    let copy = Copy::of(vec![version("1.0.0", &[("a.txt", "1\n")]), base, version("1.1.0", &[("a.txt", "2\n")]).needs("inera/base", "^1")]);
    copy.write("a.txt", "ours\n");
    let before = contents(&copy.ws);
    copy.update(&[]).exits(4);
    assert!(copy.ws.join("components/inera/base/b.txt").exists());
    copy.update(&["--abort"]).ok();
    assert!(!copy.ws.join("components/inera/base").exists());
    let now: std::collections::BTreeMap<_, _> = contents(&copy.ws).into_iter().filter(|(path, _)| path != "components/inera").collect();
    assert!(now == before);
    copy.update(&[]).exits(4);
    copy.write("a.txt", "ours\n");
    fs::remove_dir_all(copy.ws.join(".forum")).unwrap();
    copy.update(&["--continue"]).ok();
    assert!(copy.run(&["status", "--json"]).components().contains_key("inera/base"));
    copy.run(&["fetch", "--locked"]).ok();
}

#[test]
fn it_works_offline_and_after_the_cache_was_deleted() {
    let copy = Copy::of(vec![version("1.0.0", &[("a.txt", TEN)]), version("1.1.0", &[("a.txt", &ten(&[("9", "nine")]))])]);
    copy.write("a.txt", &ten(&[("1", "one")]));
    copy.run(&["cache", "clean"]).ok();
    copy.update(&["--offline"]).ok();
    assert_eq!(copy.read("a.txt"), ten(&[("1", "one"), ("9", "nine")]));
}

#[cfg(unix)]
#[test]
fn links_of_ours_stay_and_none_is_followed() {
    let copy = Copy::of(vec![version("1.0.0", &[("a.txt", TEN), ("b.txt", TEN)]), version("1.1.0", &[("a.txt", "new\n"), ("b.txt", TEN)])]);
    let outside = copy.sandbox.path("outside.txt");
    fs::write(&outside, "outside\n").unwrap();
    for name in ["a.txt", "link"] {
        let _ = fs::remove_file(copy.at.join(name));
        std::os::unix::fs::symlink(&outside, copy.at.join(name)).unwrap();
    }
    let run = copy.update(&[]).exits(4);
    assert_eq!(outcome(&run, "a.txt").1, "both-modified");
    assert!(fs::symlink_metadata(copy.at.join("a.txt")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(copy.at.join("link")).unwrap().is_symlink());
    assert_eq!(text(Path::new(&outside)), "outside\n");
}
