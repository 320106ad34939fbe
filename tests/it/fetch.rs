//! `forum fetch`: the main job, and what it must leave alone.

use std::fs;

use crate::support::fixtures::{BYTES, KOMMUN, PUPIL, SFTP, empty, odd, readme, ready};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{table, text};
use crate::support::{files, same_files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;

#[test]
fn newest_with_its_dependency_byte_for_byte() {
    let (sandbox, small, ws) = ready();
    let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
    same_files(&ws.join("components").join(SFTP), &small.sftp[2].files);
    let components = run.components();
    assert_eq!(components.len(), 2, "{run}");
    for (published, requested) in [(&small.pupil[2], true), (&small.sftp[2], false)] {
        let got = &components[&published.id];
        assert_eq!(got["version"], published.version, "{run}");
        assert_eq!(got["tree"], published.tree, "{run}");
        assert_eq!(got["checksum"], published.checksum, "{run}");
        assert_eq!(got["action"], "added", "{run}");
        assert_eq!(got["requested"], requested, "{run}");
    }
    let wishes = table(&ws.join("forum.toml"));
    assert!(wishes["components"].get(PUPIL).is_some() && wishes["components"].get(SFTP).is_none());
    assert!(!ws.join(".forum").exists());
}

#[test]
fn odd_bytes_names_and_modes() {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).ok();
    same_files(&ws.join("components").join(BYTES), &small.bytes.files);
    assert!(odd().len() < small.bytes.files.len());
}

#[test]
fn second_run_writes_nothing() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let before = snapshot(&ws);
    for args in [vec![], vec![PUPIL, K[0], K[1]], vec!["--locked"], vec!["--frozen"]] {
        let run = sandbox.fetch(&ws, &args).ok();
        assert!(run.components().values().all(|item| item["action"] == "unchanged"), "{run}");
        unchanged(&before, &ws);
    }
}

#[test]
fn an_adapted_component_is_kept_and_said() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    fs::write(ws.join("components").join(PUPIL).join("README.md"), "# ours\n").unwrap();
    let before = snapshot(&ws);
    let run = sandbox.fetch(&ws, &[]).ok();
    assert_eq!(run.components()[PUPIL]["action"], "kept", "{run}");
    unchanged(&before, &ws);
    assert!(sandbox.run(&ws, &["fetch"]).ok().both().contains(PUPIL));
}

#[test]
fn versions_by_requirement() {
    let (sandbox, small, _) = ready();
    for (number, (requirement, want)) in
        [("=1.0.0", 0), ("~1.1", 1), (">=1, <1.2", 1), ("^1", 2), ("=2.0.0-rc.1", 3), ("*", 2)].iter().enumerate()
    {
        let ws = sandbox.workspace(&format!("w{number}"), &small.registry.url());
        sandbox.fetch(&ws, &[&format!("{PUPIL}@{requirement}"), K[0], K[1]]).ok();
        same_files(&ws.join("components").join(PUPIL), &small.pupil[*want].files);
    }
}

#[test]
fn what_cannot_be_had_changes_nothing() {
    let (sandbox, mut small, ws) = ready();
    small.registry.publish("kungsbacka/report", "1.0.0", readme("1"));
    small.registry.publish("goteborg/report", "1.0.0", readme("1"));
    let before = snapshot(&ws);
    let cases = [
        ("goteborg/pupil-sytem", "not-found", PUPIL),
        ("report", "ambiguous", "kungsbacka/report"),
        ("goteborg/pupil-system@^2", "no-solution", PUPIL),
        ("goteborg/pupil-system@=9.9.9", "no-solution", PUPIL),
    ];
    for (id, code, named) in cases {
        let error = sandbox.fetch(&ws, &[id, K[0], K[1]]).fails(1, code);
        assert!(error.contains(named), "{error}");
        unchanged(&before, &ws);
    }
}

