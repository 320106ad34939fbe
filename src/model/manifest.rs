//! `component.toml` (contract, section 4).
