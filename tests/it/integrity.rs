//! Section 3: the index only moves forward, and a version never changes.

use std::fs;

use crate::support::fixtures::{BYTES, KOMMUN, PUPIL, SFTP, readme, ready, small};
use crate::support::sandbox::{Sandbox, text};
use crate::support::server::{Http, Options};
use crate::support::{snapshot, unchanged};

const K: [&str; 2] = KOMMUN;
const ZEROS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn a_rewritten_main_is_refused_until_accepted() {
    let (sandbox, mut small, ws) = ready();
    sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
    let parent = small.registry.git(&["rev-parse", "refs/heads/main~1"]);
    small.registry.set_main(&parent);
    small.registry.publish("inera/new", "1.0.0", readme("1"));
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &["inera/new", K[0], K[1]]).fails(1, "rewritten");
    assert!(error.contains("--accept-rewrite"), "{error}");
    unchanged(&before, &ws);
    // The memory survives the cleaning of the cache.
    fs::remove_dir_all(sandbox.path("cache")).unwrap();
    sandbox.fetch(&ws, &["inera/new", K[0], K[1]]).fails(1, "rewritten");
    unchanged(&before, &ws);
    sandbox.run(&ws, &["registry", "refresh", "--accept-rewrite"]).ok();
    sandbox.fetch(&ws, &["inera/new", K[0], K[1]]).ok();
}

#[test]
fn a_rewritten_main_is_refused_over_every_transport() {
    for kind in ["git", "builtin", "bundle"] {
        let mut sandbox = Sandbox::new();
        let mut small = small(&sandbox.path(""));
        let http = Http::start(&sandbox.path("srv"), Options::default());
        let bundle = sandbox.path("kommun.bundle");
        small.registry.bundle(&bundle);
        let url = if kind == "bundle" { bundle.to_str().unwrap().to_owned() } else { http.url() };
        sandbox.set("FORUM_GIT", if kind == "builtin" { "builtin" } else { "system" });
        let ws = sandbox.workspace("w", &url);
        sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
        // Forward is fine, also where commits lie between.
        for number in 0..3 {
            small.registry.publish(&format!("inera/later-{number}"), "1.0.0", readme("1"));
        }
        fs::remove_file(&bundle).unwrap();
        small.registry.bundle(&bundle);
        sandbox.fetch(&ws, &["inera/later-2", K[0], K[1]]).ok();
        // Back to an earlier commit, and to another line.
        let earlier = small.registry.git(&["rev-parse", "refs/heads/main~2"]);
        for anew in [false, true] {
            small.registry.set_main(&earlier);
            if anew {
                small.registry.publish("inera/anew", "1.0.0", readme("1"));
            }
            fs::remove_file(&bundle).unwrap();
            small.registry.bundle(&bundle);
            let id = if anew { "inera/anew" } else { "inera/later-0" };
            let before = snapshot(&ws);
            let error = sandbox.fetch(&ws, &[id, K[0], K[1]]).fails(1, "rewritten");
            assert!(error.contains("--accept-rewrite"), "{kind}: {error}");
            unchanged(&before, &ws);
        }
        sandbox.run(&ws, &["registry", "refresh", "--accept-rewrite"]).ok();
        let other = sandbox.workspace("other", &url);
        sandbox.fetch(&other, &["inera/anew", K[0], K[1]]).ok();
    }
}

#[test]
fn a_main_that_was_refused_is_not_used_later() {
    let sandbox = Sandbox::new();
    let mut small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("w", &http.url());
    sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
    let parent = small.registry.git(&["rev-parse", "refs/heads/main~1"]);
    small.registry.set_main(&parent);
    small.registry.publish("inera/new", "1.0.0", readme("1"));
    let before = snapshot(&ws);
    sandbox.fetch(&ws, &["inera/new", K[0], K[1]]).fails(1, "rewritten");
    sandbox.fetch(&ws, &["inera/new", K[0], K[1], "--offline"]).fails(1, "not-found");
    unchanged(&before, &ws);
}

