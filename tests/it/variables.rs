//! Variables: typed answers from the command line and from a file, and secrets that leave no trace.

use std::fs;
use std::path::PathBuf;

use crate::support::fixtures::{KOMMUN, empty, readme};
use crate::support::registry::Version;
use crate::support::sandbox::{Outcome, Sandbox, text};
use crate::support::{contents, files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;

const TYPED: &str = r#"
[variables.code]
type = "string"
pattern = "^[0-9]{4}$"
replace = [{ file = "plain.txt", text = "@@CODE@@", count = 1 }]
[variables.retries]
type = "integer"
default = 3
bind = [{ file = "process.json", pointer = "/retries" }]
[variables.active]
type = "boolean"
default = true
bind = [{ file = "process.json", pointer = "/active" }]
[variables.level]
type = "choice"
choices = ["low", "high"]
default = "low"
replace = [{ file = "plain.txt", text = "@@LEVEL@@", count = 1 }]
[variables.key]
type = "secret"
pattern = "^hemlig-"
replace = [{ file = "settings.env", text = "@@KEY@@", count = 2 }]
"#;

/// A sandbox with a component that has a variable of each type, one that needs it, and a workspace.
pub(crate) fn typed() -> (Sandbox, PathBuf) {
    let (sandbox, mut registry) = empty();
    let content = files(&[
        ("plain.txt", "@@CODE@@ @@LEVEL@@\n"),
        ("process.json", "{\"retries\":0,  \"active\": false, \"inner\": \"{{x}}\"}\n"),
        ("settings.env", "A=@@KEY@@\nB=@@KEY@@\n"),
    ]);
    registry.publish_version(Version::new("goteborg/typed", "1.0.0", content).manifest(TYPED));
    registry.publish_version(Version::new("goteborg/above", "1.0.0", readme("1")).needs("goteborg/typed", "^1"));
    let ws = sandbox.workspace("w", &registry.url());
    (sandbox, ws)
}

pub(crate) const SECRET: &str = "hemlig-Zq7!";

/// The secret is in the file that it was asked for, and nowhere else on the machine or in what was said.
#[track_caller]
pub(crate) fn secret_is_kept(sandbox: &Sandbox, run: &Outcome, secret: &str) {
    assert!(!run.both().contains(secret), "{run}");
    for (path, entry) in snapshot(&sandbox.path("")) {
        let crate::support::Entry::File { bytes, .. } = entry else { continue };
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found || path.ends_with("settings.env") || path.ends_with("given.toml"), "{path} holds the secret");
    }
}

#[test]
fn typed_answers_and_a_secret_that_is_written_nowhere_else() {
    let (sandbox, ws) = typed();
    let set = [&format!("key={SECRET}"), "code=2281", "retries=-7", "active=false", "level=high"];
    let mut args = vec!["goteborg/typed", K[0], K[1], "-v"];
    args.extend(set.iter().flat_map(|word| ["--set", word]));
    let run = sandbox.fetch(&ws, &args).ok();
    let at = ws.join("components/goteborg/typed");
    assert_eq!(text(&at.join("plain.txt")), "2281 high\n");
    assert_eq!(text(&at.join("process.json")), "{\"retries\":-7,  \"active\": false, \"inner\": \"{{x}}\"}\n");
    assert_eq!(text(&at.join("settings.env")), format!("A={SECRET}\nB={SECRET}\n"));
    secret_is_kept(&sandbox, &run, SECRET);
    let wishes = text(&ws.join("forum.toml"));
    assert!(
        ["code = \"2281\"", "retries = -7", "active = false", "level = \"high\""].iter().all(|answer| wishes.contains(answer)),
        "{wishes}"
    );
    // The secret is not asked for again where everything is there; a colleague has to give it.
    let before = snapshot(&ws);
    assert_eq!(sandbox.fetch(&ws, &[]).ok().components()["goteborg/typed"]["action"], "unchanged");
    unchanged(&before, &ws);
    let clone = sandbox.colleague("clone", &ws);
    let error = sandbox.fetch(&clone, &[]).fails(2, "missing-answers");
    assert!(error.contains("key") && !error.contains("code,"), "{error}");
    sandbox.fetch(&clone, &["--locked", "--set", &format!("goteborg/typed:key={SECRET}")]).ok();
    assert_eq!(contents(&clone), contents(&ws));
}

