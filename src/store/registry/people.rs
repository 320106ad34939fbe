//! Who publishes and who uses a component, as the registry tells it.

use anyhow::Result;

use super::{Listed, Registry, Source};
use crate::model::adoption::Adoption;
use crate::model::id::{ComponentId, Name};
use crate::model::path::RelPath;
use crate::model::publisher::Publisher;

/// The largest file about a person or an organisation, in bytes.
pub(super) const MAX_BYTES: u64 = 256 << 10;

impl Registry {
    /// Who uses a component, by name. Records that cannot be read are left out: `registry check` names them.
    ///
    /// # Errors
    /// The transport's own.
    pub fn adoptions(&self, id: &ComponentId) -> Result<Vec<Adoption>> {
        let folder: RelPath = format!("adoptions/{id}").parse()?;
        let files = self.source.files(&folder)?;
        bring(&*self.source, &files)?;
        let mut found = Vec::new();
        for file in files {
            found.extend(read(&*self.source, &folder, &file.path)?);
        }
        found.sort_by(|a, b| a.by.cmp(&b.by));
        Ok(found)
    }

    /// Who an owner is.
    ///
    /// # Errors
    /// The transport's own.
    pub fn publisher(&self, owner: &Name) -> Result<Option<Publisher>> {
        let path = format!("publishers/{owner}.toml").parse()?;
        Ok(self.source.read(&path, MAX_BYTES)?.and_then(|bytes| Publisher::parse(&bytes)))
    }
}

/// Brings files that were listed, in one request.
pub(super) fn bring(source: &dyn Source, files: &[Listed]) -> Result<()> {
    source.bring(&files.iter().filter_map(|file| file.blob).collect::<Vec<_>>())
}

/// The record in `<by>.toml`, below a folder.
pub(super) fn read(source: &dyn Source, folder: &RelPath, file: &str) -> Result<Option<Adoption>> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let Some(by) = name.strip_suffix(".toml").and_then(|by| by.parse::<Name>().ok()) else { return Ok(None) };
    let bytes = source.read(&folder.join(&file.parse()?)?, MAX_BYTES)?;
    Ok(bytes.and_then(|bytes| Adoption::parse(&by, &bytes)))
}
