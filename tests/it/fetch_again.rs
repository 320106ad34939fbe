//! What lies in a workspace already: fetched before, moved, of a lost lock, of a removed version, answered before.

use std::fs;

use crate::support::fixtures::{BYTES, KOMMUN, PUPIL, SFTP, empty, readme, ready};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{table, text};
use crate::support::server::{Http, Options};
use crate::support::{same_files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;
const CODE: &str =
    "[variables.code]\ntype = \"string\"\ndefault = \"1\"\nreplace = [{ file = \"data.json\", text = \"\\\"v\\\"\", count = 1 }]\n";

#[test]
fn the_same_answer_once_more_changes_nothing_and_keeps_no_copy() {
    let (sandbox, mut registry) = empty();
    registry.publish_version(Version::new("goteborg/asks", "1.0.0", readme("1.0.0")).manifest(CODE));
    let ws = sandbox.workspace("ws", &registry.url());
    let first = sandbox.run(&ws, &["fetch", "asks", K[0], K[1]]).ok();
    assert!(first.stderr.contains("by default code = 1"), "{first}");
    sandbox.fetch(&ws, &["asks", "--set", "code=7"]).ok();
    let before = snapshot(&ws);
    let run = sandbox.fetch(&ws, &["asks", "--set", "code=7"]).ok();
    assert_eq!(run.components()["goteborg/asks"]["action"], "unchanged", "{run}");
    unchanged(&before, &ws);
    let kept = sandbox.run(&ws, &["restore", "--json"]).ok().json();
    assert_eq!(kept["kept"].as_array().map(Vec::len), Some(1), "of the first new answer alone: {kept}");
}

#[test]
fn a_lost_lock_is_made_again_from_what_lies_there() {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[&format!("{PUPIL}@~1.1"), K[0], K[1]]).ok();
    sandbox.fetch(&ws, &[BYTES]).ok();
    let lock = text(&ws.join("forum.lock"));
    for (file, bytes) in [(None, ""), (Some("README.md"), "# ours\n")] {
        if let Some(file) = file {
            fs::write(ws.join("components").join(PUPIL).join(file), bytes).unwrap();
        }
        fs::remove_file(ws.join("forum.lock")).unwrap();
        sandbox.fetch(&ws, &["--locked"]).exits(5);
        let run = sandbox.fetch(&ws, &[]).ok();
        let action = if file.is_some() { "kept" } else { "unchanged" };
        assert_eq!(run.components()[PUPIL]["action"], action, "{run}");
        assert_eq!(run.components()[SFTP]["action"], "unchanged", "{run}");
        assert_eq!(text(&ws.join("forum.lock")), lock);
    }
    assert_eq!(text(&ws.join("components").join(PUPIL).join("README.md")), "# ours\n");
    // One side of a merge that took both components.
    let one = lock.split("[[component]]").filter(|part| !part.contains(BYTES)).collect::<Vec<_>>().join("[[component]]");
    fs::write(ws.join("forum.lock"), one).unwrap();
    assert_eq!(sandbox.fetch(&ws, &[]).ok().components()[BYTES]["action"], "unchanged");
    assert_eq!(text(&ws.join("forum.lock")), lock);
    same_files(&ws.join("components").join(BYTES), &small.bytes.files);
}

#[test]
fn what_was_never_wanted_here_is_not_taken_over() {
    let (sandbox, _small, ws) = ready();
    let there = ws.join("components").join(PUPIL);
    fs::create_dir_all(&there).unwrap();
    fs::write(there.join("component.toml"), "[component]\nowner = \"goteborg\"\nname = \"pupil-system\"\nversion = \"1.2.0\"\n").unwrap();
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).fails(1, "occupied");
    assert!(error.contains("forum.lock was lost") && error.contains("--path"), "{error}");
    unchanged(&before, &ws);
}

