//! Bad places: what lies in the way, directories that cannot be written, full disks, other people's repositories,
//! machines without home or git, content that is not what the index says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::fixtures::{BYTES, KOMMUN, PUPIL, empty, readme, ready, small};
use crate::support::registry::{Version, checksum};
use crate::support::sandbox::{Outcome, Sandbox, program};
use crate::support::server::{Http, Options};
use crate::support::{contents, files, output, same_files, set_mode, skipped, snapshot, unchanged, wait};

const K: [&str; 2] = KOMMUN;

fn fifo(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut make = Command::new("mkfifo");
    make.arg(path);
    output(make, b"");
}

#[test]
fn a_pipe_in_the_way_is_refused_and_never_waited_for() {
    let (mut sandbox, small, _) = ready();
    sandbox.limit = Duration::from_secs(20);
    for (number, place) in
        ["components/goteborg/pupil-system", "components/goteborg", "components", "forum.lock", ".forum"].iter().enumerate()
    {
        let ws = sandbox.workspace(&format!("w{number}"), &small.registry.url());
        fifo(&ws.join(place));
        let before = snapshot(&ws);
        let started = Instant::now();
        let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).exits(1);
        assert!(started.elapsed() < Duration::from_secs(15), "{place}: {run}");
        let error = run.fails(1, "occupied");
        assert!(error.contains(place), "{place}: {error}");
        unchanged(&before, &ws);
    }
    // One that a person put into a component is the person's own.
    let ws = sandbox.workspace("inside", &small.registry.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    fifo(&ws.join("components").join(PUPIL).join("pipe"));
    let before = snapshot(&ws);
    let run = sandbox.fetch(&ws, &[]).ok();
    assert_eq!(run.components()[PUPIL]["action"], "kept", "{run}");
    unchanged(&before, &ws);
}

#[test]
fn a_link_in_the_place_of_any_file_is_refused_and_never_followed() {
    let (sandbox, small, _) = ready();
    let places = ["components/goteborg/pupil-system", "components/goteborg", "components", "forum.toml", "forum.lock", ".forum"];
    for (number, place) in places.iter().enumerate() {
        for target in ["outside", "dangling"] {
            let ws = sandbox.workspace(&format!("{target}-{number}"), &small.registry.url());
            let outside = sandbox.path(&format!("{target}-{number}.elsewhere"));
            let path = ws.join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if *place == "forum.toml" {
                fs::rename(&path, &outside).unwrap();
            } else if target == "outside" {
                fs::create_dir(&outside).unwrap();
            }
            std::os::unix::fs::symlink(&outside, &path).unwrap();
            let (before, beyond) = (snapshot(&ws), snapshot(&sandbox.path("")));
            let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).exits(1);
            let code = run.json()["error"]["code"].clone();
            assert!(["occupied", "unsafe-content", "invalid-workspace"].iter().any(|allowed| code == *allowed), "{place}: {run}");
            assert!(run.json()["error"].to_string().contains(place), "{place}: {run}");
            unchanged(&before, &ws);
            let touched: Vec<_> = snapshot(&sandbox.path(""))
                .into_iter()
                .filter(|(path, entry)| path.contains("elsewhere") && beyond.get(path) != Some(entry))
                .collect();
            assert!(touched.is_empty(), "{place}: {touched:?}");
        }
    }
}

/// Runs the program as a user who may write only what is theirs.
struct Visitor {
    sandbox: Sandbox,
    program: PathBuf,
    user: Option<u32>,
}

impl Visitor {
    /// `None` where we are root and cannot become somebody else.
    fn new(sandbox: Sandbox, user: u32) -> Option<Self> {
        let mut visitor = Self { sandbox, program: program(), user: None };
        if rustix::process::geteuid().is_root() {
            visitor.program = visitor.sandbox.path("forum");
            fs::copy(program(), &visitor.program).unwrap();
            visitor.user = Some(user);
            visitor.own();
            if visitor.run(&visitor.sandbox.path(""), &["--version"]).code != Some(0) {
                skipped("needs setpriv to run as an ordinary user");
                return None;
            }
        }
        Some(visitor)
    }

    /// Gives all of the sandbox to the user.
    fn own(&self) {
        if let Some(user) = self.user {
            let mut own = Command::new("chown");
            own.arg("-hR").arg(format!("{user}:{user}")).arg(self.sandbox.path(""));
            output(own, b"");
        }
    }

