//! What commands answer with `--json`. One row of [`RUNS`] is one run; a new command needs one row more.

use std::fs;

use serde_json::Value;

use super::schemas;
use crate::publish::component;
use crate::support::fixtures::{PUPIL, SFTP, ready};
use crate::support::json_schema::Schemas;
use crate::support::sandbox::Sandbox;
use crate::support::write_files;

/// The envelope, which all answers share, and the schema of failures.
const ENVELOPE: &str = "output";
const FAILURE: &str = "output-error";

/// Runs in one workspace, one after the other: the schema that the answer keeps to, the arguments, the exit status.
const RUNS: &[(&str, &[&str], i32)] = &[
    ("output-registry-list", &["registry", "list"], 0),
    ("output-search", &["search", "pupil", "--registry", "kommun"], 0),
    ("output-show", &["show", PUPIL, "--registry", "kommun"], 0),
    ("output-show", &["show", "goteborg/pupil-system@1.0.0", "--registry", "kommun"], 0),
    ("output-show", &["show", SFTP, "--registry", "kommun", "--readme"], 0),
    ("output-fetch", &["fetch", PUPIL, "--registry", "kommun", "--dry-run"], 0),
    ("output-fetch", &["fetch", PUPIL, "--registry", "kommun"], 0),
    ("output-fetch", &["fetch", "--locked"], 0),
    ("output-registry-refresh", &["registry", "refresh"], 0),
    ("output-registry-refresh", &["registry", "refresh", "--accept-rewrite"], 0),
    ("output-verify", &["verify"], 0),
    ("output-verify", &["verify", "--deny", "deprecated"], 3),
    ("output-status", &["status", "--exit-code"], 0),
    ("output-diff", &["diff"], 0),
    ("output-update", &["update"], 0),
    ("output-tree", &["tree"], 0),
    ("output-tree", &["tree", "--why", SFTP], 0),
    ("output-config", &["config"], 0),
    ("output-registry-init", &["registry", "init", "fresh"], 0),
    ("output-registry-mirror", &["registry", "mirror", "kommun.bundle", "--registry", "kommun"], 0),
    ("output-new", &["new", "pupil-sync"], 0),
    ("output-registry-check", &["registry", "check", "../../srv/kommun.git"], 0),
    ("output-check", &["check", "pupil-sync", "--registry", "kommun"], 3),
    ("output-explain", &["explain"], 0),
    ("output-explain", &["explain", "secret-password"], 0),
    (FAILURE, &["explain", "no-such-rule"], 1),
    ("output-cache-path", &["cache", "path"], 0),
    ("output-cache-verify", &["cache", "verify"], 0),
    ("output-cache-clean", &["cache", "clean"], 0),
    ("output-completions", &["completions", "bash"], 0),
    ("output-man", &["man", "pages"], 0),
    ("output-remove", &["remove", PUPIL], 0),
    ("output-restore", &["restore"], 0),
    ("output-restore", &["restore", PUPIL], 0),
    ("output-check", &["check", "sync"], 0),
    ("output-contribution", &["publish", "sync", "--dry-run"], 0),
    ("output-publish-status", &["publish", "sync", "--status"], 0),
    ("output-contribution", &["adopt", "bytes", "--status", "pilot", "--dry-run"], 0),
    ("output-contribution", &["registry", "yank", "goteborg/pupil-system@1.1.0", "--reason", "wrong", "--dry-run"], 0),
    ("output-contribution", &["registry", "deprecate", "bytes", "--reason", "old", "--dry-run"], 0),
    ("output-registry-add", &["registry", "add", "other", "https://forum.example/other.git"], 0),
    ("output-registry-remove", &["registry", "remove", "other"], 0),
    (FAILURE, &["fetch", "goteborg/nothing", "--registry", "kommun"], 1),
    (FAILURE, &["fetch", "--no-such-option"], 2),
    (FAILURE, &["no-such-command"], 2),
    (FAILURE, &["fetch", "a/b/c"], 2),
    (FAILURE, &["registry", "refresh", "--registry", "http://127.0.0.1:9/none"], 6),
];

