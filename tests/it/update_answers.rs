//! `forum update`: answers and secrets on their way to a newer version, and documents in which both sides disagree.

use std::fs;

use serde_json::Value;

use crate::support::sandbox::text;
use crate::support::{snapshot, unchanged};
use crate::update::{Copy, ID, outcome, version};

const ASKED: &str = "[variables.code]\nreplace = [{ file = \"f.txt\", text = \"@@CODE@@\", count = 1 }]\n\
    [variables.size]\ndefault = \"5\"\nreplace = [{ file = \"f.txt\", text = \"@@SIZE@@\", count = 1 }]\n\
    [variables.gone]\ndefault = \"g\"\nreplace = [{ file = \"f.txt\", text = \"@@GONE@@\", count = 1 }]\n";

const ASKED_LATER: &str = "[variables.municipality]\nrenamed-from = \"code\"\nreplace = [{ file = \"f.txt\", text = \"@@CODE@@\", count = 1 }]\n\
    [variables.size]\ntype = \"integer\"\nreplace = [{ file = \"f.txt\", text = \"@@SIZE@@\", count = 1 }]\n\
    [variables.fresh]\ndefault = \"n\"\nreplace = [{ file = \"f.txt\", text = \"@@FRESH@@\", count = 1 }]\n";

#[test]
fn answers_go_along_and_what_changed_is_asked_and_told() {
    let first = version("1.0.0", &[("f.txt", "code=@@CODE@@\nsize=@@SIZE@@\ngone=@@GONE@@\n")]).manifest(ASKED);
    let second = version("1.1.0", &[("f.txt", "code=@@CODE@@\nsize=@@SIZE@@\nfresh=@@FRESH@@\n")]).manifest(ASKED_LATER);
    let copy = Copy::with_answers(vec![first, second], &["code=2281"]);
    copy.write("mine.txt", "mine\n");
    let before = snapshot(&copy.ws);
    let error = copy.update(&[]).fails(2, "missing-answers");
    assert!(error.contains("size") && !error.contains("municipality"), "{error}");
    copy.update(&["--set", "size=7"]).fails(2, "usage");
    copy.update(&[ID, "--set", "size=many"]).fails(2, "usage");
    unchanged(&before, &copy.ws);
    let run = copy.update(&[ID, "--set", "size=7"]).ok();
    assert_eq!(copy.read("f.txt"), "code=2281\nsize=7\nfresh=n\n");
    let rows: Vec<_> = run.json()["components"][0]["variables"].as_array().unwrap().clone();
    let row = |name: &str, change: &str, answer: Value| serde_json::json!({ "name": name, "change": change, "answer": answer });
    let want = [
        row("fresh", "added", "n".into()),
        row("municipality", "renamed", "2281".into()),
        row("size", "asked-again", 7.into()),
        row("gone", "removed", "g".into()),
    ];
    assert_eq!(rows, want);
    let wishes = text(&copy.ws.join("forum.toml"));
    assert!(wishes.contains("municipality = \"2281\"") && wishes.contains("size = 7") && !wishes.contains("code ="), "{wishes}");
    let run = copy.update(&[ID, "--set", "fresh=m"]).ok();
    assert_eq!(run.json()["components"][0]["from"], run.json()["components"][0]["to"], "{run}");
    assert_eq!((copy.read("f.txt").as_str(), copy.read("mine.txt").as_str()), ("code=2281\nsize=7\nfresh=m\n", "mine\n"));
    let error = copy.run(&["fetch", ID, "--set", "fresh=o", "--json"]).fails(2, "usage");
    assert!(error.contains("forum update"), "{error}");
    copy.write("forum.toml.bak", "");
    fs::write(copy.ws.join("forum.toml"), text(&copy.ws.join("forum.toml")).replace("fresh = \"m\"", "fresh = \"edited\"")).unwrap();
    copy.update(&[]).ok();
    assert_eq!(copy.read("f.txt"), "code=2281\nsize=7\nfresh=edited\n");
}

#[test]
fn a_secret_stays_without_being_given_again_and_leaves_no_trace() {
    let manifest = "[variables.key]\ntype = \"secret\"\nreplace = [{ file = \"settings.env\", text = \"@@KEY@@\", count = 1 }]\n";
    let more = format!(
        "{manifest}[variables.other]\ntype = \"secret\"\nreplace = [{{ file = \"settings.env\", text = \"@@OTHER@@\", count = 1 }}]\n"
    );
    let copy = Copy::with_answers(
        vec![
            version("1.0.0", &[("settings.env", "KEY=@@KEY@@\n\n\na=1\n")]).manifest(manifest),
            version("1.1.0", &[("settings.env", "KEY=@@KEY@@\n\n\na=2\n")]).manifest(manifest),
            version("1.2.0", &[("settings.env", "KEY=@@KEY@@\n\n\na=2\n\n\nOTHER=@@OTHER@@\n")]).manifest(&more),
        ],
        &["key=hush-Zq7"],
    );
    let run = copy.update(&[ID, "--to", "1.1.0"]).ok();
    crate::variables::secret_is_kept(&copy.sandbox, &run, "hush-Zq7");
    assert_eq!(copy.read("settings.env"), "KEY=hush-Zq7\n\n\na=2\n");
    assert_eq!(copy.run(&["status", "--json"]).components()[ID]["state"], "clean");
    copy.update(&[]).fails(2, "missing-answers");
    let run = copy.update(&[ID, "--set", "other=hush-Xy8"]).ok();
    assert_eq!(copy.read("settings.env"), "KEY=hush-Zq7\n\n\na=2\n\n\nOTHER=hush-Xy8\n");
    for secret in ["hush-Zq7", "hush-Xy8"] {
        crate::variables::secret_is_kept(&copy.sandbox, &run, secret);
    }
    assert_eq!(copy.run(&["status", "--json"]).components()[ID]["state"], "clean");
}

