//! One iteration over the raw trees of a version: it both validates what stands there and gathers it.

use std::rc::Rc;

use anyhow::Result;
use git2::{ObjectType, Oid};

use super::super::content::{Bytes, Collector, Surveyed};
use super::super::rows::{Row, is_in_order, rows};
use super::{GitTree, MAX_TREE_BYTES, MAX_TREES};
use crate::model::content::MAX_DEPTH;
use crate::model::digest::FileMode;
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::path::RelPath;
use crate::model::registry_file::Limits;
use crate::model::written::Sums;
use crate::store::interrupt;
use crate::store::transport::Wanted;

/// What stands in a row of a component's tree.
enum Taken {
    Directory((String, Oid)),
    File(RelPath, FileMode),
}

impl GitTree {
    fn walk(&self, collector: &mut Collector<'_>, top: Oid, held: Bytes) -> Result<()> {
        let (mut open, mut trees) = (vec![(String::new(), top)], 0);
        while let Some((prefix, oid)) = open.pop() {
            interrupt::check()?;
            trees += 1;
            if trees > MAX_TREES || prefix.matches('/').count() > MAX_DEPTH {
                return Err(collector.refuse(&prefix, "has too many directories in it or is too deep"));
            }
            if self.size(oid, ObjectType::Tree, &|| collector.what(&prefix))? > MAX_TREE_BYTES {
                return Err(collector.refuse(&prefix, &format!("is a directory of more than {MAX_TREE_BYTES} bytes")));
            }
            let bytes = self.bytes(oid, &|| collector.what(&prefix))?;
            let Some(rows) = rows(&bytes) else { return Err(collector.refuse(&prefix, "is a tree that git could not have written")) };
            if !is_in_order(&rows) {
                return Err(collector.refuse(&prefix, "is a tree with entries twice or not in git's order"));
            }
            for row in rows {
                match self.take(collector, &prefix, &row)? {
                    Taken::Directory(below) => open.push(below),
                    Taken::File(path, mode) => self.look_into(collector, (path, mode, row.id), held)?,
                }
            }
        }
        Ok(())
    }

    /// What a row of a tree stands for, under the rules of the collector.
    fn take(&self, collector: &mut Collector<'_>, prefix: &str, row: &Row<'_>) -> Result<Taken> {
        let Ok(name) = std::str::from_utf8(row.name) else {
            let shown = format!("{prefix}{}", String::from_utf8_lossy(row.name));
            return Err(collector.refuse(&shown, "is not UTF-8"));
        };
        let path = format!("{prefix}{name}");
        if name.contains('/') {
            return Err(collector.refuse(&path, "has a separator in a name"));
        }
        let mode = match row.mode {
            b"40000" => {
                collector.check_name(&path)?;
                return Ok(Taken::Directory((format!("{path}/"), row.id)));
            }
            b"100644" => FileMode::Regular,
            b"100755" => FileMode::Executable,
            b"120000" => return Err(collector.refuse(&path, "is a symbolic link")),
            b"160000" => return Err(collector.refuse(&path, "is a submodule")),
            other => return Err(collector.refuse(&path, &format!("has the mode {}", String::from_utf8_lossy(other)))),
        };
        let size = match self.shared(row.id) {
            Some(bytes) => bytes.len() as u64,
            None => self.size(row.id, ObjectType::Blob, &|| collector.what(&path))?,
        };
        Ok(Taken::File(collector.admit(&path, size)?, mode))
    }

    /// A blob that was read for another version.
    fn shared(&self, blob: Oid) -> Option<Rc<[u8]>> {
        self.only_read.as_ref().and_then(|known| known.shared.borrow().get(blob))
    }

    fn look_into(&self, collector: &mut Collector<'_>, (path, mode, blob): (RelPath, FileMode, Oid), held: Bytes) -> Result<()> {
        if held == Bytes::Held {
            if let Some(bytes) = self.shared(blob) {
                return collector.add(path, mode, bytes.to_vec());
            }
            let bytes = self.bytes(blob, &|| collector.what(path.as_str()))?;
            if let Some(known) = &self.only_read {
                known.shared.borrow_mut().keep(blob, &bytes);
            }
            return collector.add(path, mode, bytes);
        }
        let known = self.sums.borrow().get(&blob).copied();
        let sums = match known {
            Some(sums) => sums,
            None => {
                let bytes = self.bytes(blob, &|| collector.what(path.as_str()))?;
                collector.refuse_pointer(&path, &bytes)?;
                *self.sums.borrow_mut().entry(blob).or_insert_with(|| Sums::of(&bytes))
            }
        };
        collector.note(Surveyed { path, mode, sums, blob });
        Ok(())
    }

    /// Walks the tree of a version, of which everything is at hand then.
    pub(super) fn collect<'a>(
        &self,
        id: &'a ComponentId,
        record: &'a VersionRecord,
        limits: Limits,
        bytes: Bytes,
    ) -> Result<Collector<'a>> {
        let mut collector = Collector::new(id, record, limits);
        let top = Oid::from_bytes(record.tree.as_bytes())?;
        if self.supply.is_some() {
            self.need(&[top], Wanted::Trees)?;
            self.need(&self.blobs_below(top)?, Wanted::Blobs)?;
        }
        self.walk(&mut collector, top, bytes)?;
        Ok(collector)
    }
}
