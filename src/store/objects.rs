//! Reading objects of repositories that may be damaged or hostile.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use git2::{Error, ErrorClass, ErrorCode, ObjectType, Odb, Oid};

/// The size and type of an object, as its header says: asked before the object, which may be far larger than its pack.
///
/// # Errors
/// What libgit2 says; and for an object of no known type, at which git2 0.21 panics instead (`ObjectType::from_raw`).
pub(super) fn header(odb: &Odb<'_>, oid: Oid) -> Result<(usize, ObjectType), Error> {
    let hook = take_hook();
    set_hook(Box::new(|_| ()));
    let read = catch_unwind(AssertUnwindSafe(|| odb.read_header(oid)));
    set_hook(hook);
    read.unwrap_or_else(|_| Err(Error::new(ErrorCode::GenericError, ErrorClass::Odb, "it has no known type")))
}
