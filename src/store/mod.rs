//! PLACES: the only code with disk, network and Git. It never prints.

pub mod cache;
pub mod contribution;
pub mod fs;
pub mod interrupt;
pub mod kept;
pub mod memory;
mod objects;
pub mod registry;
pub mod search_index;
pub mod settings;
pub mod snapshot;
pub mod transport;
pub mod workspace;