#[test]
fn accepting_a_rewrite_accepts_no_other_digest() {
    let (sandbox, mut small, ws) = ready();
    sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
    let root = small.registry.git(&["rev-list", "--max-parents=0", "refs/heads/main"]);
    small.registry.set_main(&root);
    small.registry.publish(SFTP, "2.1.0", readme("other"));
    sandbox.run(&ws, &["registry", "refresh", "--accept-rewrite"]);
    let other = sandbox.workspace("other", &small.registry.url());
    let before = snapshot(&other);
    let error = sandbox.fetch(&other, &[SFTP, K[0], K[1]]).fails(1, "integrity");
    assert!(error.contains(&small.sftp[2].checksum) || error.contains(&small.sftp[2].tree), "{error}");
    unchanged(&before, &other);
}

#[test]
fn a_changed_digest_in_the_index_or_the_lock() {
    let (sandbox, mut small, ws) = ready();
    sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
    let lock = text(&ws.join("forum.lock"));
    fs::write(ws.join("forum.lock"), lock.replace(&small.sftp[2].checksum, ZEROS)).unwrap();
    fs::remove_dir_all(ws.join("components")).unwrap();
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &[]).fails(1, "integrity");
    assert!(error.contains(SFTP) && error.contains(ZEROS) && error.contains(&small.sftp[2].checksum), "{error}");
    unchanged(&before, &ws);
    small.registry.edit_index(BYTES, |document| {
        document["version"].as_array_mut().unwrap()[0].as_table_mut().unwrap().insert("checksum".to_owned(), ZEROS.into());
    });
    let fresh = Sandbox::new();
    let other = fresh.workspace("other", &small.registry.url());
    let before = snapshot(&other);
    let error = fresh.fetch(&other, &[BYTES, K[0], K[1]]).fails(1, "integrity");
    assert!(error.contains(BYTES) && error.contains(ZEROS), "{error}");
    unchanged(&before, &other);
}

#[test]
fn what_a_refresh_or_a_search_has_seen_is_remembered() {
    for command in [&["registry", "refresh"][..], &["search", "bytes"]] {
        let (sandbox, mut small, ws) = ready();
        sandbox.run(&ws, command).ok();
        small.registry.edit_index(BYTES, |document| {
            document["version"].as_array_mut().unwrap()[0].as_table_mut().unwrap().insert("checksum".to_owned(), ZEROS.into());
        });
        let run = sandbox.run(&ws, &["search", "bytes", "--json"]).ok();
        assert!(run.json()["total"] == 0 && run.stderr.contains(BYTES) && run.stderr.contains("left out"), "{run}");
        // The second one finds nothing new, and the component no better.
        for _ in 0..2 {
            let error = sandbox.run(&ws, &["registry", "refresh", "--json"]).fails(1, "integrity");
            assert!(error.contains(BYTES) && error.contains(ZEROS) && error.contains(&small.bytes.checksum), "{error}");
        }
        sandbox.run(&ws, &["registry", "refresh", "--accept-rewrite", "--json"]).fails(1, "integrity");
        sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).fails(1, "integrity");
        assert_eq!(sandbox.run(&ws, &["search", "sftp", "--json"]).ok().json()["total"], 1);
        sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
        small.registry.edit_index(BYTES, |document| {
            let checksum = small.bytes.checksum.clone();
            document["version"].as_array_mut().unwrap()[0].as_table_mut().unwrap().insert("checksum".to_owned(), checksum.into());
        });
        sandbox.run(&ws, &["registry", "refresh"]).ok();
        sandbox.fetch(&ws, &[BYTES]).ok();
    }
}

