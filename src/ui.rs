//! The only printer: data to stdout, talk to stderr, and the JSON envelope.
//!
//! What comes from a registry is escaped here, in one place, before it can reach a terminal.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Failure;
use crate::model::escape::escape;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Talk {
    /// Errors only.
    Quiet,
    /// What a person wants to know.
    Normal,
    /// What forum does, too.
    Verbose,
}

/// Where output goes, and in which form.
#[derive(Debug)]
pub struct Ui {
    /// One JSON object instead of text.
    pub json: bool,
    /// How much is said on stderr.
    pub talk: Talk,
}

/// What a command found or did: one value, shown as text or as JSON.
pub trait Report: Serialize {
    /// The lines for stdout.
    fn text(&self) -> String;
}

impl Ui {
    /// Whether a person can be asked.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Says something on stderr.
    pub fn say(&self, text: &str) {
        if self.talk >= Talk::Normal {
            write(&mut std::io::stderr(), text);
        }
    }

    /// Ends a command well.
    pub fn report(&self, command: &str, report: &impl Report) {
        if self.json {
            let mut object = Map::new();
            object.insert("forum".into(), json!(1));
            object.insert("command".into(), json!(command));
            object.insert("ok".into(), json!(true));
            if let Ok(Value::Object(keys)) = serde_json::to_value(report) {
                object.extend(keys);
            }
            print_json(&Value::Object(object));
        } else {
            write(&mut std::io::stdout(), &report.text());
        }
    }

    /// Ends a command with its failure.
    pub fn fail(&self, command: Option<&str>, failure: &Failure) {
        if self.json {
            let error = json!({ "code": failure.code.as_str(), "message": failure.message, "hints": failure.hints });
            print_json(&json!({ "forum": 1, "command": command, "ok": false, "error": error }));
            return;
        }
        let mut text = format!("error: {}", failure.message);
        for hint in &failure.hints {
            text += &format!("\n  try: {hint}");
        }
        write(&mut std::io::stderr(), &text);
    }

    /// Prints help and versions as they are.
    pub fn print_help(&self, text: &str) {
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}

/// A closed stream ends the talk, not the work.
fn write(to: &mut impl std::io::Write, text: &str) {
    let text = escape(text.trim_end());
    if !text.is_empty() {
        let _ = writeln!(to, "{text}");
    }
}

fn print_json(value: &Value) {
    let text = value.to_string();
    // JSON leaves these as they are; a terminal would obey them (contract, section 6).
    let hidden = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    let safe: String =
        text.chars().flat_map(|c| if hidden(c) { format!("\\u{:04x}", c as u32).chars().collect() } else { vec![c] }).collect();
    let _ = writeln!(std::io::stdout(), "{safe}");
}