#[test]
fn answers_from_a_file_for_a_component_and_for_what_it_needs() {
    let (sandbox, ws) = typed();
    let answers = sandbox.path("given.toml");
    fs::write(&answers, format!("[\"goteborg/typed\"]\ncode = \"0180\"\nretries = 9\nkey = \"{SECRET}\"\n")).unwrap();
    let run = sandbox.fetch(&ws, &["goteborg/above", K[0], K[1], "--answers", answers.to_str().unwrap()]).ok();
    let at = ws.join("components/goteborg/typed");
    assert_eq!(text(&at.join("plain.txt")), "0180 low\n");
    assert_eq!(text(&at.join("process.json")), "{\"retries\":9,  \"active\": true, \"inner\": \"{{x}}\"}\n");
    secret_is_kept(&sandbox, &run, SECRET);
    assert_eq!(run.components()["goteborg/typed"]["requested"], false, "{run}");
    assert_eq!(sandbox.fetch(&ws, &["--locked"]).ok().components().len(), 2);
}

#[test]
fn answers_that_are_no_toml_are_not_repeated() {
    let (sandbox, ws) = typed();
    let answers = sandbox.path("given.toml");
    let before = snapshot(&ws);
    for wrong in ["\"", "", "\"x\" ", "'''"] {
        fs::write(&answers, format!("code = \"2281\"\nkey = {wrong}{SECRET}\n")).unwrap();
        let command: &[&[&str]] = &[&[], &["--json"]];
        for json in command {
            let args = [&["fetch", "goteborg/typed", K[0], K[1], "--answers", answers.to_str().unwrap()], *json].concat();
            let run = sandbox.run(&ws, &args).exits(2);
            assert!(!run.both().contains("Zq7") && run.both().contains("given.toml: line "), "{run}");
        }
    }
    unchanged(&before, &ws);
}

#[test]
fn answers_of_the_wrong_kind_are_refused_and_a_secret_among_them_is_not_repeated() {
    let (sandbox, ws) = typed();
    let before = snapshot(&ws);
    let cases = [
        ("retries=many", "retries", "many"),
        ("retries=99999999999999999999", "retries", "64 bits"),
        ("active=ja", "active", "true"),
        ("level=medium", "level", "low, high"),
        ("code=12345", "code", "^[0-9]{4}$"),
        ("key=not-so-Zq7", "key", "key"),
        ("nosuch=1", "nosuch", "nosuch"),
        ("goteborg/other:code=1234", "goteborg/other", "goteborg/other"),
        ("hemligt-Zq7", "KEY=VALUE", "--set number 1"),
    ];
    let secret = format!("key={SECRET}");
    for (word, named, rule) in cases {
        let mut args = vec!["goteborg/typed", K[0], K[1], "--set", word];
        for given in ["code=2281", &secret] {
            if word.split('=').next() != given.split('=').next() {
                args.extend(["--set", given]);
            }
        }
        let run = sandbox.fetch(&ws, &args);
        let error = run.fails(2, "usage");
        assert!(error.contains(named) && error.contains(rule), "{word}: {error}");
        assert!(!run.both().contains("-Zq7"), "{error}");
        unchanged(&before, &ws);
    }
    let run = sandbox.fetch(&ws, &["goteborg/typed", K[0], K[1]]);
    let error = run.fails(2, "missing-answers");
    assert!(error.contains("code") && error.contains("key") && !error.contains("retries"), "{error}");
    secret_is_kept(&sandbox, &run, "not-so-Zq7");
    unchanged(&before, &ws);
}
