//! libgit2 as transport, for machines without git.
