//! `forum registry` and `forum config`: which registries are known, and which value holds.

use std::fs;

use serde_json::Value;

use crate::support::fixtures::{BYTES, PUPIL, ready};
use crate::support::sandbox::{Outcome, Sandbox, table};

fn values(run: &Outcome) -> Vec<(String, Value, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |row: &Value| (text(&row["key"]), row["value"].clone(), text(&row["layer"]));
    run.json()["values"].as_array().unwrap().iter().map(row).collect()
}

#[track_caller]
fn holds(run: &Outcome, key: &str, value: &str, layer: &str) {
    let all = values(run);
    assert!(all.iter().any(|(k, v, l)| k == key && v == value && l == layer), "{key} = {value} ({layer}): {run}");
}

#[test]
fn a_later_layer_wins_and_each_value_names_its_own() {
    let (sandbox, _small, ws) = ready();
    let settings = sandbox.path("config");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("config.toml"), "owner = \"inera\"\ntimeout = 7\ngit = \"builtin\"\nnonsense = 1\n").unwrap();
    let run = sandbox.run(&sandbox.directory("elsewhere"), &["config", "--json"]).ok();
    assert!(run.stderr.contains("nonsense"), "{run}");
    holds(&run, "owner", "inera", "user");
    holds(&run, "git", "builtin", "user");
    holds(&run, "timeout", "7", "user");
    holds(&run, "components", "components", "built-in");
    holds(&sandbox.run(&ws, &["config", "--json"]).ok(), "owner", "sundsvall", "workspace");
    let environment = [("FORUM_OWNER", "goteborg"), ("FORUM_TIMEOUT", "9")];
    let run = sandbox.run_with(&ws, &["config", "--json", "--offline"], &environment).ok();
    holds(&run, "owner", "goteborg", "environment");
    holds(&run, "timeout", "9", "environment");
    holds(&run, "offline", "true", "flags");
}

#[test]
fn a_password_in_an_address_is_never_said() {
    let (sandbox, _small, ws) = ready();
    let settings = sandbox.path("config");
    let config = settings.join("config.toml");
    fs::create_dir_all(&settings).unwrap();
    for address in ["https://u:hemligt@other.example/r", "https://u:hem/ligt@other.example/r", "u:hemligt@other.example:r"] {
        let said = |run: &Outcome| {
            assert!(run.both().contains("other.example") && !run.both().contains("ligt"), "{run}");
        };
        for json in [&["config"][..], &["config", "--json"]] {
            said(&sandbox.run_with(&ws, json, &[("FORUM_REGISTRY", address)]).ok());
            said(&sandbox.run(&ws, &[json, &["--registry", address]].concat()).ok());
            fs::write(&config, format!("default-registry = \"{address}\"\n")).unwrap();
            said(&sandbox.run(&ws, json).ok());
            fs::remove_file(&config).unwrap();
        }
        let run = sandbox.run(&ws, &["registry", "refresh", "--registry", address, "--json"]);
        assert!(!run.both().contains("ligt"), "{run}");
        run.fails(2, "usage");
    }
}

#[test]
fn a_line_that_is_no_toml_is_named_and_not_repeated() {
    let (sandbox, _small, ws) = ready();
    let wrong = "# one\n[registries.kommun]\nurl = \"https://u:hemligt@other.example/r\n";
    fs::create_dir_all(sandbox.path("config")).unwrap();
    for (path, name) in [(ws.join("forum.toml"), "forum.toml"), (sandbox.path("config/config.toml"), "config.toml")] {
        fs::write(&path, wrong).unwrap();
        let run = sandbox.run(&ws, &["status", "--json"]);
        let error = run.fails(1, "invalid-workspace");
        assert!(!run.both().contains("hemligt") && error.contains("line 3, column") && error.contains(name), "{run}");
        fs::remove_file(&path).unwrap();
    }
    assert!(!sandbox.run(&ws, &["status"]).both().contains("hemligt"));
}

#[test]
fn settings_that_cannot_be_read_are_refused_and_left() {
    let sandbox = Sandbox::new();
    let settings = sandbox.path("config");
    fs::create_dir_all(&settings).unwrap();
    for (text, part) in [("timeout = \"soon\"\n", "timeout"), ("owner = \n", "config.toml"), ("<<<<<<< ours\n", "conflict")] {
        fs::write(settings.join("config.toml"), text).unwrap();
        let error = sandbox.run(&sandbox.directory("ws"), &["config", "--json"]).fails(1, "invalid-workspace");
        assert!(error.contains(part) && error.contains("config.toml"), "{error}");
        assert!(!error.contains("forum.toml") && !error.contains("git diff"), "settings are in no repository: {error}");
        assert_eq!(fs::read_to_string(settings.join("config.toml")).unwrap(), text);
    }
    fs::remove_file(settings.join("config.toml")).unwrap();
    let run = sandbox.run_with(&sandbox.directory("ws"), &["config", "--json"], &[("FORUM_TIMEOUT", "soon")]);
    assert!(run.fails(2, "usage").contains("FORUM_TIMEOUT"));
}

