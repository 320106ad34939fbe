//! Questions on a terminal: every variable is asked for, and nothing is written before the last answer.

use crate::support::fixtures::{KOMMUN, empty};
use crate::support::registry::Version;
use crate::support::sandbox::{Sandbox, text};
use crate::support::terminal::Terminal;
use crate::support::{files, snapshot, unchanged};
use crate::variables::{SECRET, typed};

const K: [&str; 2] = KOMMUN;
const CTRL_C: &str = "\u{3}";
const ESCAPE: &str = "\u{1b}";
const DOWN: &str = "\u{1b}[B";

#[test]
fn every_variable_is_asked_for_and_defaults_are_proposed() {
    let (sandbox, ws) = typed();
    let mut terminal = Terminal::start(&sandbox, &ws, &["fetch", "goteborg/typed", K[0], K[1]]);
    // In the order of the manifest.
    terminal.expect("goteborg/typed: code").answer("12345");
    terminal.expect("^[0-9]{4}$").expect("goteborg/typed: code").answer("2281");
    terminal.expect("goteborg/typed: retries").expect("3").answer("many");
    terminal.expect("whole number").expect("goteborg/typed: retries").answer("");
    terminal.expect("goteborg/typed: active").expect("true").answer("false");
    terminal.expect("goteborg/typed: level").expect("high").keys(DOWN).answer("");
    terminal.expect("goteborg/typed: key").answer("falsch");
    terminal.expect("must match").expect("goteborg/typed: key").answer(SECRET);
    terminal.expect("goteborg/typed");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(0), "{screen}");
    let at = ws.join("components/goteborg/typed");
    assert_eq!(text(&at.join("plain.txt")), "2281 high\n");
    assert_eq!(text(&at.join("process.json")), "{\"retries\":3,  \"active\": false, \"inner\": \"{{x}}\"}\n");
    assert_eq!(text(&at.join("settings.env")), format!("A={SECRET}\nB={SECRET}\n"));
    for file in ["forum.toml", "forum.lock"] {
        assert!(!text(&ws.join(file)).contains(SECRET), "{file}");
    }
    assert!(!screen.contains(SECRET) && !screen.contains("falsch"), "{screen}");
    // What is there is not asked for again.
    let (code, screen) = Terminal::start(&sandbox, &ws, &["fetch"]).end();
    assert!(code == Some(0) && screen.contains("unchanged"), "{screen}");
}

#[test]
fn what_the_command_line_answers_is_not_asked_for_and_dependencies_are_asked_for_too() {
    let (sandbox, ws) = typed();
    let args = ["fetch", "goteborg/above", K[0], K[1], "--set", "goteborg/typed:code=0180", "--set", "goteborg/typed:active=true"];
    let mut terminal = Terminal::start(&sandbox, &ws, &args);
    terminal.expect("goteborg/typed: retries").answer("12");
    terminal.expect("goteborg/typed: level").answer("");
    terminal.expect("goteborg/typed: key").answer(SECRET);
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("typed: code") && !screen.contains("typed: active"), "{screen}");
    let at = ws.join("components/goteborg/typed");
    assert_eq!(text(&at.join("plain.txt")), "0180 low\n");
    assert!(text(&at.join("process.json")).contains("\"retries\":12"));
    assert!(text(&ws.join("forum.toml")).contains("0180"));
}

#[test]
fn whoever_leaves_at_a_question_leaves_all_untouched() {
    for key in [CTRL_C, ESCAPE] {
        for questions in [0, 1, 4] {
            let (sandbox, ws) = typed();
            let before = snapshot(&ws);
            let mut terminal = Terminal::start(&sandbox, &ws, &["fetch", "goteborg/typed", K[0], K[1]]);
            for (name, answer) in [("code", "2281"), ("retries", ""), ("active", ""), ("level", "")].iter().take(questions) {
                terminal.expect(&format!("goteborg/typed: {name}")).answer(answer);
            }
            let asked = ["code", "retries", "", "", "key"][questions];
            terminal.expect(&format!("goteborg/typed: {asked}")).keys(key);
            let (code, screen) = terminal.end();
            assert_eq!(code, Some(130), "{screen}");
            assert!(screen.contains("nothing was written"), "{screen}");
            unchanged(&before, &ws);
        }
    }
}

#[test]
fn json_and_a_pipe_ask_nothing() {
    let (sandbox, ws) = typed();
    let before = snapshot(&ws);
    let (code, screen) = Terminal::start(&sandbox, &ws, &["fetch", "goteborg/typed", K[0], K[1], "--json"]).end();
    assert!(code == Some(2) && screen.contains("missing-answers"), "{screen}");
    assert_eq!(sandbox.run(&ws, &["fetch", "goteborg/typed", K[0], K[1]]).exits(2).stdout, "");
    unchanged(&before, &ws);
}

#[test]
fn a_question_cannot_paint_the_terminal() {
    let (sandbox, mut registry) = empty();
    let manifest = "[variables.name]\nprompt = \"P\\u001b]0;title\\u0007Q\"\nhelp = \"H\\u001b[41mI\"\ndefault = \"D\\u001b[42mE\"\nreplace = [{ file = \"a\", text = \"@\", count = 1 }]\n[variables.zone]\ntype = \"choice\"\nchoices = [\"C\\u001b[43mF\"]\nreplace = [{ file = \"a\", text = \"#\", count = 1 }]\n";
    registry.publish_version(Version::new("goteborg/loud", "1.0.0", files(&[("a", "@#\n")])).manifest(manifest));
    let ws = sandbox.workspace("w", &registry.url());
    let mut terminal = Terminal::start(&sandbox, &ws, &["fetch", "goteborg/loud", K[0], K[1]]);
    terminal.expect("goteborg/loud").answer("mine");
    terminal.expect("mine").expect("goteborg/loud").answer("");
    let raw = terminal.raw.clone();
    for attack in ["\u{1b}]0;", "\u{1b}[41m", "\u{1b}[42m", "\u{1b}[43m"] {
        let found = raw.windows(attack.len()).any(|window| window == attack.as_bytes());
        assert!(!found, "{}", terminal.screen().escape_debug());
    }
    terminal.end();
}

#[test]
fn who_publishes_is_asked_until_it_can_be_an_owner() {
    let sandbox = Sandbox::new();
    let home = sandbox.directory("ours");
    let mut terminal = Terminal::start(&sandbox, &home, &["new", "pupil-sync"]);
    terminal.expect("Who publishes here").answer("Lunds kommun");
    terminal.expect("a-z, 0-9 and single hyphens").expect("Who publishes here").answer("lund");
    let (code, screen) = terminal.end();
    assert!(code == Some(0) && !screen.contains("()"), "{screen}");
    assert!(text(&home.join("forum.toml")).contains("owner = \"lund\""));
    assert!(text(&home.join("pupil-sync/component.toml")).contains("owner = \"lund\""));
}
