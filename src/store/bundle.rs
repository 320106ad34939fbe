//! Bundle files as registries.