#[test]
fn a_version_that_is_gone_without_a_tombstone_is_named() {
    let (sandbox, mut small, ws) = ready();
    sandbox.fetch(&ws, &[&format!("{PUPIL}@=1.2.0"), K[0], K[1]]).ok();
    small.registry.edit_index(PUPIL, |document| {
        document["version"].as_array_mut().unwrap().retain(|version| version["version"].as_str() != Some("1.2.0"));
        document["card"].as_table_mut().unwrap().insert("version".to_owned(), "1.1.0".into());
    });
    let named = |error: &str| assert!(error.contains(PUPIL) && error.contains("1.2.0"), "{error}");
    named(&sandbox.run(&ws, &["registry", "refresh", "--json"]).fails(1, "integrity"));
    named(&sandbox.run(&ws, &["status", "--exit-code", "--json"]).fails(1, "integrity"));
    named(&sandbox.run(&ws, &["status"]).ok().stderr);
    let verified = sandbox.run(&ws, &["verify", "--json"]).exits(3).components();
    assert_eq!(verified[PUPIL]["problems"][0]["code"], "unknown");
    // A machine that has never seen it has the lock.
    let fresh = Sandbox::new();
    let clone = fresh.directory("clone");
    for file in ["forum.toml", "forum.lock"] {
        fs::copy(ws.join(file), clone.join(file)).unwrap();
    }
    for args in [&["fetch", "--json"][..], &["fetch", "--locked", "--json"], &["status", "--exit-code", "--json"]] {
        named(&fresh.run(&clone, args).fails(1, "integrity"));
    }
    // Who asks for another version by name gets it once the other history is accepted.
    named(&sandbox.fetch(&ws, &[&format!("{PUPIL}@=1.1.0")]).fails(1, "integrity"));
    sandbox.run(&ws, &["registry", "refresh", "--accept-rewrite"]).ok();
    sandbox.run(&ws, &["registry", "refresh"]).ok();
    let error = sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).fails(1, "integrity");
    assert!(error.contains(&format!("forum fetch {PUPIL}@=1.1.0")), "{error}");
    let run = sandbox.fetch(&ws, &[&format!("{PUPIL}@=1.1.0")]).ok();
    assert_eq!(run.components()[PUPIL]["version"], "1.1.0", "{run}");
    sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).ok();
}

#[test]
fn a_removed_version_is_given_to_nobody() {
    let (sandbox, mut small, ws) = ready();
    sandbox.fetch(&ws, &[&format!("{PUPIL}@=1.2.0"), K[0], K[1]]).ok();
    small.registry.tombstone(PUPIL, "1.2.0", "Contained personal data");
    sandbox.run(&ws, &["registry", "refresh"]).ok();
    let clone = sandbox.colleague("clone", &ws);
    let before = snapshot(&clone);
    let run = sandbox.fetch(&clone, &[]).exits(1);
    assert!(run.both().contains("Contained personal data"), "{run}");
    unchanged(&before, &clone);
    // What lies in a workspace stays, also when something else is fetched into it.
    let wanted = ws.join("forum.toml");
    fs::write(&wanted, text(&wanted).replace("\"=1.2.0\"", "\"^1\"")).unwrap();
    sandbox.fetch(&ws, &[BYTES]).ok();
    crate::support::same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
    // The way out that the hint names.
    assert!(run.both().contains(&format!("forum fetch {PUPIL}@'*'")), "{run}");
    let run = sandbox.fetch(&clone, &[&format!("{PUPIL}@*")]).ok();
    assert_eq!(run.components()[PUPIL]["version"], "1.1.0", "{run}");
    let other = sandbox.workspace("other", &small.registry.url());
    let run = sandbox.fetch(&other, &[PUPIL, K[0], K[1]]).ok();
    assert_eq!(run.components()[PUPIL]["version"], "1.1.0", "{run}");
}

#[test]
fn a_yanked_version_is_for_locks_only_and_said() {
    let (sandbox, mut small, ws) = ready();
    sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
    small.registry.yank(SFTP, "2.1.0", "wrong mapping");
    sandbox.run(&ws, &["registry", "refresh"]).ok();
    let clone = sandbox.colleague("clone", &ws);
    let run = sandbox.fetch(&clone, &[]).ok();
    assert_eq!(run.components()[SFTP]["version"], "2.1.0", "{run}");
    assert!(run.both().contains("yank"), "{run}");
    let other = sandbox.workspace("other", &small.registry.url());
    let run = sandbox.fetch(&other, &[SFTP, K[0], K[1]]).ok();
    assert_eq!(run.components()[SFTP]["version"], "2.0.0", "{run}");
}

#[test]
fn a_removed_dependency_is_given_to_nobody_either() {
    let (sandbox, mut small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    small.registry.tombstone(SFTP, "2.1.0", "Contained personal data");
    let clone = sandbox.colleague("clone", &ws);
    let before = snapshot(&clone);
    let run = sandbox.fetch(&clone, &[]).exits(1);
    assert!(run.both().contains("Contained personal data") && run.both().contains(SFTP), "{run}");
    unchanged(&before, &clone);
}
