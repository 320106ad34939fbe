//! What a command replaced, for `forum restore`.
