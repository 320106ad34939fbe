//! `forum update`: improvements reach an adapted copy, and nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::fixtures::{KOMMUN, empty};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{Outcome, Sandbox, table, text};
use crate::support::{Files, contents, files, same_contents, set_mode, snapshot, unchanged};

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

    fn beside(&self, word: &str) -> Vec<String> {
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

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

fn ten(changes: &[(&str, &str)]) -> String {
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

/// One row of the table in the design: what base, ours and theirs hold, the outcome, and what lies there in the end.
fn row(base: Option<&str>, ours: Option<&str>, theirs: Option<&str>) -> (Copy, Outcome) {
    let with = |content: Option<&str>| -> Files {
        let mut all = files(&[("README.md", "# readme\n")]);
        all.extend(content.map(|content| ("f.bin".to_owned(), (false, content.as_bytes().to_vec()))));
        all
    };
    let copy = Copy::of(vec![Version::new(ID, "1.0.0", with(base)), Version::new(ID, "1.1.0", with(theirs))]);
    match ours {
        Some(content) => copy.write("f.bin", content),
        None => drop(fs::remove_file(copy.at.join("f.bin"))),
    }
    let run = copy.update(&[]);
    (copy, run)
}

#[test]
fn each_row_of_the_table_keeps_ours_and_says_so() {
    for (base, ours, theirs, why) in [
        (Some("b\0"), Some("o\0"), Some("t\0"), "binary"),
        (Some("b\n"), Some("o\n"), None, "deleted-upstream"),
        (Some("b\n"), None, Some("t\n"), "deleted-here"),
        (None, Some("o\n"), Some("t\n"), "both-added"),
    ] {
        let (copy, run) = row(base, ours, theirs);
        let run = run.exits(4);
        assert_eq!(outcome(&run, "f.bin"), ("conflict".to_owned(), why.into()), "{why}");
        assert_eq!(fs::read_to_string(copy.at.join("f.bin")).ok().as_deref(), ours, "{why}");
        let word = if theirs.is_some() { "f.theirs-1.1.0.bin" } else { "f.bin.conflicts-1.1.0.json" };
        assert_eq!(copy.beside("-1.1.0"), [word], "{why}");
        if let Some(theirs) = theirs {
            assert_eq!(copy.read(word), theirs);
        }
        copy.update(&["--continue"]).fails(1, "pending");
        fs::remove_file(copy.at.join(word)).unwrap();
        copy.update(&["--continue"]).ok();
        assert_eq!(fs::read_to_string(copy.at.join("f.bin")).ok().as_deref(), ours, "{why}");
        assert_eq!(copy.locked(), "1.1.0");
    }
}

#[test]
fn what_one_side_alone_did_is_no_conflict() {
    for (base, ours, theirs, want, content) in [
        (Some("b\n"), None, Some("b\n"), Some("kept"), None),
        (Some("b\n"), Some("b\n"), None, Some("removed"), None),
        (Some("b\n"), None, None, None, None),
        (None, Some("o\n"), Some("o\n"), Some("unchanged"), Some("o\n")),
        (Some("b\n"), Some("x\n"), Some("x\n"), Some("unchanged"), Some("x\n")),
        (Some("a\nb\nc\nd\n"), Some("a\r\nb\r\nc\r\nd\r\n"), Some("a\nb\nc\nD\n"), Some("upstream"), Some("a\r\nb\r\nc\r\nD\r\n")),
    ] {
        let (copy, run) = row(base, ours, theirs);
        let run = run.ok();
        if let Some(want) = want {
            assert_eq!(outcome(&run, "f.bin").0, want, "{base:?} {ours:?} {theirs:?}");
        }
        assert_eq!(fs::read_to_string(copy.at.join("f.bin")).ok().as_deref(), content);
    }
}

#[test]
fn renames_carry_edits_along() {
    let moved = ten(&[("9", "nine")]);
    let declared = "[files]\nrenames = [{ from = \"x.txt\", to = \"y.txt\", since = \"1.1.0\" }]\n";
    let copy = Copy::of(vec![
        version("1.0.0", &[("old/a.txt", TEN), ("x.txt", "x\n"), ("pure.txt", &ten(&[("1", "pure")]))]),
        version("1.1.0", &[("new/a.txt", &moved), ("y.txt", "something else\n"), ("moved.txt", &ten(&[("1", "pure")]))]).manifest(declared),
    ]);
    copy.write("old/a.txt", &ten(&[("1", "one")]));
    set_mode(&copy.at.join("old/a.txt"), 0o600);
    let run = copy.update(&[]).ok();
    assert_eq!(outcome(&run, "new/a.txt").0, "renamed");
    assert_eq!(copy.read("new/a.txt"), ten(&[("1", "one"), ("9", "nine")]));
    assert_eq!(outcome(&run, "moved.txt").0, "renamed");
    assert_eq!((outcome(&run, "y.txt").0.as_str(), copy.read("y.txt").as_str()), ("renamed", "something else\n"));
    for gone in ["old", "x.txt", "pure.txt"] {
        assert!(!copy.at.join(gone).exists(), "{gone}");
    }
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(copy.at.join("new/a.txt")).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn what_was_renamed_here_still_gets_the_improvement() {
    let copy = Copy::of(vec![version("1.0.0", &[("a.txt", TEN)]), version("1.1.0", &[("a.txt", &ten(&[("9", "nine")]))])]);
    fs::rename(copy.at.join("a.txt"), copy.at.join("ours.txt")).unwrap();
    copy.write("ours.txt", &ten(&[("1", "one")]));
    copy.update(&[]).ok();
    assert_eq!(copy.read("ours.txt"), ten(&[("1", "one"), ("9", "nine")]));
    assert!(!copy.at.join("a.txt").exists());
}

#[test]
fn a_new_file_never_takes_the_place_of_ours() {
    let copy = Copy::of(vec![
        version("1.0.0", &[("README.md", "r\n")]),
        version("1.1.0", &[("README.md", "r\n"), ("notes/a.md", "theirs\n"), ("list", "theirs\n"), ("Case.md", "theirs\n")]),
    ]);
    copy.write("notes", "a file of ours\n");
    copy.write("list/one.txt", "ours\n");
    copy.write("case.md", "ours\n");
    let run = copy.update(&[]).exits(4);
    assert_eq!(run.json()["conflicts"], 3, "{run}");
    assert_eq!(
        (copy.read("notes"), copy.read("list/one.txt"), copy.read("case.md")),
        ("a file of ours\n".into(), "ours\n".into(), "ours\n".into())
    );
    assert_eq!(copy.beside("theirs"), ["Case.theirs-1.1.0.md", "list.theirs-1.1.0", "notes-a.theirs-1.1.0.md"]);
}

#[test]
fn modes_are_merged_as_an_attribute() {
    let tool = |executable: bool, text: &str| {
        Files::from([("run.sh".to_owned(), (executable, text.as_bytes().to_vec())), ("b.sh".to_owned(), (false, b"b\n".to_vec()))])
    };
    let copy = Copy::of(vec![Version::new(ID, "1.0.0", tool(false, TEN)), Version::new(ID, "1.1.0", tool(true, TEN))]);
    copy.write("run.sh", &ten(&[("1", "one")]));
    set_mode(&copy.at.join("b.sh"), 0o755);
    copy.update(&[]).ok();
    assert_eq!(copy.read("run.sh"), ten(&[("1", "one")]));
    #[cfg(unix)]
    for name in ["run.sh", "b.sh"] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(copy.at.join(name)).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o755, "{name}");
    }
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
