//! The cache and the program around it: `forum cache`, completions, man pages, Ctrl-C.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::fixtures::{KOMMUN, PUPIL, readme, ready, small};
use crate::support::sandbox::Sandbox;
use crate::support::server::{Http, Options};
use crate::support::{Entry, output, same_files, set_mode, snapshot, unchanged, wait};

const K: [&str; 2] = KOMMUN;

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

#[test]
fn clean_empties_the_cache_and_keeps_what_is_remembered() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    sandbox.run(&ws, &["search"]).ok();
    let path = sandbox.run(&ws, &["cache", "path", "--json"]).ok().json()["path"].clone();
    assert_eq!(path, sandbox.cache().to_str().unwrap());
    assert!(sandbox.run(&ws, &["cache", "verify", "--json"]).ok().json()["registries"][0]["objects"].as_u64() > Some(5));
    let state = snapshot(&sandbox.path("state"));
    assert!(sandbox.run(&ws, &["cache", "clean", "--json"]).ok().json()["bytes"].as_u64() > Some(1000));
    let left: Vec<_> = snapshot(&sandbox.cache()).into_keys().filter(|name| !has_extension(name, "lock") && name != "registries").collect();
    assert!(left.is_empty(), "{left:?}");
    unchanged(&state, &sandbox.path("state"));
    fs::remove_dir_all(ws.join("components")).unwrap();
    sandbox.fetch(&ws, &["--locked"]).ok();
    same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
}

#[test]
fn damage_is_named_and_cleaning_heals() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let packs: Vec<_> = snapshot(&sandbox.cache()).into_keys().filter(|name| has_extension(name, "pack")).collect();
    assert!(!packs.is_empty());
    for pack in packs {
        let path = sandbox.cache().join(pack);
        let mut bytes = fs::read(&path).unwrap();
        let (from, to) = (bytes.len() / 3, bytes.len() - 20);
        bytes[from..to].fill(0x5a);
        crate::support::set_mode(&path, 0o644);
        fs::write(&path, bytes).unwrap();
    }
    let run = sandbox.run(&ws, &["cache", "verify", "--json"]).exits(3);
    assert_eq!(run.json()["registries"][0]["ok"], false, "{run}");
    let run = sandbox.run(&ws, &["cache", "verify"]).exits(3);
    assert!(run.stderr.contains("forum cache clean") && run.stdout.contains("damaged"), "{run}");
    fs::remove_dir_all(ws.join("components")).unwrap();
    let run = sandbox.fetch(&ws, &[]);
    if run.code != Some(0) {
        assert!(run.both().contains("forum cache clean"), "{run}");
        sandbox.run(&ws, &["cache", "clean"]).ok();
        sandbox.fetch(&ws, &[]).ok();
    }
    same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
}

/// The repository of the one cached registry, and the file by which it is locked.
fn cached(sandbox: &Sandbox) -> (PathBuf, PathBuf) {
    let folder = sandbox.cache().join("registries");
    let found = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    let lock = folder.join(format!("{}.lock", found.file_name().unwrap().to_str().unwrap()));
    assert!(lock.is_file(), "{}", lock.display());
    (found, lock)
}

#[test]
fn cleaning_waits_for_readers_and_readers_for_cleaning() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let (repository, lock) = cached(&sandbox);
    let held = fs::File::open(&lock).unwrap();
    let waits = |args: &[&str], look: &dyn Fn()| {
        let mut child = sandbox.command(&ws, args).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        assert!(child.try_wait().unwrap().is_none(), "{args:?} does not wait");
        look();
        held.unlock().unwrap();
        assert_eq!(wait(child, sandbox.limit).0, Some(0), "{args:?}");
    };
    held.lock_shared().unwrap();
    waits(&["cache", "clean"], &|| assert!(repository.join("HEAD").is_file()));
    assert!(!repository.exists());
    sandbox.run(&ws, &["registry", "refresh"]).ok();
    fs::remove_dir_all(ws.join("components")).unwrap();
    held.lock().unwrap();
    waits(&["fetch", "--locked"], &|| assert!(!ws.join("components").exists()));
    same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
}

