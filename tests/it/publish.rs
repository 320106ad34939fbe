//! `forum publish`, black-box against real repositories.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::fixtures::readme;
use crate::support::registry::Registry;
use crate::support::sandbox::{Outcome, Sandbox};
use crate::support::server::{Http, Options};
#[cfg(unix)]
use crate::support::set_mode;
use crate::support::{Files, contents, files, git_command, output, write_files};

pub(crate) const ID: &str = "sundsvall/pupil-sync";
pub(crate) const DIR: &str = "integrations/pupil-sync";
const README: &str = "# Pupil sync\n\nReads pupils from the school system and writes them to the identity platform.\n\n## What it needs\n\nNothing beyond the platform.\n\n## How to adapt it\n\nChange the address in `process.json`.\n";

/// What a municipality would publish.
pub(crate) fn component(version: &str, extra: &str, more: &[(&str, &str)]) -> Files {
    let manifest = format!(
        "[component]\nowner = \"sundsvall\"\nname = \"pupil-sync\"\nversion = \"{version}\"\nkind = \"technical-component\"\ntitle = \"Pupil sync\"\nsummary = \"Reads pupils from the school system\"\nlicense = \"EUPL-1.2\"\nstatus = \"production\"\ncontact = \"integration@sundsvall.example\"\nkeywords = [\"pupil\"]\nsystems = [\"Edlevo\"]\npersonal-data = \"none\"\n{extra}"
    );
    let mut all = files(&[
        ("component.toml", manifest.as_str()),
        ("README.md", README),
        ("LICENSE", "EUPL-1.2\n"),
        ("process.json", "{\"name\": \"sync\"}\r\n"),
        ("docs/bild \u{e5}.txt", "\u{e5}\n"),
    ]);
    all.insert("run.sh".into(), (true, b"#!/bin/sh\n".to_vec()));
    all.extend(files(more));
    all
}

/// A registry behind http, and a municipality's repository that knows it.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) registry: Registry,
    pub(crate) http: Http,
    pub(crate) muni: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        let mut registry = Registry::new(&sandbox.path("srv/kommun.git"));
        registry.publish("inera/plain", "1.0.0", readme("1.0.0"));
        registry.adopt("inera/plain", "sundsvall", "1.0.0", "pilot");
        registry.config("http.receivepack", "true");
        let http = Http::start(&sandbox.path("srv"), Options::default());
        let muni = sandbox.directory("muni");
        fs::write(
            muni.join("forum.toml"),
            format!("[workspace]\nowner = \"sundsvall\"\n\n[registries.kommun]\nurl = \"{}\"\n", http.url()),
        )
        .unwrap();
        fs::write(muni.join(".gitignore"), "*.log\n").unwrap();
        let world = Self { sandbox, registry, http, muni };
        world.git(&["init", "-q", "-b", "main"]);
        world.save(&component("1.0.0", "", &[]));
        world
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git_in(&self.muni, args)
    }

    pub(crate) fn at(&self) -> PathBuf {
        self.muni.join(DIR)
    }

    pub(crate) fn save(&self, files: &Files) {
        let _ = fs::remove_dir_all(self.at());
        write_files(&self.at(), files);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "work"]);
    }

    pub(crate) fn publish(&self, args: &[&str]) -> Outcome {
        self.sandbox.run(&self.muni, &[&["publish", DIR, "--json"], args].concat())
    }

    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.sandbox.run(&self.muni, args)
    }

    pub(crate) fn branches(&self) -> Vec<String> {
        let all = self.registry.git(&["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"]);
        all.lines().filter(|name| *name != "main").map(str::to_owned).collect()
    }

    pub(crate) fn merge(&mut self, branch: &str) {
        let tip = self.registry.git(&["rev-parse", &format!("refs/heads/{branch}")]);
        self.registry.set_main(&tip);
    }
}

/// Runs git in a directory, which is made where it is missing.
pub(crate) fn git_in(directory: &Path, args: &[&str]) -> String {
    fs::create_dir_all(directory).unwrap();
    let mut command = git_command();
    command.current_dir(directory).args(args);
    String::from_utf8(output(command, b"")).unwrap().trim_end().to_owned()
}