#[test]
fn a_registry_of_the_user_serves_every_workspace() {
    let (sandbox, small, _) = ready();
    let url = small.registry.path.to_str().unwrap();
    let empty = sandbox.directory("elsewhere");
    sandbox.run(&empty, &["registry", "add", "mine", url]).ok();
    let listed = sandbox.run(&empty, &["registry", "list", "--json"]).ok().json();
    assert_eq!(listed["registries"][0]["name"], "mine");
    assert_eq!(listed["registries"][0]["layer"], "user");
    sandbox.fetch(&empty, &[PUPIL]).ok();
    let file = table(&empty.join("forum.toml"));
    assert!(file["registries"].get("kommun").is_some() && file["registries"].get("mine").is_none(), "under its own name: {file}");
    sandbox.run(&sandbox.directory("third"), &["registry", "remove", "mine"]).ok();
    sandbox.fetch(&sandbox.directory("fourth"), &[PUPIL]).fails(2, "usage");
}

#[test]
fn a_default_stands_above_the_only_one_and_below_the_flag() {
    let (sandbox, small, _) = ready();
    let url = small.registry.path.to_str().unwrap();
    let empty = sandbox.directory("elsewhere");
    sandbox.run(&empty, &["registry", "add", "mine", url]).ok();
    sandbox.run(&empty, &["registry", "add", "other", "/nowhere/else"]).ok();
    assert!(sandbox.fetch(&empty, &[PUPIL]).fails(2, "usage").contains("mine, other"));
    let path = sandbox.path("config").join("config.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("default-registry = \"other\"\n{text}")).unwrap();
    sandbox.fetch(&empty, &[PUPIL]).fails(1, "not-found");
    let run = sandbox.run_with(&empty, &["fetch", PUPIL, "--dry-run", "--json"], &[("FORUM_REGISTRY", "mine")]).ok();
    assert!(run.components().contains_key(PUPIL));
    sandbox.fetch(&empty, &[PUPIL, "--registry", "mine"]).ok();
}

#[test]
fn the_same_name_elsewhere_and_passwords_are_refused() {
    let (sandbox, _small, ws) = ready();
    let before = fs::read(ws.join("forum.toml")).unwrap();
    let error = sandbox.run(&ws, &["registry", "add", "kommun", "https://other.example/r.git", "--json"]).fails(1, "exists");
    assert!(error.contains("https://other.example/r.git") && error.contains("kommun"), "{error}");
    let run = sandbox.run(&ws, &["registry", "add", "third", "https://u:hemligt@other.example/r.git", "--json"]);
    assert!(!run.both().contains("hemligt"), "{run}");
    run.fails(2, "usage");
    assert_eq!(fs::read(ws.join("forum.toml")).unwrap(), before);
    sandbox.run(&ws, &["registry", "add", "third", "https://other.example/r.git"]).ok();
    sandbox.run(&ws, &["registry", "remove", "third"]).ok();
    assert_eq!(String::from_utf8_lossy(&fs::read(ws.join("forum.toml")).unwrap()).trim(), String::from_utf8_lossy(&before).trim());
}

#[test]
fn one_dead_registry_keeps_no_other_from_being_refreshed() {
    let (sandbox, small, _) = ready();
    let registry = |name: &str, url: &str| format!("[registries.{name}]\nurl = \"{url}\"\n");
    let text = registry("aaa", "/nowhere/one") + &registry("kommun", &small.registry.url()) + &registry("zzz", "/nowhere/two");
    let ws = sandbox.workspace_of("three", &text);
    let run = sandbox.run(&ws, &["registry", "refresh", "--json"]);
    let error = run.fails(1, "not-found");
    assert!(error.contains("/nowhere/one") && error.contains("/nowhere/two"), "{error}");
    assert!(run.stderr.contains("refreshed kommun"), "{run}");
    assert_eq!(sandbox.run(&ws, &["search", "pupil", "--offline", "--json"]).ok().json()["total"], 1);
}

#[test]
fn a_password_that_a_person_wrote_into_a_file_is_refused() {
    let (sandbox, _small, _) = ready();
    let text = "[registries.kommun]\nurl = \"https://u:hemligt@127.0.0.1:1/r.git\"\n";
    let ws = sandbox.workspace_of("written", text);
    for args in [&["registry", "refresh", "--json"][..], &["registry", "add", "kommun", "https://127.0.0.1:1/r.git", "--json"]] {
        let run = sandbox.run(&ws, args);
        let error = run.fails(2, "usage");
        assert!(error.contains("password") && error.contains("kommun") && !run.both().contains("hemligt"), "{run}");
    }
    assert_eq!(fs::read_to_string(ws.join("forum.toml")).unwrap(), text);
}