#[test]
fn a_clean_component_moves_and_an_adapted_one_stays() {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let run = sandbox.fetch(&ws, &[PUPIL, "--path", "pupils"]).ok();
    assert_eq!(run.components()[PUPIL]["action"], "updated", "{run}");
    same_files(&ws.join("pupils"), &small.pupil[2].files);
    assert!(!ws.join("components").join(PUPIL).exists() && ws.join("components").join(SFTP).exists());
    assert!(sandbox.run(&ws, &["fetch"]).ok().stdout.contains("unchanged"));
    fs::write(ws.join("pupils/README.md"), "# ours\n").unwrap();
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &[PUPIL, "--path", "elsewhere"]).fails(1, "occupied");
    assert!(error.contains("pupils") && error.contains("elsewhere"), "{error}");
    unchanged(&before, &ws);
    // Thrown away and moved: what was there is kept.
    let run = sandbox.fetch(&ws, &[PUPIL, "--force", "--path", "away"]).ok();
    assert_eq!(run.components()[PUPIL]["path"], "away", "{run}");
    same_files(&ws.join("away"), &small.pupil[2].files);
    assert!(!ws.join("pupils").exists());
    sandbox.run(&ws, &["restore", PUPIL]).ok();
    assert!(!ws.join("away").exists());
    assert_eq!(text(&ws.join("pupils/README.md")), "# ours\n");
    // Moved by hand, and told so.
    fs::rename(ws.join("pupils"), ws.join("elsewhere")).unwrap();
    let run = sandbox.fetch(&ws, &[PUPIL, "--path", "elsewhere"]).ok();
    assert_eq!(run.components()[PUPIL]["action"], "kept", "{run}");
    assert_eq!(text(&ws.join("elsewhere/README.md")), "# ours\n");
    sandbox.fetch(&ws, &[BYTES, "--path", ".forum/x"]).fails(2, "usage");
}

#[test]
fn nothing_moves_above_what_an_adapted_dependency_gives() {
    let (sandbox, mut registry) = empty();
    for version in ["1.0.0", "1.1.0"] {
        registry.publish("inera/base", version, readme(version));
        let minor = version.rsplit_once('.').unwrap().0;
        registry.publish_version(Version::new("goteborg/app", version, readme(version)).needs("inera/base", &format!("^{minor}")));
    }
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &["goteborg/app@=1.0.0", "inera/base@=1.0.0", K[0], K[1]]).ok();
    let wanted = text(&ws.join("forum.toml")).replacen("=1.0.0", "^1.0", 2).replacen("^1.0", "=1.0.0", 1);
    fs::write(ws.join("forum.toml"), wanted).unwrap();
    fs::write(ws.join("components/inera/base/ours.txt"), "# ours\n").unwrap();
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &["goteborg/app@^1.1"]).fails(1, "no-solution");
    assert!(["goteborg/app 1.1.0", "inera/base", "1.0.0", "forum update inera/base"].iter().all(|part| error.contains(part)), "{error}");
    unchanged(&before, &ws);
    let run = sandbox.run(&ws, &["verify"]).ok();
    assert!(!run.stderr.contains("warning"), "{run}");
    // The way that the hint names.
    sandbox.run(&ws, &["update", "inera/base"]).ok();
    let run = sandbox.fetch(&ws, &["goteborg/app@^1.1"]).ok();
    assert_eq!(
        (&run.components()["goteborg/app"]["action"], &run.components()["inera/base"]["action"]),
        (&"updated".into(), &"kept".into())
    );
    assert_eq!(text(&ws.join("components/inera/base/ours.txt")), "# ours\n");
    // A lock that somebody wrote otherwise is named.
    let lock = text(&ws.join("forum.lock"));
    let old = lock.replacen("version = \"1.1.0\"", "version = \"1.0.0\"", 2).replacen("version = \"1.0.0\"", "version = \"1.1.0\"", 1);
    fs::write(ws.join("forum.lock"), old).unwrap();
    let run = sandbox.run(&ws, &["verify"]).exits(3);
    assert!(run.stderr.contains("goteborg/app 1.1.0 needs inera/base ^1.1"), "{run}");
}

