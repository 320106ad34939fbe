//! The envelope of `--json`, wrong usage, a closed stdout, no home.

use std::process::Stdio;

use crate::support::fixtures::{KOMMUN, PUPIL, ready};
use crate::support::{same_files, snapshot, unchanged, wait};

const K: [&str; 2] = KOMMUN;

#[test]
fn wrong_usage_is_one_object_and_exit_2() {
    let (sandbox, _small, ws) = ready();
    let before = snapshot(&ws);
    for args in [
        vec!["fetch", "--no-such-option", "--json"],
        vec!["no-such-command", "--json"],
        vec!["--json"],
        vec!["fetch", "a/b/c", "--json"],
        vec!["fetch", "goteborg/pupil-system@not-a-version", "--json"],
    ] {
        sandbox.run(&ws, &args).fails(2, "usage");
    }
    let run = sandbox.run(&ws, &["no-such-command", "--json"]);
    assert!(run.json()["command"].is_null(), "{run}");
    unchanged(&before, &ws);
}

#[test]
fn a_closed_stdout_ends_the_talk_not_the_work() {
    let (sandbox, small, ws) = ready();
    let mut command = sandbox.command(&ws, &["fetch", PUPIL, K[0], K[1], "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let (code, _, stderr) = wait(child, sandbox.limit);
    assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&stderr));
    same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
}

#[test]
fn without_a_home_it_says_so() {
    let (mut sandbox, _small, ws) = ready();
    for key in [
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "FORUM_CACHE_DIR",
        "FORUM_CONFIG_DIR",
        "FORUM_STATE_DIR",
    ] {
        sandbox.unset(key);
    }
    sandbox.set("HOME", "");
    let before = snapshot(&ws);
    let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]);
    // A platform that knows the home by the user's record may go on; nothing may crash.
    assert!(!run.stderr.contains("panicked"), "{run}");
    if run.code != Some(0) {
        run.fails(1, "io");
        unchanged(&before, &ws);
    }
}
