//! `forum new`: the directory of a new component.

use std::fs;

use crate::support::sandbox::{Sandbox, table, text};
use crate::support::{contents, same_contents};

#[test]
fn a_new_component_lacks_only_what_a_person_must_say() {
    let sandbox = Sandbox::new();
    let workspace = sandbox.workspace("first", "https://forum.example/kommun.git");
    let answer = sandbox.run(&workspace, &["new", "integrations/pupil-sync", "--json"]).ok().json();
    assert_eq!((answer["id"].as_str(), answer["path"].as_str()), (Some("sundsvall/pupil-sync"), Some("integrations/pupil-sync")));
    let made = workspace.join("integrations/pupil-sync");
    let manifest = table(&made.join("component.toml"));
    let component = manifest["component"].as_table().unwrap();
    assert_eq!(component["owner"].as_str(), Some("sundsvall"));
    assert_eq!(component["title"].as_str(), Some("Pupil sync"));
    assert!(text(&made.join("README.md")).contains("## How to adapt it") && made.join("LICENSE").is_file());
}

#[test]
fn what_is_there_stays() {
    let sandbox = Sandbox::new();
    let workspace = sandbox.workspace("first", "https://forum.example/kommun.git");
    let made = workspace.join("pupil-sync");
    fs::create_dir(&made).unwrap();
    fs::write(made.join("README.md"), "# Ours\n").unwrap();
    let answer = sandbox.run(&workspace, &["new", "pupil-sync", "--license", "MIT", "--json"]).ok().json();
    assert_eq!(answer["kept"][0], "README.md");
    assert_eq!(text(&made.join("README.md")), "# Ours\n");
    assert!(text(&made.join("LICENSE")).contains("MIT"));
    let before = contents(&workspace);
    sandbox.run(&workspace, &["new", "pupil-sync", "--json"]).fails(1, "exists");
    sandbox.run(&workspace, &["new", "Pupil Sync", "--json"]).fails(2, "usage");
    same_contents(&before, &workspace);
}

#[test]
fn without_an_owner_nothing_is_written() {
    let sandbox = Sandbox::new();
    let empty = sandbox.directory("empty");
    let failed = sandbox.run(&empty, &["new", "pupil-sync", "--json"]);
    assert!(failed.fails(2, "missing-answers").contains("[workspace] owner"), "{failed}");
    assert_eq!(contents(&empty).len(), 0);
    sandbox.run_with(&empty, &["new", "pupil-sync"], &[("FORUM_OWNER", "orebro")]).ok();
    assert_eq!(table(&empty.join("pupil-sync/component.toml"))["component"]["owner"].as_str(), Some("orebro"));
}