#[test]
fn no_solution_names_who_asked() {
    let (sandbox, mut registry) = empty();
    for version in ["1.0.0", "3.0.0"] {
        registry.publish("inera/base", version, readme(version));
    }
    registry.publish_version(Version::new("inera/wants-one", "1.0.0", readme("1")).needs("inera/base", "^1"));
    registry.publish_version(Version::new("inera/wants-three", "1.0.0", readme("1")).needs("inera/base", "^3"));
    registry.publish_version(
        Version::new("goteborg/clash", "1.0.0", readme("1")).needs("inera/wants-one", "^1").needs("inera/wants-three", "^1"),
    );
    registry.publish_version(Version::new("goteborg/ring", "1.0.0", readme("1")).needs("goteborg/gnir", "^1"));
    registry.publish_version(Version::new("goteborg/gnir", "1.0.0", readme("1")).needs("goteborg/ring", "^1"));
    let ws = sandbox.workspace("w", &registry.url());
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &["goteborg/clash", K[0], K[1]]).fails(1, "no-solution");
    assert!(["inera/wants-one", "inera/wants-three", "inera/base"].iter().all(|id| error.contains(id)), "{error}");
    let error = sandbox.fetch(&ws, &["goteborg/ring", K[0], K[1]]).fails(1, "no-solution");
    assert!(error.contains("goteborg/gnir"), "{error}");
    unchanged(&before, &ws);
}

#[test]
fn an_occupied_destination_is_left_alone() {
    let (sandbox, small, _) = ready();
    for (number, kind) in ["directory", "file", "link", "parent"].iter().enumerate() {
        let ws = sandbox.workspace(&format!("w{number}"), &small.registry.url());
        let target = ws.join("components").join(PUPIL);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        match *kind {
            "directory" => {
                fs::create_dir(&target).unwrap();
                fs::write(target.join("mine.txt"), "mine\n").unwrap();
            }
            "file" => fs::write(&target, "mine\n").unwrap(),
            #[cfg(unix)]
            "link" => std::os::unix::fs::symlink(sandbox.path("tmp"), &target).unwrap(),
            #[cfg(unix)]
            _ => {
                fs::remove_dir_all(ws.join("components")).unwrap();
                std::os::unix::fs::symlink(sandbox.path("tmp"), ws.join("components")).unwrap();
            }
            #[cfg(not(unix))]
            _ => continue,
        }
        let (before, outside) = (snapshot(&ws), snapshot(&sandbox.path("tmp")));
        let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).exits(1);
        let code = run.json()["error"]["code"].clone();
        assert!(code == "occupied" || code == "unsafe-content", "{kind}: {run}");
        unchanged(&before, &ws);
        unchanged(&outside, &sandbox.path("tmp"));
    }
}

#[test]
fn locked_refuses_a_new_wish() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
    let before = snapshot(&ws);
    sandbox.fetch(&ws, &[BYTES, K[0], K[1], "--locked"]).fails(5, "locked");
    unchanged(&before, &ws);
}

#[test]
fn a_colleague_with_a_cold_cache_gets_the_same() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let other = crate::support::sandbox::Sandbox::new();
    let clone = sandbox.colleague("clone", &ws);
    other.fetch(&clone, &["--locked"]).ok();
    assert_eq!(text(&clone.join("forum.lock")), text(&ws.join("forum.lock")));
    assert_eq!(crate::support::contents(&clone), crate::support::contents(&ws));
}

#[test]
fn dry_run_path_and_outside() {
    let (sandbox, small, ws) = ready();
    let before = snapshot(&ws);
    let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1], "--dry-run"]).ok();
    assert_eq!(run.components()[PUPIL]["action"], "added", "{run}");
    for bad in ["../out", "/tmp/forum-out"] {
        sandbox.fetch(&ws, &[PUPIL, K[0], K[1], "--path", bad]).exits(2);
    }
    sandbox.fetch(&ws, &["goteborg/nonsense", "--registry", &small.registry.url(), "-C", "made"]).exits(1);
    unchanged(&before, &ws);
    sandbox.fetch(&ws, &[SFTP, K[0], K[1], "--path", "lib/sftp"]).ok();
    same_files(&ws.join("lib/sftp"), &small.sftp[2].files);
}

#[test]
fn comments_and_order_of_forum_toml_survive() {
    let (sandbox, small, _) = ready();
    let before =
        format!("# ours\n[workspace]\nowner = \"sundsvall\"   # us\n\n[registries.kommun]\n# where\nurl = \"{}\"\n", small.registry.url());
    let ws = sandbox.workspace_of("w", &before);
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    assert!(text(&ws.join("forum.toml")).starts_with(&before));
}