/// The files of a component on a branch, as git has them.
pub(crate) fn published(world: &World, branch: &str, id: &str) -> Files {
    let list = world.registry.git(&["ls-tree", "-r", "-z", &format!("refs/heads/{branch}:components/{id}")]);
    let row = |row: &str| {
        let (about, path) = row.split_once('\t').unwrap();
        let mut words = about.split(' ');
        let (mode, oid) = (words.next().unwrap(), words.nth(1).unwrap());
        let mut command = git_command();
        command.arg("-C").arg(&world.registry.path).args(["cat-file", "blob", oid]);
        (path.to_owned(), (mode == "100755", output(command, b"")))
    };
    list.split('\0').filter(|entry| !entry.is_empty()).map(row).collect()
}

/// A file of a branch, as TOML.
pub(crate) fn record(world: &World, branch: &str, path: &str) -> toml::Table {
    toml::from_str(&world.registry.git(&["show", &format!("refs/heads/{branch}:{path}")])).unwrap()
}

#[test]
fn a_branch_with_one_commit_on_main_and_nothing_else_changes() {
    let mut world = World::new();
    let before = contents(&world.muni);
    let run = world.publish(&[]).ok();
    let doc = run.json();
    let branch = format!("contribute/{ID}-1.0.0");
    assert_eq!(
        (doc["branch"].as_str(), doc["pushed"].as_bool(), doc["already_published"].as_bool()),
        (Some(branch.as_str()), Some(true), Some(false))
    );
    assert_eq!(world.branches(), std::slice::from_ref(&branch));
    assert_eq!(published(&world, &branch, ID), component("1.0.0", "", &[]));
    let log = world.registry.git(&["log", "--format=%P|%an|%ae|%s", "-1", &branch]);
    let title = "sundsvall municipality";
    assert_eq!(log, format!("{}|{title}|integration@sundsvall.example|Publish {ID} 1.0.0", world.registry.head()));
    let paths = world.registry.git(&["diff", "--name-only", "-z", "main", &branch]);
    assert!(
        paths
            .split('\0')
            .filter(|path| !path.is_empty())
            .all(|path| path.starts_with(&format!("components/{ID}/")) || path == format!("index/{ID}.toml")),
        "{paths}"
    );
    let mut after = contents(&world.muni);
    after.retain(|path, _| path != ".git/index");
    assert!(before.iter().filter(|(path, _)| *path != ".git/index").all(|(path, entry)| after.get(path) == Some(entry)));

    let again = world.publish(&[]).ok().json();
    assert_eq!(again["commit"], doc["commit"], "the same content is the same commit");
    assert_eq!(world.publish(&["--status"]).ok().json()["state"], "waits");
    world.merge(&branch);
    assert_eq!(world.publish(&["--status"]).ok().json()["state"], "merged");
    let done = world.publish(&[]).ok().json();
    assert_eq!((&done["already_published"], &done["pushed"]), (&true.into(), &false.into()));
    let ws = world.sandbox.workspace("reader", &world.http.url());
    world.sandbox.fetch(&ws, &[ID]).ok();
    crate::support::same_files(&ws.join("components").join(ID), &component("1.0.0", "", &[]));
    world.save(&component("1.0.0", "", &[("process.json", "{}\n")]));
    world.publish(&[]).fails(1, "exists");
}

#[test]
fn what_git_ignores_or_the_manifest_excludes_or_lies_outside_stays_out() {
    let world = World::new();
    let clean = component("1.1.0", "[files]\nexclude = [\"drafts/**\"]\n", &[]);
    world.save(&clean);
    fs::write(world.at().join("run.log"), "log\n").unwrap();
    fs::create_dir(world.at().join("drafts")).unwrap();
    fs::write(world.at().join("drafts/idea.md"), "draft\n").unwrap();
    world.publish(&[]).ok();
    assert_eq!(published(&world, &format!("contribute/{ID}-1.1.0"), ID), clean);
}

#[test]
fn what_is_not_committed_is_named_and_published_as_it_is() {
    let world = World::new();
    fs::write(world.at().join("process.json"), "{\"dirty\": true}\n").unwrap();
    fs::write(world.at().join("new.txt"), "new\n").unwrap();
    let run = world.publish(&[]).ok();
    assert!(run.stderr.contains("process.json (modified)") && run.stderr.contains("new.txt (untracked)"), "{run}");
    let got = published(&world, &format!("contribute/{ID}-1.0.0"), ID);
    assert_eq!(got["process.json"].1, b"{\"dirty\": true}\n");
    assert_eq!(got["new.txt"].1, b"new\n");
}

