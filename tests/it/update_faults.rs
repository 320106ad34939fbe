//! What may go wrong while an update works: kills and failures at each of its calls, a disk that fills up, and people who
//! go on working in the same directory. Either all of it happens or nothing, and nobody's edit is lost.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::fs;
use std::path::Path;

use crate::faults::{Begin, Contents, Place, Scene, besides_forum, failures, forget, kills};
use crate::support::fixtures::PUPIL;
use crate::support::sandbox::{Outcome, program};
use crate::support::{Entry, contents, skipped};

const PERSON: &str = "written by a person meanwhile";

/// What somebody does at a moment of the update: the command, in the workspace, and the file that it leaves.
struct Meddling {
    command: &'static str,
    path: &'static str,
}

const MEDDLINGS: [Meddling; 6] = [
    // Written into a file that the newer version replaces.
    Meddling { command: "echo \"$TEXT\" >> deep/er/file.txt", path: "deep/er/file.txt" },
    // As editors save: a new file takes the place of the old one. Both sides changed it.
    Meddling { command: "echo \"{\\\"v\\\": \\\"$TEXT\\\"}\" > .x && mv .x data.json", path: "data.json" },
    // A file of one's own, old and new.
    Meddling { command: "echo \"$TEXT\" >> ours/3.txt", path: "ours/3.txt" },
    Meddling { command: "mkdir -p ours/new && echo \"$TEXT\" > ours/new/notes.txt", path: "ours/new/notes.txt" },
    // One that the update reports a conflict in.
    Meddling { command: "echo \"$TEXT\" > README.md", path: "README.md" },
    // What is wished for.
    Meddling { command: "echo \"# $TEXT\" >> ../../../forum.toml", path: "../../../forum.toml" },
];

impl Meddling {
    /// Where its file lies in the workspace.
    fn place(&self) -> String {
        self.path.strip_prefix("../../../").map_or_else(|| format!("components/{PUPIL}/{}", self.path), str::to_owned)
    }

    /// All but its own file and what it stands in, which may be new.
    fn others(&self, all: &Contents) -> Contents {
        let place = self.place();
        let mut others = besides_forum(all);
        others.retain(|path, _| *path != place && !place.starts_with(&format!("{path}/")));
        others
    }
}

/// Somebody's edit at call `at` of an update: it is there in the end, whatever became of the update.
fn meddle(scene: &mut Scene, meddling: &Meddling, at: usize) {
    let ws = scene.sandbox.path("meddled");
    let command = format!("cd {}/components/{PUPIL} && TEXT='{PERSON}' && {}", ws.display(), meddling.command);
    scene.env = vec![("MEDDLE", command)];
    let (ws, run) = scene.run("meddled", "meddle", at);
    let what = format!("`{}` at call {at} of {}: {run}", meddling.command, scene.calls.len());
    assert!(!run.stderr.contains("panicked") && matches!(run.code, Some(1 | 4)), "{what}");
    let now = contents(&ws);
    let is_there = |entry: &Entry| matches!(entry, Entry::File { bytes, .. } if String::from_utf8_lossy(bytes).contains(PERSON));
    assert!(now.get(&meddling.place()).is_some_and(is_there), "the edit is lost, {what}");
    let want = if run.code == Some(1) { &scene.old } else { &scene.new };
    let (others, want) = (meddling.others(&now), meddling.others(want));
    let differ: Vec<_> = others.keys().chain(want.keys()).filter(|path| others.get(*path) != want.get(*path)).collect();
    assert!(differ.is_empty(), "{differ:?} differ, {what}");
    forget(&ws);
}

/// An edit at one call in `step`, each kind in its turn.
fn meddlings(step: usize) {
    let Some(mut scene) = Scene::new(Begin::Conflicting, Place::Memory) else { return };
    for at in (0..scene.calls.len()).step_by(step) {
        meddle(&mut scene, &MEDDLINGS[at / step % MEDDLINGS.len()], at);
    }
}

#[test]
fn an_edit_while_an_update_works_is_not_lost() {
    meddlings(3);
}

#[test]
#[ignore = "long"]
fn an_edit_at_each_call_of_an_update_is_not_lost() {
    meddlings(1);
}

#[test]
#[ignore = "long"]
fn kills_and_failures_while_three_hundred_files_are_updated() {
    kills(Begin::Wide, Place::Memory, 26);
    failures(Begin::Wide, Place::Memory, 400, &["once", "full", "dead"]);
}

#[test]
#[ignore = "long"]
fn each_call_of_an_update_fails_once() {
    failures(Begin::Conflicting, Place::Memory, 1, &["once"]);
    failures(Begin::Conflicting, Place::Memory, 5, &["dead"]);
}

/// Runs the update with workspace, cache and state in a small memory of their own; `None` where that may not be mounted.
fn on_a_small_disk(scene: &Scene, size: u64) -> Option<(Outcome, Contents)> {
    let (disk, after) = (scene.sandbox.path("disk"), scene.sandbox.path("after"));
    let _ = fs::remove_dir_all(&after);
    fs::create_dir_all(&disk).unwrap();
    let script = format!(
        "mount -t tmpfs -o size={size} tmpfs '{disk}' || exit 98
         cp -a '{before}' '{disk}/w' && cp -a '{state}' '{disk}/state' && cp -a '{cache}' '{disk}/cache' || exit 97
         cd '{disk}/w' && FORUM_STATE_DIR='{disk}/state' FORUM_CACHE_DIR='{disk}/cache' '{program}' update --json
         code=$?
         cd / && cp -a '{disk}/w' '{after}' && exit $code",
        disk = disk.display(),
        after = after.display(),
        before = scene.before.display(),
        state = scene.sandbox.path("state").display(),
        cache = scene.sandbox.cache().display(),
        program = program().display(),
    );
    let command = scene.sandbox.command_of(Path::new("unshare"), &scene.sandbox.path(""), &["-rm", "sh", "-c", &script]);
    let run = scene.sandbox.outcome(command);
    match run.code {
        Some(98 | 127) => {
            skipped("a disk that is full: no small one can be mounted here");
            None
        }
        Some(97) => Some((run, scene.old.clone())),
        // Not so where there is no `unshare`, or where users may not have one.
        Some(1) if run.stdout.is_empty() => {
            skipped("a disk that is full: no small one can be mounted here");
            None
        }
        _ => Some((run, contents(&after))),
    }
}

/// Disks that are larger and larger, until the update fits.
fn full_disks(begin: Begin, step: u64) {
    let Some(scene) = Scene::new(begin, Place::Memory) else { return };
    let done = if begin == Begin::Conflicting { 4 } else { 0 };
    let mut failures = 0;
    for number in 1.. {
        let Some((run, now)) = on_a_small_disk(&scene, number * step) else { return };
        let what = format!("{} kB: {run}", number * step / 1024);
        match run.code {
            // It does not even hold what is there.
            Some(97) => {}
            Some(1) => {
                failures += 1;
                assert!(run.stdout.contains("\"error\"") && !run.stderr.contains("panicked"), "{what}");
                assert!(now == scene.old, "{what}");
            }
            code if code == Some(done) => {
                assert!(besides_forum(&now) == besides_forum(&scene.new), "{what}");
                break;
            }
            _ => panic!("{what}"),
        }
    }
    assert!(failures >= 3, "{failures} disks were too small");
}

#[test]
fn an_update_on_a_disk_that_fills_up() {
    full_disks(Begin::Conflicting, 24 << 10);
}

#[test]
#[ignore = "long"]
fn an_update_of_three_hundred_files_on_a_disk_that_fills_up() {
    full_disks(Begin::Wide, 192 << 10);
}