pub(super) fn schemas_held() -> impl Iterator<Item = &'static str> {
    RUNS.iter().map(|run| run.0).chain([ENVELOPE])
}

/// The names of the program's commands, each as its words.
fn commands(sandbox: &Sandbox, above: &[String]) -> Vec<Vec<String>> {
    let words: Vec<&str> = above.iter().map(String::as_str).chain(["--help"]).collect();
    let help = sandbox.run(&sandbox.path(""), &words).ok().stdout;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with(' '));
    let names: Vec<&str> = list.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    if names.is_empty() {
        return vec![above.to_vec()];
    }
    names.into_iter().flat_map(|name| commands(sandbox, &[above, &[name.to_owned()]].concat())).collect()
}

/// The command that a run is of: the words before its first argument.
fn of<'a>(args: &[&str], commands: &'a [Vec<String>]) -> Option<&'a Vec<String>> {
    commands.iter().find(|command| command.iter().map(String::as_str).eq(args.iter().copied().take(command.len())))
}

#[test]
fn answers_keep_to_their_schemas() {
    let (sandbox, mut small, ws) = ready();
    small.registry.yank(PUPIL, "1.0.0", "wrong mapping");
    small.registry.deprecate(SFTP, "old", "goteborg/bytes");
    small.registry.adopt(PUPIL, "sundsvall", "1.2.0", "production");
    write_files(&ws.join("sync"), &component("1.0.0", "", &[]));
    let (schemas, commands) = (schemas(), commands(&sandbox, &[]));
    for (schema, args, exit) in RUNS {
        if *schema != FAILURE && of(args, &commands).is_none() {
            continue;
        }
        if *schema == "output-status" {
            fs::write(ws.join("components").join(PUPIL).join("README.md"), "# ours\n").unwrap();
        }
        let all: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let run = sandbox.run(&ws, &all).exits(*exit);
        let answer = run.json();
        assert_eq!(schemas.broken(schema, &answer), [""; 0], "{run}");
        assert_eq!(schemas.broken(ENVELOPE, &answer), [""; 0], "{run}");
        let other = if *schema == FAILURE { "output-fetch" } else { FAILURE };
        assert!(!schemas.broken(other, &answer).is_empty(), "{run}");
        each_key_matters(&schemas, schema, &answer);
    }
}

/// Taking a key away, or adding one, makes the answer another.
fn each_key_matters(schemas: &Schemas, schema: &str, answer: &Value) {
    let mut places = vec![String::new()];
    for (key, value) in answer.as_object().unwrap() {
        match value {
            Value::Object(_) => places.push(format!("/{key}")),
            Value::Array(rows) if rows.first().is_some_and(Value::is_object) => places.push(format!("/{key}/0")),
            _ => {}
        }
    }
    for place in places {
        let keys: Vec<String> = answer.pointer(&place).unwrap().as_object().unwrap().keys().cloned().collect();
        // What `show` says of a component is open: keys of the manifest stand there too. Its readme comes when asked for,
        // and so does what was removed.
        let open = schema == "output-show" && place == "/component";
        for key in keys {
            let mut less = answer.clone();
            less.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(&key);
            assert!(
                open || key == "readme" || key == "removed" || !schemas.broken(schema, &less).is_empty(),
                "{schema} does not miss {place}/{key}"
            );
        }
        let mut more = answer.clone();
        more.pointer_mut(&place).unwrap()["more"] = Value::Null;
        assert!(open || !schemas.broken(schema, &more).is_empty(), "{schema} takes anything at {place}");
    }
}

#[test]
fn each_command_has_a_run() {
    let sandbox = Sandbox::new();
    let commands = commands(&sandbox, &[]);
    let held = |command: &Vec<String>| RUNS.iter().any(|(schema, args, _)| *schema != FAILURE && of(args, &commands) == Some(command));
    let missing: Vec<_> = commands.iter().filter(|command| !held(command)).collect();
    assert!(!commands.is_empty() && missing.is_empty(), "{missing:?}");
}
