//! What components are made of. Pure.

pub mod json;
pub mod render;
