//! `forum publish`, `check` and `adopt` at the edges: odd names, branches that others touched, versions that are gone.

use std::fs;
use std::path::PathBuf;

use crate::publish::{DIR, ID, World, component, git_in, published, record};
use crate::support::registry::Version;
use crate::support::write_files;

const BRANCH: &str = "contribute/sundsvall/pupil-sync-1.0.0";

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_are_findings() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = World::new();
    let odd = |name: &[u8]| world.at().join(std::ffi::OsStr::from_bytes(name));
    if fs::write(odd(b"\xe5.txt"), "one\n").is_err() {
        return;
    }
    fs::write(odd(b"\xe4.txt"), "other\n").unwrap();
    fs::create_dir(odd(b"\xf6")).unwrap();
    fs::write(odd(b"\xf6").join("in.txt"), "in\n").unwrap();
    for committed in [false, true] {
        if committed {
            world.git(&["add", "-A"]);
            world.git(&["commit", "-q", "-m", "odd"]);
        }
        let run = world.publish(&[]).exits(3);
        let findings = run.json()["findings"].as_array().unwrap().clone();
        let about: Vec<_> = findings.iter().filter(|one| one["message"].as_str().unwrap().contains("UTF-8")).collect();
        assert_eq!(about.len(), 3, "committed: {committed}: {run}");
        assert!(about.iter().all(|one| one["rule"] == "path"), "{run}");
        assert!(world.branches().is_empty());
    }
    fs::write(odd(b"\xe5.txt"), "changed\n").unwrap();
    world.publish(&[]).exits(3);
    for name in [&b"\xe5.txt"[..], b"\xe4.txt"] {
        fs::remove_file(odd(name)).unwrap();
    }
    fs::remove_dir_all(odd(b"\xf6")).unwrap();
    world.publish(&[]).ok();
}

#[cfg(unix)]
#[test]
fn a_name_writes_no_line_of_its_own_into_a_log() {
    let world = World::new();
    let name = "x\n::add-mask::a\n##vso[task.setvariable variable=PATH]b.txt";
    fs::write(world.at().join(name), "one\n").unwrap();
    for format in ["text", "github"] {
        let run = world.sandbox.run(&world.muni, &["check", DIR, "--format", format]).exits(3);
        let told = run.both();
        assert!(told.contains("add-mask") && !told.contains("##vso["), "{run}");
        assert!(!told.lines().any(|line| line.trim_start().starts_with("::add-mask")), "{run}");
    }
}

#[test]
fn a_registry_that_is_misspelt_is_told_from_one_that_is_known() {
    let world = World::new();
    for command in ["check", "publish"] {
        let run = world.sandbox.run(&world.muni, &[command, DIR, "--registry", "komun"]).exits(1);
        assert!(run.stderr.contains("there is no registry at") && run.stderr.contains("try: --registry kommun"), "{run}");
    }
}

#[test]
fn a_commit_that_a_reviewer_amended_is_left_alone() {
    let world = World::new();
    for forgotten in [false, true] {
        world.publish(&[]).ok();
        let own = world.registry.git(&["rev-parse", BRANCH]);
        let clone = world.sandbox.path(if forgotten { "review-2" } else { "review" });
        git_in(&clone, &["clone", "-q", "-b", BRANCH, world.registry.path.to_str().unwrap(), "."]);
        fs::write(clone.join(format!("components/{ID}/README.md")), "# Mended\n").unwrap();
        git_in(&clone, &["-c", "user.name=Reviewer", "-c", "user.email=r@x", "commit", "-q", "-a", "--amend", "--no-edit"]);
        git_in(&clone, &["push", "-q", "-f", "origin", BRANCH]);
        let theirs = world.registry.git(&["rev-parse", BRANCH]);
        assert_ne!(own, theirs);
        if forgotten {
            fs::remove_dir_all(world.sandbox.path("state")).unwrap();
        }
        world.publish(&[]).fails(1, "exists");
        assert_eq!(world.registry.git(&["rev-parse", BRANCH]), theirs);
        world.registry.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &own]);
    }
}

