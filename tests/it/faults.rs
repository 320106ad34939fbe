//! A kill and a failure at each call by which a fetch changes a file system: promise 2 of the safety page.
//!
//! `support/faults.c` counts those calls from outside with ptrace, so the program under test is the one that is shipped
//! and nothing in it can be forgotten. The short sweeps work in memory; the long ones on the disk, and with git as child.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use forum::store::memory::file_name_of;

use crate::support::fixtures::{KOMMUN, PUPIL, SFTP, ready_in};
use crate::support::registry::Version;
use crate::support::sandbox::{Outcome, Sandbox, program, text};
use crate::support::server::{Http, Options};
use crate::support::{Entry, Files, contents, output, skipped, snapshot, unchanged};

pub(crate) type Contents = BTreeMap<String, Entry>;

/// A command and the workspace that it changes, before and after.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    /// Not in the sandbox: systems forbid programs in the memory that they lend.
    tracer: tempfile::TempDir,
    args: Vec<&'static str>,
    pub(crate) before: PathBuf,
    pub(crate) old: Contents,
    pub(crate) new: Contents,
    /// The calls that change a file system, as the tracer writes them down.
    pub(crate) calls: Vec<String>,
    server: Option<Http>,
    /// The components that come or change.
    ids: Vec<&'static str>,
    /// What the runs get beside the sandbox's environment.
    pub(crate) env: Vec<(&'static str, String)>,
    /// How an unharmed run ends.
    pub(crate) exit: i32,
}

/// Where a scene begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Nothing is there: a component and its dependency come.
    Adding,
    /// Both are there in older versions.
    Updating,
    /// Both are there, one of them changed: what its receiver did is thrown away.
    Forcing,
    /// Both are there, and go.
    Removing,
    /// One of them was changed, that was thrown away, and comes back.
    Restoring,
    /// Both are there in older versions, with three hundred files of one's own: an update merges.
    Merging,
    /// The same with ten, and the two sides disagree.
    Conflicting,
    /// A component of three hundred files, of which every one is changed upstream and every third one here.
    Wide,
}

pub(crate) const WIDE: &str = "goteborg/wide";

/// The wide component as it is published.
fn wide(version: &str) -> Version {
    let text = |number: usize| format!("{number}\n2\n3\n4\n5\n6\n{version}\n");
    let all: Files = (0..300).map(|number| (format!("part-{}/{number}.txt", number % 7), (false, text(number).into_bytes()))).collect();
    Version::new(WIDE, version, all)
}

/// Where it plays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Registry and workspace in memory.
    Memory,
    /// Both on a disk.
    Disk,
    /// On a disk, and the registry on a server: git is a child, and fills a cold cache.
    Server,
}

/// What a receiver did, so that an update has something to merge.
fn adapt(ws: &Path, begin: Begin) {
    let wishes = text(&ws.join("forum.toml")).replace("=1.0.0", "^1").replace("=2.0.0", "^2");
    fs::write(ws.join("forum.toml"), wishes).unwrap();
    if begin == Begin::Wide {
        for number in (0..300).step_by(3) {
            let path = ws.join("components").join(WIDE).join(format!("part-{}/{number}.txt", number % 7));
            fs::write(&path, text(&path).replace("\n2\n", "\nours\n")).unwrap();
        }
        return;
    }
    let at = ws.join("components").join(PUPIL);
    fs::create_dir(at.join("ours")).unwrap();
    for number in 0..if begin == Begin::Merging { 300 } else { 10 } {
        fs::write(at.join(format!("ours/{number}.txt")), "ours\n").unwrap();
    }
    fs::write(at.join("data.json"), "{\"v\": \"1.0.0\", \"ours\": 1}\n").unwrap();
    if begin == Begin::Conflicting {
        fs::write(at.join("README.md"), "# ours\n").unwrap();
    }
}

/// Compiles the tracer; `None` where there is no compiler.
fn tracer() -> Option<tempfile::TempDir> {
    let directory = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/faults.c");
    let mut compiler = Command::new("gcc");
    compiler.args(["-O1", "-o"]).arg(directory.path().join("faults")).arg(source);
    if Command::new("gcc").arg("--version").output().is_err() {
        skipped("faults at each file operation need gcc");
        return None;
    }
    output(compiler, b"");
    Some(directory)
}