#[test]
fn answers_in_forum_toml_that_go_nowhere_are_said_and_lock_nobody_out() {
    let (sandbox, mut registry) = empty();
    let variables = format!(
        "{CODE}[variables.key]\ntype = \"secret\"\ndefault = \"\"\nreplace = [{{ file = \"README.md\", text = \"version\", count = 1 }}]\n"
    );
    registry.publish_version(Version::new("goteborg/asks", "1.0.0", readme("1.0.0")).manifest(&variables));
    let ws = sandbox.workspace("ws", &registry.url());
    let wish = |variables: &str| {
        let url = registry.url();
        let text = format!(
            "[registries.kommun]\nurl = \"{url}\"\n[components.\"goteborg/asks\"]\nversion = \"^1\"\nregistry = \"kommun\"\nvariables = {variables}\n"
        );
        fs::write(ws.join("forum.toml"), text).unwrap();
    };
    for (variables, named) in [
        ("{ code = \"7\", key = \"hush-hush\" }", "`key` is a secret"),
        ("{ code = \"7\", cod = \"x\" }", "did you mean `code`"),
        ("{ code = \"7\", nonsense = \"x\" }", "`nonsense`"),
    ] {
        wish(variables);
        let run = sandbox.fetch(&ws, &[]).ok();
        assert!(run.stderr.contains(named) && !run.both().contains("hush-hush"), "{run}");
        let before = snapshot(&ws);
        for args in [&["--locked"][..], &["--frozen"]] {
            let run = sandbox.fetch(&ws, args).ok();
            assert!(run.stderr.contains(named), "{run}");
            unchanged(&before, &ws);
        }
    }
    wish("{ code = \"8\" }");
    sandbox.fetch(&ws, &["--locked"]).exits(5);
    let run = sandbox.fetch(&ws, &[]).ok();
    assert!(!run.stderr.contains("warning"), "{run}");
}

#[test]
fn a_removed_version_that_is_here_blocks_nothing_and_does_not_move() {
    let (sandbox, mut registry) = empty();
    registry.publish("goteborg/two", "1.0.0", readme("1.0.0"));
    registry.publish("goteborg/other", "1.0.0", readme("1.0.0"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &["goteborg/two", K[0], K[1]]).ok();
    registry.tombstone("goteborg/two", "1.0.0", "a name was in it");
    let run = sandbox.fetch(&ws, &["goteborg/other", K[0], K[1]]).ok();
    assert_eq!(run.components()["goteborg/two"]["action"], "unchanged", "{run}");
    registry.publish("goteborg/two", "1.0.1", readme("1.0.1"));
    sandbox.run(&ws, &["remove", "other"]).ok();
    let run = sandbox.fetch(&ws, &["goteborg/other"]).ok();
    assert_eq!(run.components()["goteborg/two"]["version"], "1.0.0", "{run}");
    sandbox.run(&ws, &["update", "goteborg/two"]).ok();
    assert!(text(&ws.join("forum.lock")).contains("version = \"1.0.1\""), "an update takes it along");
}

#[test]
fn an_answer_is_carried_to_the_new_name_of_its_variable() {
    let (sandbox, mut registry) = empty();
    registry.publish_version(Version::new("goteborg/asks", "1.0.0", readme("1.0.0")).manifest(CODE));
    let renamed = CODE.replace("[variables.code]", "[variables.number]\nrenamed-from = \"code\"").replace("default = \"1\"\n", "");
    registry.publish_version(Version::new("goteborg/asks", "1.1.0", readme("1.1.0")).manifest(&renamed));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &["asks@=1.0.0", K[0], K[1], "--set", "code=7"]).ok();
    sandbox.fetch(&ws, &["asks@=1.1.0"]).ok();
    let variables = &table(&ws.join("forum.toml"))["components"]["goteborg/asks"]["variables"];
    assert_eq!(variables.to_string().replace('\n', ""), "{ number = \"7\" }", "{variables}");
    assert!(text(&ws.join("components/goteborg/asks/data.json")).starts_with("{7:"));
    let before = snapshot(&ws);
    sandbox.fetch(&ws, &["--locked"]).ok();
    unchanged(&before, &ws);
}

