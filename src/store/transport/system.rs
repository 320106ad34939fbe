//! The user's own `git` as transport.
