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

#[test]
fn several_may_clean_at_once() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    drop(small);
    for _ in 0..4 {
        sandbox.run(&ws, &["registry", "refresh"]).ok();
        let children: Vec<_> = (0..6).map(|_| sandbox.command(&ws, &["cache", "clean"]).spawn().unwrap()).collect();
        for child in children {
            let (code, _, said) = wait(child, sandbox.limit);
            assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&said));
        }
    }
}

#[test]
fn what_is_gone_from_the_cache_is_named() {
    for harm in ["packs", "HEAD", "settings"] {
        let sandbox = Sandbox::new();
        let _small = small(&sandbox.path(""));
        let http = Http::start(&sandbox.path("srv"), Options::default());
        let ws = sandbox.workspace("first", &http.url());
        sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
        sandbox.run(&ws, &["cache", "verify"]).ok();
        let (repository, _) = cached(&sandbox);
        match harm {
            "packs" => fs::remove_dir_all(repository.join("objects/pack")).unwrap(),
            "HEAD" => fs::write(repository.join("HEAD"), "garbled").unwrap(),
            _ => fs::write(repository.join("config"), "").unwrap(),
        }
        let run = sandbox.run(&ws, &["cache", "verify"]).exits(3);
        assert!(run.stdout.contains("damaged"), "{harm}: {run}");
        sandbox.run(&ws, &["cache", "clean"]).ok();
        sandbox.run(&ws, &["registry", "refresh"]).ok();
        sandbox.run(&ws, &["cache", "verify"]).ok();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_swallows_does_not_pass_for_an_answer() {
    let (sandbox, _small, ws) = ready();
    for args in [&["search", "pupil"][..], &["search", "pupil", "--json"], &["completions", "bash"], &["--help"], &["config"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = sandbox.command(&ws, args);
        command.stdout(full);
        let (code, _, said) = wait(command.spawn().unwrap(), sandbox.limit);
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(code, Some(1), "{args:?}: {said}");
        assert!(said.contains("could not be written") || args.contains(&"--json"), "{args:?}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn a_git_that_says_nothing_is_given_up() {
    use std::time::Instant;
    let (mut sandbox, small, _) = ready();
    let bin = sandbox.directory("bin");
    fs::write(bin.join("git"), "#!/bin/sh\nexec sleep 60\n").unwrap();
    set_mode(&bin.join("git"), 0o755);
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("w", &http.url());
    sandbox.set("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let started = Instant::now();
    let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]);
    assert!(started.elapsed() < Duration::from_secs(20), "{run}");
    assert!(run.both().contains("does not answer"), "{run}");
    drop(small);
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

    for (engine, signal) in
        [("system", rustix::process::Signal::INT), ("builtin", rustix::process::Signal::INT), ("builtin", rustix::process::Signal::TERM)]
    {
        let mut sandbox = Sandbox::new();
        sandbox.set("FORUM_GIT", engine);
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
        rustix::process::kill_process(id, signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("interrupted"), "{output:?}");
        unchanged(&before, &ws);
    }
}
