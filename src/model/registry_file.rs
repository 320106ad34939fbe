//! `registry.toml`, publisher files and adoption records as clients read them (contract, section 2).
