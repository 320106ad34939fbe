//! `forum`: municipalities share integration components through a plain Git repository.

pub mod error;
pub mod formats;
pub mod model;
pub mod store;
