//! What may go wrong while an update works: kills and failures at each of its calls, a disk that fills up, and people who
//! go on working in the same directory. Either all of it happens or nothing, and nobody's edit is lost.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use crate::faults::{Begin, Contents, Place, Scene, besides_forum, failures, forget, kills};
use crate::support::fixtures::PUPIL;
use crate::support::{Entry, contents};

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

/// At one call in `step` this number of kinds of edits, each kind in its turn.
fn meddlings(step: usize, kinds: usize) {
    let Some(mut scene) = Scene::new(Begin::Conflicting, Place::Memory) else { return };
    for at in (0..scene.calls.len()).step_by(step) {
        for kind in 0..kinds {
            meddle(&mut scene, &MEDDLINGS[(at / step + kind * MEDDLINGS.len() / kinds) % MEDDLINGS.len()], at);
        }
    }
}

#[test]
fn an_edit_while_an_update_works_is_not_lost() {
    meddlings(3, 1);
}

#[test]
#[ignore = "long"]
fn an_edit_at_each_call_of_an_update_is_not_lost() {
    meddlings(1, 2);
}

#[test]
#[ignore = "long"]
fn kills_and_failures_while_three_hundred_files_are_updated() {
    kills(Begin::Wide, Place::Memory, 26);
    failures(Begin::Wide, Place::Memory, 160, &["once", "full", "dead"]);
}

#[test]
#[ignore = "long"]
fn each_call_of_an_update_fails_once() {
    failures(Begin::Conflicting, Place::Memory, 1, &["once"]);
    failures(Begin::Conflicting, Place::Memory, 5, &["dead"]);
}