    fn run(&self, directory: &Path, args: &[&str]) -> Outcome {
        let command = match self.user {
            None => self.sandbox.command(directory, args),
            Some(user) => {
                let ids = [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()];
                let mut command = self.sandbox.command_of(Path::new("setpriv"), directory, &ids);
                command.arg(&self.program).args(args);
                command
            }
        };
        self.sandbox.outcome(command)
    }
}

const NOBODY: u32 = 65_534;
/// A user that no machine knows.
const STRANGER: u32 = 54_321;

#[test]
fn read_only_directories() {
    let (sandbox, _small, ws) = ready();
    let Some(visitor) = Visitor::new(sandbox, NOBODY) else { return };
    let (sandbox, fetch) = (&visitor.sandbox, ["fetch", PUPIL, K[0], K[1], "--json"]);
    fs::create_dir(ws.join("components")).unwrap();
    visitor.own();
    for place in ["state", "ws/first", "ws/first/components"] {
        let place = sandbox.path(place);
        set_mode(&place, 0o555);
        let before = snapshot(&ws);
        let run = visitor.run(&ws, &fetch);
        let error = run.fails(1, "io");
        assert!(error.contains(place.file_name().unwrap().to_str().unwrap()), "{error}");
        assert!(error.to_lowercase().contains("permission denied"), "{error}");
        unchanged(&before, &ws);
        set_mode(&place, 0o755);
    }
    // What need not be written is no obstacle.
    visitor.run(&ws, &fetch).ok();
    set_mode(&ws, 0o555);
    let before = snapshot(&ws);
    visitor.run(&ws, &["fetch", "--locked", "--json"]).ok();
    unchanged(&before, &ws);
    set_mode(&ws, 0o755);
}

#[test]
fn a_read_only_cache() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("w", &http.url());
    let Some(visitor) = Visitor::new(sandbox, NOBODY) else { return };
    let cache = visitor.sandbox.cache();
    set_mode(&cache, 0o555);
    let before = snapshot(&ws);
    let error = visitor.run(&ws, &["fetch", PUPIL, K[0], K[1], "--json"]).fails(1, "io");
    assert!(error.contains("cache"), "{error}");
    unchanged(&before, &ws);
    set_mode(&cache, 0o755);
    visitor.run(&ws, &["fetch", PUPIL, K[0], K[1], "--json"]).ok();
    same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
}

#[test]
fn no_home_and_no_directories_of_our_own() {
    let (mut sandbox, _small, ws) = ready();
    let rest: Vec<String> =
        std::env::vars().map(|(key, _)| key).filter(|key| key.starts_with("XDG_") || key.starts_with("FORUM_")).collect();
    for key in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "FORUM_CACHE_DIR", "FORUM_CONFIG_DIR"] {
        sandbox.unset(key);
    }
    sandbox.unset("FORUM_STATE_DIR");
    assert!(rest.iter().all(|key| key.starts_with("FORUM_TEST_") || key.starts_with("XDG_")), "{rest:?}");
    let Some(visitor) = Visitor::new(sandbox, STRANGER) else { return };
    if visitor.user.is_none() {
        return skipped("only root can run as a user without a home");
    }
    let before = snapshot(&ws);
    let error = visitor.run(&ws, &["fetch", PUPIL, K[0], K[1], "--json"]).fails(1, "io");
    assert!(error.contains("HOME") && error.contains("FORUM_STATE_DIR"), "{error}");
    unchanged(&before, &ws);
}

#[test]
fn a_repository_of_another_user_names_safe_directory() {
    let (mut sandbox, small, _) = ready();
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can give a repository to another user");
    }
    let checkout = small.registry.checkout(&sandbox.path("checkout"));
    let at = small.registry.url();
    for place in [at.as_str(), checkout.to_str().unwrap()] {
        let mut own = Command::new("chown");
        own.args(["-R", "65534:65534", place]);
        output(own, b"");
    }
    let settings = sandbox.path("home/.gitconfig");
    for (number, url) in [at.clone(), checkout.to_str().unwrap().to_owned(), format!("file://{at}")].into_iter().enumerate() {
        fs::write(&settings, "").unwrap();
        sandbox.set("GIT_CONFIG_GLOBAL", &settings);
        let ws = sandbox.workspace(&format!("w{number}"), &url);
        let before = snapshot(&ws);
        let run = sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).exits(6);
        let error = run.fails(6, "denied");
        assert!(error.contains("safe.directory") && error.contains("another user"), "{url}: {error}");
        unchanged(&before, &ws);
        // The hint is a command to type, and helps.
        let hint = run.json()["error"]["hints"][0].as_str().unwrap().to_owned();
        let mut shell = sandbox.command_of(Path::new("sh"), &ws, &["-c", &hint]);
        assert!(shell.status().unwrap().success(), "{hint}");
        sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).ok();
        same_files(&ws.join("components").join(BYTES), &small.bytes.files);
    }
}