/// A clone of the branch that waits, for somebody else to work in.
fn review(world: &World, name: &str) -> PathBuf {
    let clone = world.sandbox.path(name);
    git_in(&clone, &["clone", "-q", "-b", BRANCH, world.registry.path.to_str().unwrap(), "."]);
    clone
}

#[test]
fn somebody_elses_commit_on_the_branch_is_told_and_can_be_let_go() {
    let world = World::new();
    world.publish(&[]).ok();
    let clone = review(&world, "review");
    fs::write(clone.join(format!("components/{ID}/README.md")), "# Mended\n").unwrap();
    git_in(&clone, &["commit", "-q", "-a", "-m", "Edit in the browser"]);
    git_in(&clone, &["push", "-q", "origin", BRANCH]);
    let theirs = world.registry.git(&["rev-parse", BRANCH]);
    for files in [component("1.0.0", "", &[]), component("1.0.0", "", &[("more.txt", "more\n")])] {
        world.save(&files);
        let told = world.run(&["publish", DIR, "--status"]).ok().both();
        assert!(told.contains("by Fixture") && told.contains("made anew") && !told.contains("main has got"), "{told}");
        for args in [&["--dry-run"][..], &[]] {
            let error = world.publish(args).fails(1, "exists");
            assert!(error.contains("by Fixture"), "{error}");
        }
        assert_eq!(world.registry.git(&["rev-parse", BRANCH]), theirs);
    }
    let run = world.publish(&[]).exits(1);
    let hints = run.json()["error"]["hints"][0].as_str().unwrap().to_owned();
    let command = hints.split_once("git ").and_then(|(_, rest)| rest.split_once(", then")).unwrap().0;
    world.git(&command.split(' ').collect::<Vec<_>>());
    world.publish(&[]).ok();
    assert_eq!(published(&world, BRANCH, ID), component("1.0.0", "", &[("more.txt", "more\n")]));
}

#[test]
fn a_merge_of_main_into_the_branch_is_no_change_of_somebody_else() {
    let mut world = World::new();
    world.publish(&[]).ok();
    for (number, forgotten) in [(1, false), (2, true)] {
        world.registry.publish(&format!("goteborg/between-{number}"), "1.0.0", crate::support::fixtures::readme("1.0.0"));
        let clone = review(&world, &format!("review-{number}"));
        git_in(&clone, &["merge", "-q", "--no-ff", "-m", "Merge branch 'main'", "origin/main"]);
        git_in(&clone, &["push", "-q", "origin", BRANCH]);
        if forgotten {
            world.registry.publish("goteborg/between-3", "1.0.0", crate::support::fixtures::readme("1.0.0"));
            for memory in ["state", "cache"] {
                fs::remove_dir_all(world.sandbox.path(memory)).unwrap();
            }
        }
        assert_eq!(world.publish(&["--status"]).ok().json()["state"], "waits");
        world.publish(&["--dry-run"]).ok();
        let run = world.publish(&[]).ok();
        assert!(run.stderr.contains("is replaced"), "{run}");
        assert_eq!(world.registry.git(&["rev-parse", &format!("{BRANCH}^")]), world.registry.head());
    }
    // One that brings something else along is somebody's work.
    world.registry.publish("goteborg/between-4", "1.0.0", crate::support::fixtures::readme("1.0.0"));
    let clone = review(&world, "evil");
    git_in(&clone, &["merge", "-q", "--no-ff", "--no-commit", "origin/main"]);
    fs::write(clone.join("README.md"), "more\n").unwrap();
    git_in(&clone, &["add", "-A"]);
    git_in(&clone, &["commit", "-q", "-m", "Merge branch 'main'"]);
    git_in(&clone, &["push", "-q", "origin", BRANCH]);
    world.publish(&[]).fails(1, "exists");
}

