//! One state of a registry, as its own rules look at it: what a commit holds, or a folder, or what a contribution would
//! make of either.
//!
//! The rules are pure and the states are not, so what they read comes through here.

use anyhow::Result;

use super::content::ContentFile;
use super::digest::ObjectId;
use super::id::ComponentId;
use super::index::VersionRecord;
use super::registry_file::Limits;

/// Where the rules of a registry read.
pub trait RegistryState {
    /// The bytes of a file; `None` where none is.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>>;

    /// Git's id of `components/<id>`; `None` where nothing lies there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn tree(&self, id: &ComponentId) -> Result<Option<ObjectId>>;

    /// What lies in `components/<id>`, whatever it is; `None` where nothing does.
    ///
    /// # Errors
    /// When it cannot be read.
    fn directory(&self, id: &ComponentId) -> Result<Option<Directory>>;

    /// The files of a version, looked for and verified as a client would.
    ///
    /// # Errors
    /// When the repository cannot be read. What a client would refuse is a [`Held::Refused`].
    fn version(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Held>;

    /// Those of the trees that some commit up to this state has at the place of the component. What has no history has none.
    ///
    /// # Errors
    /// When the history cannot be read.
    fn remaining(&self, _id: &ComponentId, _trees: &[ObjectId]) -> Result<Vec<Past>> {
        Ok(Vec::new())
    }

    /// What the commits of a contribution gave to components, also where a later one took it back.
    ///
    /// # Errors
    /// When the history cannot be read.
    fn passed(&self) -> Result<Vec<Past>> {
        Ok(Vec::new())
    }
}

/// What a commit has at the place of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The component.
    pub component: ComponentId,
    /// Git's id of its directory.
    pub tree: ObjectId,
    /// The commit, as Git names it.
    pub commit: String,
}

/// A component's directory as it lies there.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Its plain files.
    pub files: Vec<ContentFile>,
    /// What else is in it.
    pub obstacles: Vec<Obstacle>,
}

/// What cannot be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// As found.
    pub path: String,
    /// What stands in the way.
    pub trouble: Trouble,
    /// The rule that it breaks, as a sentence without subject.
    pub why: String,
}

/// What stands in the way of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Its name, which not every platform takes.
    Name,
    /// What lies there: a link, a pipe.
    Kind,
    /// What lies there is a Git repository of its own, as a submodule is.
    Repository,
}

/// What a client would find of a version.
#[derive(Debug, Clone)]
pub enum Held {
    /// Its files: both digests are right.
    Files(Vec<ContentFile>),
    /// Nothing: this state of the registry does not hold the content.
    Missing,
    /// Something that it would refuse, with the reason.
    Refused(String),
}