#[test]
fn locks_that_a_killed_git_left_in_the_cache_are_taken_away() {
    let sandbox = Sandbox::new();
    let mut small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let (repository, _) = cached(&sandbox);
    for (number, name) in ["shallow.lock", "refs/forum/incoming.lock", "refs/forum/main.lock"].iter().enumerate() {
        fs::write(repository.join(name), "").unwrap();
        let id = format!("inera/later-{number}");
        small.registry.publish(&id, "1.0.0", readme("1"));
        sandbox.fetch(&ws, &[&id, K[0], K[1]]).ok();
        assert!(!repository.join(name).exists(), "{name}");
    }
}

/// A harm that is done to a file.
type Harm = (&'static str, fn(&Path));

#[test]
fn damage_of_any_file_heals_or_says_how() {
    let sandbox = Sandbox::in_memory();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let whole = sandbox.path("whole");
    fs::rename(sandbox.cache(), &whole).unwrap();
    let harms: [Harm; 4] = [
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("half", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("flipped", |path| fs::write(path, fs::read(path).unwrap().iter().map(|byte| !byte).collect::<Vec<_>>()).unwrap()),
    ];
    let dull = |path: &str| ["description", "/hooks/", "/info/", "lock", ".rev", ".promisor"].iter().any(|part| path.contains(part));
    let (objects, others): (Vec<String>, Vec<String>) = snapshot(&whole)
        .into_iter()
        .filter(|(path, entry)| matches!(entry, Entry::File { .. }) && !dull(path))
        .map(|(path, _)| path)
        .partition(|path| path.contains("/objects/") && !path.contains("/pack/"));
    // The objects that lie in files of their own are all alike.
    let files: Vec<String> = objects.into_iter().step_by(10).chain(others).collect();
    for (number, (path, (what, harm))) in files.iter().flat_map(|path| harms.iter().map(move |harm| (path, harm))).enumerate() {
        let _ = fs::remove_dir_all(sandbox.cache());
        let mut copy = std::process::Command::new("cp");
        copy.arg("-a").arg(&whole).arg(sandbox.cache());
        output(copy, b"");
        let file = sandbox.cache().join(path);
        set_mode(&file, 0o644);
        harm(&file);
        let ws = sandbox.workspace(&format!("w{number}"), &http.url());
        let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]);
        if run.code == Some(0) {
            same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
            continue;
        }
        assert!(run.code == Some(1) && run.both().contains("forum cache clean"), "{path} {what}: {run}");
        sandbox.run(&ws, &["cache", "clean"]).ok();
        sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    }
}

#[test]
fn completions_and_man_pages_cover_every_command() {
    let (sandbox, _small, ws) = ready();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = sandbox.run(&ws, &["completions", shell]).ok().stdout;
        assert!(script.contains("fetch") && script.contains("verify"), "{shell}");
    }
    let run = sandbox.run(&ws, &["man", "pages", "--json"]).ok();
    let files = run.json()["files"].as_array().unwrap().len();
    assert!(files > 15, "{run}");
    let page = fs::read_to_string(ws.join("pages/forum-fetch.1")).unwrap();
    assert!(page.contains(".SH") && page.contains("dry") && page.contains("Examples"), "{page}");
    assert!(ws.join("pages/forum-registry-refresh.1").is_file());
}

#[test]
fn colour_comes_where_it_is_asked_for_alone() {
    let (sandbox, _small, ws) = ready();
    let run = sandbox.run(&ws, &["fetch", "nonsense", "--color", "always"]).exits(1);
    assert!(run.stderr.contains("\u{1b}[1;31merror:\u{1b}[0m"), "{run}");
    for args in [&["fetch", "nonsense"][..], &["fetch", "nonsense", "--color", "never"]] {
        assert!(!sandbox.run(&ws, args).exits(1).both().contains('\u{1b}'));
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_cleans_up() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::support::server::Fault;

    let sandbox = Sandbox::new();
    let _small = small(&sandbox.path(""));
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let stall = move |_: &_| {
        seen.store(true, Ordering::SeqCst);
        Some(Fault::Stall)
    };
    let http = Http::start(&sandbox.path("srv"), Options { hook: Some(Box::new(stall)), ..Options::default() });
    let ws = sandbox.workspace("first", &http.url());
    let before = snapshot(&ws);
    let mut command = sandbox.command(&ws, &["fetch", PUPIL, "--json"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !asked.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("interrupted"), "{output:?}");
    unchanged(&before, &ws);
}
