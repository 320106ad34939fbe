//! The local search index of a registry, keyed by the id of its index tree.
