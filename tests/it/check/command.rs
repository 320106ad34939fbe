//! `forum check` and `forum explain` through the program.

use std::fs;
use std::path::{Path, PathBuf};

use forum::checks::rules;
use serde_json::Value;

use crate::support::fixtures::ready;
use crate::support::git;
use crate::support::registry::Registry;
use crate::support::sandbox::{Outcome, Sandbox, text};

const MANIFEST: &str = "[component]\nowner = \"sundsvall\"\nname = \"pupil-sync\"\nversion = \"1.0.0\"\nkind = \"technical-component\"\ntitle = \"Pupil sync\"\nsummary = \"Reads pupils\"\nlicense = \"EUPL-1.2\"\nstatus = \"production\"\ncontact = \"integration@sundsvall.example\"\n";
const README: &str = "# Pupil sync\n\nReads pupils from the school system and writes them to the identity platform.\n\n## What it needs\n\nNothing.\n\n## How to adapt it\n\nChange the address.\n";
const DIR: &str = "integrations/pupil-sync";
/// What no output may hold.
const SECRETS: [&str; 3] = ["Blomma92", "18950312-1270", "anna.exempelsson"];

/// A municipality's repository with a sound component, outside of any workspace.
fn sound() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    let home = sandbox.directory("muni");
    git(&["init", "-q", "-b", "main", home.to_str().unwrap()]);
    for (path, text) in [("component.toml", MANIFEST), ("README.md", README), ("LICENSE", "EUPL-1.2\n"), ("process.json", "{}\n")] {
        put(&home, path, text);
    }
    (sandbox, home)
}

fn put(home: &Path, path: &str, text: &str) {
    let path = home.join(DIR).join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Something of each gravity that must not be repeated.
fn leaky(home: &Path) {
    let inner = serde_json::json!({ "db": "Server=db01;Database=skola;User Id=app;Password=Gr7!kvast-Blomma92;" }).to_string();
    put(home, "process.json", &serde_json::json!({ "a": [inner] }).to_string());
    put(home, "docs/elever.csv", "namn;personnr\nAnna;18950312-1270\n");
    put(home, "docs/\u{e5}, 1.yaml", "contact:\n  email: anna.exempelsson@example.se\n  host: http://10.20.30.41/\n");
}

fn silent(outcome: &Outcome) {
    for secret in SECRETS {
        assert!(!outcome.both().contains(secret), "{secret} is repeated: {outcome}");
    }
}

fn found<'a>(answer: &'a Value, rule: &str) -> Vec<&'a Value> {
    answer["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == rule).collect()
}

#[test]
fn a_sound_component_passes_and_nothing_is_written() {
    let (sandbox, home) = sound();
    let before = crate::support::snapshot(&home);
    let answer = sandbox.run(&home, &["check", DIR, "--json"]).ok().json();
    assert_eq!((&answer["errors"], &answer["warnings"], answer["findings"].as_array().unwrap().len()), (&0.into(), &0.into(), 0));
    sandbox.run(&home.join(DIR), &["check"]).ok();
    assert_eq!(crate::support::snapshot(&home), before);
    sandbox.run(&home, &["check", "nowhere"]).exits(1);
}

#[test]
fn findings_say_where_and_never_what() {
    let (sandbox, home) = sound();
    leaky(&home);
    let run = sandbox.run(&home, &["check", DIR, "--json"]).exits(3);
    silent(&run);
    let answer = run.json();
    assert!(answer["ok"] == true && answer["errors"].as_u64().unwrap() >= 3, "{answer}");
    let secret = found(&answer, "secret-password")[0];
    assert_eq!(
        (&secret["path"], &secret["line"], &secret["pointer"]),
        (&format!("{DIR}/process.json").into(), &1.into(), &"/a/0!/db".into())
    );
    assert_eq!(found(&answer, "personal-identity-number")[0]["line"], 2);
    let email = found(&answer, "personal-email")[0];
    assert_eq!(email["pointer"], "/contact/email");
    assert!(!email["help"].as_str().unwrap().contains("--fix"), "which would not mend it: {email}");
    assert_eq!(sandbox.run(&home, &["check", DIR, "--format", "json"]).exits(3).json(), answer);
    let text = sandbox.run(&home, &["check", DIR]).exits(3);
    silent(&text);
    for part in ["error: ", "process.json:1", "[secret-password]", "warning: ", "[private-address]"] {
        assert!(text.both().contains(part), "{part}: {text}");
    }
}

