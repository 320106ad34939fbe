//! Every kind of registry of section 2 gives the same bytes.

use std::fs;

use crate::support::fixtures::{BYTES, PUPIL, ready};
use crate::support::{git_command, same_files, skipped, snapshot, unchanged};

#[test]
fn bare_file_url_checkout_bundle() {
    let (sandbox, small, _) = ready();
    let checkout = small.registry.checkout(&sandbox.path("checkout"));
    let at = checkout.to_str().unwrap();
    crate::support::git(&["-C", at, "checkout", "-q", "-b", "elsewhere"]);
    crate::support::git(&["-C", at, "rm", "-rqf", "components/goteborg/bytes", "index/goteborg/bytes.toml"]);
    crate::support::git(&["-C", at, "commit", "-qm", "elsewhere"]);
    let bundle = small.registry.bundle(&sandbox.path("kommun.bundle"));
    let bare = small.registry.url();
    let bundle = bundle.to_str().unwrap().to_owned();
    for (kind, url) in [("bare", bare.clone()), ("file", format!("file://{bare}")), ("checkout", at.to_owned()), ("bundle", bundle)] {
        let ws = sandbox.directory(kind);
        sandbox.fetch(&ws, &[BYTES, &format!("{PUPIL}@=1.0.0"), "--registry", &url]).ok();
        same_files(&ws.join("components").join(BYTES), &small.bytes.files);
        same_files(&ws.join("components").join(PUPIL), &small.pupil[0].files);
        fs::remove_dir_all(ws.join("components")).unwrap();
        sandbox.fetch(&ws, &[]).ok();
        same_files(&ws.join("components").join(PUPIL), &small.pupil[0].files);
    }
}

#[test]
fn plain_folder_has_the_newest_only() {
    let (sandbox, small, _) = ready();
    let plain = small.registry.plain(&sandbox.path("plain"));
    let ws = sandbox.directory("w");
    sandbox.fetch(&ws, &[BYTES, "--registry", plain.to_str().unwrap()]).ok();
    same_files(&ws.join("components").join(BYTES), &small.bytes.files);
    let before = snapshot(&ws);
    sandbox.fetch(&ws, &["inera/sftp-transfer@=1.0.0", "--registry", plain.to_str().unwrap()]).exits(1);
    unchanged(&before, &ws);
}

