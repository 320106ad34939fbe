//! PLACES: the only code with disk, network and Git. It never prints.

pub mod bundle;
pub mod fs;
pub mod git_source;
pub mod memory;
pub mod search_index;
pub mod transport;
