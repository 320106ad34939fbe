//! What a user is told when a command cannot do its work.
//!
//! Inside, errors are `anyhow`: context says what we were doing to which file,
//! component and registry. Where the exit status or the JSON code matters, the
//! root is a [`Failure`]. Everything else counts as [`Code::Integrity`] where libgit2 could not
//! read a repository, as [`Code::Io`] when an operating-system error lies at the bottom, and as
//! [`Code::Internal`] otherwise.

use std::fmt;

/// The error codes of the contract (section 6, "JSON").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Wrong usage of the command line or of an address.
    Usage,
    /// A variable without default has no answer.
    MissingAnswers,
    /// No such component, version, registry or kept copy.
    NotFound,
    /// A short name that several owners have.
    Ambiguous,
    /// The requirements cannot be satisfied together.
    NoSolution,
    /// Content or history that is not what a digest promised.
    Integrity,
    /// `main` of a registry does not descend from the one last seen.
    Rewritten,
    /// Content that must not be written to a disk.
    UnsafeContent,
    /// A `component.toml` that cannot be used.
    InvalidManifest,
    /// A registry file that cannot be used.
    InvalidRegistry,
    /// A `forum.toml` or `forum.lock` that cannot be used.
    InvalidWorkspace,
    /// Something that is not ours lies where a component would go.
    Occupied,
    /// An update waits for a person.
    Pending,
    /// `--locked`, and the lock would have to change.
    Locked,
    /// `--offline`, and the cache does not have it.
    Offline,
    /// The server does not answer, or not as a Git server.
    Unreachable,
    /// The server wants other credentials.
    Auth,
    /// The server refuses.
    Denied,
    /// It is there already, with other content.
    Exists,
    /// The file system refuses.
    Io,
    /// A bug in forum.
    Internal,
    /// Stopped by the user.
    Interrupted,
}

impl Code {
    /// The word in `error.code`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::MissingAnswers => "missing-answers",
            Self::NotFound => "not-found",
            Self::Ambiguous => "ambiguous",
            Self::NoSolution => "no-solution",
            Self::Integrity => "integrity",
            Self::Rewritten => "rewritten",
            Self::UnsafeContent => "unsafe-content",
            Self::InvalidManifest => "invalid-manifest",
            Self::InvalidRegistry => "invalid-registry",
            Self::InvalidWorkspace => "invalid-workspace",
            Self::Occupied => "occupied",
            Self::Pending => "pending",
            Self::Locked => "locked",
            Self::Offline => "offline",
            Self::Unreachable => "unreachable",
            Self::Auth => "auth",
            Self::Denied => "denied",
            Self::Exists => "exists",
            Self::Io => "io",
            Self::Internal | Self::Interrupted => "internal",
        }
    }

    /// What to do about errors of this kind, where nothing better is known.
    const fn next_step(self) -> Option<&'static str> {
        Some(match self {
            Self::Usage | Self::MissingAnswers => "the command's --help",
            Self::NotFound | Self::Ambiguous => "forum search WORDS",
            Self::NoSolution => "forum show OWNER/NAME, which tells its versions and whom to ask",
            Self::Integrity => "forum registry refresh; if it stays so, tell the forum's maintainers",
            Self::UnsafeContent | Self::InvalidManifest => "tell its owner, whose contact forum show OWNER/NAME tells",
            Self::InvalidRegistry => "tell the forum's maintainers, who have forum registry check",
            Self::InvalidWorkspace => "mend the file by hand; where it is committed, git diff shows what changed in it",
            Self::Occupied | Self::Exists => "take another name or directory",
            Self::Io => "look at the disk and at permissions, then the same command again",
            Self::Unreachable | Self::Auth | Self::Denied => "forum config, and the address in forum registry list",
            Self::Internal => "forum cache clean, then the same command again; if it stays so, report it",
            Self::Rewritten | Self::Pending | Self::Locked | Self::Offline | Self::Interrupted => return None,
        })
    }

    /// The exit status that goes with the code (contract, section 6; details, "Commands").
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Usage | Self::MissingAnswers => 2,
            Self::Locked => 5,
            Self::Offline | Self::Unreachable | Self::Auth | Self::Denied => 6,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

/// An error that a user meets: a code, a sentence, and what to type next.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Decides exit status and `error.code`.
    pub code: Code,
    /// Names the file, component and rule.
    pub message: String,
    /// Commands to type, or what to change; most helpful first.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure without hints.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hints: Vec::new() }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// As it is, or with what helps with errors of its kind where it has no hint of its own (safety page, 8).
    #[must_use]
    pub fn or_hint(self) -> Self {
        match self.code.next_step() {
            Some(step) if self.hints.is_empty() => self.hint(step),
            _ => self,
        }
    }

    /// The failure at the root of `error`, its message preceded by the context that was added on the way.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        let message = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
        if let Some(root) = error.chain().find_map(|e| e.downcast_ref::<Self>()) {
            return Self { code: root.code, message, hints: root.hints.clone() };
        }
        if error.chain().any(<dyn std::error::Error>::is::<git2::Error>) {
            return Self::new(Code::Integrity, message).hint("if the cache is damaged: forum cache clean");
        }
        let io = error.chain().any(<dyn std::error::Error>::is::<std::io::Error>);
        Self::new(if io { Code::Io } else { Code::Internal }, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Ends the function with a [`Failure`]: `fail!(Code::NotFound, "no component {id}")`.
#[macro_export]
macro_rules! fail {
    ($code:expr, $($arg:tt)*) => {
        return Err($crate::error::Failure::new($code, format!($($arg)*)).into())
    };
}