#[test]
fn both_digests_of_a_plain_folder_are_compared() {
    let (sandbox, small, _) = ready();
    let plain = small.registry.plain(&sandbox.path("plain"));
    let index = plain.join("index/goteborg/bytes.toml");
    let good = fs::read_to_string(&index).unwrap();
    let wrong = ["0".repeat(40), format!("sha256:{}", "0".repeat(64))];
    for (right, wrong) in [&small.bytes.tree, &small.bytes.checksum].into_iter().zip(wrong) {
        fs::write(&index, good.replace(right, &wrong)).unwrap();
        let ws = sandbox.directory(&wrong[..6]);
        let before = snapshot(&ws);
        let error = sandbox.fetch(&ws, &[BYTES, "--registry", plain.to_str().unwrap()]).fails(1, "integrity");
        assert!(error.contains(BYTES) && error.contains(right) && error.contains(&wrong), "{error}");
        unchanged(&before, &ws);
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_a_plain_folder_is_refused() {
    let (sandbox, small, _) = ready();
    let plain = small.registry.plain(&sandbox.path("plain"));
    std::os::unix::fs::symlink("README.md", plain.join("components/goteborg/bytes/link")).unwrap();
    let ws = sandbox.directory("w");
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &[BYTES, "--registry", plain.to_str().unwrap()]).fails(1, "unsafe-content");
    assert!(error.contains(BYTES) && error.contains("link"), "{error}");
    unchanged(&before, &ws);
}

#[test]
fn a_bundle_that_is_not_whole_is_refused() {
    let (sandbox, small, ws) = ready();
    let part = sandbox.path("part.bundle");
    small.registry.git(&["bundle", "create", "-q", part.to_str().unwrap(), "refs/heads/main~1..refs/heads/main"]);
    let cut = sandbox.path("cut.bundle");
    fs::write(&cut, format!("# v2 git bundle\n{} refs/heads/main\n", small.registry.head())).unwrap();
    let long = sandbox.path("long.bundle");
    let whole = fs::read(small.registry.bundle(&sandbox.path("whole.bundle"))).unwrap();
    let first = b"# v2 git bundle\n".len();
    fs::write(&long, [&whole[..first], "@x=y\n".repeat(300_000).as_bytes(), &whole[first..]].concat()).unwrap();
    let before = snapshot(&ws);
    for (bundle, rule) in [(part, "is not whole"), (cut, "has no end to its header"), (long, "has no end to its header")] {
        let error = sandbox.fetch(&ws, &[BYTES, "--registry", bundle.to_str().unwrap()]).fails(1, "invalid-registry");
        assert!(error.contains(bundle.to_str().unwrap()) && error.contains(rule), "{error}");
    }
    unchanged(&before, &ws);
}

#[test]
fn other_addresses_are_refused_and_run_nothing() {
    let (sandbox, _small, _) = ready();
    let canary = sandbox.path("canary");
    let run_it = format!("ext::sh -c touch% {}", canary.display());
    for (number, bad) in [
        run_it.as_str(),
        "--upload-pack=touch x",
        "ftp://127.0.0.1/x.git",
        "fd::17/x",
        "-oProxyCommand=x",
        "https://user:secret@127.0.0.1/x.git",
    ]
    .iter()
    .enumerate()
    {
        let ws = sandbox.workspace(&format!("w{number}"), bad);
        let before = snapshot(&ws);
        for run in [sandbox.fetch(&ws, &[PUPIL, &format!("--registry={bad}")]), sandbox.fetch(&ws, &[PUPIL])] {
            assert!(matches!(run.code, Some(1 | 2)), "{run}");
            assert!(!run.both().contains("secret"), "{run}");
        }
        unchanged(&before, &ws);
    }
    assert!(!canary.exists());
}

#[test]
fn sha256_repositories_are_refused_by_name() {
    let (sandbox, _small, ws) = ready();
    let other = sandbox.path("sha256.git");
    crate::support::git(&["init", "-q", "--bare", "--object-format=sha256", other.to_str().unwrap()]);
    let run = sandbox.fetch(&ws, &[PUPIL, "--registry", other.to_str().unwrap()]);
    assert!(run.code == Some(1) || run.code == Some(6), "{run}");
    assert!(run.both().to_lowercase().contains("sha-256") || run.both().contains("sha256"), "{run}");
}

#[test]
fn a_registry_with_a_reftable_is_refused_by_name() {
    let (sandbox, small, ws) = ready();
    let other = sandbox.path("reftable.git");
    let mut clone = git_command();
    clone.args(["clone", "-q", "--bare", "--ref-format=reftable"]).arg(&small.registry.path).arg(&other);
    if !clone.output().unwrap().status.success() {
        return skipped("this git knows no reftable");
    }
    let other = other.to_str().unwrap();
    for args in [&["fetch", PUPIL, "--registry", other, "--json"][..], &["registry", "check", other, "--json"]] {
        let error = sandbox.run(&ws, args).fails(1, "invalid-registry");
        assert!(error.contains("reftable") && error.contains("git clone --ref-format=files"), "{error}");
    }
    // What the hint says to type.
    let files = sandbox.path("files.git");
    crate::support::git(&["clone", "-q", "--bare", "--ref-format=files", other, files.to_str().unwrap()]);
    sandbox.fetch(&sandbox.directory("new"), &[PUPIL, "--registry", files.to_str().unwrap()]).ok();
}

#[test]
fn an_entry_stands_above_forum_registry_which_is_not_even_opened() {
    let (mut sandbox, _small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL]).ok();
    // Nobody listens there: a run that asked would fail.
    sandbox.set("FORUM_REGISTRY", "http://127.0.0.1:9/other.git");
    sandbox.fetch(&ws, &[]).ok();
    sandbox.fetch(&ws, &[PUPIL]).ok();
    sandbox.fetch(&ws, &[BYTES]).exits(6);
}
