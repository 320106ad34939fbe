//! The commands that look: `search`, `show`, `status`, `tree`, `verify`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::fixtures::{KOMMUN, PUPIL, SFTP, readme, ready, small};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{Outcome, Sandbox};
use crate::support::server::{Http, Options};
use crate::support::{files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;

fn ids(run: &Outcome) -> Vec<String> {
    let results = run.json()["results"].clone();
    results.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// A registry whose components differ in what search looks at.
fn catalogue(sandbox: &Sandbox, name: &str) -> Registry {
    let mut registry = Registry::named(&sandbox.path(&format!("srv/{name}.git")), name, "");
    let publish = |registry: &mut Registry, id: &str, title: &str, summary: &str| {
        registry.publish_version(Version::new(id, "1.0.0", readme("1.0.0")).meta("title", title).meta("summary", summary));
    };
    registry.batch(|registry| {
        publish(registry, "goteborg/pupil-system", "Pupil system sync", "Nightly transfer");
        publish(registry, "sundsvall/booking", "Room booking", "Shows what pupil rooms are free");
        publish(registry, "inera/karende", "Ärendehantering", "Processer i Malmö");
        registry.adopt("sundsvall/booking", "goteborg", "1.0.0", "production");
        registry.adopt("sundsvall/booking", "inera", "1.0.0", "pilot");
        registry.adopt("sundsvall/booking", "malmo", "1.0.0", "retired");
    });
    registry.write("publishers/goteborg.toml", "title = \"Göteborgs Stad\"\n".as_bytes());
    registry
}

#[test]
fn search_ranks_titles_first_and_knows_synonyms_and_letters() {
    let sandbox = Sandbox::new();
    let registry = catalogue(&sandbox, "kommun");
    let ws = sandbox.workspace("first", &registry.url());
    let search = |words: &[&str]| sandbox.run(&ws, &[&["search", "--json"], words].concat()).ok();
    assert_eq!(ids(&search(&["pupil"])), ["goteborg/pupil-system", "sundsvall/booking"]);
    assert_eq!(ids(&search(&["elev"])), ["goteborg/pupil-system", "sundsvall/booking"]);
    assert_eq!(ids(&search(&["pup", "sync"])), ["goteborg/pupil-system"], "prefixes, and all words");
    assert_eq!(ids(&search(&["arende"])), ["inera/karende"]);
    assert_eq!(ids(&search(&["malmö"])), ["inera/karende"]);
    assert_eq!(ids(&search(&["göteborgs"])), ["goteborg/pupil-system"], "an owner by what people call it");
    assert_eq!(ids(&search(&["--owner", "sundsvall"])), ["sundsvall/booking"]);
    assert!(ids(&search(&["--kind", "design-template"])).is_empty());
    let run = search(&["pupil", "--limit", "1"]);
    assert_eq!((ids(&run).len(), run.json()["total"].as_u64()), (1, Some(2)));
    let booking = search(&["booking"]).json()["results"][0].clone();
    assert_eq!(booking["adopters"], 2, "pilot and production count: {booking}");
    for key in ["id", "version", "kind", "title", "summary", "license", "status", "keywords", "registry", "adopters"] {
        assert!(booking.get(key).is_some(), "{key}: {booking}");
    }
    assert!(sandbox.run(&ws, &["search", "nonsense"]).ok().stderr.contains("nothing was found"));
}

#[test]
fn search_works_offline_from_the_last_refresh_and_heals() {
    let sandbox = Sandbox::new();
    let mut registry = catalogue(&sandbox, "kommun");
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    sandbox.run(&ws, &["search", "--offline", "--json"]).fails(6, "offline");
    assert_eq!(ids(&sandbox.run(&ws, &["search", "--json"]).ok()).len(), 3);
    registry.publish("malmo/new", "1.0.0", readme("1.0.0"));
    let asked = http.requests().len();
    assert_eq!(ids(&sandbox.run(&ws, &["search", "--json"]).ok()).len(), 3);
    assert_eq!(http.requests().len(), asked, "a search asks nothing once it has something");
    sandbox.run(&ws, &["registry", "refresh"]).ok();
    assert_eq!(ids(&sandbox.run(&ws, &["search", "--json"]).ok()).len(), 4);
    let cached = fs::read_dir(sandbox.cache().join("search")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&cached).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 0xff;
    fs::write(&cached, bytes).unwrap();
    assert_eq!(ids(&sandbox.run(&ws, &["search", "--offline", "--json"]).ok()).len(), 4, "a damaged index is made anew");
}

#[test]
fn search_looks_in_all_registries_and_names_what_is_left_out() {
    let sandbox = Sandbox::new();
    let (one, mut other) = (catalogue(&sandbox, "kommun"), catalogue(&sandbox, "region"));
    other.write("index/goteborg/pupil-system.toml", b"format = 9\n");
    let text = |name: &str, url: &str| format!("[registries.{name}]\nurl = \"{url}\"\n");
    let all = [text("kommun", &one.url()), text("region", &other.url()), text("gone", "/nowhere/at/all")].concat();
    let ws = sandbox.workspace_of("first", &all);
    let run = sandbox.run(&ws, &["search", "pupil", "--json"]).ok();
    let places: Vec<_> = run.json()["results"].as_array().unwrap().iter().map(|row| row["registry"].clone()).collect();
    assert_eq!(places, ["kommun", "kommun", "region"], "{run}");
    assert!(run.stderr.contains("gone") && run.stderr.contains("goteborg/pupil-system"), "{run}");
    let run = sandbox.run(&ws, &["search", "--registry", "region", "--json"]).ok();
    assert_eq!(ids(&run), ["sundsvall/booking", "inera/karende"], "the one in use first: {run}");
    assert!(run.stderr.contains("format 9"), "said again from the cached index: {run}");
    sandbox.run(&ws, &["search", "--registry", "gone", "--json"]).fails(1, "not-found");
    sandbox.run(&sandbox.directory("none"), &["search", "--json"]).fails(2, "usage");
}

#[test]
fn show_is_one_page_to_decide_on() {
    let sandbox = Sandbox::new();
    let mut small = small(&sandbox.path(""));
    let registry = &mut small.registry;
    let needs = "[needs]\ntasks = [\"Frends.Sql >=1.1.31\"]\nenvironment = [\"Heroma\"]\n[variables.code]\ntype = \"string\"\ndefault = \"0000\"\n[variables.word]\ntype = \"secret\"\ndefault = \"hemligt\"\n";
    registry.publish_version(
        Version::new(PUPIL, "1.3.0", readme("1.3.0")).needs(SFTP, "^2").manifest(needs).meta("decision", "KS 2026/1\u{1b}[31m"),
    );
    registry.adopt(PUPIL, "sundsvall", "1.2.0", "production");
    registry.yank(PUPIL, "1.1.0", "wrong mapping");
    registry.tombstone(PUPIL, "1.0.0", "personal data");
    registry.deprecate(PUPIL, "old", SFTP);
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    let run = sandbox.run(&ws, &["show", "pupil-system", "--json"]).ok();
    let shown = run.json()["component"].clone();
    assert_eq!((shown["id"].as_str(), shown["version"].as_str()), (Some(PUPIL), Some("1.3.0")), "{run}");
    assert_eq!(shown["needs"]["tasks"][0]["package"], "Frends.Sql", "{run}");
    assert_eq!(shown["dependencies"][SFTP], "^2", "{run}");
    assert_eq!(shown["adoptions"][0]["by"], "sundsvall", "{run}");
    assert_eq!(shown["deprecated"]["replaced_by"], SFTP, "{run}");
    let version = |number: &str| {
        let all = shown["versions"].as_array().unwrap();
        all.iter().find(|row| row["version"] == number).cloned().unwrap_or(Value::Null)
    };
    assert_eq!((&version("1.1.0")["yanked"], &version("1.2.0")["yanked"]), (&Value::Bool(true), &Value::Bool(false)), "{run}");
    assert_eq!(version("1.0.0")["removed"], true, "{run}");
    assert!(!run.both().contains("hemligt"), "the default of a secret is not shown: {run}");
    let page = sandbox.run(&ws, &["show", "pupil-system"]).ok();
    for part in ["Frends.Sql >=1.1.31", "Heroma", "wrong mapping", "sundsvall", "advises against", "forum fetch"] {
        assert!(page.stdout.contains(part), "{part}: {page}");
    }
    assert!(!page.both().contains('\u{1b}'), "{page}");
    assert!(sandbox.run(&ws, &["show", "pupil-system@1.2.0", "--readme"]).ok().stdout.starts_with("# version 1.2.0"));
    sandbox.run(&ws, &["show", "pupil-system@9.9.9", "--json"]).fails(1, "not-found");
    let near = sandbox.run(&ws, &["show", "pupil-sistem", "--json"]).fails(1, "not-found");
    assert!(near.contains("forum show goteborg/pupil-system"), "{near}");
    drop(http);
    let run = sandbox.run(&ws, &["show", "pupil-system", "--json"]).ok();
    assert!(run.stderr.contains("last refresh"), "{run}");
    assert!(run.json()["component"]["needs"]["tasks"][0].is_object(), "{run}");
    let run = sandbox.run(&ws, &["show", "pupil-system@1.1.0", "--offline", "--json"]).ok();
    assert!(run.json()["component"]["needs"].is_null(), "{run}");
}

fn states(run: &Outcome) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    run.json()["components"].as_array().unwrap().iter().map(|row| (text(&row["id"]), text(&row["state"]))).collect()
}

fn fetched() -> (Sandbox, crate::support::fixtures::Small, PathBuf) {
    let (sandbox, small, ws) = ready();
    sandbox.fetch(&ws, &[&format!("{PUPIL}@=1.1.0"), K[0], K[1]]).ok();
    (sandbox, small, ws)
}

#[test]
fn status_tells_clean_adapted_and_missing() {
    let (sandbox, _small, ws) = fetched();
    let at = ws.join("components").join(PUPIL);
    fs::write(at.join("README.md"), "# ours\n").unwrap();
    fs::write(at.join("more.txt"), "more\n").unwrap();
    fs::remove_file(at.join("run.sh")).unwrap();
    fs::write(at.join("data.json"), "{\"v\": \"1.1.0\"}\r\n").unwrap();
    fs::remove_dir_all(ws.join("components").join(SFTP)).unwrap();
    let before = snapshot(&ws);
    let run = sandbox.run(&ws, &["status", "--json"]).ok();
    assert_eq!(states(&run), [(PUPIL.to_owned(), "adapted".to_owned()), (SFTP.to_owned(), "missing".to_owned())], "{run}");
    let pupil = &run.components()[PUPIL];
    assert_eq!(pupil["changed"], serde_json::json!(["README.md", "more.txt", "run.sh"]), "line ends alone are no change: {run}");
    assert_eq!((&pupil["newest"], &pupil["outdated"]), (&Value::from("1.2.0"), &Value::from(true)), "{run}");
    sandbox.run(&ws, &["status", "--exit-code"]).exits(3);
    unchanged(&before, &ws);
    sandbox.fetch(&ws, &[]).ok();
    assert_eq!(states(&sandbox.run(&ws, &["status", "--json"]).ok())[1].1, "clean");
}

#[test]
fn status_tells_deleted_files_from_changed_ones() {
    let (sandbox, mut small, ws) = ready();
    let published = files(&[("README.md", "# r\n"), ("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n"), ("d.txt", "d\n")]);
    small.registry.publish("goteborg/letters", "1.0.0", published);
    sandbox.fetch(&ws, &["letters", K[0], K[1]]).ok();
    let at = ws.join("components/goteborg/letters");
    for file in ["a.txt", "b.txt", "c.txt", "d.txt"] {
        fs::remove_file(at.join(file)).unwrap();
    }
    fs::write(at.join("README.md"), "# ours\n").unwrap();
    let run = sandbox.run(&ws, &["status"]).ok();
    assert!(run.stdout.contains("changed: README.md; deleted: a.txt, b.txt, c.txt and 1 more"), "{run}");
    let run = sandbox.run(&ws, &["status", "--json"]).ok();
    assert_eq!(run.components()["goteborg/letters"]["changed"].as_array().unwrap().len(), 5, "{run}");
}

#[test]
fn a_registry_that_contradicts_an_entry_is_wrong_usage_for_those_who_look_too() {
    let (sandbox, _small, ws) = fetched();
    let before = snapshot(&ws);
    for command in [&["status"][..], &["verify"], &["remove", PUPIL]] {
        let run = sandbox.run(&ws, &[command, &["--json", "--registry", "http://127.0.0.1:9/other.git"]].concat());
        let error = run.fails(2, "usage");
        assert!(error.contains("kommun") && error.contains("other.git"), "{error}");
        unchanged(&before, &ws);
    }
    sandbox.run(&ws, &["status", K[0], K[1]]).ok();
}

#[test]
fn status_by_exit_status() {
    let (sandbox, mut small, ws) = ready();
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    sandbox.run(&ws, &["status", "--exit-code"]).ok();
    fs::write(ws.join("components").join(PUPIL).join("README.md"), "# ours\n").unwrap();
    sandbox.run(&ws, &["status", "--exit-code"]).ok();
    small.registry.yank(PUPIL, "1.2.0", "wrong mapping");
    let run = sandbox.run(&ws, &["status", "--exit-code", "--json"]).exits(3);
    let pupil = run.components()[PUPIL].clone();
    assert_eq!((&pupil["yanked"], &pupil["reason"], &pupil["outdated"]), (&true.into(), &"wrong mapping".into(), &false.into()), "{run}");
    assert_eq!(run.json()["ok"], true);
    sandbox.run(&ws, &["status"]).ok();
    sandbox.run(&sandbox.directory("none"), &["status", "--json"]).fails(1, "not-found");
}

#[test]
fn status_without_a_server_and_without_a_cache() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).ok();
    drop(http);
    let run = sandbox.run(&ws, &["status", "--json"]).ok();
    assert!(run.stderr.contains("last refresh"), "{run}");
    assert_eq!(run.components()[PUPIL]["newest"], "1.2.0", "{run}");
    sandbox.run(&ws, &["status", "--exit-code", "--json"]).fails(6, "unreachable");
    fs::remove_dir_all(sandbox.cache()).unwrap();
    let run = sandbox.run(&ws, &["status", "--offline", "--json"]).ok();
    assert_eq!(states(&run)[0].1, "clean", "{run}");
    assert!(run.components()[PUPIL]["newest"].is_null(), "{run}");
    drop(small);
}

