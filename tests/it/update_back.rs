//! What moves together comes back together, and what an update leaves behind is no broken workspace.

use std::fs;
use std::path::PathBuf;

use crate::support::fixtures::{KOMMUN, empty, readme};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{Sandbox, text};
use crate::support::{Entry, contents, files, same_contents, snapshot, unchanged};

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
    assert!(sandbox.run(&ws, &["fetch"]).ok().stdout.contains("components/goteborg/aa  (no longer needed)"));
    sandbox.run(&ws, &["verify"]).ok();
    let run = sandbox.run(&ws, &["remove", "aa", "--json"]).ok();
    assert_eq!(run.components().keys().collect::<Vec<_>>(), [AA, NN], "{run}");
    sandbox.fetch(&ws, &["--locked"]).ok();
    assert!(!ws.join("components").join(AA).exists());
}

/// One component whose update has a conflict in `m.txt`, below a directory with a long name.
fn conflicting(path: &str) -> (Sandbox, Registry, PathBuf) {
    let (sandbox, mut registry) = empty();
    let long = format!("{}/{}/n.txt", "d".repeat(110), "e".repeat(110));
    let content = |m: &str| files(&[("m.txt", m), ("k.txt", m), (&long, m)]);
    registry.publish(MM, "1.0.0", content("1\n"));
    let ws = sandbox.workspace("ws", &registry.url());
    sandbox.fetch(&ws, &[MM, KOMMUN[0], KOMMUN[1], "--path", path]).ok();
    registry.publish(MM, "1.1.0", content("2\n"));
    fs::write(ws.join(path).join("m.txt"), "mine\n").unwrap();
    (sandbox, registry, ws)
}

#[test]
fn a_path_in_the_workspace_may_be_longer_than_a_published_one() {
    let path = "components/goteborg/a-component-with-a-long-name";
    let (sandbox, _registry, ws) = conflicting(path);
    let own = format!("{}/{}/own.txt", "a".repeat(150), "b".repeat(150));
    fs::create_dir_all(ws.join(path).join(&own).parent().unwrap()).unwrap();
    fs::write(ws.join(path).join(&own), "mine\n").unwrap();
    let run = sandbox.run(&ws, &["diff", "--json"]).ok();
    assert!(run.json()["files"].as_array().unwrap().iter().any(|row| row["path"] == own && row["change"] == "added"), "{run}");
    let before = contents(&ws);
    sandbox.run(&ws, &["update"]).exits(4);
    sandbox.run(&ws, &["update", "--continue", "--json"]).fails(1, "pending");
    sandbox.run(&ws, &["update", "--abort"]).ok();
    same_contents(&before, &ws);
}

#[test]
fn an_update_whose_directory_is_gone_cannot_be_finished() {
    let path = "components/goteborg/mm";
    let (sandbox, _registry, ws) = conflicting(path);
    let before = contents(&ws);
    sandbox.run(&ws, &["update"]).exits(4);
    fs::remove_dir_all(ws.join(path)).unwrap();
    let run = sandbox.run(&ws, &["update", "--continue", "--json"]);
    run.fails(1, "pending");
    assert!(run.both().contains("--abort") && run.both().contains("is gone"), "{run}");
    sandbox.run(&ws, &["update", "--abort"]).ok();
    same_contents(&before, &ws);
    for word in ["--continue", "--abort"] {
        let run = sandbox.run(&ws, &["update", word]).exits(1);
        assert!(run.stderr.contains("forum status") && !run.stderr.contains("search"), "{run}");
    }
}