#[test]
fn a_rehearsal_names_the_branch_that_the_push_would_go_to() {
    let world = World::new();
    let told = world.run(&["publish", DIR, "--dry-run", "--direct"]).ok().both();
    assert!(told.contains("onto its main") && !told.contains("contribute/"), "{told}");
    assert!(world.run(&["publish", DIR, "--dry-run"]).ok().both().contains(BRANCH));
}

#[test]
fn the_status_says_when_it_is_to_be_made_anew() {
    let mut world = World::new();
    let run = world.publish(&["--status"]).ok();
    assert_eq!(run.json()["state"], "anew");
    let text = world.run(&["publish", DIR, "--status"]).ok().both();
    assert!(text.contains("nothing of it is there yet"), "{text}");
    world.publish(&[]).ok();
    assert_eq!(world.publish(&["--status"]).ok().json()["state"], "waits");
    // Another component on main does no harm.
    world.registry.publish("goteborg/between", "1.0.0", crate::support::fixtures::readme("1.0.0"));
    assert_eq!(world.publish(&["--status"]).ok().json()["state"], "waits");
    // Files that differ from those that wait.
    world.save(&component("1.0.0", "", &[("more.txt", "more\n")]));
    let run = world.publish(&["--status"]).ok();
    assert_eq!((run.json()["state"].as_str(), run.json()["pushed"].as_bool()), (Some("anew"), Some(true)), "{run}");
    world.save(&component("1.0.0", "", &[]));
    fs::remove_dir_all(world.sandbox.path("cache")).unwrap();
    assert_eq!(world.publish(&["--status"]).ok().json()["state"], "waits", "without a cache");
    // Another version of the same component on main.
    world.registry.publish_version(Version::new(ID, "0.9.0", component("0.9.0", "", &[])));
    assert_eq!(world.publish(&["--status"]).ok().json()["state"], "anew");
    world.registry.publish_version(Version::new(ID, "1.0.0", component("1.0.0", "", &[("other.txt", "other\n")])));
    let run = world.run(&["publish", DIR, "--status"]).ok();
    assert!(run.both().contains("raise `version`"), "{run}");
    assert_eq!(world.publish(&["--status"]).ok().json()["state"], "anew");
}

#[test]
fn what_is_never_published_does_not_take_the_source_away() {
    let world = World::new();
    world.git(&["remote", "add", "origin", "https://github.com/sundsvall/integrations.git"]);
    world.save(&component("1.0.0", "[files]\nexclude = [\"drafts/**\"]\n", &[("forum.toml", "[workspace]\nowner = \"sundsvall\"\n")]));
    let registry = world.registry.path.to_str().unwrap();
    fs::create_dir(world.at().join("drafts")).unwrap();
    fs::write(world.at().join("drafts/idea.md"), "draft\n").unwrap();
    fs::write(world.at().join("forum.toml"), "[workspace]\nowner = \"sundsvall\" # us\n").unwrap();
    let run = world.publish(&["--registry", registry]).ok();
    assert!(!run.stderr.contains("not everything") && !run.stderr.contains("taken as it is"), "{run}");
    let index = record(&world, BRANCH, &format!("index/{ID}.toml"));
    assert_eq!(index["version"][0]["source"]["path"].as_str(), Some(DIR), "{index}");
}

