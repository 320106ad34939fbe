//! `forum.lock` (details page).
