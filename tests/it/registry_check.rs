//! `forum registry check`: a whole registry, and one contribution as a maintainer's CI sees it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::fixtures::empty;
use crate::support::registry::{Published, Registry, Version};
use crate::support::sandbox::{Outcome, Sandbox};
use crate::support::{Files, files, git, write_files};

pub(crate) const ID: &str = "sundsvall/pupil-sync";
const INDEX: &str = "index/sundsvall/pupil-sync.toml";
const README: &str = "# Pupil sync\n\nReads pupils from the school system and writes them to the identity platform.\n\n## What it needs\n\nNothing.\n\n## How to adapt it\n\nChange the address.\n";

pub(crate) fn content(text: &str) -> Files {
    files(&[("README.md", README), ("LICENSE", "EUPL-1.2\n"), ("data.txt", text)])
}

/// Two versions of a component, one of another.
pub(crate) fn ready() -> (Sandbox, Registry, Published) {
    let (sandbox, mut registry) = empty();
    registry.publish("inera/plain", "1.0.0", content("plain\n"));
    registry.publish(ID, "1.0.0", content("one\n"));
    let last = registry.publish(ID, "1.1.0", content("two\n"));
    (sandbox, registry, last)
}

pub(crate) fn check(sandbox: &Sandbox, at: &Path, more: &[&str]) -> Outcome {
    let all: Vec<&str> = ["registry", "check", at.to_str().unwrap(), "--json"].into_iter().chain(more.iter().copied()).collect();
    sandbox.run(&sandbox.path(""), &all)
}

pub(crate) fn findings(outcome: &Outcome) -> Vec<Value> {
    outcome.json()["findings"].as_array().unwrap().clone()
}

pub(crate) fn rules(outcome: &Outcome, severity: &str) -> Vec<String> {
    let all = findings(outcome);
    let mut rules: Vec<_> =
        all.iter().filter(|one| one["severity"] == severity).map(|one| one["rule"].as_str().unwrap().to_owned()).collect();
    rules.dedup();
    rules
}

/// What a contribution that `make` puts on `main` is told.
#[track_caller]
fn judged(make: impl FnOnce(&mut Registry, &Published)) -> (Outcome, Vec<String>) {
    let (sandbox, mut registry, last) = ready();
    let base = registry.head();
    make(&mut registry, &last);
    let outcome = check(&sandbox, &registry.path, &["--base", &base]);
    let errors = rules(&outcome, "error");
    for finding in findings(&outcome) {
        let help = finding["help"].as_str().unwrap();
        assert!(help.to_lowercase().contains("not published yet:") && help.contains("Published already:"), "{finding}");
        assert!(finding["path"].is_string(), "a host shows none without a file: {finding}");
    }
    (outcome.exits(if errors.is_empty() { 0 } else { 3 }), errors)
}

#[test]
fn one_thing_is_withdrawn_at_a_time() {
    let yank = |registry: &mut Registry, version: &str| registry.yank(ID, version, "Wrong mapping");
    let deprecate = |registry: &mut Registry| registry.deprecate(ID, "Nobody looks after it", "");
    assert_eq!(judged(|registry, _| yank(registry, "1.0.0")).1, [""; 0]);
    assert_eq!(judged(|registry, _| deprecate(registry)).1, [""; 0]);
    let both = judged(|registry, _| {
        yank(registry, "1.0.0");
        deprecate(registry);
    });
    assert_eq!(both.1, ["one-change"]);
    let two = judged(|registry, _| ["1.0.0", "1.1.0"].iter().for_each(|version| yank(registry, version)));
    assert!(two.1.contains(&"one-change".to_owned()) && two.0.stdout.contains("the yank of 1.0.0, the yank of 1.1.0"), "{}", two.0);
}