#[test]
fn workspace_files_that_cannot_be_read_are_named_and_left() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
    for file in ["forum.toml", "forum.lock"] {
        let good = text(&ws.join(file));
        let first = good.lines().next().unwrap().to_owned();
        let mut cases = vec![
            ("duplicate key", format!("x = 1\nx = 2\n{good}")),
            ("conflict markers", format!("<<<<<<< ours\n{good}=======\n{good}>>>>>>> theirs\n")),
            ("truncated", good[..good.len() - 3].to_owned()),
        ];
        if file == "forum.lock" {
            cases.push(("future format", good.replacen(&first, "format = 99", 1)));
            cases.push(("empty", String::new()));
        }
        for (what, bad) in cases {
            fs::write(ws.join(file), &bad).unwrap();
            let before = snapshot(&ws);
            let error = sandbox.fetch(&ws, &[]).fails(1, "invalid-workspace");
            assert!(error.contains(file), "{what}: {error}");
            assert!(what != "conflict markers" || error.contains("conflict"), "{error}");
            unchanged(&before, &ws);
        }
        fs::write(ws.join(file), good).unwrap();
    }
}

#[test]
fn variables_are_answered_or_listed() {
    let (sandbox, mut registry) = empty();
    let manifest = "[variables.code]\ntype = \"string\"\npattern = \"^[0-9]{4}$\"\nreplace = [{ file = \"plain.txt\", text = \"@@C@@\", count = 2 }]\nbind = [{ file = \"p.json\", pointer = \"/a/0/v\" }]\n";
    let content = files(&[("plain.txt", "@@C@@ {{ @@C@@ }} ${x}\r\n"), ("p.json", "{ \"a\":[ {\"v\" : \"0000\"} ],\n \"n\": 1.50 }\n")]);
    registry.publish_version(Version::new("goteborg/vars", "1.0.0", content.clone()).manifest(manifest));
    registry.publish_version(Version::new("goteborg/miscount", "1.0.0", content).manifest(&manifest.replace("count = 2", "count = 3")));
    let ws = sandbox.workspace("w", &registry.url());
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &["goteborg/vars", K[0], K[1]]).fails(2, "missing-answers");
    assert!(error.contains("code"), "{error}");
    sandbox.fetch(&ws, &["goteborg/vars", K[0], K[1], "--set", "code=x"]).exits(2);
    let error = sandbox.fetch(&ws, &["goteborg/miscount", K[0], K[1], "--set", "code=2281"]).fails(1, "invalid-manifest");
    assert!(error.contains("goteborg/miscount") && error.contains("plain.txt"), "{error}");
    unchanged(&before, &ws);
    sandbox.fetch(&ws, &["goteborg/vars", K[0], K[1], "--set", "code=2281"]).ok();
    let at = ws.join("components/goteborg/vars");
    assert_eq!(text(&at.join("plain.txt")), "2281 {{ 2281 }} ${x}\r\n");
    assert_eq!(text(&at.join("p.json")), "{ \"a\":[ {\"v\" : \"2281\"} ],\n \"n\": 1.50 }\n");
    assert_eq!(sandbox.fetch(&ws, &[]).ok().components()["goteborg/vars"]["action"], "unchanged");
}

#[test]
fn a_registry_that_contradicts_the_entry_is_wrong_usage_before_any_network() {
    let (sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    let error = sandbox.fetch(&ws, &[PUPIL, "--registry", "http://127.0.0.1:9/other.git"]).fails(2, "usage");
    assert!(error.contains("kommun") && error.contains("other.git"), "{error}");
    let mut other = Registry::named(&sandbox.path("srv/other.git"), "other", "");
    other.publish(PUPIL, "1.0.0", readme("1.0.0"));
    let before = snapshot(&ws);
    sandbox.fetch(&ws, &["pupil-system", "--registry", &other.url()]).fails(2, "usage");
    unchanged(&before, &ws);
    let url = table(&ws.join("forum.toml"))["registries"]["kommun"]["url"].as_str().unwrap().to_owned();
    sandbox.fetch(&ws, &[PUPIL, "--registry", &url]).ok();
}

#[test]
fn a_git_lfs_pointer_is_refused() {
    let (sandbox, mut registry) = empty();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    registry.publish("aa/big", "1.0.0", files(&[("README.md", "# big\n"), ("video.mp4", pointer)]));
    let ws = sandbox.workspace("first", &registry.url());
    let error = sandbox.fetch(&ws, &["big"]).fails(1, "unsafe-content");
    assert!(error.contains("video.mp4") && error.contains("LFS"), "{error}");
}
