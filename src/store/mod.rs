//! PLACES: the only code with disk, network and Git. It never prints.

pub mod fs;
pub mod kept;
pub mod memory;
pub mod registry;
pub mod search_index;
pub mod settings;
pub mod transport;
pub mod workspace;