#[test]
fn many_components_are_told_in_their_order() {
    let (sandbox, mut registry) = empty();
    let ids: Vec<_> = (10..90).map(|number| format!("sundsvall/part-{number}")).collect();
    registry.batch(|registry| {
        for id in &ids {
            let checksum = Some(format!("sha256:{}", "0".repeat(64)));
            registry.publish_version(Version { checksum, ..Version::new(id, "1.0.0", content(&format!("{id} 9503121270\n"))) });
        }
    });
    let first = findings(&check(&sandbox, &registry.path, &[]).exits(3));
    let of = |rule: &str| first.iter().filter(|one| one["rule"] == rule).map(|one| one["path"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(of("digests"), ids.iter().map(|id| format!("index/{id}.toml")).collect::<Vec<_>>());
    assert_eq!(of("possible-identity-number"), ids.iter().map(|id| format!("components/{id}/data.txt")).collect::<Vec<_>>());
    for place in [registry.path.clone(), registry.plain(&sandbox.path("plain"))] {
        assert_eq!(findings(&check(&sandbox, &place, &[]).exits(3)), first);
    }
    // One that cannot be read at all is named as if it were alone.
    let large = "#".repeat((16 << 20) + 1);
    registry.write(&format!("index/{}.toml", ids[70]), large.as_bytes());
    registry.write(&format!("index/{}.toml", ids[3]), large.as_bytes());
    for _ in 0..3 {
        let error = check(&sandbox, &registry.path, &[]).fails(1, "invalid-registry");
        assert!(error.contains(&ids[3]), "{error}");
    }
}

#[test]
fn a_whole_registry_is_clean_wherever_it_lies() {
    let (sandbox, mut registry, _) = ready();
    registry.adopt("inera/plain", "sundsvall", "1.0.0", "production");
    registry.yank(ID, "1.0.0", "Wrong mapping");
    for place in [registry.path.clone(), registry.checkout(&sandbox.path("clone")), registry.plain(&sandbox.path("plain"))] {
        let outcome = check(&sandbox, &place, &[]).exits(0);
        assert_eq!(findings(&outcome), [Value::Null; 0], "{outcome}");
    }
    let cut = sandbox.path("cut");
    git(&["clone", "-q", "--depth=1", &format!("file://{}", registry.path.display()), cut.to_str().unwrap()]);
    let outcome = check(&sandbox, &cut, &[]).exits(0);
    assert_eq!(rules(&outcome, "warning"), ["digests"], "old contents cannot be looked at: {outcome}");
}

#[test]
fn the_example_of_this_repository_has_no_error() {
    let sandbox = Sandbox::new();
    check(&sandbox, &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/registry"), &[]).exits(0);
}

#[test]
fn what_may_be_contributed() {
    let cases: [fn(&mut Registry, &Published); 8] = [
        |registry, _| drop(registry.publish(ID, "1.2.0", content("three\n"))),
        |registry, _| drop(registry.publish("sundsvall/other", "1.0.0", content("new\n"))),
        // A new owner brings its file along.
        |registry, _| drop(registry.publish_version(Version::new("orebro/new", "1.0.0", content("new\n")).needs(ID, "^1.0"))),
        |registry, _| registry.yank(ID, "1.0.0", "Wrong mapping"),
        |registry, _| registry.deprecate(ID, "Replaced", "inera/plain"),
        |registry, _| registry.tombstone(ID, "1.0.0", "Personal data"),
        |registry, _| registry.adopt(ID, "orebro", "1.0.0", "pilot"),
        |registry, _| registry.write("README.md", b"# The maintainers' own\n"),
    ];
    for make in cases {
        let (outcome, errors) = judged(make);
        assert_eq!(errors, [""; 0], "{outcome}");
    }
}

#[test]
fn what_a_contribution_must_not_do() {
    let set = |index: &mut toml::Table, at: usize, key: &str, value: &str| {
        index["version"].as_array_mut().unwrap()[at].as_table_mut().unwrap().insert(key.into(), value.into());
    };
    let cases: [(&str, &dyn Fn(&mut Registry, &Published)); 17] = [
        ("append-only", &|registry, _| registry.edit_index(ID, |index| set(index, 0, "published", "2026-01-01T00:00:01Z"))),
        ("append-only", &|registry, _| registry.edit_index(ID, |index| drop(index["version"].as_array_mut().unwrap().remove(0)))),
        ("append-only", &|registry, _| registry.commit("gone", &[(INDEX, None)], &[])),
        ("append-only", &|registry, _| registry.edit_index(ID, |index| index["version"].as_array_mut().unwrap().reverse())),
        ("one-change", &|registry, _| {
            registry.publish(ID, "1.2.0", content("three\n"));
            registry.publish(ID, "1.3.0", content("four\n"));
        }),
        ("one-change", &|registry, _| {
            registry.publish(ID, "1.2.0", content("three\n"));
            registry.publish("sundsvall/other", "1.0.0", content("other\n"));
        }),
        ("one-change", &|registry, _| {
            registry.publish(ID, "1.2.0", content("three\n"));
            registry.yank(ID, "1.0.0", "Along");
        }),
        ("foreign-path", &|registry, _| {
            registry.publish(ID, "1.2.0", content("three\n"));
            let text = registry.read("registry.toml").unwrap();
            registry.write("registry.toml", &[text.as_slice(), b"# easier\n"].concat());
        }),
        ("foreign-path", &|registry, _| {
            registry.publish(ID, "1.2.0", content("three\n"));
            let text = String::from_utf8(registry.read("publishers/sundsvall.toml").unwrap()).unwrap();
            registry.write("publishers/sundsvall.toml", text.replace("integration@", "somebody@").as_bytes());
        }),
        ("foreign-path", &|registry, _| registry.write("components/loose.txt", b"loose\n")),
        // A reviewer's edit in the browser.
        ("digests", &|registry, _| registry.write("components/sundsvall/pupil-sync/data.txt", b"slipped in\n")),
        ("digests", &|registry, _| {
            registry.publish_version(Version { tree: Some("1".repeat(40)), ..Version::new(ID, "1.2.0", content("three\n")) });
        }),
        ("digests", &|registry, _| {
            let checksum = Some(format!("sha256:{}", "0".repeat(64)));
            registry.publish_version(Version { checksum, ..Version::new(ID, "1.2.0", content("three\n")) });
        }),
        // The manifest of another component.
        ("index-manifest", &|registry, _| {
            let mut files = content("three\n");
            files.insert("component.toml".to_owned(), (false, registry.read("components/inera/plain/component.toml").unwrap()));
            registry.publish(ID, "1.2.0", files);
        }),
        ("card", &|registry, _| {
            registry.publish(ID, "1.2.0", content("three\n"));
            registry.edit_index(ID, |index| drop(index["card"].as_table_mut().unwrap().insert("title".into(), "Better".into())));
        }),
        ("dependencies", &|registry, _| {
            registry.publish_version(Version::new(ID, "1.2.0", content("three\n")).needs("inera/nowhere", "^1"));
        }),
        ("dependencies", &|registry, _| {
            registry.publish_version(Version::new(ID, "1.2.0", content("three\n")).needs("inera/plain", "^7"));
        }),
    ];
    for (number, (rule, make)) in cases.into_iter().enumerate() {
        let (outcome, errors) = judged(make);
        assert!(errors.iter().any(|error| error == rule), "{number}: {rule}: {outcome}");
    }
}

#[test]
fn an_owner_needs_a_file_and_a_tombstone_stays() {
    let (sandbox, mut registry, _) = ready();
    registry.tombstone(ID, "1.0.0", "Personal data");
    let base = registry.head();
    registry.edit_index(ID, |index| drop(index.remove("removed")));
    let outcome = check(&sandbox, &registry.path, &["--base", &base]).exits(3);
    assert_eq!(rules(&outcome, "error"), ["append-only"], "{outcome}");

    registry.set_main(&base);
    registry.publish("orebro/new", "1.0.0", content("new\n"));
    registry.commit("gone", &[("publishers/orebro.toml", None)], &[]);
    let outcome = check(&sandbox, &registry.path, &["--base", &base]).exits(3);
    assert_eq!(rules(&outcome, "error"), ["owner-unknown"], "{outcome}");
}

#[test]
fn an_edit_after_the_publication_names_the_way_out() {
    let (outcome, errors) =
        judged(|registry, _| registry.write("components/sundsvall/pupil-sync/README.md", format!("{README}\nBetter words.\n").as_bytes()));
    assert_eq!(errors, ["digests"], "{outcome}");
    let finding = &findings(&outcome)[0];
    let help = finding["help"].as_str().unwrap();
    assert!(help.contains("browser") && help.contains("`forum publish`") && help.contains("forum registry yank"), "{finding}");
}

#[test]
fn only_what_the_contribution_changes_counts_in_a_merge() {
    let (sandbox, mut registry, _) = ready();
    let base = registry.head();
    registry.publish("sundsvall/other", "1.0.0", content("other\n"));
    let branch = registry.head();
    registry.set_main(&base);
    registry.publish(ID, "1.2.0", content("three\n"));
    let main = registry.head();
    let clone = registry.checkout(&sandbox.path("clone"));
    let at = clone.to_str().unwrap();
    registry.git(&["update-ref", "refs/heads/contribute/x", &branch]);
    git(&["-C", at, "fetch", "-q", "origin", "contribute/x"]);
    git(&["-C", at, "merge", "-q", "--no-ff", "-m", "as the host merges", &branch]);
    let outcome = check(&sandbox, &clone, &["--base", "origin/main"]).exits(0);
    assert_eq!(findings(&outcome), [Value::Null; 0], "{outcome}");
    git(&["-C", at, "checkout", "-q", "--detach", &branch]);
    assert_eq!(findings(&check(&sandbox, &clone, &["--base", &main]).exits(0)), [Value::Null; 0], "a branch that main left behind");
}

#[test]
fn a_shallow_clone_and_a_folder_have_no_base() {
    let (sandbox, mut registry, _) = ready();
    registry.publish(ID, "1.2.0", content("three\n"));
    let cut = sandbox.path("cut");
    git(&["clone", "-q", "--depth=1", &format!("file://{}", registry.path.display()), cut.to_str().unwrap()]);
    let failed = check(&sandbox, &cut, &["--base", "origin/main"]);
    assert!(failed.fails(2, "usage").contains("fetch-depth: 0"), "{failed}");
    check(&sandbox, &registry.plain(&sandbox.path("plain")), &["--base", "main"]).fails(2, "usage");
    check(&sandbox, &registry.path, &["--base", "nowhere"]).fails(2, "usage");
    check(&sandbox, &sandbox.path("none"), &[]).fails(1, "not-found");
}

#[test]
fn records_and_events_are_held_to_what_they_say() {
    let record =
        "component = \"sundsvall/pupil-sync\"\nby = \"inera\"\nversion = \"1.0.0\"\nstatus = \"production\"\nsince = \"2026-03-01\"\n";
    let event = "title = \"Forum day\"\nkind = \"forum-day\"\nstart = \"2026-12-03T09:00:00\"\nend = \"2026-12-03T16:00:00\"\ntime-zone = \"Europe/Stockholm\"\nstatus = \"planned\"\nrevision = 1\n";
    let at = "adoptions/sundsvall/pupil-sync/inera.toml";
    let day = "events/2026-12-03-forum-day.toml";
    for (path, text, old, new, fine) in [
        (at, record, "", "", true),
        (at, record, "sundsvall/pupil-sync", "inera/plain", false),
        (at, record, "by = \"inera\"", "by = \"orebro\"", false),
        (at, record, "1.0.0", "9.0.0", false),
        (at, record, "\"production\"", "\"loved\"", false),
        (at, record, "since", "hours-saved = -1\nsince", false),
        (at, record, "status = \"production\"", "status = \"retired\"\nuntil = \"2026-02-28\"", false),
        (at, record, "status = \"production\"", "status = \"retired\"\nuntil = \"2026-03-02\"", true),
        ("adoptions/sundsvall/pupil-sync/orebro.toml", record, "inera", "orebro", false),
        (day, event, "", "", true),
        (day, event, "title = \"Forum day\"", "title = \"\"", false),
        (day, event, "forum-day", "party", false),
        (day, event, "Europe/Stockholm", "Europe/Goteborg", false),
        (day, event, "2026-12-03T09:00:00", "2026-12-33T09:00:00", false),
        (day, event, "T16:00:00", "T08:00:00", false),
        ("events/forum-day.toml", event, "", "", false),
    ] {
        let changed = text.replacen(old, new, 1);
        let (outcome, errors) = judged(|registry, _| registry.write(path, changed.as_bytes()));
        assert_eq!(errors.is_empty(), fine, "{path}: {new}: {outcome}");
    }
    let (sandbox, mut registry, _) = ready();
    registry.write(day, event.as_bytes());
    let base = registry.head();
    registry.write(day, event.replace("T09", "T10").as_bytes());
    assert_eq!(rules(&check(&sandbox, &registry.path, &["--base", &base]).exits(3), "error"), ["event"]);
    registry.write(day, event.replace("T09", "T10").replace("revision = 1", "revision = 2").as_bytes());
    check(&sandbox, &registry.path, &["--base", &base]).exits(0);
}

#[test]
fn files_of_a_registry_are_read_strictly() {
    let (sandbox, registry, _) = ready();
    let plain = registry.plain(&sandbox.path("plain"));
    for (path, old, new, severity, rule) in [
        ("registry.toml", "name = \"kommun\"", "name = \"kommun\"\nnmae = 1", "note", "registry-unknown-key"),
        ("registry.toml", "format = 1", "format = 2", "error", "registry-format"),
        ("registry.toml", "\"MIT\"", "\"MTI\"", "error", "registry-file"),
        ("registry.toml", "format = 1", "min-forum = \"99.0.0\"\nformat = 1", "error", "registry-file"),
        ("publishers/inera.toml", "\"municipality\"", "\"school\"", "error", "publisher-file"),
        ("publishers/inera.toml", "\"SE\"", "\"Sweden\"", "error", "publisher-file"),
        (INDEX, "format = 1", "format = 7", "error", "registry-format"),
        (INDEX, "format = 1", "format = 1\nlater = 1", "note", "registry-unknown-key"),
        (INDEX, "id = \"sundsvall/", "id = \"inera/", "error", "index-file"),
        (INDEX, "title = \"pupil sync\"", "title = \"another\"", "error", "card"),
        (INDEX, "sha256:", "sha256:0000", "error", "index-file"),
    ] {
        let file = plain.join(path);
        let text = fs::read_to_string(&file).unwrap();
        let changed = text.replacen(old, new, 1);
        assert_ne!(text, changed, "{path}: {old}");
        fs::write(&file, changed).unwrap();
        let outcome = check(&sandbox, &plain, &[]);
        assert!(rules(&outcome, severity).iter().any(|found| found == rule), "{path}: {new}: {outcome}");
        fs::write(&file, text).unwrap();
    }
    let own = "\n[vocabulary]\nowner-kinds = [\"school\"]\n";
    fs::write(plain.join("registry.toml"), fs::read_to_string(plain.join("registry.toml")).unwrap() + own).unwrap();
    assert_eq!(rules(&check(&sandbox, &plain, &[]).exits(3), "error"), ["publisher-file"], "other sectors have other kinds");
}

/// One set of rules: what the registry's CI would refuse is not pushed, though `forum check` has nothing against it.
#[test]
fn publish_asks_the_same_rules_before_it_pushes() {
    let (sandbox, registry, _) = ready();
    let publisher = "title = \"Örebro\"\nkind = \"school\"\ncontact = \"it@orebro.example\"\nurl = \"https://orebro.example\"\n";
    let file = |kind: &str| {
        format!(
            "[workspace]\nowner = \"orebro\"\n[workspace.publisher]\n{}\n[registries.kommun]\nurl = \"{}\"\n",
            publisher.replace("school", kind),
            registry.url()
        )
    };
    let workspace = sandbox.workspace_of("orebro", &file("school"));
    let mut all = content("mine\n");
    let manifest = "[component]\nowner = \"orebro\"\nname = \"new\"\nversion = \"1.0.0\"\nkind = \"technical-component\"\ntitle = \"New\"\nsummary = \"New\"\nlicense = \"EUPL-1.2\"\nstatus = \"production\"\ncontact = \"it@orebro.example\"\n";
    all.insert("component.toml".to_owned(), (false, manifest.as_bytes().to_vec()));
    write_files(&workspace.join("new"), &all);
    let refs = registry.git(&["for-each-ref"]);
    let stopped = sandbox.run(&workspace, &["publish", "new", "--registry", "kommun", "--json"]).exits(3);
    assert_eq!(rules(&stopped, "error"), ["publisher-file"], "{stopped}");
    assert_eq!(registry.git(&["for-each-ref"]), refs);
    fs::write(workspace.join("forum.toml"), file("municipality")).unwrap();
    sandbox.run(&workspace, &["publish", "new", "--registry", "kommun", "--json"]).exits(0);
    let base = registry.head();
    registry.git(&["update-ref", "refs/heads/main", "refs/heads/contribute/orebro/new-1.0.0"]);
    let outcome = check(&sandbox, &registry.path, &["--base", &base]).exits(0);
    assert_eq!(findings(&outcome), [Value::Null; 0], "{outcome}");
    check(&sandbox, &registry.path, &[]).exits(0);
}

#[test]
fn notes_and_reasons_are_held_to_the_same_rules_as_files() {
    let (sandbox, registry, published) = ready();
    let workspace = sandbox
        .workspace_of("sundsvall", &format!("[workspace]\nowner = \"sundsvall\"\n[registries.kommun]\nurl = \"{}\"\n", registry.url()));
    let refs = registry.git(&["for-each-ref"]);
    let at = format!("{}@{}", published.id, published.version);
    for args in [
        vec!["adopt", published.id.as_str(), "--status", "pilot", "--note", "Elev 18950312-1270 saknas"],
        vec!["registry", "yank", at.as_str(), "--reason", "innehöll 18950312-1270"],
    ] {
        let stopped = sandbox.run(&workspace, &[args.as_slice(), &["--registry", "kommun", "--json"]].concat()).exits(3);
        assert_eq!(rules(&stopped, "error"), ["personal-identity-number"], "{stopped}");
        assert!(!stopped.both().contains("1270"), "{stopped}");
    }
    assert_eq!(registry.git(&["for-each-ref"]), refs);
    let clean = vec!["adopt", published.id.as_str(), "--status", "pilot", "--note", "Saknar en elev"];
    sandbox.run(&workspace, &[clean.as_slice(), &["--registry", "kommun", "--json"]].concat()).exits(0);
}

#[test]
fn more_files_than_could_be_listed_are_refused_before_they_are() {
    let (sandbox, mut registry, _) = ready();
    let base = registry.head();
    let mut tree = registry.raw_tree(&[("100644", b"x", &registry.blob(b"evil\n"))]);
    for _ in 0..10 {
        let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
        let entries: Vec<(&str, &[u8], &str)> = names.iter().map(|name| ("40000", name.as_bytes(), tree.as_str())).collect();
        tree = registry.raw_tree(&entries);
    }
    let mut version = Version::new("sundsvall/bomb", "1.0.0", content("bomb\n"));
    version.content = Some(tree);
    registry.publish_version(version);
    for args in [&[][..], &["--base", &base]] {
        let error = check(&sandbox, &registry.path, args).fails(1, "unsafe-content");
        assert!(error.contains("components/sundsvall/bomb/d"), "{error}");
    }
    // Taken out again, it is still there for whoever names it.
    registry.commit("Take it out", &[("components/sundsvall/bomb", None)], &[]);
    let outcome = check(&sandbox, &registry.path, &[]).exits(3);
    assert!(outcome.stdout.contains("beyond the limit of 2000 files"), "{outcome}");
}

#[test]
fn a_directory_that_comes_to_stand_twice_is_refused() {
    let (sandbox, mut registry, last) = ready();
    let base = registry.head();
    let of_main = |path: &str| registry.git(&["rev-parse", &format!("{base}:{path}")]);
    let evil = registry.raw_tree(&[("100644", b"evil", &registry.blob(b"evil\n"))]);
    let owner = registry.raw_tree(&[("40000", b"pupil-sync", &last.tree), ("40000", b"pupil-sync", &evil)]);
    let components = registry.raw_tree(&[("40000", b"inera", &of_main("components/inera")), ("40000", b"sundsvall", &owner)]);
    let root = registry.raw_tree(&[
        ("40000", b"components", &components),
        ("40000", b"index", &of_main("index")),
        ("40000", b"publishers", &of_main("publishers")),
        ("100644", b"registry.toml", &of_main("registry.toml")),
    ]);
    let commit = registry.git(&["commit-tree", &root, "-p", &base, "-m", "Twice"]);
    registry.set_main(&commit);
    let error = check(&sandbox, &registry.path, &["--base", &base]).fails(1, "unsafe-content");
    assert!(error.contains("components/sundsvall/pupil-sync") && error.contains("stands twice"), "{error}");
}