#[test]
fn a_lock_that_was_put_back_does_not_make_an_update_forgotten() {
    let path = "components/goteborg/mm";
    let (sandbox, _registry, ws) = conflicting(path);
    let (before, lock) = (contents(&ws), text(&ws.join("forum.lock")));
    sandbox.run(&ws, &["update"]).exits(4);
    let waiting = contents(&ws);
    fs::write(ws.join("forum.lock"), &lock).unwrap();
    let run = sandbox.run(&ws, &["status", "--json"]).ok();
    assert_eq!(run.components()[MM]["state"], "conflicted", "{run}");
    sandbox.run(&ws, &["update", "mm", "--json"]).fails(1, "pending");
    sandbox.run(&ws, &["update", "--continue", "--json"]).fails(1, "pending");
    sandbox.run(&ws, &["update", "--abort"]).ok();
    same_contents(&before, &ws);
    // Settled without it, there is nothing left to say.
    sandbox.run(&ws, &["update"]).exits(4);
    fs::write(ws.join("forum.lock"), &lock).unwrap();
    fs::write(ws.join(path).join("m.txt"), "settled\n").unwrap();
    assert_eq!(sandbox.run(&ws, &["status", "--json"]).ok().components()[MM]["state"], "adapted");
    fs::write(ws.join(path).join("m.txt"), waiting_text(&waiting, path)).unwrap();
    fs::remove_file(ws.join("forum.lock")).unwrap();
    for args in [["status"], ["fetch"], ["status"]] {
        let run = sandbox.run(&ws, &args).ok();
        assert!(run.stderr.contains("m.txt still has markers") && run.stderr.contains("forum restore"), "{run}");
    }
    sandbox.run(&ws, &["restore", "mm"]).ok();
    same_contents(&before, &ws);
    assert!(!sandbox.run(&ws, &["status"]).ok().stderr.contains("markers"));
}

fn waiting_text(all: &std::collections::BTreeMap<String, Entry>, path: &str) -> Vec<u8> {
    let Some(Entry::File { bytes, .. }) = all.get(&format!("{path}/m.txt")) else { panic!("no m.txt") };
    bytes.clone()
}

#[test]
fn a_repository_in_a_component_is_no_adaptation_and_stays() {
    let path = "components/goteborg/mm";
    let (sandbox, _registry, ws) = conflicting(path);
    let at = ws.join(path);
    fs::create_dir_all(at.join(".git/objects")).unwrap();
    for file in [".git/HEAD", ".git/objects/x", ".git/config"] {
        fs::write(at.join(file), "ref: refs/heads/main\n").unwrap();
    }
    let git = contents(&at.join(".git"));
    let status = sandbox.run(&ws, &["status", "--json"]).ok().components();
    assert_eq!((&status[MM]["state"], &status[MM]["changed"]), (&"adapted".into(), &serde_json::json!(["m.txt"])));
    assert_eq!(sandbox.run(&ws, &["diff", "--json"]).ok().json()["files"].as_array().map(Vec::len), Some(1));
    fs::write(at.join("m.txt"), "1\n").unwrap();
    let run = sandbox.run(&ws, &["status", "--json"]).ok();
    assert_eq!(run.components()[MM]["state"], "clean", "{run}");
    sandbox.fetch(&ws, &["--locked"]).ok();
    let run = sandbox.fetch(&ws, &[&format!("{MM}@=1.1.0")]).ok();
    assert_eq!(run.components()[MM]["action"], "updated", "{run}");
    same_contents(&git, &at.join(".git"));
    fs::write(at.join("m.txt"), "mine\n").unwrap();
    sandbox.fetch(&ws, &["--force", MM]).ok();
    same_contents(&git, &at.join(".git"));
    assert_eq!(text(&at.join("m.txt")), "2\n");
    sandbox.run(&ws, &["restore", MM]).ok();
    same_contents(&git, &at.join(".git"));
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_closed_to_others_stays_closed() {
    use std::os::unix::fs::PermissionsExt as _;
    let path = "components/goteborg/mm";
    let (sandbox, _registry, ws) = conflicting(path);
    let inner = ws.join(path).join("d".repeat(110));
    for directory in [&ws.join(path), &inner] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let before = contents(&ws);
    let is_closed = |what: &str| {
        for directory in [&ws.join(path), &inner] {
            assert_eq!(fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700, "{}: {what}", directory.display());
        }
    };
    sandbox.run(&ws, &["update"]).exits(4);
    is_closed("after the update");
    sandbox.run(&ws, &["update", "--abort"]).ok();
    same_contents(&before, &ws);
    sandbox.run(&ws, &["update"]).exits(4);
    sandbox.run(&ws, &["restore", "mm"]).ok();
    same_contents(&before, &ws);
    sandbox.run(&ws, &["remove", "mm"]).ok();
    sandbox.run(&ws, &["restore", "mm"]).ok();
    is_closed("after it was removed and came back");
    fs::write(ws.join(path).join("m.txt"), "1\n").unwrap();
    sandbox.fetch(&ws, &[&format!("{MM}@=1.1.0")]).ok();
    assert_eq!(fs::metadata(ws.join(path)).unwrap().permissions().mode() & 0o777, 0o700);
}