#[cfg(unix)]
#[test]
fn one_registry_is_known_however_its_path_is_spelt() {
    let (sandbox, small, _) = ready();
    let at = small.registry.path.to_str().unwrap();
    let ws = sandbox.directory("spelt");
    sandbox.fetch(&ws, &[PUPIL, "--registry", "../../srv/kommun.git"]).ok();
    let sub = sandbox.directory("spelt/sub/deeper");
    std::os::unix::fs::symlink(sandbox.path("srv"), sandbox.path("link")).unwrap();
    let before = fs::read(ws.join("forum.toml")).unwrap();
    let link = sandbox.path("link/kommun.git");
    let spellings =
        [at.to_owned(), at.replace("/srv/", "//srv/./"), at.replace("/srv/", "/srv/../srv/"), format!("{at}/"), format!("file://{at}")];
    for spelt in spellings.iter().map(String::as_str).chain([link.to_str().unwrap(), "../../srv/kommun.git", "../../link/kommun.git"]) {
        for args in [&["fetch", PUPIL, "--registry", spelt, "--json"][..], &["fetch", BYTES, "--registry", spelt, "--dry-run", "--json"]] {
            sandbox.run(&ws, args).ok();
        }
        let run = sandbox.run(&ws, &["registry", "add", "kommun", spelt]).ok();
        assert_eq!(fs::read(ws.join("forum.toml")).unwrap(), before, "{spelt}: {run}");
    }
    sandbox.fetch(&sub, &[PUPIL, "--registry", "../../../../srv/kommun.git"]).ok();
    sandbox.run(&sandbox.path(""), &["-C", "ws/spelt", "fetch", PUPIL, "--registry", "srv/kommun.git"]).ok();
    sandbox.fetch(&ws, &[PUPIL, "--registry", "../elsewhere.git"]).fails(2, "usage");
    assert_eq!(fs::read(ws.join("forum.toml")).unwrap(), before);
}

#[test]
fn a_lock_with_an_address_that_is_none_is_named() {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, "--registry", "kommun"]).ok();
    let lock = fs::read_to_string(ws.join("forum.lock")).unwrap();
    fs::write(ws.join("forum.lock"), lock.replace(&small.registry.url(), "ext::sh -c id")).unwrap();
    for args in [&["verify", "--json"][..], &["status", "--exit-code", "--json"]] {
        let error = sandbox.run(&ws, args).fails(1, "invalid-workspace");
        assert!(error.contains("forum.lock") && error.contains(PUPIL), "{error}");
    }
}

#[test]
fn an_error_names_the_flag_that_was_typed() {
    let (sandbox, _small, _) = ready();
    let ws = sandbox.workspace("w", "http://127.0.0.1:9/kommun.git");
    for (flag, variable) in [("--offline", ""), ("--frozen", ""), ("-q", "FORUM_OFFLINE")] {
        let variables = if variable.is_empty() { vec![] } else { vec![(variable, "1")] };
        let named = if variable.is_empty() { flag } else { variable };
        for args in [&["registry", "refresh", flag, "--json"][..], &["search", "x", flag, "--json"]] {
            let error = sandbox.run_with(&ws, args, &variables).fails(6, "offline");
            let others = ["--offline", "--frozen", "FORUM_OFFLINE"].into_iter().filter(|other| *other != named);
            assert!(error.contains(named) && others.into_iter().all(|other| !error.contains(other)), "{error}");
        }
    }
    fs::write(ws.join("forum.toml"), "[components.\"aa/bb\"]\nversion = \"1\"\nregistry = \"kommun\"\n").unwrap();
    for (flag, other) in [("--locked", "--frozen"), ("--frozen", "--locked")] {
        let error = sandbox.fetch(&ws, &[flag]).fails(5, "locked");
        assert!(error.contains(&format!("without {flag}")) && !error.contains(other), "{error}");
    }
}

#[test]
fn a_registry_in_use_stays() {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, "--registry", small.registry.path.to_str().unwrap()]).ok();
    let error = sandbox.run(&ws, &["registry", "remove", "kommun", "--json"]).fails(1, "no-solution");
    assert!(error.contains(PUPIL) && error.contains("forum remove"), "{error}");
    sandbox.run(&ws, &["registry", "remove", "nonsense", "--json"]).fails(1, "not-found");
}

#[test]
fn words_of_other_tools_lead_to_ours() {
    let sandbox = Sandbox::new();
    let ws = sandbox.directory("ws");
    for (theirs, ours) in [("install", "fetch"), ("add", "fetch"), ("upgrade", "update"), ("outdated", "status"), ("uninstall", "remove")] {
        let run = sandbox.run(&ws, &[theirs, "x"]).exits(2);
        assert!(run.stderr.contains(&format!("forum {ours}")), "{run}");
    }
    let run = sandbox.run(&ws, &["fetch", "--nonsense", "--json"]);
    assert_eq!(run.json()["command"], "fetch", "{run}");
    let run = sandbox.run(&ws, &["nonsense", "--json"]);
    assert!(run.json()["command"].is_null(), "{run}");
}
