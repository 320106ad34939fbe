//! What components are made of. Pure.

pub mod compare;
pub mod json;
pub mod merge;
pub mod render;
pub mod text;
pub mod xml;