#[test]
fn a_second_adoption_starts_from_the_one_that_waits() {
    let mut world = World::new();
    world.registry.publish("inera/other", "1.0.0", crate::support::fixtures::readme("1.0.0"));
    world.run(&["adopt", "other", "--status", "pilot", "--hours-saved", "80", "--note", "n"]).ok();
    world.run(&["adopt", "other", "--status", "production"]).ok();
    let (branch, path) = ("adopt/sundsvall/inera-other", "adoptions/inera/other/sundsvall.toml");
    let doc = record(&world, branch, path);
    assert_eq!(
        (doc["status"].as_str(), doc.get("hours-saved").and_then(toml::Value::as_integer), doc.get("note").and_then(toml::Value::as_str)),
        (Some("production"), Some(80), Some("n"))
    );
    let again = world.run(&["adopt", "other", "--status", "production", "--json"]).ok().json();
    assert_eq!((&again["pushed"], &again["already_published"]), (&true.into(), &false.into()));
    // A machine that remembers nothing, and a main that moved.
    for memory in ["state", "cache"] {
        fs::remove_dir_all(world.sandbox.path(memory)).unwrap();
    }
    world.registry.publish("goteborg/between", "1.0.0", crate::support::fixtures::readme("1.0.0"));
    world.run(&["adopt", "other", "--status", "evaluating"]).ok();
    let doc = record(&world, branch, path);
    assert_eq!((doc["status"].as_str(), doc["hours-saved"].as_integer()), (Some("evaluating"), Some(80)));
    assert_eq!(world.registry.git(&["rev-parse", &format!("{branch}^")]), world.registry.head());
    // Once merged, and the branch left behind, main counts.
    world.merge(branch);
    world.registry.adopt("inera/other", "sundsvall", "1.0.0", "pilot");
    world.run(&["adopt", "other", "--status", "production"]).ok();
    assert_eq!(record(&world, branch, path)["hours-saved"].as_integer(), Some(40));
}

#[test]
fn what_was_removed_is_not_published_again_or_adopted() {
    let mut world = World::new();
    world.registry.publish_version(Version::new(ID, "1.0.0", component("1.0.0", "", &[])));
    world.registry.tombstone(ID, "1.0.0", "Contained personal data");
    let error = world.publish(&[]).fails(1, "exists");
    assert!(error.contains("Contained personal data"), "{error}");
    let run = world.run(&["adopt", ID, "--status", "pilot", "--json"]);
    assert!(run.fails(1, "not-found").contains("Contained personal data"), "{run}");
    world.registry.publish_version(Version::new(ID, "1.1.0", component("1.1.0", "", &[])));
    let run = world.run(&["adopt", ID, "--status", "pilot", "--json"]).ok();
    assert_eq!(run.json()["version"], "1.1.0");
}

