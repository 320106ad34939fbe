//! `forum registry init` and `mirror`: a new registry, and all of one in a file.

use std::fs;

use crate::publish::git_in;
use crate::support::fixtures::{PUPIL, ready};
use crate::support::registry::Registry;
use crate::support::sandbox::{Sandbox, table, text};
use crate::support::{contents, git, same_contents, same_files};

#[test]
fn what_it_makes_is_sound_and_can_be_pushed_and_fetched_from() {
    let sandbox = Sandbox::new();
    let start = sandbox.directory("start");
    let answer = sandbox.run(&start, &["registry", "init", "kommun", "--title", "Kommunbiblioteket \"Öst\"", "--json"]).ok().json();
    let made = start.join("kommun");
    let at = made.to_str().unwrap();
    assert_eq!(answer["commit"], git(&["-C", at, "rev-parse", "refs/heads/main"]));
    assert_eq!(git(&["-C", at, "status", "--porcelain"]), "", "all of it is committed");
    assert_eq!(table(&made.join("registry.toml"))["title"].as_str(), Some("Kommunbiblioteket \"Öst\""));
    git(&["-C", at, "fsck", "--strict"]);

    let checked = sandbox.run(&start, &["registry", "check", "kommun", "--json"]).ok().json();
    assert_eq!(checked["findings"].as_array().map(Vec::len), Some(0), "{checked}");

    let bare = sandbox.path("srv/kommun.git");
    fs::create_dir_all(bare.parent().unwrap()).unwrap();
    git(&["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
    git(&["-C", at, "push", "-q", bare.to_str().unwrap(), "main"]);
    let workspace = sandbox.workspace("reader", bare.to_str().unwrap());
    sandbox.run(&workspace, &["fetch", "first-steps", "--registry", "kommun", "--set", "municipality-code=2281"]).ok();
    assert!(text(&workspace.join("components/example/first-steps/settings.json")).contains("\"2281\""));
}

#[test]
fn the_guides_and_the_checks_say_what_they_must() {
    let sandbox = Sandbox::new();
    sandbox.run(&sandbox.path("ws"), &["registry", "init", "kommun"]).ok();
    let made = sandbox.path("ws/kommun");
    let read = |path: &str| text(&made.join(path));
    for (path, words) in [
        ("README.md", ["Hämta", "Fetch"]),
        ("CONTRIBUTING.md", ["Bidra", "Contributing"]),
        (".github/workflows/check.yml", ["fetch-depth: 0", "registry check --base \"origin/$GITHUB_BASE_REF\" --format github"]),
        (".gitlab-ci.yml", ["GIT_DEPTH: \"0\"", "registry check --base"]),
        ("azure-pipelines.yml", ["fetchDepth: 0", "registry check --base"]),
        ("ci/install-forum.sh", ["sha256sum -c", concat!("v", env!("CARGO_PKG_VERSION"))]),
        (".github/CODEOWNERS", ["accounts.github", "example has no account"]),
        (".gitlab/CODEOWNERS", ["accounts.gitlab", "example has no account"]),
    ] {
        for word in words {
            assert!(read(path).contains(word), "{path}: {word}");
        }
        assert!(!read(path).contains("{{name}}") && !read(path).contains("{{title}}"), "{path}");
    }
    for path in [".github/workflows/check.yml", ".gitlab-ci.yml", "azure-pipelines.yml"] {
        assert!(read(path).contains("private registry"), "{path}");
    }
}

#[test]
#[cfg(unix)]
fn the_installer_takes_only_what_has_the_right_sum() {
    let sandbox = Sandbox::new();
    sandbox.run(&sandbox.path("ws"), &["registry", "init", "kommun"]).ok();
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    let uname = sandbox.command_of("uname".as_ref(), &sandbox.path("ws"), &["-m"]);
    let machine = sandbox.outcome(uname).ok().stdout;
    let name = format!("forum-{version}-{}-unknown-linux-musl", machine.trim());
    let release = sandbox.path("releases").join(version);
    fs::create_dir_all(release.join(&name)).unwrap();
    fs::write(release.join(&name).join("forum"), "#!/bin/sh\necho installed\n").unwrap();
    let run = |script: &str| {
        let command = sandbox.command_of("sh".as_ref(), &release, &["-c", script]);
        sandbox.outcome(command)
    };
    run(&format!("tar -czf {name}.tar.gz {name} && sha256sum {name}.tar.gz > SHA256SUMS")).ok();
    let url = format!("file://{}", sandbox.path("releases").display());
    let installer = sandbox.path("ws/kommun/ci/install-forum.sh");
    let install = |more: &str| run(&format!("FORUM_RELEASES={url} {more} sh {} {}", installer.display(), sandbox.path("bin").display()));
    if run("command -v curl").code != Some(0) {
        crate::support::skipped("the installer needs curl");
        return;
    }
    install("").ok();
    assert!(sandbox.path("bin/forum").is_file());
    fs::remove_file(sandbox.path("bin/forum")).unwrap();
    let wrong = install(&format!("FORUM_SHA256={}", "0".repeat(64)));
    assert!(wrong.code != Some(0) && !sandbox.path("bin/forum").exists(), "{wrong}");
}

#[test]
fn the_example_goes_as_its_publisher_file_says() {
    let sandbox = Sandbox::new();
    let start = sandbox.directory("start");
    sandbox.run(&start, &["registry", "init", "kommun"]).ok();
    let at = start.join("kommun");
    let told = fs::read_to_string(at.join("publishers/example.toml")).unwrap();
    let command = told.split_once("(git ").and_then(|(_, rest)| rest.split_once(", then")).unwrap().0;
    git_in(&at, &command.split(' ').chain(["-q"]).collect::<Vec<_>>());
    git_in(&at, &["commit", "-q", "--amend", "-C", "HEAD"]);
    let run = sandbox.run(&at, &["registry", "check"]).ok();
    assert!(run.stdout.contains("0 errors, 0 warnings"), "{run}");
}

#[test]
fn nothing_that_is_there_is_touched() {
    let sandbox = Sandbox::new();
    let start = sandbox.directory("start");
    fs::create_dir(start.join("full")).unwrap();
    fs::write(start.join("full/letter.txt"), "mine\n").unwrap();
    fs::write(start.join("file"), "mine\n").unwrap();
    fs::create_dir(start.join("empty")).unwrap();
    let before = contents(&start);
    for place in ["full", "file"] {
        sandbox.run(&start, &["registry", "init", place, "--name", "kommun", "--json"]).fails(1, "occupied");
    }
    sandbox.run(&start, &["registry", "init", "Not A Name", "--json"]).fails(2, "usage");
    sandbox.run(&start, &["registry", "init", "kommun", "--title", " ", "--json"]).fails(2, "usage");
    same_contents(&before, &start);
    sandbox.run(&start, &["registry", "init", "empty"]).ok();
    assert!(start.join("empty/registry.toml").is_file());
}

#[test]
fn a_mirror_is_a_registry_in_one_file() {
    let (sandbox, small, workspace) = ready();
    let url = format!("file://{}", small.registry.path.display());
    for (name, registry) in [("path.bundle", small.registry.url()), ("server.bundle", url)] {
        let answer = sandbox.run(&workspace, &["registry", "mirror", name, "--registry", &registry, "--json"]).ok().json();
        assert_eq!(answer["main"], small.registry.head());
        let file = workspace.join(name);
        assert_eq!(answer["bytes"].as_u64(), Some(fs::metadata(&file).unwrap().len()));
        git(&["bundle", "verify", "-q", file.to_str().unwrap()]);
        let reader = sandbox.directory(&format!("reader-{name}"));
        sandbox.run(&reader, &["fetch", PUPIL, "--registry", file.to_str().unwrap(), "--offline"]).ok();
        same_files(&reader.join("components").join(PUPIL), &small.pupil[2].files);
        sandbox.run(&reader, &["fetch", "goteborg/pupil-system@=1.0.0", "--registry", file.to_str().unwrap(), "--offline"]).ok();
    }
    assert_eq!(
        fs::read_dir(sandbox.cache())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("mirror-"))
            .count(),
        0
    );
    let mirror = workspace.join("path.bundle");
    let mirror = mirror.to_str().unwrap();
    sandbox.run(&workspace, &["registry", "mirror", "again.bundle", "--registry", mirror, "--json"]).fails(1, "invalid-registry");
    let plain = small.registry.plain(&sandbox.path("plain"));
    sandbox
        .run(&workspace, &["registry", "mirror", "again.bundle", "--registry", plain.to_str().unwrap(), "--json"])
        .fails(1, "invalid-registry");
    let other = Registry::new(&sandbox.path("srv/other.git"));
    let before = fs::read(mirror).unwrap();
    fs::remove_dir_all(other.path.join("objects")).unwrap();
    let failed = sandbox.run(&workspace, &["registry", "mirror", mirror, "--registry", &other.url()]);
    assert!(failed.code != Some(0) && fs::read(mirror).unwrap() == before, "{failed}");
}

#[test]
fn an_empty_directory_is_filled_where_it_stands() {
    let sandbox = Sandbox::new();
    let here = sandbox.directory("kommun");
    let answer = sandbox.run(&here, &["registry", "init", ".", "--json"]).ok().json();
    assert_eq!(answer["name"], "kommun");
    assert_eq!(git(&["-C", here.to_str().unwrap(), "status", "--porcelain"]), "");
    sandbox.run(&here, &["registry", "check", "."]).ok();
    let before = contents(&here);
    sandbox.run(&here, &["registry", "init", ".", "--json"]).fails(1, "occupied");
    same_contents(&before, &here);
}
