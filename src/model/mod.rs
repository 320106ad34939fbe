//! NOUNS: what forum is about. Nothing here knows a file system, Git, the environment, the clock or the terminal.

pub mod address;
pub mod adoption;
pub mod carry;
pub mod content;
pub mod digest;
pub mod escape;
pub mod forge;
pub mod globs;
pub mod id;
pub mod index;
pub mod index_document;
pub mod licence;
pub mod lockfile;
pub mod manifest;
pub mod merge;
pub mod path;
pub mod publisher;
pub mod registry_file;
pub mod resolve;
pub mod search;
pub(crate) mod text;
mod toml_document;
pub mod update;
pub mod user_settings;
pub mod variables;
pub mod workspace_file;
pub mod written;
