//! VERBS: one file or folder a command. Each opens, decides, applies and reports.

pub mod fetch;
pub mod registry;