/// A directory for PATH that holds nothing, or a git of long ago.
fn path_with(sandbox: &Sandbox, old_git: bool) -> PathBuf {
    let directory = sandbox.path(if old_git { "old" } else { "empty" });
    fs::create_dir(&directory).unwrap();
    if old_git {
        fs::write(directory.join("git"), "#!/bin/sh\necho git version 2.20.1\n").unwrap();
        set_mode(&directory.join("git"), 0o755);
    }
    directory
}

#[test]
fn without_a_git_that_is_new_enough_the_built_in_engine_reads() {
    for old_git in [false, true] {
        let mut sandbox = Sandbox::new();
        let small = small(&sandbox.path(""));
        let http = Http::start(&sandbox.path("srv"), Options::default());
        let path = path_with(&sandbox, old_git);
        sandbox.set("PATH", &path);
        let ws = sandbox.workspace("w", &http.url());
        let run = sandbox.fetch(&ws, &[BYTES, &format!("{PUPIL}@=1.0.0"), K[0], K[1]]).ok();
        same_files(&ws.join("components").join(BYTES), &small.bytes.files);
        same_files(&ws.join("components").join(PUPIL), &small.pupil[0].files);
        assert_eq!(run.both().matches("built-in engine").count(), 1, "{run}");
        assert!(!old_git || run.stderr.contains("2.20"), "{run}");
        // Nothing is asked of a server here, so nothing is said of git.
        let local = sandbox.workspace("local", &small.registry.url());
        let run = sandbox.fetch(&local, &[PUPIL, K[0], K[1]]).ok();
        assert!(!run.both().contains("engine"), "{run}");
    }
}

#[test]
fn without_git_ssh_and_git_addresses_name_it() {
    for (old_git, url) in [
        (false, "ssh://git@127.0.0.1:1/kommun.git"),
        (true, "git@127.0.0.1:kommun.git"),
        (false, "git://127.0.0.1:1/kommun.git"),
        (true, "git://127.0.0.1:1/kommun.git"),
    ] {
        let mut sandbox = Sandbox::new();
        let path = path_with(&sandbox, old_git);
        sandbox.set("PATH", &path);
        let ws = sandbox.workspace("w", url);
        let before = snapshot(&ws);
        let error = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).fails(6, "unreachable");
        assert!(error.contains("git 2.36") && error.contains("install git"), "{url}: {error}");
        unchanged(&before, &ws);
    }
}

#[test]
fn a_git_that_was_named_and_cannot_serve_is_wrong_usage() {
    let mut sandbox = Sandbox::new();
    let old = path_with(&sandbox, true).join("git");
    for named in [old.to_str().unwrap(), "/nonexistent/git"] {
        sandbox.set("FORUM_GIT", named);
        let ws = sandbox.workspace("w", "http://127.0.0.1:1/kommun.git");
        let before = snapshot(&ws);
        let error = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).fails(2, "usage");
        assert!(error.contains(named) && error.contains("2.36"), "{error}");
        unchanged(&before, &ws);
    }
}

