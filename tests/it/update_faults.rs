//! What may go wrong while an update works: kills and failures at each of its calls, and a disk that fills up. Either all
//! of it happens or nothing.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::fs;
use std::path::Path;

use crate::faults::{Begin, Contents, Place, Scene, besides_forum, failures, kills};
use crate::support::sandbox::{Outcome, program};
use crate::support::{contents, skipped};

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