#[test]
fn the_tree_and_why() {
    let (sandbox, _small, ws) = fetched();
    let run = sandbox.run(&ws, &["tree", "--json"]).ok();
    let roots = run.json()["roots"].clone();
    assert_eq!((&roots[0]["id"], &roots[0]["dependencies"][0]["id"]), (&PUPIL.into(), &SFTP.into()), "{run}");
    assert_eq!(roots[0]["dependencies"][0]["dependencies"], serde_json::json!([]), "{run}");
    let text = sandbox.run(&ws, &["tree", "--why", "sftp-transfer"]).ok().stdout;
    assert_eq!(text, format!("{PUPIL} 1.1.0\n└── {SFTP} 2.1.0\n"));
    sandbox.run(&ws, &["tree", "--why", "nonsense", "--json"]).fails(1, "not-found");
}

fn problems(run: &Outcome, id: &str) -> Vec<String> {
    let row = run.components()[id].clone();
    let codes: Vec<_> = row["problems"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(row["ok"], codes.is_empty(), "{run}");
    codes
}

#[test]
fn verify_finds_what_a_job_must_know() {
    let (sandbox, mut small, ws) = fetched();
    let verify = |extra: &[&str]| sandbox.run(&ws, &[&["verify", "--json"], extra].concat());
    assert!(problems(&verify(&[]).ok(), PUPIL).is_empty());
    fs::write(ws.join("components").join(PUPIL).join("README.md"), "# ours\n").unwrap();
    small.registry.yank(PUPIL, "1.1.0", "wrong mapping");
    small.registry.deprecate(PUPIL, "old", SFTP);
    assert!(problems(&verify(&[]).ok(), PUPIL).is_empty(), "only what is denied");
    let elsewhere = sandbox.workspace("second", &small.registry.url());
    let run = sandbox.fetch(&elsewhere, &[PUPIL]).ok();
    assert!(run.stderr.contains(&format!("note: {PUPIL} is deprecated: old; use {SFTP}")), "{run}");
    let run = verify(&["--deny", "yanked,deprecated,adapted"]).exits(3);
    assert_eq!(problems(&run, PUPIL), ["yanked", "deprecated", "adapted"], "{run}");
    assert_eq!(run.json()["ok"], true, "{run}");
    small.registry.tombstone(SFTP, "2.1.0", "personal data");
    let run = verify(&[]).exits(3);
    assert_eq!((problems(&run, PUPIL), problems(&run, SFTP)), (vec![], vec!["removed".to_owned()]), "{run}");
    assert!(run.stdout.contains("personal data"), "{run}");
}

#[test]
fn verify_compares_digests_and_licences() {
    let sandbox = Sandbox::new();
    let mut registry = Registry::named(&sandbox.path("srv/kommun.git"), "kommun", "");
    registry.publish_version(Version::new("aa/free", "1.0.0", readme("1")).meta("license", "MIT OR GPL-3.0-only"));
    registry.publish_version(Version::new("aa/closed", "1.0.0", readme("1")).meta("license", "LicenseRef-ours"));
    let ws = sandbox.workspace("first", &registry.url());
    sandbox.fetch(&ws, &["free", "closed"]).ok();
    let run = sandbox.run(&ws, &["verify", "--json"]).exits(3);
    assert_eq!((problems(&run, "aa/free"), problems(&run, "aa/closed")), (vec![], vec!["licence".to_owned()]), "{run}");
    let lock = ws.join("forum.lock");
    let text = fs::read_to_string(&lock).unwrap();
    let tree = text.lines().filter(|line| line.starts_with("tree")).nth(1).unwrap().to_owned();
    fs::write(&lock, text.replace(&tree, &format!("tree = \"{}\"", "0".repeat(40)))).unwrap();
    let run = sandbox.run(&ws, &["verify", "--json"]).exits(3);
    assert_eq!(problems(&run, "aa/free"), ["integrity"], "{run}");
    registry.edit_index("aa/free", |document| {
        document["version"].as_array_mut().unwrap()[0].as_table_mut().unwrap().insert("version".into(), "3.0.0".into());
    });
    fs::remove_dir_all(sandbox.path("state")).unwrap();
    let run = sandbox.run(&ws, &["verify", "--json"]).exits(3);
    assert_eq!(problems(&run, "aa/free"), ["unknown"], "{run}");
}

#[test]
fn verify_works_offline_and_reads_the_cache() {
    let sandbox = Sandbox::new();
    let mut registry = Registry::new(&sandbox.path("srv/kommun.git"));
    registry.publish("aa/base", "1.0.0", files(&[("README.md", "# a\n")]));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("first", &http.url());
    sandbox.fetch(&ws, &["base"]).ok();
    drop(http);
    sandbox.run(&ws, &["verify", "--offline"]).ok();
    sandbox.run(&ws, &["verify", "--json"]).fails(6, "unreachable");
    fs::remove_dir_all(sandbox.cache()).unwrap();
    sandbox.run(&ws, &["verify", "--offline", "--json"]).fails(6, "offline");
}