#[test]
fn streams_that_close_early_or_are_full_end_the_talk_and_not_the_work() {
    let (sandbox, small, _) = ready();
    for case in ["stdout", "stderr", "both", "full"] {
        let ws = sandbox.workspace(case, &small.registry.url());
        let mut command = sandbox.command(&ws, &["fetch", PUPIL, K[0], K[1]]);
        if case == "full" && Path::new("/dev/full").exists() {
            let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            command.stdout(full()).stderr(full());
        } else {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        if case != "stderr" {
            drop(child.stdout.take());
        }
        if case != "stdout" {
            drop(child.stderr.take());
        }
        let (code, _, stderr) = wait(child, sandbox.limit);
        // What a full disk swallowed of the answer must not pass for one.
        let lost = case == "full" && Path::new("/dev/full").exists();
        assert_eq!(code, Some(i32::from(lost)), "{case}: {}", String::from_utf8_lossy(&stderr));
        same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
        assert!(!ws.join(".forum").exists());
    }
}

/// The file in which a bare repository keeps an object that is in no pack.
fn loose(repository: &Path, object: &str) -> PathBuf {
    repository.join("objects").join(&object[..2]).join(&object[2..])
}

#[test]
fn content_that_is_not_what_the_index_says() {
    let (sandbox, mut registry) = empty();
    // The index names a tree that holds something else than the checksum says, or no tree at all.
    let (good, other) = (readme("good"), readme("other"));
    for (number, what) in ["other content", "no tree", "a blob"].iter().enumerate() {
        let id = format!("goteborg/changed-{number}");
        let mut version = Version::new(&id, "1.0.0", good.clone());
        let blob = registry.blob(b"x\n");
        match *what {
            "other content" => version.checksum = Some(checksum(&other)),
            "no tree" => version.tree = Some("1".repeat(40)),
            _ => version.tree = Some(blob),
        }
        registry.publish_version(version);
        let ws = sandbox.workspace(&number.to_string(), &registry.url());
        let before = snapshot(&ws);
        let error = sandbox.fetch(&ws, &[&id, K[0], K[1]]).fails(1, "integrity");
        assert!(error.contains(&id) && error.contains("1.0.0"), "{what}: {error}");
        unchanged(&before, &ws);
    }
}

#[test]
fn a_blob_that_was_exchanged_below_its_name() {
    let (sandbox, mut registry) = empty();
    let (mine, theirs) = (registry.blob(b"as published\n"), registry.blob(b"as exchanged\n"));
    let mut version = Version::new("goteborg/exchanged", "1.0.0", files(&[("data.txt", "as published\n")]));
    let published = registry.publish_version(version.clone());
    let manifest = registry.blob(&published.files["component.toml"].1);
    version.content = Some(registry.raw_tree(&[("100644", b"component.toml", &manifest), ("100644", b"data.txt", &mine)]));
    assert_eq!(version.content.as_ref(), Some(&published.tree));
    // What fast-import has packed is unpacked, so that each object has a file of its own.
    let packs = registry.path.join("objects/pack");
    for pack in
        fs::read_dir(&packs).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "pack"))
    {
        let bytes = fs::read(&pack).unwrap();
        fs::remove_file(pack.with_extension("idx")).unwrap();
        fs::remove_file(&pack).unwrap();
        registry.git_with(&["unpack-objects", "-q"], &bytes);
    }
    let ws = sandbox.workspace("w", &registry.url());
    sandbox.fetch(&ws, &["goteborg/exchanged", K[0], K[1], "--dry-run"]).ok();
    let (from, to) = (loose(&registry.path, &theirs), loose(&registry.path, &mine));
    set_mode(&to, 0o644);
    fs::copy(from, to).unwrap();
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &["goteborg/exchanged", K[0], K[1]]).fails(1, "integrity");
    assert!(error.contains("goteborg/exchanged") && error.contains("data.txt"), "{error}");
    unchanged(&before, &ws);
}

#[test]
fn a_disk_that_is_full() {
    let (sandbox, mut registry) = empty();
    let mut content = readme("1");
    for number in 0..8 {
        content.insert(format!("large-{number}.bin"), (false, vec![number; 40_000]));
    }
    let published = registry.publish("goteborg/large", "1.0.0", content);
    let before = sandbox.workspace("before", &registry.url());
    let program = program();
    let mut failed = 0;
    for size in ["16k", "64k", "128k", "256k", "320k", "336k", "344k", "352k", "360k"] {
        let (mount, after) = (sandbox.directory(&format!("mount-{size}")), sandbox.path(&format!("after-{size}")));
        // The mount is seen by this shell alone, so it copies out what the test looks at.
        let script = format!(
            "mount -t tmpfs -o size={size} full {mount} || exit 77\ncp -a {before}/. {mount}/ && cd {mount} || exit 78\n\
             {program} fetch goteborg/large --registry kommun --json\ncode=$?\ncp -a {mount} {after}\n\
             mount -o remount,size=10m {mount}\n{program} fetch goteborg/large --registry kommun --json -q >/dev/null || exit 79\n\
             cp -a {mount} {after}-again\nexit $code",
            mount = mount.display(),
            before = before.display(),
            after = after.display(),
            program = program.display(),
        );
        let command = sandbox.command_of(Path::new("unshare"), &before, &["-rm", "sh", "-c", &script]);
        let run = sandbox.outcome(command);
        if !after.exists() {
            return skipped("a small disk needs `unshare -rm` and a mount in it");
        }
        if run.code == Some(0) {
            same_files(&after.join("components/goteborg/large"), &published.files);
        } else {
            failed += 1;
            let error = run.fails(1, "io");
            assert!(error.contains("No space left"), "{size}: {error}");
            assert_eq!(contents(&after), contents(&before), "{size}");
        }
        let again = sandbox.path(&format!("after-{size}-again"));
        same_files(&again.join("components/goteborg/large"), &published.files);
        assert!(!again.join(".forum").exists(), "{size}");
    }
    assert!(failed > 3, "{failed} disks were too small");
}
