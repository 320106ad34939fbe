//! What moves together comes back together, and what an update leaves behind is no broken workspace.

use std::fs;
use std::path::PathBuf;

use crate::support::fixtures::{KOMMUN, empty, readme};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{Sandbox, text};
use crate::support::{contents, files, same_contents, snapshot, unchanged};

const MM: &str = "goteborg/mm";
const AA: &str = "goteborg/aa";
const NN: &str = "goteborg/nn";

/// `mm` 1.1.0 needs another `aa` than 1.0.0 does, and one that was not there.
fn joint() -> (Sandbox, Registry, PathBuf) {
    let (sandbox, mut registry) = empty();
    registry.publish(AA, "1.0.0", readme("1.0.0"));
    registry.publish_version(Version::new(MM, "1.0.0", files(&[("m.txt", "1\n2\n")])).needs(AA, "^1"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[MM, KOMMUN[0], KOMMUN[1]]).ok();
    registry.publish(AA, "2.0.0", readme("2.0.0"));
    registry.publish(NN, "1.0.0", readme("1.0.0"));
    registry.publish_version(Version::new(MM, "1.1.0", files(&[("m.txt", "one\n2\n")])).needs(AA, "^2").needs(NN, "^1"));
    (sandbox, registry, ws)
}

#[test]
fn restore_takes_back_all_that_one_update_moved_and_what_it_brought() {
    for adapted in [false, true] {
        let (sandbox, mut registry, ws) = joint();
        if adapted {
            fs::write(ws.join("components").join(MM).join("mine.txt"), "mine\n").unwrap();
        }
        let before = contents(&ws);
        sandbox.run(&ws, &["update"]).ok();
        let after = contents(&ws);
        let run = sandbox.run(&ws, &["restore", "mm", "--json"]).ok();
        assert_eq!(run.components().keys().collect::<Vec<_>>(), [AA, MM], "{run}");
        assert!(run.stderr.contains(NN), "{run}");
        same_contents(&before, &ws);
        sandbox.fetch(&ws, &["--locked"]).ok();
        sandbox.run(&ws, &["restore", "mm"]).ok();
        same_contents(&after, &ws);
        // From the other end; and what has moved since stays.
        sandbox.run(&ws, &["restore", "aa"]).ok();
        same_contents(&before, &ws);
        sandbox.run(&ws, &["update"]).ok();
        registry.publish(AA, "2.1.0", readme("2.1.0"));
        sandbox.run(&ws, &["update", "aa"]).ok();
        sandbox.run(&ws, &["restore", "aa"]).ok();
        assert_eq!(sandbox.run(&ws, &["status", "--json"]).components()[AA]["version"], "2.0.0");
        assert_eq!(sandbox.run(&ws, &["status", "--json"]).components()[MM]["version"], "1.1.0");
    }
}

#[test]
fn restore_does_not_tear_apart_what_waits_together() {
    let (sandbox, mut registry, ws) = joint();
    fs::write(ws.join("components").join(MM).join("m.txt"), "ett\n2\n").unwrap();
    let before = contents(&ws);
    sandbox.run(&ws, &["update"]).exits(4);
    let waiting = snapshot(&ws);
    for id in ["mm", "aa"] {
        let run = sandbox.run(&ws, &["restore", id, "--json"]);
        run.fails(1, "pending");
        assert!(run.both().contains("--abort"), "{run}");
        unchanged(&waiting, &ws);
    }
    fs::write(ws.join("components").join(AA).join("README.md"), "mine meanwhile\n").unwrap();
    let meanwhile = contents(&ws.join("components").join(AA));
    sandbox.run(&ws, &["update", "--abort"]).ok();
    same_contents(&before, &ws);
    sandbox.run(&ws, &["restore", "aa"]).ok();
    same_contents(&meanwhile, &ws.join("components").join(AA));
    assert!(text(&ws.join("components").join(MM).join("m.txt")).contains("<<<<<<<"));
    sandbox.run(&ws, &["update", "--abort"]).ok();
    // Where nothing came anew, restore takes all of it back, as --abort does.
    registry.publish_version(Version::new(MM, "1.2.0", files(&[("m.txt", "one\n2\n")])).needs(AA, "^2"));
    same_contents(&before, &ws);
    sandbox.run(&ws, &["update"]).exits(4);
    sandbox.run(&ws, &["restore", "aa"]).ok();
    same_contents(&before, &ws);
    sandbox.fetch(&ws, &["--locked"]).ok();
}

#[test]
fn what_an_update_leaves_behind_is_accepted_and_can_be_removed() {
    let (sandbox, mut registry) = empty();
    registry.publish(NN, "1.0.0", readme("1.0.0"));
    registry.publish_version(Version::new(AA, "1.0.0", readme("1.0.0")).needs(NN, "^1"));
    registry.publish_version(Version::new(MM, "1.0.0", readme("1.0.0")).needs(AA, "^1"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[MM, KOMMUN[0], KOMMUN[1]]).ok();
    fs::write(ws.join("components").join(AA).join("README.md"), "# ours\n").unwrap();
    registry.publish_version(Version::new(MM, "1.1.0", readme("1.1.0")));
    let run = sandbox.run(&ws, &["update"]).ok();
    assert!(run.stderr.contains("forum remove goteborg/aa") && !run.stderr.contains(NN), "{run}");
    let left = snapshot(&ws);
    for args in [vec!["--locked"], vec![], vec![MM]] {
        let run = sandbox.fetch(&ws, &args).ok();
        assert_eq!(run.components()[AA]["action"], "kept", "{run}");
        assert_eq!(run.components()[NN]["action"], "unchanged", "{run}");
        unchanged(&left, &ws);
    }
    sandbox.run(&ws, &["verify"]).ok();
    let run = sandbox.run(&ws, &["remove", "aa", "--json"]).ok();
    assert_eq!(run.components().keys().collect::<Vec<_>>(), [AA, NN], "{run}");
    sandbox.fetch(&ws, &["--locked"]).ok();
    assert!(!ws.join("components").join(AA).exists());
}
