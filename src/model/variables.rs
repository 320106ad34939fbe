//! The variables of a manifest: typed answers, and where they go in the files (contract, section 4).
