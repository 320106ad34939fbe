//! The only printer: data to stdout, talk to stderr, and the JSON envelope.
//!
//! What comes from a registry is escaped here, in one place, before it can reach a terminal.

use std::cell::{Cell, RefCell};
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Failure;
use crate::model::escape::{escape, escape_line};

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

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Also into files and pipes.
    Always,
    /// Not at all.
    Never,
}

impl ColorChoice {
    /// Whether colours are used.
    #[must_use]
    pub fn decide(self, no_color: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => !no_color && std::io::stdout().is_terminal() && std::io::stderr().is_terminal(),
        }
    }
}

/// Where output goes, and in which form.
#[derive(Debug)]
pub struct Ui {
    /// One JSON object instead of text.
    pub json: bool,
    /// How much is said on stderr.
    pub talk: Talk,
    /// Whether words may be coloured. Colour never says what the words do not.
    pub color: bool,
    /// Why data did not reach stdout, where it did not.
    lost: RefCell<Option<std::io::Error>>,
    /// Shown after a moment, on a terminal only; gone before anything else is said.
    spinner: ProgressBar,
}

/// What shows long output on a terminal.
#[derive(Debug, Clone)]
pub struct Pager {
    /// A command; nothing, or `cat`, is none.
    pub command: OsString,
    /// What it finds in its environment beside ours.
    pub variables: Vec<(&'static str, &'static str)>,
}

/// How long a person waits without being told what for.
const MOMENT: Duration = Duration::from_millis(600);

/// The words that begin a line and are coloured, with their SGR codes (ECMA-48, 8.3.117).
const LABELS: [(&str, &str); 9] = [
    ("error:", "1;31"),
    ("warning:", "1;33"),
    ("note:", "1;36"),
    ("try:", "1;32"),
    ("conflicted", "31"),
    ("missing", "31"),
    ("adapted", "33"),
    ("added", "32"),
    ("updated", "32"),
];

/// What a command found or did: one value, shown as text or as JSON.
pub trait Report: Serialize {
    /// The lines for stdout.
    fn text(&self) -> String;
}

impl Ui {
    /// A printer.
    #[must_use]
    pub fn new(json: bool, talk: Talk, color: bool) -> Self {
        let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { json, talk, color, lost: RefCell::default(), spinner }
    }