impl Scene {
    pub(crate) fn new(begin: Begin, place: Place) -> Option<Self> {
        let tracer = tracer()?;
        let (sandbox, mut small, _) = ready_in(if place == Place::Memory { Sandbox::in_memory() } else { Sandbox::new() });
        let server = (place == Place::Server).then(|| Http::start(&sandbox.path("srv"), Options::default()));
        let url = server.as_ref().map_or_else(|| small.registry.url(), Http::url);
        let before = sandbox.workspace("before", &url);
        let mut ids = vec![PUPIL, SFTP];
        let args = match begin {
            Begin::Adding => vec!["fetch", PUPIL, KOMMUN[0], KOMMUN[1], "--json"],
            Begin::Updating => {
                sandbox.fetch(&before, &["goteborg/pupil-system@=1.0.0", "inera/sftp-transfer@=2.0.0"]).ok();
                vec!["fetch", "goteborg/pupil-system@^1.2", "inera/sftp-transfer@^2.1", "--json"]
            }
            Begin::Forcing | Begin::Removing | Begin::Restoring => {
                sandbox.fetch(&before, &[PUPIL]).ok();
                adapt(&before, begin);
                if begin == Begin::Restoring {
                    sandbox.fetch(&before, &["--force", PUPIL]).ok();
                    ids = vec![PUPIL];
                }
                match begin {
                    Begin::Forcing => vec!["fetch", "--force", PUPIL, "--json"],
                    Begin::Removing => vec!["remove", PUPIL, "--json"],
                    _ => vec!["restore", PUPIL, "--json"],
                }
            }
            Begin::Merging | Begin::Conflicting => {
                sandbox.fetch(&before, &["goteborg/pupil-system@=1.0.0", "inera/sftp-transfer@=2.0.0"]).ok();
                adapt(&before, begin);
                vec!["update", "--json"]
            }
            Begin::Wide => {
                ids = vec![WIDE];
                for version in ["1.0.0", "1.1.0"] {
                    small.registry.publish_version(wide(version));
                }
                sandbox.fetch(&before, &["goteborg/wide@=1.0.0"]).ok();
                adapt(&before, begin);
                vec!["update", "--json"]
            }
        };
        let (old, new, calls, env) = (contents(&before), Contents::new(), Vec::new(), Vec::new());
        let mut scene = Self { sandbox, tracer, args, old, new, before, calls, server, ids, env, exit: 0 };
        let (ws, run) = scene.run("unharmed", "kill", usize::MAX);
        scene.exit = if begin == Begin::Conflicting { 4 } else { 0 };
        assert_eq!(run.exits(scene.exit).components().len(), scene.ids.len());
        scene.calls = text(&ws.with_extension("count")).lines().map(str::to_owned).collect();
        scene.new = contents(&ws);
        assert!(scene.new != scene.old && ws.join(".forum").exists() == (scene.exit == 4));
        Some(scene)
    }

    /// A copy of a directory of the sandbox, times included.
    fn copy(&self, from: &Path, name: &str) -> PathBuf {
        let to = self.sandbox.path(name);
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(from).arg(&to);
        output(copy, b"");
        to
    }

    /// Runs the command in a copy of the workspace, with a fault at call number `at`.
    pub(crate) fn run(&self, name: &str, mode: &str, at: usize) -> (PathBuf, Outcome) {
        let ws = self.copy(&self.before, name);
        let at = at.min(1_000_000).to_string();
        let counted = self.sandbox.path(&format!("{name}.count"));
        let mut command = self.sandbox.command_of(&self.tracer.path().join("faults"), &ws, &[mode, &at]);
        command.arg(counted).arg(program()).args(&self.args).envs(self.places(name)).envs(self.env.iter().cloned());
        let run = self.sandbox.outcome(command);
        (ws, run)
    }

    /// A memory and a cache of its own for each run: they suffer, too.
    fn places(&self, name: &str) -> Vec<(String, PathBuf)> {
        [("FORUM_STATE_DIR", "state"), ("FORUM_CACHE_DIR", "cache")]
            .map(|(key, from)| {
                let to = self.sandbox.path(&format!("{name}.{from}"));
                if !to.exists() {
                    self.copy(&self.sandbox.path(from), &format!("{name}.{from}"));
                    self.hand_over(&to.join("kept"), name);
                }
                (key.to_owned(), to)
            })
            .to_vec()
    }

    /// What is kept of the workspace that a scene begins with is that of its copy.
    fn hand_over(&self, kept: &Path, name: &str) {
        let of = |ws: &Path| kept.join(file_name_of(&ws.canonicalize().unwrap().to_string_lossy()));
        if let Err(error) = fs::rename(of(&self.before), of(&self.sandbox.path(name))) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
    }