#[test]
fn provenance_has_no_credentials_and_only_public_places() {
    let world = World::new();
    world.git(&["remote", "add", "origin", "https://robot:hemligt@github.com/sundsvall/integrations.git"]);
    world.publish(&[]).ok();
    let index = world.registry.git(&["show", &format!("refs/heads/contribute/{ID}-1.0.0:index/{ID}.toml")]);
    assert!(index.contains("repository = \"https://github.com/sundsvall/integrations.git\"") && !index.contains("hemligt"), "{index}");
    assert!(index.contains(&format!("path = \"{DIR}\"")) && index.contains(&world.git(&["rev-parse", "HEAD"])), "{index}");
    world.git(&["remote", "set-url", "origin", "https://git.intra.sundsvall.se/x.git"]);
    world.save(&component("1.0.1", "", &[]));
    let run = world.publish(&[]).ok();
    let index = world.registry.git(&["show", &format!("refs/heads/contribute/{ID}-1.0.1:index/{ID}.toml")]);
    assert!(!index.contains("intra") && run.stderr.contains("internal host"), "{index} {run}");
}

#[test]
fn an_environment_that_points_git_elsewhere_publishes_the_same() {
    let world = World::new();
    let victim = world.sandbox.path("victim");
    git_in(&victim, &["init", "-q"]);
    let git = victim.join(".git");
    let plain = world.publish(&["--dry-run"]).ok();
    let mut said = plain.json();
    for (key, value) in [
        ("GIT_DIR", git.clone()),
        ("GIT_WORK_TREE", victim.clone()),
        ("GIT_INDEX_FILE", git.join("index")),
        ("GIT_OBJECT_DIRECTORY", git.join("objects")),
        ("GIT_COMMON_DIR", git.clone()),
    ] {
        let run = world.sandbox.run_with(&world.muni, &["publish", DIR, "--dry-run", "--json"], &[(key, value.to_str().unwrap())]).ok();
        let mut now = run.json();
        // A commit bears its time.
        for one in [&mut now, &mut said] {
            one.as_object_mut().unwrap().remove("commit");
        }
        assert_eq!((now, &run.stderr), (said.clone(), &plain.stderr), "{key}");
    }
    let bare = world.registry.path.to_str().unwrap();
    world.sandbox.run_with(&world.muni, &["publish", DIR, "--registry", bare], &[("GIT_NAMESPACE", "elsewhere")]).ok();
    assert_eq!(world.branches(), [format!("contribute/{ID}-1.0.0")]);
}

#[cfg(unix)]
#[test]
fn programs_that_the_repository_names_are_not_run() {
    let world = World::new();
    let (trace, programs) = (world.sandbox.path("trace"), world.sandbox.directory("programs"));
    for name in ["monitor", "post-index-change", "pre-push", "reference-transaction"] {
        let program = programs.join(name);
        fs::write(&program, format!("#!/bin/sh\n: > '{}'\n", trace.display())).unwrap();
        set_mode(&program, 0o755);
    }
    world.git(&["config", "core.hooksPath", programs.to_str().unwrap()]);
    world.git(&["config", "core.fsmonitor", programs.join("monitor").to_str().unwrap()]);
    let _ = fs::remove_file(&trace);
    // The time tells git to look again, and so to write its index.
    fs::write(world.at().join("process.json"), "{\"name\": \"sync\"}\r\n").unwrap();
    world.publish(&[]).ok();
    assert!(!trace.exists(), "a program was run");
}

#[test]
fn findings_and_missing_dependencies_stop_it() {
    let world = World::new();
    let refs = world.branches();
    let mut without = component("1.0.0", "", &[]);
    without.remove("README.md");
    world.save(&without);
    for flags in [&[][..], &["--dry-run"]] {
        let run = world.publish(flags).exits(3);
        assert!(run.json()["errors"].as_u64() > Some(0) && run.json()["ok"] == true, "{run}");
        assert!(run.stdout.contains("README"), "{run}");
    }
    world.save(&component("1.0.0", "[dependencies]\n\"inera/nowhere\" = \"^1\"\n", &[]));
    let run = world.publish(&[]);
    assert!(matches!(run.code, Some(1 | 3)) && run.both().contains("inera/nowhere"), "{run}");
    world.save(&component("1.0.0", &format!("[dependencies]\n\"{ID}\" = \"^1\"\n"), &[]));
    let run = world.publish(&[]);
    assert!(matches!(run.code, Some(1 | 3)), "a component that needs itself: {run}");
    assert_eq!(world.branches(), refs);
}

