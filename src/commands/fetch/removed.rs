//! Removed versions: nobody gets one, and what lies in a workspace already stays as it is (contract, section 3).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::Result;
use semver::Version;

use crate::error::{Code, Failure};
use crate::model::id::ComponentId;
use crate::model::index::IndexFile;
use crate::model::lockfile::LockEntry;
use crate::model::resolve::Catalog;
use crate::store::registry::Registry;
use crate::store::workspace::{State, Workspace};

/// A registry in which the removed versions that lie in the workspace count as there, so that nothing moves by itself.
pub(super) struct AsItLies<'a> {
    registry: &'a Registry,
    lying: BTreeMap<ComponentId, Version>,
    /// Components of which nothing is gone.
    whole: RefCell<BTreeSet<ComponentId>>,
}

impl<'a> AsItLies<'a> {
    /// For the locked components that are not asked for anew.
    ///
    /// # Errors
    /// For a removed version that would have to be brought.
    pub(super) fn new<'b>(registry: &'a Registry, workspace: &Workspace, locked: impl Iterator<Item = &'b LockEntry>) -> Result<Self> {
        let mut lying = BTreeMap::new();
        for entry in locked {
            registry.refuse_gone(&entry.id, Some(&entry.version))?;
            let Some(failure) = removal(registry, &entry.id, &entry.version)? else { continue };
            if workspace.state(entry)? == State::Missing {
                return Err(failure.into());
            }
            lying.insert(entry.id.clone(), entry.version.clone());
        }
        Ok(Self { registry, lying, whole: RefCell::default() })
    }
}

impl Catalog for AsItLies<'_> {
    fn index(&self, id: &ComponentId) -> Result<Option<Rc<IndexFile>>> {
        if !self.whole.borrow().contains(id) {
            self.registry.refuse_gone(id, None)?;
            self.whole.borrow_mut().insert(id.clone());
        }
        let found = self.registry.index(id)?;
        let (Some(index), Some(version)) = (&found, self.lying.get(id)) else { return Ok(found) };
        let mut index = IndexFile::clone(index);
        index.removed.remove(version);
        Ok(Some(Rc::new(index)))
    }
}

/// Why nobody gets a version, where it is removed.
///
/// # Errors
/// When the index cannot be read.
pub(super) fn removal(registry: &Registry, id: &ComponentId, version: &Version) -> Result<Option<Failure>> {
    let index = registry.index(id)?;
    let notice = index.as_ref().and_then(|index| index.removed.get(version));
    Ok(notice.map(|notice| {
        let failure = Failure::new(Code::NotFound, format!("{id} {version} was removed: {}", notice.reason));
        failure.hint(format!("forum fetch {id}@'*'"))
    }))
}
