//! VERBS: one file or folder a command. Each opens, decides, applies and reports.

pub mod config;
pub mod fetch;
mod places;
pub mod registry;

/// How a command that did its work ended: the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done = 0,
}