#[test]
fn nothing_is_asked_offline_and_nothing_is_pushed_by_a_dry_run() {
    let world = World::new();
    let asked = world.http.requests().len();
    world.publish(&["--offline"]).fails(6, "offline");
    assert_eq!(world.http.requests().len(), asked);
    let run = world.publish(&["--dry-run"]).ok();
    assert_eq!(run.json()["pushed"], false, "{run}");
    assert!(world.branches().is_empty());
    assert_eq!(world.publish(&["--status"]).ok().json()["state"], "anew");
}

#[test]
fn a_fetched_copy_is_refused() {
    let world = World::new();
    world.run(&["fetch", "inera/plain"]).ok();
    let run = world.sandbox.run(&world.muni, &["publish", "components/inera/plain", "--json"]);
    assert!(run.fails(1, "unsafe-content").contains("derived-from"), "{run}");
}

#[test]
fn a_branch_that_somebody_else_changed_is_left_alone() {
    let mut world = World::new();
    world.publish(&[]).ok();
    let branch = format!("contribute/{ID}-1.0.0");
    let tip = world.registry.git(&["rev-parse", &branch]);
    let tree = world.registry.git(&["rev-parse", &format!("{tip}^{{tree}}")]);
    let theirs = world.registry.git(&["commit-tree", &tree, "-p", &tip, "-m", "A word from the reviewer"]);
    world.registry.git(&["update-ref", &format!("refs/heads/{branch}"), &theirs]);
    world.save(&component("1.0.0", "", &[("more.txt", "more\n")]));
    world.publish(&[]).fails(1, "exists");
    assert_eq!(world.registry.git(&["rev-parse", &branch]), theirs);
    // A machine that remembers nothing knows its owner's branch by the commit.
    world.registry.git(&["update-ref", &format!("refs/heads/{branch}"), &tip]);
    fs::remove_dir_all(world.sandbox.path("state")).unwrap();
    world.registry.publish("goteborg/between", "1.0.0", readme("1.0.0"));
    let run = world.publish(&[]).ok();
    assert!(run.stderr.contains("another machine of yours") && run.stderr.contains(&tip), "{run}");
    assert_eq!(published(&world, &branch, ID)["more.txt"].1, b"more\n");
    let parent = world.registry.git(&["rev-parse", &format!("{branch}^")]);
    assert_eq!(parent, world.registry.head(), "made anew on the newest main");
}

#[test]
fn a_branch_on_a_history_that_was_taken_back_is_left_alone() {
    let mut world = World::new();
    world.publish(&[]).ok();
    let branch = format!("refs/heads/contribute/{ID}-1.0.0");
    let tip = world.registry.git(&["rev-parse", &branch]);
    let anew = world.registry.git(&["commit-tree", "refs/heads/main^{tree}", "-m", "Begin anew"]);
    world.registry.set_main(&anew);
    for memory in ["state", "cache"] {
        fs::remove_dir_all(world.sandbox.path(memory)).unwrap();
    }
    world.save(&component("1.0.0", "", &[("more.txt", "more\n")]));
    world.publish(&[]).fails(1, "exists");
    assert_eq!(world.registry.git(&["rev-parse", &branch]), tip);
}

#[test]
fn straight_onto_main_and_into_a_fork() {
    let world = World::new();
    let commit = world.publish(&["--direct"]).ok().json()["commit"].as_str().unwrap().to_owned();
    assert_eq!(world.registry.head(), commit);
    let fork = world.sandbox.path("srv/fork.git");
    git_in(&fork, &["clone", "-q", "--bare", world.registry.path.to_str().unwrap(), "."]);
    git_in(&fork, &["config", "http.receivepack", "true"]);
    world.save(&component("1.1.0", "", &[]));
    let url = world.http.url().replace("kommun.git", "fork.git");
    let doc = world.publish(&["--fork", &url]).ok().json();
    assert_eq!(doc["remote"], url);
    assert!(world.branches().is_empty(), "the registry itself gets nothing");
    assert_eq!(git_in(&fork, &["rev-parse", &format!("refs/heads/contribute/{ID}-1.1.0")]), doc["commit"]);
}