#[test]
fn other_programs_read_the_findings() {
    let (sandbox, home) = sound();
    leaky(&home);
    let sarif = sandbox.run(&home, &["check", DIR, "--format", "sarif"]).exits(3);
    silent(&sarif);
    let document: Value = serde_json::from_str(&sarif.stdout).unwrap();
    let run = &document["runs"][0];
    assert!(document["version"] == "2.1.0" && document["runs"].as_array().unwrap().len() == 1);
    assert_eq!(run["tool"]["driver"]["name"], "forum");
    let known: Vec<_> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 4);
    for result in results {
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(known.contains(&result["ruleId"].as_str().unwrap()) && !result["message"]["text"].as_str().unwrap().is_empty(), "{result}");
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()), "{result}");
        assert!(
            uri.starts_with(DIR) && uri.is_ascii() && !uri.contains(' ') && place["region"]["startLine"].as_u64().unwrap() >= 1,
            "{result}"
        );
    }
    let github = sandbox.run(&home, &["check", DIR, "--format", "github"]).exits(3);
    silent(&github);
    assert_eq!(github.stdout.lines().count(), results.len());
    assert!(
        github
            .stdout
            .lines()
            .all(|line| ["::error file=", "::warning file=", "::notice file="].iter().any(|start| line.starts_with(start))),
        "{github}"
    );
}

#[test]
fn the_registry_has_rules_of_its_own() {
    let (sandbox, home) = sound();
    let registry = Registry::new(&sandbox.path("srv/kommun.git"));
    let url = registry.url();
    sandbox.run(&home, &["check", DIR, "--registry", &url]).ok();
    put(&home, "component.toml", &MANIFEST.replace("EUPL-1.2", "GPL-3.0-only"));
    sandbox.run(&home, &["check", DIR]).ok();
    let answer = sandbox.run(&home, &["check", DIR, "--registry", &url, "--json"]).exits(3).json();
    assert_eq!(found(&answer, "licence").len(), 1, "{answer}");
    put(&home, "component.toml", MANIFEST);
    let answer = sandbox.run_with(&home, &["check", DIR, "--json"], &[("FORUM_OWNER", "ange")]).exits(3).json();
    assert_eq!(found(&answer, "owner").len(), 1, "{answer}");
}

#[test]
fn a_waiver_shows_and_does_not_reach_secrets() {
    let (sandbox, home) = sound();
    leaky(&home);
    let waive = |rule: &str| format!("\n[[check.waive]]\nrule = \"{rule}\"\npath = \"docs/**\"\nreason = \"of a closed laboratory\"\n");
    let waivers = ["private-address", "personal-email", "personal-identity-number", "unc-path"].map(waive).concat();
    put(&home, "component.toml", &format!("{MANIFEST}{waivers}"));
    let answer = sandbox.run(&home, &["check", DIR, "--json"]).exits(3).json();
    for rule in ["private-address", "personal-email"] {
        let finding = found(&answer, rule)[0];
        assert!(finding["severity"] == "note" && finding["message"].as_str().unwrap().contains("of a closed laboratory"), "{finding}");
    }
    assert_eq!(found(&answer, "personal-identity-number")[0]["severity"], "error");
    assert_eq!(found(&answer, "waiver").len(), 2, "one that cannot be, one that fits nothing: {answer}");
}

#[test]
fn fix_mends_what_is_safe_and_nothing_else() {
    let (sandbox, home) = sound();
    let export =
        "\u{feff}{\r\n\t\"LinkedTasks\": {},\r\n\t\"Processes\": [ { \"Modifier\": \"anna.exempelsson@example.se\", \"n\": 1.50 } ]\r\n}";
    put(&home, "process.json", export);
    let told = sandbox.run(&home, &["check", DIR]).exits(3);
    assert!(told.stdout.contains("--fix` empties it"), "{told}");
    let run = sandbox.run(&home, &["check", DIR, "--fix"]).ok();
    silent(&run);
    assert!(run.both().contains("/Processes/0/Modifier"), "{run}");
    assert_eq!(text(&home.join(DIR).join("process.json")), export.replace("anna.exempelsson@example.se", ""));
    let again = sandbox.run(&home, &["check", DIR, "--fix"]).ok();
    assert!(!again.both().contains("Modifier"), "{again}");
}

#[test]
fn every_rule_is_explained() {
    let (sandbox, _, workspace) = ready();
    let list = sandbox.run(&workspace, &["explain"]).ok().stdout;
    for rule in rules() {
        assert!(list.contains(rule.id), "{}", rule.id);
    }
    for id in ["secret-password", "unreadable", "digests"] {
        let page = sandbox.run(&workspace, &["explain", id]).ok().stdout;
        for part in [id, "Why: ", "How to mend it: ", "How to waive it: "] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
    let said = sandbox.run(&workspace, &["explain", "secret-pasword", "--json"]).fails(1, "not-found");
    assert!(said.contains("secret-pasword"), "{said}");
    let hint = sandbox.run(&workspace, &["explain", "secret-pasword"]).exits(1);
    assert!(hint.both().contains("forum explain secret-password"), "{hint}");
}

#[test]
fn what_new_writes_is_not_ready() {
    let sandbox = Sandbox::new();
    let workspace = sandbox.workspace("first", "https://forum.example/kommun.git");
    sandbox.run(&workspace, &["new", "pupil-sync"]).ok();
    let answer = sandbox.run(&workspace, &["check", "pupil-sync", "--json"]).exits(3).json();
    let of = |rule: &str| answer["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == rule).count();
    assert_eq!((of("readme-content"), of("licence-text")), (1, 1), "{answer}");
}