#[test]
fn outside_of_a_repository_the_workspaces_ignore_files_count_and_none_above() {
    let world = World::new();
    let outer = world.sandbox.directory("outer");
    let (elsewhere, dir) = (outer.join("ws"), outer.join("ws/group/sync"));
    fs::create_dir_all(&dir).unwrap();
    fs::copy(world.muni.join("forum.toml"), elsewhere.join("forum.toml")).unwrap();
    let files = component("1.0.0", "", &[]);
    write_files(&dir, &files);
    fs::write(outer.join(".gitignore"), "run.sh\n").unwrap();
    fs::write(elsewhere.join(".gitignore"), "*.log\n/group/sync/local.txt\n").unwrap();
    fs::write(elsewhere.join("group/.gitignore"), "secret.txt\n!kept.log\n").unwrap();
    for (name, text) in [("run.log", "log\n"), ("secret.txt", "s\n"), ("local.txt", "l\n"), ("kept.log", "k\n")] {
        fs::write(dir.join(name), text).unwrap();
    }
    world.sandbox.run(&elsewhere, &["publish", "group/sync"]).ok();
    let mut got = published(&world, BRANCH, ID);
    assert!(got.remove("kept.log").is_some());
    assert_eq!(got.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
}

#[test]
fn a_component_that_git_ignores_is_told_so() {
    let world = World::new();
    fs::write(world.muni.join(".gitignore"), "integrations/\n").unwrap();
    world.git(&["rm", "-r", "-q", "--cached", "integrations"]);
    world.git(&["commit", "-q", "-a", "-m", "ignored"]);
    for command in ["check", "publish"] {
        let error = world.run(&[command, DIR, "--json"]).fails(1, "not-found");
        assert!(error.contains("git ignores"), "{error}");
    }
    let hint = world.run(&["check", DIR, "--json"]).json()["error"]["hints"][0].as_str().unwrap().to_owned();
    assert!(hint.contains(&format!("git check-ignore -v {DIR}/component.toml")) || hint.contains("/component.toml"), "{hint}");
}

#[test]
fn a_file_that_git_ignores_is_told_from_one_that_is_missing() {
    let world = World::new();
    let extra =
        "[variables.a]\ndefault = \"1\"\nreplace = [{ file = \"in/a.txt\", text = \"0\", count = 1 }]\n[files]\nexclude = [\"LICENSE\"]\n";
    fs::write(world.muni.join(".gitignore"), "README.md\na.txt\n").unwrap();
    world.save(&component("1.0.0", extra, &[("in/a.txt", "0\n")]));
    world.git(&["rm", "-q", "--cached", &format!("{DIR}/README.md")]);
    world.git(&["commit", "-q", "-m", "ignored"]);
    let run = world.run(&["check", DIR]).exits(3);
    for says in [
        "no README.md: README.md lies here, but git ignores it",
        "in/a.txt lies here, but git ignores it",
        "LICENSE lies here, but `[files] exclude`",
    ] {
        assert!(run.stdout.contains(says), "{says}: {run}");
    }
}

#[test]
fn a_submodule_can_be_left_out() {
    let world = World::new();
    let other = world.sandbox.path("other");
    git_in(&other, &["init", "-q"]);
    git_in(&other, &["commit", "-q", "--allow-empty", "-m", "one"]);
    let add = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", "--force"];
    for (path, exclude) in [("sub", "sub/**"), ("deep/sub", "deep")] {
        world.save(&component("1.0.0", &format!("[files]\nexclude = [\"{exclude}\"]\n"), &[]));
        world.git(&[&add[..], &["--name", path, other.to_str().unwrap(), &format!("{DIR}/{path}")]].concat());
        world.git(&["commit", "-q", "-m", "with a submodule"]);
        world.publish(&["--dry-run"]).ok();
        git_in(&world.at().join(path), &["commit", "-q", "--allow-empty", "-m", "two"]);
        let run = world.publish(&["--dry-run"]).ok();
        assert!(!run.stderr.contains("not everything is committed"), "{run}");
        world.save(&component("1.0.0", "[files]\nexclude = [\"other/**\"]\n", &[]));
        git_in(&world.at(), &["clone", "-q", other.to_str().unwrap(), path]);
        let run = world.publish(&["--dry-run"]).exits(3);
        assert!(run.stdout.contains("of its own"), "{run}");
    }
}

#[test]
fn links_lead_to_the_hosts_own_pages() {
    let world = World::new();
    let link = |address: &str| {
        let rewrite = format!("url.{}.insteadOf", world.http.url());
        let config = [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", rewrite.as_str()), ("GIT_CONFIG_VALUE_0", address)];
        let run = world.sandbox.run_with(&world.muni, &["publish", DIR, "--dry-run", "--json", "--registry", address], &config);
        run.ok().json()["pull_request_url"].clone()
    };
    let page = link("ssh://git@ssh.github.com:443/org/kommun.git");
    assert_eq!(page, format!("https://github.com/org/kommun/compare/main...{BRANCH}?expand=1"));
    assert!(link("https://bitbucket.kommun.example/scm/proj/kommun.git").is_null());
}

#[test]
fn check_says_what_publish_would_refuse() {
    let mut world = World::new();
    let check = |world: &World| {
        let run = world.run(&["check", DIR, "--json"]).exits(3);
        let findings = run.json()["findings"].as_array().unwrap().clone();
        let errors: Vec<_> = findings.iter().filter(|one| one["severity"] == "error").cloned().collect();
        assert_eq!((errors.len(), errors[0]["path"].as_str()), (1, Some(&*format!("{DIR}/component.toml"))), "{run}");
        errors[0]["message"].as_str().unwrap().to_owned()
    };
    for (need, says) in [("\"inera/nowhere\" = \"^1\"", "inera/nowhere"), ("\"inera/plain\" = \"^9\"", "inera/plain `^9`")] {
        world.save(&component("2.0.0", &format!("[dependencies]\n{need}\n"), &[]));
        let said = check(&world);
        assert!(said.contains(says) && said.contains(&format!("{ID} 2.0.0")), "{said}");
        let error = world.publish(&[]).fails(1, "no-solution");
        assert!(!error.contains("forum.toml") && error.contains(says), "{error}");
    }
    world.registry.publish_version(Version::new(ID, "1.0.0", component("1.0.0", "", &[])));
    world.save(&component("1.0.0", "", &[("more.txt", "more\n")]));
    world.run(&["registry", "refresh"]).ok();
    assert!(check(&world).contains("with other content"));
    world.save(&component("1.0.0", "", &[]));
    world.run(&["check", DIR]).ok();
}

#[test]
fn build_metadata_alone_makes_no_other_version() {
    let mut world = World::new();
    world.registry.publish_version(Version::new(ID, "1.0.0", component("1.0.0", "", &[])));
    world.save(&component("1.0.0+b", "", &[]));
    let error = world.publish(&[]).fails(1, "exists");
    assert!(error.contains("differs from the published 1.0.0 in build metadata"), "{error}");
    world.registry.publish_version(Version::new(ID, "1.0.0+b", component("1.0.0+b", "", &[])));
    let run = world.run(&["registry", "check", world.registry.path.to_str().unwrap(), "--base", "main^", "--json"]).exits(3);
    assert!(run.stdout.contains("1.0.0+b differs from 1.0.0 in build metadata"), "{run}");
}

#[test]
fn check_says_that_it_knows_no_registry_to_ask() {
    let world = World::new();
    let file = world.muni.join("forum.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[registries.other]\nurl = \"{}\"\n", world.registry.url())).unwrap();
    let run = world.run(&["check", DIR]).ok();
    assert!(run.stderr.contains("left out") && run.stderr.contains("kommun, other"), "{run}");
}

#[test]
fn taking_back_a_yank_is_called_so() {
    let mut world = World::new();
    world.registry.publish_version(Version::new(ID, "1.0.0", component("1.0.0", "", &[])));
    world.registry.yank(ID, "1.0.0", "wrong");
    let run = world.run(&["registry", "yank", &format!("{ID}@1.0.0"), "--undo"]).ok();
    assert!(run.stderr.contains("taking back the yank of"), "{run}");
}

#[test]
fn a_title_that_no_commit_can_bear_is_named() {
    let mut world = World::new();
    let file = String::from_utf8(world.registry.read("publishers/sundsvall.toml").unwrap()).unwrap();
    world.registry.write("publishers/sundsvall.toml", file.replace("title = \"", "title = \"<b>").as_bytes());
    let error = world.publish(&[]).fails(1, "invalid-registry");
    assert!(error.contains("publishers/sundsvall.toml") && !error.contains("cache clean"), "{error}");
}

#[cfg(unix)]
#[test]
fn the_link_that_a_server_printed_is_printed_again() {
    let world = World::new();
    let hook = world.registry.path.join("hooks/post-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho 'Create a pull request: https://git.example/kommun/pulls/new'\n").unwrap();
    crate::support::set_mode(&hook, 0o755);
    let first = world.publish(&[]).ok().json();
    assert_eq!(first["pull_request_url"], "https://git.example/kommun/pulls/new");
    assert_eq!(world.publish(&[]).ok().json(), first);
    assert_eq!(world.publish(&["--status"]).ok().json()["pull_request_url"], first["pull_request_url"]);
}

#[test]
fn a_mirror_overwrites_only_a_mirror() {
    let world = World::new();
    let notes = world.muni.join("notes.txt");
    fs::write(&notes, "mine\n").unwrap();
    world.run(&["registry", "mirror", "notes.txt", "--json"]).fails(1, "exists");
    assert_eq!(fs::read_to_string(&notes).unwrap(), "mine\n");
    for _ in 0..2 {
        world.run(&["registry", "mirror", "kommun.bundle"]).ok();
    }
}
