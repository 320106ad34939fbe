//! A contribution before it is pushed, held against what the registry's own CI will say of it: one set of rules
//! (contract, section 7).

use anyhow::Result;

use crate::checks::registry::{Content, Contribution, contribution};
use crate::checks::{Checked, Finding, rules};
use crate::context::Context;
use crate::model::content::{ContentFile, bytes_of, checksum};
use crate::model::digest::ObjectId;
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::path::RelPath;
use crate::model::registry_file::Limits;
use crate::model::registry_state::{Directory, Held, RegistryState};
use crate::store::contribution::{Change, Piece};
use crate::store::registry::{Registry, tree_id};

/// What `registry check --base` would say, but for the files themselves, which `forum check` has looked at.
///
/// # Errors
/// The registry's own.
pub(super) fn rehearse(registry: &Registry, change: &Change) -> Result<Checked> {
    let touched: Vec<_> = change
        .iter()
        .flat_map(|(path, piece)| match piece {
            Piece::File(_) => vec![path.to_string()],
            Piece::Directory(files) => files.iter().map(|file| format!("{path}/{}", file.path)).collect(),
        })
        .collect();
    let after = Changed { registry, change };
    let mut checked = contribution(&Contribution {
        before: registry,
        after: &after,
        touched: &touched,
        running: &Context::version(),
        content: Content::Checked,
    })?;
    for finding in &mut checked.findings {
        name_the_place(finding, change);
    }
    Ok(checked)
}

/// Names the place where a person typed what is wrong: nobody here has the file that it would stand in.
fn name_the_place(finding: &mut Finding, change: &Change) {
    let place = finding.path.as_deref().and_then(|path| Some((path.split_once('/')?.0.to_owned(), path.parse().ok()?)));
    let Some((top, path)) = place else { return };
    let Some(Piece::File(bytes)) = change.get::<RelPath>(&path) else { return };
    let text = String::from_utf8_lossy(bytes);
    let line = finding.line.and_then(|line| text.lines().nth(line as usize - 1)).and_then(|line| line.split_once('='));
    let key = line.map_or("", |(key, _)| key.trim());
    let (typed, key) = match (top.as_str(), key) {
        ("publishers", key) => ("forum.toml", key),
        ("adoptions", "note") => ("--note", ""),
        ("index", "reason") => ("--reason", ""),
        _ => return,
    };
    finding.path = Some(typed.to_owned());
    finding.line = None;
    if typed == "forum.toml" {
        let named = key.is_empty() || finding.message.starts_with('`');
        let key = if named { String::new() } else { format!("`{key}` ") };
        finding.message = format!("[workspace.publisher] {key}{}", finding.message);
    }
    let mend = rules::find(finding.rule).map_or("", |rule| rule.mend);
    finding.help = format!("{mend}; then the same command again");
}

/// The registry as it will be.
struct Changed<'a> {
    registry: &'a Registry,
    change: &'a Change,
}

impl Changed<'_> {
    /// The new content of a component.
    fn files(&self, id: &ComponentId) -> Option<&[ContentFile]> {
        let place = format!("components/{id}");
        self.change.iter().find_map(|(path, piece)| match piece {
            Piece::Directory(files) if path.as_str() == place => Some(files.as_slice()),
            _ => None,
        })
    }
}

impl RegistryState for Changed<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        for (place, piece) in self.change {
            match piece {
                Piece::File(bytes) if place.as_str() == path => return Ok(Some(bytes.clone())),
                Piece::Directory(files) => {
                    if let Some(below) = path.strip_prefix(place.as_str()).and_then(|rest| rest.strip_prefix('/')) {
                        return Ok(bytes_of(files, below).map(<[u8]>::to_vec));
                    }
                }
                Piece::File(_) => {}
            }
        }
        self.registry.read(path)
    }

    fn tree(&self, id: &ComponentId) -> Result<Option<ObjectId>> {
        match self.files(id) {
            Some(files) => tree_id(files).map(Some),
            None => RegistryState::tree(self.registry, id),
        }
    }

    fn directory(&self, id: &ComponentId) -> Result<Option<Directory>> {
        match self.files(id) {
            Some(files) => Ok(Some(Directory { files: files.to_vec(), obstacles: Vec::new() })),
            None => self.registry.directory(id),
        }
    }

    fn version(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Held> {
        match self.files(id) {
            Some(files) if tree_id(files)? == record.tree => Ok(if checksum(files) == record.checksum {
                Held::Files(files.to_vec())
            } else {
                Held::Refused(format!("{id} {}: the checksum of the files is another than the index says", record.version))
            }),
            _ => RegistryState::version(self.registry, id, record, limits),
        }
    }
}
