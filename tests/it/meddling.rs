//! People who go on working in a component's directory while a command replaces it: nobody's edit is lost.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::fs;

use crate::faults::{Begin, Contents, Place, Scene, besides_forum, forget};
use crate::support::fixtures::PUPIL;
use crate::support::{Entry, contents};

const PERSON: &str = "written by a person meanwhile";

/// What somebody does at a moment of a run: the command, in the component's directory, and the file that it leaves.
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

/// Somebody's edit at call `at` of a run: it is there in the end, or kept, whatever became of the run.
fn meddle(scene: &mut Scene, meddling: &Meddling, at: usize) {
    let ws = scene.sandbox.path("meddled");
    let done = scene.sandbox.path("meddled.done");
    let _ = fs::remove_file(&done);
    let (at_work, mark) = (ws.join("components").join(PUPIL), done.display());
    // Nobody works in a directory that is gone.
    let command = format!("(cd {} && TEXT='{PERSON}' && {} && : > {mark}) 2>&- || :", at_work.display(), meddling.command);
    scene.env = vec![("MEDDLE", command)];
    let (ws, run) = scene.run("meddled", "meddle", at);
    let what = format!("`{}` at call {at} of {}: {run}", meddling.command, scene.calls.len());
    assert!(!run.stderr.contains("panicked") && (run.code == Some(1) || run.code == Some(scene.exit)), "{what}");
    let now = contents(&ws);
    let is_there = |entry: &Entry| matches!(entry, Entry::File { bytes, .. } if String::from_utf8_lossy(bytes).contains(PERSON));
    let kept = contents(&scene.sandbox.path("meddled.state"));
    let is_safe = now.get(&meddling.place()).is_some_and(is_there) || kept.values().any(is_there);
    assert!(is_safe || !done.exists(), "the edit is lost, {what}");
    // A copy that was found changed stays, while others move.
    if !run.stdout.contains("\"kept\"") {
        let want = if run.code == Some(1) { &scene.old } else { &scene.new };
        let (others, want) = (meddling.others(&now), meddling.others(want));
        let differ: Vec<_> = others.keys().chain(want.keys()).filter(|path| others.get(*path) != want.get(*path)).collect();
        assert!(differ.is_empty(), "{differ:?} differ, {what}");
    }
    forget(&ws);
}

/// An edit at one call in `step`, each kind in its turn.
fn meddlings(begin: Begin, step: usize) {
    let Some(mut scene) = Scene::new(begin, Place::Memory) else { return };
    for at in (0..scene.calls.len()).step_by(step) {
        meddle(&mut scene, &MEDDLINGS[at / step % MEDDLINGS.len()], at);
    }
}

#[test]
fn an_edit_while_an_update_works_is_not_lost() {
    meddlings(Begin::Conflicting, 3);
}

#[test]
#[ignore = "long"]
fn an_edit_at_each_call_of_an_update_is_not_lost() {
    meddlings(Begin::Conflicting, 1);
}

#[test]
fn an_edit_while_a_copy_is_replaced_or_removed_is_not_lost() {
    for begin in [Begin::Updating, Begin::Forcing, Begin::Removing, Begin::Restoring] {
        meddlings(begin, 3);
    }
}

#[test]
#[ignore = "long"]
fn an_edit_at_each_call_of_what_replaces_a_copy_is_not_lost() {
    for begin in [Begin::Updating, Begin::Forcing, Begin::Removing, Begin::Restoring] {
        meddlings(begin, 1);
    }
}
