//! `forum`: municipalities share integration components through a plain Git repository.
//!
//! ```text
//! index → Resolution → forum.lock → plan → workspace
//! ```
//! [`cli`] leads to [`commands`], one for each verb. They read a registry and the workspace through [`store`], decide
//! with [`model`], put answers into files with [`formats`], and write everything in one [`store::fs::journal`].
//! `forum.toml` is [`model::workspace_file`], `forum.lock` is [`model::lockfile`], `component.toml` is
//! [`model::manifest`], and an index file is [`model::index`].

pub mod checks;
pub mod cli;
pub mod commands;
pub mod context;
pub mod error;
pub mod formats;
pub mod model;
pub mod store;
pub mod ui;
