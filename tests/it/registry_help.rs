//! What `forum registry check` and `check` advise: what to type about just this finding.

use std::fs;

use serde_json::Value;

use crate::publish::{DIR, World};
use crate::registry_check::{ID, check, findings, ready};
use crate::support::git;
use crate::support::sandbox::{Outcome, Sandbox};

#[track_caller]
fn help(outcome: &Outcome, rule: &str) -> String {
    let found = findings(outcome).into_iter().find(|finding| finding["rule"] == rule).unwrap_or_else(|| panic!("{rule}: {outcome}"));
    found["help"].as_str().unwrap().to_owned()
}

#[test]
fn a_place_that_is_no_registry_is_the_wrong_place() {
    let sandbox = Sandbox::new();
    let at = sandbox.directory("elsewhere");
    git(&["init", "-q", at.to_str().unwrap()]);
    git(&["-C", at.to_str().unwrap(), "commit", "-q", "--allow-empty", "-m", "one"]);
    let run = check(&sandbox, &at, &[]).exits(3);
    assert_eq!(help(&run, "registry-file"), "name the registry's checkout: forum registry check DIR");
}

#[test]
fn a_shallow_clone_is_not_called_tampered_with() {
    let (sandbox, registry, _) = ready();
    let cut = sandbox.path("cut");
    git(&["clone", "-q", "--depth=1", &format!("file://{}", registry.path.display()), cut.to_str().unwrap()]);
    let run = check(&sandbox, &cut, &[]).exits(0);
    let told = help(&run, "digests");
    assert!(told.contains("fetch-depth: 0") && told.contains("git fetch --unshallow") && !told.contains("changed"), "{told}");
}

#[test]
fn what_is_done_by_hand_is_mended_by_hand() {
    let (sandbox, mut registry, _) = ready();
    let base = registry.head();
    registry.edit_index(ID, |index| {
        let notice = toml::toml! { reason = "Wrong mapping"
        date = "2026-05-12" };
        let yanked: toml::Table = [("1.1.0".to_owned(), notice.into())].into_iter().collect();
        index.insert("yanked".to_owned(), yanked.into());
        index["card"]["title"] = "Another".into();
    });
    let run = check(&sandbox, &registry.path, &["--base", &base]).exits(3);
    let told = help(&run, "card");
    assert!(told.contains("set in [card]: version = \"1.0.0\"") && told.contains("title = \""), "{told}");
    registry.set_main(&base);
    registry.edit_index(ID, |index| index["version"][0]["license"] = "MIT".into());
    let run = check(&sandbox, &registry.path, &["--base", &base]).exits(3);
    assert!(help(&run, "append-only").contains(&format!("git checkout origin/main -- index/{ID}.toml")), "{run}");
}

#[test]
fn an_erasure_that_puts_older_files_back_is_no_step_of_a_version() {
    let (sandbox, mut registry, _) = ready();
    let base = registry.head();
    let index: toml::Table = toml::from_str(std::str::from_utf8(&registry.read(&format!("index/{ID}.toml")).unwrap()).unwrap()).unwrap();
    let first = index["version"][0]["tree"].as_str().unwrap().to_owned();
    registry.tombstone(ID, "1.1.0", "Personal data");
    registry.commit("older files", &[], &[(&format!("components/{ID}"), &first)]);
    let run = check(&sandbox, &registry.path, &["--base", &base]);
    assert!(!run.stdout.contains("version-step"), "{run}");
}

#[test]
fn an_error_is_json_where_json_was_asked_for() {
    let world = World::new();
    for command in [&["check", "nowhere", "--format", "json"][..], &["registry", "check", "nowhere", "--format", "json"]] {
        world.run(command).fails(1, "not-found");
    }
}

#[test]
fn whose_rules_were_asked_is_told() {
    let world = World::new();
    assert_eq!(world.run(&["check", DIR, "--json"]).ok().json()["registry"], "kommun");
    let file = world.muni.join("forum.toml");
    fs::write(&file, "[workspace]\nowner = \"sundsvall\"\n").unwrap();
    assert_eq!(world.run(&["check", DIR, "--json"]).ok().json()["registry"], Value::Null);
    let run = world.run(&["check", DIR]).ok();
    assert!(run.stderr.contains("left out") && run.stderr.contains("no registry is known"), "{run}");
}