#[test]
fn a_short_name_that_is_here_means_what_is_here() {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let mut other = Registry::named(&sandbox.path("srv/region.git"), "region", "");
    other.publish("region/pupil-system", "9.0.0", readme("9"));
    sandbox.run(&ws, &["registry", "add", "region", &other.url()]).ok();
    for args in [vec!["fetch", "pupil-system"], vec!["show", "pupil-system"]] {
        sandbox.run(&ws, &args).ok();
        sandbox.run_with(&ws, &args, &[("FORUM_REGISTRY", "region")]).ok();
    }
    let lock = table(&ws.join("forum.lock"));
    assert_eq!(lock["component"].as_array().map(Vec::len), Some(2), "{lock}");
    drop(small);
}

#[test]
fn a_lock_outside_of_forum_toml_is_5_before_anything_else() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let file = text(&ws.join("forum.toml")).replace("version = \"^1.2.0\"", "version = \"^7\"");
    fs::write(ws.join("forum.toml"), file).unwrap();
    let error = sandbox.fetch(&ws, &["--locked"]).fails(5, "locked");
    assert!(error.contains("goteborg/pupil-system 1.2.0"), "{error}");
    sandbox.fetch(&ws, &[]).fails(1, "no-solution");
    sandbox.fetch(&ws, &["pupil-system@=1.0.0", "goteborg/pupil-system@=1.1.0"]).fails(2, "usage");
}

#[test]
fn a_missing_directory_is_made_for_fetch_alone_and_goes_again() {
    let (sandbox, small, ws) = ready();
    let url = small.registry.url();
    sandbox.run(&ws, &["-C", "typo", "status", "--json"]).fails(1, "not-found");
    sandbox.run(&ws, &["-C", "a/b", "fetch", "nothing-such", "--registry", &url, "--json"]).fails(1, "not-found");
    sandbox.run(&ws, &["-C", "a/b", "fetch", PUPIL, "--registry", &url, "--dry-run"]).ok();
    assert!(!ws.join("a").exists());
}

#[test]
fn what_forum_toml_does_not_know_is_named() {
    let (sandbox, _small, ws) = ready();
    let file = format!("{}\n[component.\"goteborg/pupil-system\"]\nversion = \"1\"\n", text(&ws.join("forum.toml")));
    fs::write(ws.join("forum.toml"), file).unwrap();
    let run = sandbox.run(&ws, &["fetch", BYTES]).ok();
    assert!(run.stderr.contains("`component` means nothing"), "{run}");
}

#[test]
fn after_a_refresh_searching_works_offline() {
    let (sandbox, small, _) = ready();
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("http", &http.url());
    sandbox.run(&ws, &["registry", "refresh"]).ok();
    drop(http);
    let found = sandbox.run(&ws, &["search", "pupil", "--offline", "--json"]).ok().json();
    assert_eq!(found["results"][0]["id"], PUPIL, "{found}");
    drop(small);
}

#[test]
fn a_rewritten_history_names_its_tombstones() {
    let (sandbox, mut small, _) = ready();
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let (by_path, by_http) = (sandbox.workspace("path", &small.registry.url()), sandbox.workspace("http", &http.url()));
    let before = small.registry.head();
    small.registry.publish("goteborg/late", "1.0.0", readme("1"));
    for ws in [&by_path, &by_http] {
        sandbox.fetch(ws, &[BYTES, K[0], K[1]]).ok();
    }
    small.registry.set_main(&before);
    small.registry.tombstone(PUPIL, "1.0.0", "a name was in it");
    for ws in [&by_path, &by_http] {
        let error = sandbox.run(ws, &["registry", "refresh", "--json"]).fails(1, "rewritten");
        assert!(error.contains("removed there: goteborg/pupil-system 1.0.0 (a name was in it)"), "{error}");
    }
    let accepted = sandbox.run(&by_http, &["registry", "refresh", "--accept-rewrite", "--json"]).ok().json();
    assert_eq!(accepted["registries"][0]["removed"][0]["version"], "1.0.0", "{accepted}");
}