    /// Tells on the terminal what is being done, where it takes more than a moment.
    pub fn progress(&self) -> impl Fn(&str) + 'static {
        let spinner = self.spinner.clone();
        let shows = !self.json && self.talk >= Talk::Normal && std::io::stderr().is_terminal();
        let begun = Cell::new(false);
        move |phase| {
            if !shows || spinner.is_finished() {
                return;
            }
            spinner.set_message(escape_line(phase));
            if !begun.replace(true) {
                let spinner = spinner.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(MOMENT);
                    if !spinner.is_finished() {
                        spinner.set_draw_target(ProgressDrawTarget::stderr());
                        spinner.enable_steady_tick(Duration::from_millis(120));
                    }
                });
            }
        }
    }

    /// Asks a person for a line; an empty proposal is none.
    ///
    /// # Errors
    /// [`crate::error::Code::Interrupted`] where the question is left.
    pub fn ask(&self, question: &str, proposed: &str) -> Result<String, Failure> {
        self.end_progress();
        let question = escape_line(question);
        let mut prompt = inquire::Text::new(&question);
        prompt.default = (!proposed.is_empty()).then_some(proposed);
        prompt.prompt().map_err(|_| Failure::new(crate::error::Code::Interrupted, "stopped at a question; nothing was written"))
    }

    /// Opens a link in the user's browser. Where there is none, the link is printed anyway.
    #[expect(clippy::disallowed_methods, reason = "the browser is started here and nowhere else")]
    pub fn open(&self, link: &str) {
        let (program, arguments): (_, &[&str]) = if cfg!(windows) {
            ("rundll32", &["url.dll,FileProtocolHandler"])
        } else if cfg!(target_os = "macos") {
            ("open", &[])
        } else {
            ("xdg-open", &[])
        };
        let quiet = std::process::Stdio::null;
        let started = std::process::Command::new(program).args(arguments).arg(link).stdout(quiet()).stderr(quiet()).spawn();
        if started.is_err() {
            self.say("note: no browser could be started");
        }
    }

    /// Ends the talk about what is being done.
    pub fn end_progress(&self) {
        self.spinner.finish_and_clear();
    }

    /// Whether a person can be asked.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Says something on stderr.
    pub fn say(&self, text: &str) {
        if self.talk >= Talk::Normal {
            let _ = self.write(&mut std::io::stderr(), text);
        }
    }

    /// Ends a command well.
    pub fn report(&self, command: &str, report: &impl Report) {
        self.end_progress();
        if self.json {
            self.print_report(command, report);
        } else {
            let written = self.write(&mut std::io::stdout(), &report.text());
            self.note_lost(written);
        }
    }

    /// As [`Self::report`]; on a terminal a person may scroll in it. `pager` is asked for only then.
    pub fn report_paged(&self, command: &str, report: &impl Report, pager: impl FnOnce() -> Pager) {
        let text = if self.json || !std::io::stdout().is_terminal() { String::new() } else { report.text() };
        self.end_progress();
        let shown = !text.is_empty() && self.page(&text, &pager());
        if !shown {
            self.report(command, report);
        }
    }

    /// Whether the pager could be started. That it ends before it has read everything is a person's choice.
    fn page(&self, text: &str, pager: &Pager) -> bool {
        if pager.command.is_empty() || pager.command == "cat" {
            return false;
        }
        // As git: by the shell only where a shell is needed, so that a pager which is not there is noticed.
        let plain = !pager.command.to_string_lossy().contains(|c: char| c.is_whitespace() || "|&;<>()$`\\\"'*?[#~=%".contains(c));
        #[expect(clippy::disallowed_methods, reason = "the pager is started here and nowhere else")]
        let mut command = std::process::Command::new(if plain { pager.command.as_os_str() } else { OsStr::new("sh") });
        if !plain {
            command.arg("-c").arg(&pager.command);
        }
        let started = command.envs(pager.variables.iter().copied()).stdin(std::process::Stdio::piped()).spawn();
        let Ok(mut child) = started else { return false };
        if let Some(mut input) = child.stdin.take() {
            let _ = self.write(&mut input, text);
        }
        let _ = child.wait();
        true
    }

    /// Ends a command with its failure.
    pub fn fail(&self, command: Option<&str>, failure: &Failure) {
        self.end_progress();
        if self.json {
            let error = json!({ "code": failure.code.as_str(), "message": failure.message, "hints": failure.hints });
            self.print_json(&json!({ "forum": 1, "command": command, "ok": false, "error": error }));
            return;
        }
        let mut text = format!("error: {}", failure.message);
        for hint in &failure.hints {
            text += &format!("\n  try: {hint}");
        }
        let _ = self.write(&mut std::io::stderr(), &text);
    }

    fn write(&self, to: &mut impl std::io::Write, text: &str) -> std::io::Result<()> {
        let text = escape(text.trim_end());
        if text.is_empty() {
            return Ok(());
        }
        self.spinner.suspend(|| {
            writeln!(to, "{}", if self.color { paint(&text) } else { text })?;
            to.flush()
        })
    }

    /// Prints help and versions as they are.
    pub fn print_help(&self, text: &str) {
        let mut out = std::io::stdout();
        self.note_lost(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// A closed stream ends the talk, not the work; but what a full disk swallowed must not pass for an answer.
    fn note_lost(&self, written: std::io::Result<()>) {
        let lost = written.err().filter(|error| error.kind() != std::io::ErrorKind::BrokenPipe);
        if lost.is_some() {
            self.lost.replace(lost);
        }
    }

    /// Whether everything that was to be printed could be.
    ///
    /// # Errors
    /// [`crate::error::Code::Io`] where it could not.
    pub fn check_printed(&self) -> Result<(), Failure> {
        match self.lost.take() {
            None => Ok(()),
            Some(error) => Err(Failure::new(crate::error::Code::Io, format!("the output could not be written: {error}"))),
        }
    }

    fn print_report(&self, command: &str, report: &impl Report) {
        let mut object = Map::new();
        object.insert("forum".into(), json!(1));
        object.insert("command".into(), json!(command));
        object.insert("ok".into(), json!(true));
        if let Ok(Value::Object(keys)) = serde_json::to_value(report) {
            object.extend(keys);
        }
        self.print_json(&Value::Object(object));
    }

    fn print_json(&self, value: &Value) {
        let text = value.to_string();
        // JSON leaves these as they are; a terminal would obey them (contract, section 6).
        let hidden = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
        let safe: String =
            text.chars().flat_map(|c| if hidden(c) { format!("\\u{:04x}", c as u32).chars().collect() } else { vec![c] }).collect();
        let mut out = std::io::stdout();
        self.note_lost(writeln!(out, "{safe}").and_then(|()| out.flush()));
    }
}

/// Lines whose cells stand below each other, two blanks apart.
#[must_use]
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Colours the word that a line begins with, where it is one of [`LABELS`].
fn paint(text: &str) -> String {
    let line = |line: &str| {
        let word = line.trim_start();
        let indent = &line[..line.len() - word.len()];
        match LABELS.iter().find(|(label, _)| word.split(' ').next() == Some(label)) {
            Some((label, code)) => format!("{indent}\u{1b}[{code}m{label}\u{1b}[0m{}", &word[label.len()..]),
            None => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_label_at_the_beginning_is_coloured() {
        assert_eq!(paint("error: x\n  try: y\nno error: z"), "\u{1b}[1;31merror:\u{1b}[0m x\n  \u{1b}[1;32mtry:\u{1b}[0m y\nno error: z");
    }
}
