//! An index file: every version ever published of one component (contract, section 2).