#[test]
fn a_structured_document_stays_valid_and_the_disagreement_lies_beside_it() {
    let text = |a: i32, b: i32| format!("{{\"a\": {a}, \"b\": {b}, \"in\": \"{{\\\"x\\\":{a}}}\"}}\n");
    let copy = Copy::of(vec![version("1.0.0", &[("p.json", &text(1, 1))]), version("1.1.0", &[("p.json", &text(2, 5))])]);
    copy.write("p.json", &text(3, 1));
    let run = copy.update(&[]).exits(4);
    assert_eq!(outcome(&run, "p.json"), ("conflict".to_owned(), "both-modified".into()));
    assert_eq!(copy.read("p.json"), text(3, 5));
    let report: Value = serde_json::from_str(&copy.read("p.json.conflicts-1.1.0.json")).unwrap();
    let places: Vec<_> = report["places"].as_array().unwrap().iter().map(|place| place["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/a", "/in!/x"]);
    copy.update(&["--continue"]).fails(1, "pending");
    fs::remove_file(copy.at.join("p.json.conflicts-1.1.0.json")).unwrap();
    copy.update(&["--continue"]).ok();
}

#[test]
fn answers_given_to_an_update_that_waits_outlive_its_record() {
    let first = version("1.0.0", &[("f.txt", "code=@@CODE@@\nsize=@@SIZE@@\ngone=@@GONE@@\n")]).manifest(ASKED);
    let second = version("1.1.0", &[("f.txt", "code: @@CODE@@\nsize=@@SIZE@@\nfresh=@@FRESH@@\n")]).manifest(ASKED_LATER);
    let copy = Copy::with_answers(vec![first, second], &["code=2281"]);
    copy.write("f.txt", "Code=2281\nsize=5\ngone=g\n");
    copy.update(&[ID, "--set", "size=7", "--set", "fresh=m"]).exits(4);
    fs::remove_dir_all(copy.ws.join(".forum")).unwrap();
    copy.write("f.txt", "code: 2281\nsize=7\nfresh=m\n");
    copy.update(&["--continue"]).ok();
    let lock = text(&copy.ws.join("forum.lock"));
    assert!(lock.contains("fresh = \"m\"") && lock.contains("municipality = \"2281\"") && lock.contains("size = 7"), "{lock}");
    let wishes = text(&copy.ws.join("forum.toml"));
    assert!(wishes.contains("municipality = \"2281\"") && wishes.contains("size = 7") && wishes.contains("fresh = \"m\""), "{wishes}");
    assert!(!wishes.contains("code ="), "{wishes}");
    let state = copy.run(&["status", "--json"]).components()[ID]["state"].clone();
    assert_eq!(state, "clean");
    let run = copy.update(&[]).ok();
    assert_eq!(run.json()["components"].as_array().unwrap().len(), 0, "{run}");
}

#[test]
fn a_variable_that_was_renamed_twice_keeps_its_answer_over_a_version_that_was_left_out() {
    let asked = |name: &str, earlier: &str| {
        let renamed = if earlier.is_empty() { String::new() } else { format!("renamed-from = \"{earlier}\"\n") };
        format!("[variables.{name}]\n{renamed}replace = [{{ file = \"f.txt\", text = \"@@CODE@@\", count = 1 }}]\n")
    };
    let one = |number: &str, name: &str, earlier: &str| {
        version(number, &[("f.txt", "code=@@CODE@@\n"), ("v.txt", &format!("{number}\n"))]).manifest(&asked(name, earlier))
    };
    let copy = Copy::with_answers(vec![one("1.0.0", "a", ""), one("1.1.0", "b", "a"), one("1.2.0", "c", "b")], &["a=2281"]);
    copy.write("mine.txt", "mine\n");
    let run = copy.update(&[]).ok();
    assert_eq!((copy.read("f.txt").as_str(), copy.read("v.txt").as_str()), ("code=2281\n", "1.2.0\n"));
    let want = serde_json::json!([{ "name": "c", "change": "renamed", "answer": "2281" }]);
    assert_eq!(run.json()["components"][0]["variables"], want, "{run}");
    let wishes = text(&copy.ws.join("forum.toml"));
    assert!(wishes.contains("c = \"2281\"") && !wishes.contains("a = \""), "{wishes}");
}
