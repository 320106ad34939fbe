//! What happens around an update: dependencies that nothing needs any more, other registries, versions out of reach.

use std::fs;

use crate::support::fixtures::{KOMMUN, empty, readme};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{table, text};
use crate::support::{contents, same_contents};

const K: [&str; 2] = KOMMUN;
const APP: &str = "goteborg/app";
const BASE: &str = "goteborg/base";

fn app(version: &str) -> Version {
    Version::new(APP, version, readme(version))
}

#[test]
fn a_dependency_that_is_no_longer_needed_goes_and_comes_back() {
    let (sandbox, mut registry) = empty();
    registry.publish(BASE, "1.0.0", readme("1.0.0"));
    registry.publish_version(app("1.0.0").needs(BASE, "^1"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[APP, K[0], K[1]]).ok();
    let before = contents(&ws);
    registry.publish_version(app("1.1.0"));
    let run = sandbox.run(&ws, &["update"]).ok();
    assert!(run.stderr.contains("goteborg/base is no longer needed"), "{run}");
    assert!(!ws.join("components").join(BASE).exists() && !text(&ws.join("forum.lock")).contains(BASE));
    sandbox.run(&ws, &["restore", "app"]).ok();
    same_contents(&before, &ws);
    // It is needed again, and one that was changed here stays.
    registry.publish_version(app("1.2.0").needs(BASE, "^1"));
    sandbox.run(&ws, &["update"]).ok();
    fs::write(ws.join("components").join(BASE).join("README.md"), "# ours\n").unwrap();
    registry.publish_version(app("1.3.0"));
    let run = sandbox.run(&ws, &["update"]).ok();
    assert!(run.stderr.contains("forum remove goteborg/base"), "{run}");
    assert_eq!(text(&ws.join("components").join(BASE).join("README.md")), "# ours\n");
    registry.publish_version(app("1.4.0").needs(BASE, "^1"));
    sandbox.run(&ws, &["update"]).ok();
    assert_eq!(text(&ws.join("components").join(BASE).join("README.md")), "# ours\n");
    assert_eq!(table(&ws.join("forum.lock"))["component"].as_array().map(Vec::len), Some(2));
}

#[test]
fn another_registry_than_that_of_the_entry_is_wrong_usage() {
    let (sandbox, mut registry) = empty();
    registry.publish_version(app("1.0.0"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[APP, K[0], K[1]]).ok();
    let other = Registry::named(&sandbox.path("srv/region.git"), "region", "");
    registry.publish_version(app("1.1.0"));
    for command in [vec!["update"], vec!["update", "app"], vec!["diff", "app"], vec!["fetch"]] {
        let error = sandbox.run(&ws, &[command.as_slice(), &["--registry", &other.url(), "--json"]].concat()).fails(2, "usage");
        assert!(error.contains("kommun") && error.contains("region.git"), "{error}");
        sandbox.run(&ws, &[command.as_slice(), &["--dry-run", "--registry", "kommun"][usize::from(command[0] == "diff")..]].concat()).ok();
    }
}

#[test]
fn what_lies_outside_of_forum_toml_can_be_looked_at_and_is_named() {
    let (sandbox, mut registry) = empty();
    registry.publish_version(app("1.0.0"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[APP, K[0], K[1]]).ok();
    registry.publish_version(app("2.0.0"));
    for args in [vec!["diff", "app", "--upstream"], vec!["diff", "app", "--upstream", "2.0.0"]] {
        let run = sandbox.run(&ws, &args).ok();
        assert!(run.stdout.contains("version 2.0.0"), "{run}");
    }
    sandbox.run(&ws, &["diff", "app", "--upstream", "3.0.0", "--json"]).fails(1, "not-found");
    let run = sandbox.run(&ws, &["update"]).ok();
    assert!(run.stderr.contains("forum fetch goteborg/app@^2.0.0"), "{run}");
    sandbox.run(&ws, &["update", "app", "--to", "2.0.0", "--json"]).fails(1, "no-solution");
    registry.publish_version(app("1.1.0"));
    let run = sandbox.run(&ws, &["update", "--dry-run"]).ok();
    assert!(run.stdout.contains("1.1.0") && run.stderr.contains("2.0.0 is there"), "{run}");
}

#[test]
fn a_secret_that_stands_in_a_clean_copy_needs_not_be_given_again_and_makes_no_conflict() {
    let variables = |file: &str| {
        format!(
            "[variables.key]\ntype = \"secret\"\nprompt = \"Key\"\nreplace = [{{ file = \"{file}\", text = \"@@KEY@@\", count = 2 }}]\n\
             [variables.token]\ntype = \"secret\"\nprompt = \"Token\"\nbind = [{{ file = \"token.json\", pointer = \"/token\" }}]\n\
             [variables.host]\ntype = \"string\"\ndefault = \"a\"\nreplace = [{{ file = \"{file}\", text = \"@@HOST@@\", count = 1 }}]\n"
        )
    };
    let content = |port: &str| {
        let mut all = readme("1");
        all.insert("settings.env".to_owned(), (false, format!("host=@@HOST@@\nport={port}\nkey=@@KEY@@\nagain=@@KEY@@\n").into_bytes()));
        all.insert("token.json".to_owned(), (false, b"{ \"token\": \"\" }\n".to_vec()));
        all
    };
    let (sandbox, mut registry) = empty();
    registry.publish_version(Version::new(APP, "1.0.0", content("1")).manifest(&variables("settings.env")));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[APP, K[0], K[1], "--set", "key=Vinter7gatan", "--set", "token=a\"b"]).ok();
    let settings = ws.join("components").join(APP).join("settings.env");
    sandbox.fetch(&ws, &[APP, "--set", "host=b"]).ok();
    assert_eq!(text(&settings), "host=b\nport=1\nkey=Vinter7gatan\nagain=Vinter7gatan\n");
    registry.publish_version(Version::new(APP, "1.1.0", content("2")).manifest(&variables("settings.env")));
    sandbox.run(&ws, &["update"]).ok();
    assert_eq!(text(&settings), "host=b\nport=2\nkey=Vinter7gatan\nagain=Vinter7gatan\n");
    let run = sandbox.run(&ws, &["update", "app", "--set", "key=Sommarvagen9", "--json"]).ok();
    assert_eq!(text(&settings), "host=b\nport=2\nkey=Sommarvagen9\nagain=Sommarvagen9\n");
    assert_eq!(text(&ws.join("components").join(APP).join("token.json")), "{ \"token\": \"a\\\"b\" }\n");
    for place in [text(&ws.join("forum.toml")), text(&ws.join("forum.lock")), run.both()] {
        assert!(!place.contains("Sommarvagen9") && !place.contains("Vinter7gatan"), "{place}");
    }
    assert!(sandbox.run(&ws, &["status"]).ok().stdout.contains("clean"));
}

#[test]
fn a_yanked_version_that_is_asked_for_says_why_it_was_yanked() {
    let (sandbox, mut registry) = empty();
    registry.publish_version(app("1.0.0"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[APP, K[0], K[1]]).ok();
    registry.publish_version(app("1.1.0"));
    registry.yank(APP, "1.1.0", "wrong field mapping");
    for dry_run in [&["--dry-run"][..], &[]] {
        let run = sandbox.run(&ws, &[&["update", "app", "--to", "1.1.0"], dry_run].concat()).ok();
        assert!(run.stderr.contains("1.1.0 is yanked: wrong field mapping"), "{run}");
    }
}

#[test]
fn a_component_that_forum_toml_has_elsewhere_is_not_updated_where_it_is() {
    let (sandbox, mut registry) = empty();
    registry.publish_version(app("1.0.0"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[APP, K[0], K[1]]).ok();
    registry.publish_version(app("1.1.0"));
    let (old, new) = (ws.join("components").join(APP), ws.join("elsewhere"));
    fs::write(old.join("mine.txt"), "mine\n").unwrap();
    let wishes = text(&ws.join("forum.toml"));
    fs::write(
        ws.join("forum.toml"),
        wishes.replace("[components.\"goteborg/app\"]\n", "[components.\"goteborg/app\"]\npath = \"elsewhere\"\n"),
    )
    .unwrap();
    let before = contents(&ws);
    let error = sandbox.run(&ws, &["update", "--json"]).fails(1, "occupied");
    assert!(error.contains("elsewhere") && error.contains("forum fetch"), "{error}");
    same_contents(&before, &ws);
    fs::rename(&old, &new).unwrap();
    sandbox.run(&ws, &["update", "--json"]).fails(1, "occupied");
    assert!(!old.exists());
    sandbox.run(&ws, &["fetch"]).ok();
    sandbox.run(&ws, &["update"]).ok();
    assert!(text(&new.join("README.md")).contains("1.1.0") && !old.exists());
}

#[test]
fn who_updates_another_component_does_not_hear_of_conflicts_by_the_exit_status() {
    let (sandbox, mut registry) = empty();
    registry.publish_version(app("1.0.0"));
    registry.publish(BASE, "1.0.0", readme("1.0.0"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[APP, BASE, K[0], K[1]]).ok();
    fs::write(ws.join("components").join(APP).join("README.md"), "# ours\n").unwrap();
    registry.publish_version(app("1.1.0"));
    sandbox.run(&ws, &["update"]).exits(4);
    registry.publish(BASE, "1.1.0", readme("1.1.0"));
    let run = sandbox.run(&ws, &["update", BASE]).ok();
    assert!(run.stderr.contains("an update of it waits for you"), "{run}");
    sandbox.run(&ws, &["update", APP, "--json"]).fails(1, "pending");
    sandbox.run(&ws, &["update"]).exits(4);
}
