//! Files and surroundings that lie: locks and settings whose paths lead out, journals of nobody, an environment that
//! points git elsewhere, texts that would paint the terminal.

use std::fs;
use std::path::Path;

use crate::support::fixtures::{KOMMUN, PUPIL, SFTP, ready, small};
use crate::support::registry::{Published, Registry, Version};
use crate::support::sandbox::{Sandbox, quoted, text};
use crate::support::server::{Http, Options};
#[cfg(unix)]
use crate::support::set_mode;
use crate::support::{files, same_files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;
/// Places that no component may have.
const PLACES: [&str; 9] =
    ["../out", "components/../../out", "/tmp/forum-out", ".forum", ".forum/stage", ".git/hooks", "a/../b", "C:\\out", ""];

/// Whatever is run, nothing outside of the workspace and of forum's own directories changes.
#[track_caller]
fn harmless(sandbox: &Sandbox, ws: &Path, what: &str, commands: &[&[&str]]) {
    let (before, outside) = (snapshot(ws), snapshot(&sandbox.path("ws")));
    for command in commands {
        let mut args = command.to_vec();
        args.push("--json");
        let run = sandbox.run(ws, &args);
        assert!(matches!(run.code, Some(1 | 2)), "{what}: {run}");
        assert!(run.json()["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {run}");
        unchanged(&before, ws);
    }
    unchanged(&outside, &sandbox.path("ws"));
    assert!(!Path::new("/tmp/forum-out").exists(), "{what}");
}

#[test]
fn paths_in_lock_and_settings_never_lead_out() {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
    let (lock, wishes) = (text(&ws.join("forum.lock")), text(&ws.join("forum.toml")));
    let path = format!("path = \"components/{SFTP}\"");
    assert!(lock.contains(&path));
    for (number, place) in PLACES.iter().enumerate() {
        let lying = sandbox.workspace(&format!("lock-{number}"), &small.registry.url());
        fs::write(lying.join("forum.toml"), &wishes).unwrap();
        fs::write(lying.join("forum.lock"), lock.replace(&path, &format!("path = {}", quoted(place)))).unwrap();
        // A lock that names forum's own directory is outvoted by `forum.toml`, and nothing lies there to be removed.
        if !place.starts_with(".forum") {
            harmless(&sandbox, &lying, place, &[&["fetch"], &["remove", SFTP]]);
        }
        let lying = sandbox.workspace(&format!("toml-{number}"), &small.registry.url());
        fs::write(lying.join("forum.toml"), format!("{wishes}path = {}\n", quoted(place))).unwrap();
        harmless(&sandbox, &lying, place, &[&["fetch"]]);
        let lying = sandbox.workspace(&format!("components-{number}"), &small.registry.url());
        let wishes = wishes.replacen("[workspace]", &format!("[workspace]\ncomponents = {}", quoted(place)), 1);
        fs::write(lying.join("forum.toml"), wishes).unwrap();
        harmless(&sandbox, &lying, place, &[&["fetch"]]);
    }
}

#[test]
fn two_components_never_share_a_place() {
    let (sandbox, small, _) = ready();
    for (number, path) in ["lib/one", "lib/one/inner", "lib/ONE", "lib"].iter().enumerate() {
        let ws = sandbox.workspace(&number.to_string(), &small.registry.url());
        sandbox.fetch(&ws, &[SFTP, K[0], K[1], "--path", "lib/one"]).ok();
        let before = snapshot(&ws);
        let run = sandbox.fetch(&ws, &["goteborg/bytes", K[0], K[1], "--path", path]);
        assert!(matches!(run.code, Some(1 | 2)), "{path}: {run}");
        unchanged(&before, &ws);
        // Both at once, and on a disk that holds neither yet.
        let clone = sandbox.colleague(&format!("clone-{number}"), &ws);
        fs::remove_file(clone.join("forum.lock")).unwrap();
        let wishes = text(&clone.join("forum.toml")) + &format!("[components.\"goteborg/bytes\"]\nversion = \"^1\"\npath = \"{path}\"\n");
        fs::write(clone.join("forum.toml"), wishes).unwrap();
        harmless(&sandbox, &clone, path, &[&["fetch"]]);
    }
}

#[test]
fn a_journal_of_nobody_moves_nothing() {
    let (sandbox, small, _) = ready();
    let operation = |target: &str| {
        format!(
            "{{\"format\":1,\"created\":[],\"areas\":[],\"operations\":[{{\"kind\":\"remove-tree\",\"target\":\"{target}\",\"area\":null,\"inode\":null}}]}}"
        )
    };
    let journals = [
        ("journal.json", operation("../victim")),
        ("journal.json", operation("a/../../victim")),
        ("journal.json", operation("/etc")),
        ("journal.json", operation(".forum/stage")),
        ("journal.json", "{\"format\":99}".to_owned()),
        ("journal.json", operation("mine").replace("\"format\":1", "\"format\":2")),
        ("journal.json", "{\"format\":1,\"created\":[],\"areas\":[\"mine\"],\"operations\":[]}".to_owned()),
        ("journal.json", "[".repeat(100_000)),
        ("stage.json", "[\"../victim\"]".to_owned()),
        ("stage.json", "[\"mine\"]".to_owned()),
    ];
    for (number, (file, content)) in journals.iter().enumerate() {
        let ws = sandbox.workspace(&number.to_string(), &small.registry.url());
        let victim = sandbox.directory("victim");
        fs::write(victim.join("mine.txt"), "mine\n").unwrap();
        fs::create_dir_all(ws.join("mine")).unwrap();
        for directory in ["stage", "old"] {
            fs::create_dir_all(ws.join(".forum").join(directory)).unwrap();
        }
        fs::write(ws.join(".forum").join(file), content).unwrap();
        harmless(&sandbox, &ws, content, &[&["fetch", PUPIL, K[0], K[1]]]);
    }
}

#[test]
fn an_environment_that_points_git_elsewhere_changes_nothing() {
    let mut sandbox = Sandbox::new();
    let mut small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let victim = small.registry.checkout(&sandbox.path("victim"));
    let git = victim.join(".git");
    for (key, value) in [
        ("GIT_DIR", git.clone()),
        ("GIT_WORK_TREE", victim.clone()),
        ("GIT_INDEX_FILE", git.join("index")),
        ("GIT_OBJECT_DIRECTORY", git.join("objects")),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", git.join("objects")),
        ("GIT_COMMON_DIR", git.clone()),
        ("GIT_SHALLOW_FILE", git.join("shallow")),
        ("GIT_NAMESPACE", "elsewhere".into()),
        ("GIT_CONFIG_PARAMETERS", "'core.hooksPath=/nonexistent' 'url.file:///nonexistent.insteadOf=http://127.0.0.1'".into()),
    ] {
        sandbox.set(key, value);
    }
    let before = snapshot(&victim);
    let ws = sandbox.workspace("w", &http.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
    small.registry.publish("inera/later", "1.0.0", files(&[("README.md", "later\n")]));
    sandbox.fetch(&ws, &["inera/later", K[0], K[1]]).ok();
    unchanged(&before, &victim);
    let packs = snapshot(&sandbox.cache()).into_keys().filter(|path| path.contains("/objects/")).count();
    assert!(packs > 3, "what came lies in the cache");
}

/// Sets a key in the settings of the sandbox's user.
fn set_for_user(sandbox: &Sandbox, key: &str, value: &str) {
    crate::support::git(&["config", "--file", sandbox.path("home/.gitconfig").to_str().unwrap(), key, value]);
}

/// A program that leaves a trace.
#[cfg(unix)]
fn tell_tale(program: &Path, trace: &Path) {
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(program, format!("#!/bin/sh\n: > '{}'\n", trace.display())).unwrap();
    set_mode(program, 0o755);
}

#[cfg(unix)]
#[test]
fn hooks_and_templates_of_the_user_are_not_run_in_the_cache() {
    let sandbox = Sandbox::new();
    let mut small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let trace = sandbox.path("trace");
    let hooks = ["reference-transaction", "post-checkout", "post-index-change", "pre-auto-gc"];
    for hook in hooks {
        tell_tale(&sandbox.path("template/hooks").join(hook), &trace);
    }
    set_for_user(&sandbox, "core.hooksPath", sandbox.path("template/hooks").to_str().unwrap());
    set_for_user(&sandbox, "init.templateDir", sandbox.path("template").to_str().unwrap());
    let ws = sandbox.workspace("w", &http.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    small.registry.publish("inera/later", "1.0.0", files(&[("README.md", "later\n")]));
    sandbox.fetch(&ws, &["inera/later", K[0], K[1]]).ok();
    assert!(!trace.exists(), "a hook was run");
    let copied: Vec<_> = snapshot(&sandbox.cache()).into_keys().filter(|path| hooks.iter().any(|hook| path.ends_with(hook))).collect();
    assert!(copied.is_empty(), "{copied:?}");
}

#[cfg(unix)]
#[test]
fn an_address_that_the_user_has_replaced_by_a_program_runs_nothing() {
    let sandbox = Sandbox::new();
    let trace = sandbox.path("trace");
    let url = "http://127.0.0.1:9/kommun.git";
    set_for_user(&sandbox, "protocol.ext.allow", "always");
    set_for_user(&sandbox, &format!("url.ext::sh -c touch% {}.insteadOf", trace.display()), url);
    let ws = sandbox.workspace("w", url);
    harmless_to(&ws, || sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).exits(6));
    assert!(!trace.exists(), "a program was run");
}

/// A run that leaves the directory as it was.
#[track_caller]
fn harmless_to<T>(directory: &Path, run: impl FnOnce() -> T) -> T {
    let before = snapshot(directory);
    let done = run();
    unchanged(&before, directory);
    done
}

/// A registry in whose texts control characters stand wherever TOML can hold them.
fn loud(sandbox: &Sandbox) -> (Registry, Published) {
    const LOUD: &str = "\u{1b}[31mred\u{7}\u{9b}1m\u{202e}\u{8}";
    let mut registry = Registry::new(&sandbox.path("srv/kommun.git"));
    let mut version = Version::new("goteborg/loud", "1.0.0", files(&[("README.md", LOUD)]));
    for key in ["title", "summary", "status", "discussion", "license", "contact", "area", "decision"] {
        version = version.meta(key, format!("{key} {LOUD}"));
    }
    version = version.meta("keywords", vec![LOUD.to_owned()]).meta("systems", vec![LOUD.to_owned()]);
    let loud = quoted(LOUD);
    version = version.manifest(&format!("[needs]\ntasks = [{loud}]\nenvironment = [{loud}]\nsubprocesses = [{loud}]\n"));
    let published = registry.publish_version(version.clone());
    "1.1.0".clone_into(&mut version.version);
    registry.publish_version(version);
    registry.yank("goteborg/loud", "1.0.0", LOUD);
    registry.deprecate("goteborg/loud", LOUD, "");
    (registry, published)
}

#[test]
fn texts_of_a_registry_never_paint_the_terminal() {
    let sandbox = Sandbox::new();
    let (mut registry, published) = loud(&sandbox);
    let ws = sandbox.workspace("w", &registry.url());
    let quiet = |run: &crate::support::sandbox::Outcome| {
        let is_json = run.stdout.starts_with('{');
        let bad = |c: char| (c.is_control() && c != '\n') || (c == '\u{202e}' && !is_json);
        assert!(!run.both().contains(bad), "{}", run.to_string().escape_debug());
        assert!(run.code.is_some_and(|code| code < 100), "{run}");
    };
    for json in [false, true] {
        for command in
            ["fetch goteborg/loud", "search red", "show goteborg/loud", "show goteborg/loud --readme", "status", "verify", "tree"]
        {
            let mut args: Vec<&str> = command.split(' ').collect();
            args.extend(K);
            if json {
                args.push("--json");
            }
            quiet(&sandbox.run(&ws, &args));
        }
    }
    // A lock that has the yanked one, then the removed one.
    let old = sandbox.workspace("old", &registry.url());
    registry.edit_index("goteborg/loud", |document| drop(document.remove("yanked")));
    sandbox.fetch(&old, &["goteborg/loud@=1.0.0", K[0], K[1]]).ok();
    same_files(&old.join("components/goteborg/loud"), &published.files);
    registry.yank("goteborg/loud", "1.0.0", "\u{1b}[31m");
    for command in ["fetch", "status", "verify --deny yanked,deprecated"] {
        quiet(&sandbox.run(&old, &command.split(' ').collect::<Vec<_>>()));
    }
    registry.tombstone("goteborg/loud", "1.0.0", "\u{1b}[31m");
    fs::remove_dir_all(old.join("components")).unwrap();
    let run = sandbox.run(&old, &["fetch"]).exits(1);
    quiet(&run);
}
