//! What `forum publish`, `adopt`, `yank` and `deprecate` tell a person: what was typed where, and what comes next.

use std::fs;

use crate::publish::{DIR, ID, World, component};
use crate::support::fixtures::readme;
use crate::support::registry::Version;
use crate::support::server::{Fault, Http, Options, Request};

fn forum_toml(world: &World, more: &str) {
    let file = world.muni.join("forum.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n{more}")).unwrap();
    world.git(&["commit", "-q", "-a", "-m", "more"]);
}

#[test]
fn what_is_wrong_is_named_where_a_person_typed_it() {
    let mut world = World::new();
    let publisher = |kind: &str, contact: &str| {
        format!(
            "[workspace.publisher]\ntitle = \"\u{d6}rebro\"\nkind = \"{kind}\"\ncontact = \"{contact}\"\nurl = \"https://orebro.example\"\n"
        )
    };
    let orebro = |world: &World, command: &[&str]| world.sandbox.run_with(&world.muni, command, &[("FORUM_OWNER", "orebro")]);
    let before = fs::read_to_string(world.muni.join("forum.toml")).unwrap();
    for (kind, contact, key) in [("kommun", "it@orebro.example", "`kind`"), ("municipality", "bo.berg@orebro.se", "`contact`")] {
        fs::write(world.muni.join("forum.toml"), format!("{before}\n{}", publisher(kind, contact))).unwrap();
        let run = orebro(&world, &["adopt", "inera/plain", "--status", "pilot", "--json"]).exits(3);
        let finding = &run.json()["findings"][0];
        let message = finding["message"].as_str().unwrap();
        assert!(finding["path"] == "forum.toml" && message.contains("[workspace.publisher]") && message.contains(key), "{run}");
    }
    fs::write(world.muni.join("forum.toml"), before).unwrap();
    let note = world.run(&["adopt", "inera/plain", "--note", "Ask bo.berg@sundsvall.se", "--json"]).exits(3);
    assert_eq!(note.json()["findings"][0]["path"], "--note", "{note}");
    world.registry.publish_version(Version::new(ID, "1.0.0", component("1.0.0", "", &[])));
    let yank = ["registry", "yank", &format!("{ID}@1.0.0"), "--reason", "Ask bo.berg@sundsvall.se", "--json"];
    let reason = world.run(&yank).exits(3);
    assert_eq!(reason.json()["findings"][0]["path"], "--reason", "{reason}");
}

#[test]
fn what_the_registry_knows_of_an_owner_is_not_changed_by_the_way() {
    let world = World::new();
    world.publish(&["--dry-run"]).ok();
    forum_toml(&world, "[workspace.publisher]\ntitle = \"Another\"\n");
    let run = world.publish(&["--dry-run"]).ok();
    assert!(run.stderr.contains("is not used") && run.stderr.contains("publishers/sundsvall.toml"), "{run}");
}

#[test]
fn a_rehearsal_lists_what_would_go_first() {
    let world = World::new();
    fs::write(world.at().join("more.txt"), "more\n").unwrap();
    let run = world.run(&["publish", DIR, "--dry-run"]).ok();
    assert!(run.stderr.starts_with("note: not committed") && run.stderr.contains("more.txt (untracked)"), "{run}");
    assert!(run.stderr.contains("7 files") && run.stderr.lines().any(|line| line.split_whitespace().eq(["5", "more.txt"])), "{run}");
}

#[test]
fn a_record_and_a_notice_say_what_comes_next_and_whose_it_is() {
    let mut world = World::new();
    world.registry.publish("inera/successor", "1.0.0", readme("1.0.0"));
    let next = "open a pull request of that branch onto main";
    let run = world.run(&["adopt", "inera/plain", "--status", "production"]).ok();
    assert!(run.stderr.contains(next), "{run}");
    let run = world.run(&["registry", "yank", "inera/plain@1.0.0", "--reason", "wrong"]).ok();
    assert!(run.stderr.contains(next) && run.stderr.contains("inera/plain is of inera, and you are sundsvall"), "{run}");
    let run = world.run(&["registry", "deprecate", "plain", "--reason", "old", "--replaced-by", "successor"]).ok();
    assert!(run.stderr.contains(next), "{run}");
    let text = world.registry.git(&["show", "deprecate/inera/plain:index/inera/plain.toml"]);
    assert!(text.contains("replaced-by = \"inera/successor\""), "{text}");
}

#[test]
fn only_the_flag_that_was_typed_is_named() {
    let world = World::new();
    for (flag, other) in [("--frozen", "--offline"), ("--offline", "--frozen")] {
        let error = world.publish(&[flag]).fails(6, "offline");
        assert!(error.contains(flag) && !error.contains(other), "{error}");
    }
    let run = world.publish(&["--registry", "http://127.0.0.1:9/x.git"]).exits(6);
    assert!(!run.stdout.contains("--offline"), "{run}");
}

#[test]
fn a_source_that_is_left_out_is_left_out_for_its_own_reason() {
    let world = World::new();
    world.git(&["remote", "add", "origin", "https://github.com/sundsvall/integrations.git?token=abcdef0123456789"]);
    let run = world.publish(&["--dry-run", "--registry", "kommun"]).ok();
    assert!(run.stderr.contains("goes on with `?`") && !run.both().contains("abcdef"), "{run}");
}

#[test]
fn who_may_read_and_not_push_is_told_about_pushing() {
    let mut world = World::new();
    let hook = |request: &Request| request.path.contains("git-receive-pack").then_some(Fault::Status(403, "no"));
    world.http = Http::start(&world.sandbox.path("srv"), Options { hook: Some(Box::new(hook)), ..Options::default() });
    let url = world.http.url();
    let run = world.publish(&["--registry", &url]);
    run.fails(6, "denied");
    let hints = run.json()["error"]["hints"].to_string();
    assert!(hints.contains("right to push") && hints.contains("--fork") && !hints.contains("read access"), "{run}");
    let run = world.publish(&["--registry", &url, "--direct"]);
    assert!(run.stdout.contains("leave --direct out") && !run.stdout.contains("--fork"), "{run}");
}
