//! What this machine has seen of each registry: its last `main` and every digest.
