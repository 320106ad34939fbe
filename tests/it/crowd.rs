//! Many publishers at once against one registry that a bot merges: nothing is lost, nothing comes twice.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::publish::{ID, World, component};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::server::{Http, Options, Request};
use crate::support::{Files, git, git_command, wait, write_files};

/// The component of a publisher, in one of its versions.
fn files_of(owner: &str, version: &str) -> Files {
    let rename = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("sundsvall", owner).into_bytes();
    let one = |(path, (executable, bytes)): (String, (bool, Vec<u8>))| {
        let bytes = if path == "component.toml" { rename(bytes) } else { bytes };
        (path, (executable, bytes))
    };
    component(version, "", &[("version.txt", version)]).into_iter().map(one).collect()
}

/// Publishes version after version, each until it is merged.
fn publisher(url: &str, owner: &str, versions: usize) {
    let sandbox = Sandbox::new();
    let muni = sandbox.directory("muni");
    let text = format!(
        "[workspace]\nowner = \"{owner}\"\n[workspace.publisher]\ntitle = \"{owner}\"\nkind = \"municipality\"\ncontact = \"integration@{owner}.example\"\nurl = \"https://{owner}.example\"\n[registries.kommun]\nurl = \"{url}\"\n"
    );
    fs::write(muni.join("forum.toml"), text).unwrap();
    for version in 0..versions {
        let directory = muni.join("sync");
        let _ = fs::remove_dir_all(&directory);
        write_files(&directory, &files_of(owner, &format!("1.{version}.0")));
        let begun = Instant::now();
        loop {
            let run = sandbox.run(&muni, &["publish", "sync", "--json"]).ok();
            if run.json()["already_published"] == true {
                break;
            }
            assert!(begun.elapsed() < Duration::from_mins(3), "{owner} 1.{version}.0 is not merged: {run}");
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

/// Merges what waits, as a host's button does: a branch that conflicts stays for its publisher to make anew.
fn merge_what_waits(repository: &Path) {
    let at = |args: &[&str]| {
        let mut command = git_command();
        command.arg("-C").arg(repository).args(args).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let (code, out, _) = wait(command.spawn().unwrap(), Duration::from_mins(1));
        (code == Some(0)).then(|| String::from_utf8(out).unwrap().trim().to_owned())
    };
    let waiting = at(&["for-each-ref", "--format=%(refname)", "refs/heads/contribute"]).unwrap_or_default();
    for branch in waiting.lines() {
        let (Some(main), Some(tip)) = (at(&["rev-parse", "refs/heads/main"]), at(&["rev-parse", branch])) else { continue };
        let Some(tree) = at(&["merge-tree", "--write-tree", &main, &tip]) else { continue };
        let Some(commit) = at(&["commit-tree", &tree, "-p", &main, "-p", &tip, "-m", "Merge"]) else { continue };
        if at(&["update-ref", "refs/heads/main", &commit, &main]).is_some() {
            at(&["update-ref", "-d", branch, &tip]);
        }
    }
}

fn crowd(publishers: usize, versions: usize) {
    let sandbox = Sandbox::new();
    let registry = Registry::new(&sandbox.path("srv/kommun.git"));
    registry.config("http.receivepack", "true");
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let (url, done) = (http.url(), AtomicBool::new(false));
    let owners: Vec<_> = (0..publishers).map(|number| format!("muni-{number}")).collect();
    std::thread::scope(|scope| {
        let bot = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                merge_what_waits(&registry.path);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let all: Vec<_> = owners.iter().map(|owner| scope.spawn(|| publisher(&url, owner, versions))).collect();
        let ended: Vec<_> = all.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        bot.join().unwrap();
        assert!(ended.iter().all(Result::is_ok));
    });
    for number in 0..publishers {
        let id = format!("muni-{number}/pupil-sync");
        let index: toml::Table =
            toml::from_str(std::str::from_utf8(&registry.read(&format!("index/{id}.toml")).unwrap()).unwrap()).unwrap();
        let got: Vec<_> = index["version"].as_array().unwrap().iter().map(|row| row["version"].as_str().unwrap().to_owned()).collect();
        let want: Vec<_> = (0..versions).map(|version| format!("1.{version}.0")).collect();
        assert_eq!(got, want, "{id}");
        let ws = sandbox.workspace(&format!("reader-{number}"), &registry.url());
        sandbox.fetch(&ws, &[&id]).ok();
        crate::support::same_files(
            &ws.join("components").join(&id),
            &files_of(&format!("muni-{number}"), &format!("1.{}.0", versions - 1)),
        );
    }
    git(&["-C".as_ref(), registry.path.as_os_str(), "fsck".as_ref(), "--strict".as_ref()]);
}

#[test]
fn three_publishers_at_once() {
    crowd(3, 2);
}

#[test]
#[ignore = "long"]
fn two_hundred_publications_by_eight_publishers() {
    crowd(8, 25);
}

/// A second server for the registry of a world. Once it is armed, a reference comes to a commit between the look at it
/// and the next push.
fn racing(world: &World, reference: &str, commit: &str) -> (Http, Arc<AtomicBool>) {
    let armed = Arc::new(AtomicBool::new(false));
    let (path, is_armed) = (world.registry.path.clone(), Arc::clone(&armed));
    let (reference, commit) = (reference.to_owned(), commit.to_owned());
    let hook = move |request: &Request| {
        if request.path.contains("receive-pack") && is_armed.swap(false, Ordering::SeqCst) {
            let at = ["--git-dir".as_ref(), path.as_os_str()];
            git(&[&at[..], &["update-ref".as_ref(), reference.as_ref(), commit.as_ref()]].concat());
        }
        None
    };
    let http = Http::start(&world.sandbox.path("srv"), Options { hook: Some(Box::new(hook)), ..Options::default() });
    let wishes = fs::read_to_string(world.muni.join("forum.toml")).unwrap().replace(&world.http.url(), &http.url());
    fs::write(world.muni.join("forum.toml"), wishes).unwrap();
    (http, armed)
}

/// A commit on another, with the same tree.
fn commit_on(registry: &Registry, tip: &str) -> String {
    registry.git(&["commit-tree", &format!("{tip}^{{tree}}"), "-p", tip, "-m", "A word from the reviewer"])
}

#[test]
fn what_comes_onto_the_branch_during_a_push_is_not_lost() {
    let world = World::new();
    world.publish(&[]).ok();
    let branch = format!("refs/heads/contribute/{ID}-1.0.0");
    let theirs = commit_on(&world.registry, &branch);
    let (_http, armed) = racing(&world, &branch, &theirs);
    world.save(&component("1.0.0", "", &[("more.txt", "more\n")]));
    armed.store(true, Ordering::SeqCst);
    world.publish(&[]).fails(1, "exists");
    assert_eq!(world.registry.git(&["rev-parse", &branch]), theirs);
}

#[test]
fn what_comes_onto_main_during_a_push_is_not_lost() {
    let mut world = World::new();
    let ours = world.registry.head();
    let theirs = commit_on(&world.registry, &ours);
    let (_http, armed) = racing(&world, "refs/heads/main", &theirs);
    // Both are known here, so that git could put one in the place of the other.
    for main in [&theirs, &ours] {
        world.registry.set_main(main);
        world.run(&["registry", "refresh", "--accept-rewrite"]).ok();
    }
    armed.store(true, Ordering::SeqCst);
    let run = world.publish(&["--direct"]).ok();
    let line = world.registry.git(&["rev-list", "refs/heads/main"]);
    assert!(line.contains(&theirs) && line.contains(run.json()["commit"].as_str().unwrap()), "{line} {run}");
}
