//! Chooses one version of every component that is wanted or needed.