    /// Each component directory and each file is old or new as a whole, and beside them is nothing but `.forum`.
    #[track_caller]
    fn is_old_or_new(&self, ws: &Path, what: &str) {
        let now = contents(ws);
        let components = self.ids.iter().map(|id| format!("components/{id}"));
        for place in &components.chain(["forum.toml".to_owned(), "forum.lock".to_owned()]).collect::<Vec<_>>() {
            let (is, was, will) = (part(&now, place), part(&self.old, place), part(&self.new, place));
            assert!(is == was || is == will, "{what}: {place} is between: {:?}", is.keys());
        }
        for path in now.keys().filter(|path| !path.starts_with(".forum")) {
            assert!(self.old.contains_key(path) || self.new.contains_key(path), "{what}: {path} is nobody's");
        }
    }

    /// The same command once more, unharmed, gives what one unharmed run gives.
    #[track_caller]
    fn works_again(&self, ws: &Path, what: &str) {
        let name = ws.file_name().unwrap().to_str().unwrap();
        let mut command = self.sandbox.command(ws, &self.args);
        command.envs(self.places(name));
        let run = self.sandbox.outcome(command);
        assert!(run.code == Some(self.exit), "{what}, the next run: {run}");
        // What waits names the copy from before, which lies elsewhere for each run.
        let (now, new) = (besides_forum(&contents(ws)), besides_forum(&self.new));
        let differ: Vec<_> = now.keys().chain(new.keys()).filter(|path| now.get(*path) != new.get(*path)).collect();
        assert!(differ.is_empty(), "{what}, after the next run: {differ:?}");
    }

    pub(crate) fn kill_at(&self, mode: &str, at: usize) {
        let (ws, run) = self.run(&format!("{mode}-{at}"), mode, at);
        let what = format!("`{mode}` at call {at} of {}", self.calls.len());
        // With git as child the number of calls is not always the same.
        assert!(run.code == Some(137) || (self.has_server() && run.code == Some(self.exit)), "{what}: {run}");
        self.is_old_or_new(&ws, &what);
        self.works_again(&ws, &what);
        forget(&ws);
    }

    fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// Where it fails nothing has changed; where it does not all has, only its traces may be left to the next run.
    pub(crate) fn fail_at(&self, mode: &str, at: usize) {
        let before = snapshot(&self.before);
        let (ws, run) = self.run(&format!("{mode}-{at}"), mode, at);
        let what = format!("`{mode}` at call {at} of {}", self.calls.len());
        assert!(!run.stderr.contains("panicked"), "{what}: {run}");
        match run.code {
            Some(code) if code == self.exit => {
                let mut now = contents(&ws);
                now = besides_forum(&now);
                assert!(now == besides_forum(&self.new), "{what}: {run}");
            }
            Some(1) if mode == "dead" => self.is_old_or_new(&ws, &what),
            // git does not tell its own disk from the server's in all its words.
            Some(code) if code == 1 || (code == 6 && self.has_server()) => {
                assert!(run.json()["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {run}");
                unchanged(&before, &ws);
            }
            _ => panic!("{what}: {run}"),
        }
        self.works_again(&ws, &what);
        forget(&ws);
    }

    /// The calls to harm: one in `step`, and no step that would leave the very last ones out.
    pub(crate) fn points(&self, step: usize) -> Vec<usize> {
        (0..self.calls.len()).rev().step_by(step).collect()
    }
}

/// Takes away what a run left in the sandbox.
pub(crate) fn forget(ws: &Path) {
    fs::remove_dir_all(ws).unwrap();
    for what in ["state", "cache"] {
        fs::remove_dir_all(ws.with_extension(what)).unwrap();
    }
}

/// What lies in the workspace, but for what forum itself works with.
pub(crate) fn besides_forum(all: &Contents) -> Contents {
    all.iter().filter(|(path, _)| !path.starts_with(".forum")).map(|(path, entry)| (path.clone(), entry.clone())).collect()
}

/// What lies at a path and below it.
fn part<'a>(all: &'a Contents, place: &str) -> BTreeMap<&'a String, &'a Entry> {
    all.iter().filter(|(path, _)| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))).collect()
}

