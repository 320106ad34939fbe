//! A registry in a Git repository: what is read from it, and when the network is asked.
