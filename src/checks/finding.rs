//! What a check says: findings, each with a place, and never with the secret or number that it is about.

use serde::Serialize;

use super::rules;
use crate::model::manifest::Manifest;

/// How grave a finding is. An error stops a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It must not be published.
    Error,
    /// A person should look at it.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// The word in text and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that was found (contract, section 6, "JSON").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The id of the rule, as `forum explain` takes it.
    pub rule: &'static str,
    /// How grave it is: that of the rule, or less where there is a reason to.
    pub severity: Severity,
    /// The file; what is about a component as a whole stands at its manifest, what is about a registry at its file.
    pub path: Option<String>,
    /// Counted from 1.
    pub line: Option<u32>,
    /// The place inside a structured file: RFC 6901, with `!` where a string is entered.
    pub pointer: Option<String>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

impl Finding {
    /// A finding of a rule, with the rule's severity and way to mend it.
    #[must_use]
    pub fn new(rule: &'static str, message: impl Into<String>) -> Self {
        let rule = rules::find(rule).expect("each finding is of a rule in the table");
        Self {
            rule: rule.id,
            severity: rule.severity,
            path: None,
            line: None,
            pointer: None,
            message: message.into(),
            help: rule.mend.to_owned(),
        }
    }

    /// Names the file.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Names the line.
    #[must_use]
    pub const fn line(mut self, line: Option<u32>) -> Self {
        self.line = line;
        self
    }

    /// Names the place inside a structured file.
    #[must_use]
    pub fn pointer(mut self, pointer: Option<String>) -> Self {
        self.pointer = pointer;
        self
    }

    /// Says how to mend just this.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Makes it less or more grave than its rule.
    #[must_use]
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// The line that byte `offset` of `bytes` is on, counted from 1.
#[must_use]
pub fn line_of(bytes: &[u8], offset: usize) -> u32 {
    let before = &bytes[..offset.min(bytes.len())];
    u32::try_from(memchr::memchr_iter(b'\n', before).count() + 1).unwrap_or(u32::MAX)
}

/// The answer of all checks.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// By path and line.
    pub findings: Vec<Finding>,
    /// The manifest, where it can be used.
    pub manifest: Option<Manifest>,
    /// How many findings are errors.
    pub errors: usize,
    /// How many findings are warnings.
    pub warnings: usize,
}

impl Checked {
    /// Sorts the findings and counts them.
    #[must_use]
    pub fn of(mut findings: Vec<Finding>, manifest: Option<Manifest>) -> Self {
        findings.sort_by(|a, b| (&a.path, a.line, a.severity, a.rule).cmp(&(&b.path, b.line, b.severity, b.rule)));
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        Self { errors: count(Severity::Error), warnings: count(Severity::Warning), findings, manifest }
    }
}