pub(crate) fn kills(begin: Begin, place: Place, step: usize) {
    let Some(scene) = Scene::new(begin, place) else { return };
    let points = scene.points(step);
    assert!(points.len() >= 60, "{} of {} calls", points.len(), scene.calls.len());
    for at in points {
        scene.kill_at("kill", at);
    }
    let writes = scene.calls.iter().enumerate().filter(|(_, call)| call.starts_with("write "));
    for (at, _) in writes.step_by(step) {
        scene.kill_at("torn", at);
    }
}

pub(crate) fn failures(begin: Begin, place: Place, step: usize, modes: &[&str]) {
    let Some(scene) = Scene::new(begin, place) else { return };
    for (number, mode) in modes.iter().enumerate() {
        for at in scene.points(step) {
            scene.fail_at(mode, at.saturating_sub(number));
        }
    }
}

#[test]
fn a_kill_while_components_are_added() {
    kills(Begin::Adding, Place::Memory, 1);
}

#[test]
fn a_kill_while_components_are_updated() {
    kills(Begin::Updating, Place::Memory, 1);
}

/// A power cut takes what was not synced, and nothing of a process shows it: so the order of the calls is looked at.
#[test]
fn nothing_is_renamed_into_place_before_it_is_on_the_disk() {
    for begin in [Begin::Adding, Begin::Updating] {
        let Some(scene) = Scene::new(begin, Place::Memory) else { return };
        let mut written = BTreeSet::new();
        for call in &scene.calls {
            match call.split_once(' ').unwrap() {
                // Half of this one does no harm.
                ("write", path) if path.ends_with("/.forum/.gitignore") => {}
                ("write", path) => drop(written.insert(path)),
                ("sync", path) => drop(written.remove(path)),
                ("rename", path) => assert!(written.is_empty(), "{path} is put in place before {written:?} are on the disk"),
                _ => {}
            }
        }
        assert!(written.is_empty(), "{written:?}");
        // The journal is on the disk before anything moves, and what has moved before the journal goes. What is kept of
        // an update was moved in the same way before.
        let at = |call: &str| scene.calls.iter().rposition(|one| one == call).unwrap_or_else(|| panic!("no `{call}`: {:#?}", scene.calls));
        let workspace = scene.sandbox.path("unharmed");
        let between = |from: usize, to: usize, directory: &str| {
            let sync = format!("sync {}", workspace.join(directory).display()).trim_end_matches('/').to_owned();
            assert!(scene.calls[from..to].contains(&sync), "no `{sync}`: {:#?}", &scene.calls[from..to]);
        };
        let (decided, moved, done) = (at("rename journal.json"), at("rename pupil-system"), at("unlink journal.json"));
        assert!(decided < moved && moved < done);
        between(decided, moved, ".forum");
        for directory in ["", "components/goteborg", "components/inera", ".forum/stage"] {
            between(moved, done, directory);
        }
        // What is remembered of the registry, the first time.
        if matches!(begin, Begin::Adding) {
            let renamed = scene.calls.iter().position(|call| call.starts_with("rename ") && call.ends_with("/main")).unwrap();
            let sync = scene.calls[renamed].replace("rename ", "sync ").trim_end_matches("/main").to_owned();
            assert!(scene.calls[renamed..].contains(&sync), "no `{sync}`: {:#?}", scene.calls);
        }
    }
}

#[test]
fn a_kill_while_an_update_merges() {
    kills(Begin::Merging, Place::Memory, 17);
}

#[test]
fn a_kill_while_an_update_leaves_conflicts() {
    kills(Begin::Conflicting, Place::Memory, 2);
}

#[test]
fn a_failure_while_an_update_merges() {
    failures(Begin::Conflicting, Place::Memory, 2, &["once", "full"]);
}

#[test]
fn a_failure_while_components_are_added() {
    failures(Begin::Adding, Place::Memory, 1, &["once", "full"]);
}

#[test]
fn a_failure_while_components_are_updated() {
    failures(Begin::Updating, Place::Memory, 1, &["once", "full"]);
}

#[test]
#[ignore = "long"]
fn each_call_on_a_disk() {
    for begin in [Begin::Adding, Begin::Updating] {
        kills(begin, Place::Disk, 1);
        failures(begin, Place::Disk, 2, &["once", "full", "dead"]);
    }
}

#[test]
#[ignore = "long"]
fn each_call_with_git_and_a_cold_cache() {
    kills(Begin::Adding, Place::Server, 2);
    failures(Begin::Adding, Place::Server, 6, &["once", "full"]);
}