#[test]
fn a_new_owner_brings_its_publisher_file() {
    let world = World::new();
    let text = fs::read_to_string(world.muni.join("forum.toml")).unwrap().replace("sundsvall", "nykoping");
    let files: Files = component("1.0.0", "", &[])
        .into_iter()
        .map(|(path, (x, bytes))| {
            let bytes = if path == "component.toml" {
                String::from_utf8(bytes).unwrap().replace("sundsvall", "nykoping").into_bytes()
            } else {
                bytes
            };
            (path, (x, bytes))
        })
        .collect();
    fs::write(world.muni.join("forum.toml"), &text).unwrap();
    world.save(&files);
    let error = world.publish(&[]).fails(2, "missing-answers");
    assert!(error.contains("title") && error.contains("contact"), "{error}");
    let publisher = "\n[workspace.publisher]\ntitle = \"Nyk\u{f6}pings kommun\"\nkind = \"municipality\"\ncontact = \"integration@nykoping.example\"\nurl = \"https://nykoping.example\"\n";
    fs::write(world.muni.join("forum.toml"), text + publisher).unwrap();
    world.save(&files);
    world.publish(&[]).ok();
    let file = world.registry.git(&["show", "refs/heads/contribute/nykoping/pupil-sync-1.0.0:publishers/nykoping.toml"]);
    assert!(file.contains("Nyk\u{f6}pings kommun") && file.contains("municipality"), "{file}");
}

#[test]
fn without_an_owner_it_says_what_to_write() {
    let world = World::new();
    let text = fs::read_to_string(world.muni.join("forum.toml")).unwrap().replace("owner = \"sundsvall\"\n", "");
    fs::write(world.muni.join("forum.toml"), text).unwrap();
    assert!(world.publish(&[]).fails(2, "missing-answers").contains("owner"));
    world.sandbox.run_with(&world.muni, &["publish", DIR, "--dry-run"], &[("FORUM_OWNER", "sundsvall")]).ok();
    world.sandbox.run(&world.muni, &["publish", "--json"]).fails(1, "not-found");
}

#[test]
fn outside_of_a_repository_the_directory_is_published_as_it_is() {
    let world = World::new();
    let elsewhere = world.sandbox.directory("elsewhere");
    fs::copy(world.muni.join("forum.toml"), elsewhere.join("forum.toml")).unwrap();
    let files = component("2.0.0", "", &[]);
    write_files(&elsewhere.join("sync"), &files);
    fs::write(elsewhere.join("sync/.gitignore"), "*.log\n").unwrap();
    fs::write(elsewhere.join("sync/run.log"), "log\n").unwrap();
    world.sandbox.run(&elsewhere, &["publish", "sync"]).ok();
    let mut got = published(&world, &format!("contribute/{ID}-2.0.0"), ID);
    assert_eq!(got.remove(".gitignore").map(|file| file.1), Some(b"*.log\n".to_vec()));
    assert_eq!(got, files);
}

#[test]
fn links_and_odd_names_are_findings() {
    let world = World::new();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../../forum.toml", world.at().join("link.txt")).unwrap();
    fs::write(world.at().join("aux.md"), "x\n").unwrap();
    let run = world.publish(&[]).exits(3);
    assert!(run.stdout.contains("aux.md") && (cfg!(windows) || run.stdout.contains("link.txt")), "{run}");
    assert!(world.branches().is_empty());
}

#[test]
fn a_path_takes_contributions_and_a_folder_does_not() {
    let world = World::new();
    let bare = world.registry.path.to_str().unwrap().to_owned();
    world.run(&["publish", DIR, "--registry", &bare]).ok();
    assert_eq!(world.branches(), [format!("contribute/{ID}-1.0.0")]);
    let plain = world.registry.plain(&world.sandbox.path("plain"));
    let run = world.run(&["publish", DIR, "--registry", plain.to_str().unwrap(), "--json"]);
    assert!(run.fails(1, "invalid-registry").contains("no Git repository"), "{run}");
    assert!(Path::new(&bare).exists());
}
