//! What is kept of a repository that is only read: above all small files that versions share, a licence, a page, what did
//! not change. Git has each once, and so each is read, and held against its id, once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use git2::{Oid, Repository};

use crate::store::objects::Fans;

/// The largest file that is kept, in bytes.
const LARGEST: usize = 64 << 10;
/// The most that is kept, in bytes.
const MOST: usize = 4 << 20;

/// What is known of a repository to which nothing is added meanwhile.
pub(super) struct OnlyRead {
    pub(super) fans: Fans,
    pub(super) shared: RefCell<Shared>,
}

impl OnlyRead {
    pub(super) fn of(repository: &Repository) -> Self {
        Self { fans: Fans::of(repository), shared: RefCell::default() }
    }
}

/// Files by git's id of their content.
#[derive(Debug, Default)]
pub(super) struct Shared {
    kept: HashMap<Oid, Rc<[u8]>>,
    bytes: usize,
}

impl Shared {
    pub(super) fn get(&self, oid: Oid) -> Option<Rc<[u8]>> {
        self.kept.get(&oid).cloned()
    }

    /// Keeps a file whose content was held against its id. Where all is full, it begins anew.
    pub(super) fn keep(&mut self, oid: Oid, bytes: &[u8]) {
        if bytes.len() > LARGEST {
            return;
        }
        if self.bytes + bytes.len() > MOST {
            *self = Self::default();
        }
        self.bytes += bytes.len();
        self.kept.insert(oid, bytes.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_may_be() {
        let id = |number: u16| Oid::from_str(&format!("{number:040}")).expect("an id");
        let mut shared = Shared::default();
        shared.keep(id(0), &vec![0; LARGEST + 1]);
        assert!(shared.get(id(0)).is_none());
        for number in 1..200 {
            shared.keep(id(number), &vec![1; LARGEST]);
            assert!(shared.get(id(number)).is_some_and(|bytes| bytes.len() == LARGEST));
            assert!(shared.bytes <= MOST && shared.bytes == shared.kept.len() * LARGEST);
        }
    }
}
