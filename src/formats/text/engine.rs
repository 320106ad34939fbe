//! libgit2's merge of three texts and its difference of two. The repository that the merge asks for lives in memory.

use git2::{DiffOptions, IndexEntry, IndexTime, MergeFileOptions, Odb, Oid, Patch, Repository};

use super::Labels;

/// As `git merge-file --diff3`: the text, and whether it is free of conflicts.
pub(super) fn merge(base: &[u8], ours: &[u8], theirs: &[u8], labels: &Labels) -> Result<(Vec<u8>, bool), git2::Error> {
    let objects = Odb::new()?;
    objects.add_new_mempack_backend(1)?;
    let repository = Repository::from_odb(objects)?;
    let entry = |bytes: &[u8]| Ok::<_, git2::Error>(entry(repository.blob(bytes)?));
    let mut options = MergeFileOptions::new();
    // What git's own command asks of the same code.
    options.style_diff3(true).simplify_alnum(true);
    options.ancestor_label(labels.base.as_str()).our_label(labels.ours.as_str()).their_label(labels.theirs.as_str());
    let merged = repository.merge_file_from_index(&entry(base)?, &entry(ours)?, &entry(theirs)?, Some(&mut options))?;
    let clean = merged.is_automergeable();
    let mut text = merged.content().to_vec();
    if !clean && (base.is_empty() || ours.is_empty() || theirs.is_empty()) {
        text = label(&text, ours.split_inclusive(|byte| *byte == b'\n').count(), labels);
    }
    Ok((text, clean))
}

fn entry(id: Oid) -> IndexEntry {
    let time = IndexTime::new(0, 0);
    let path = b"f".to_vec();
    IndexEntry {
        ctime: time,
        mtime: time,
        dev: 0,
        ino: 0,
        mode: 0o10_0644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path,
    }
}

/// libgit2 leaves the label of an empty side out. All of the text is one conflict then, so it is known which lines are
/// markers; others may look like them.
fn label(text: &[u8], lines_of_ours: usize, labels: &Labels) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    let last = text.split_inclusive(|byte| *byte == b'\n').count().saturating_sub(1);
    for (place, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let end = &line[bare.len()..];
        let (bare, cr) = bare.strip_suffix(b"\r").map_or((bare, &b""[..]), |bare| (bare, b"\r"));
        out.extend_from_slice(bare);
        let missing = match bare {
            b"<<<<<<<" if place == 0 => Some(&labels.ours),
            b"|||||||" if place == lines_of_ours + 1 => Some(&labels.base),
            b">>>>>>>" if place == last => Some(&labels.theirs),
            _ => None,
        };
        if let Some(label) = missing {
            out.push(b' ');
            out.extend_from_slice(label.as_bytes());
        }
        out.extend_from_slice(cr);
        out.extend_from_slice(end);
    }
    out
}

/// The hunks of a unified diff, without its head.
pub(super) fn hunks(old: &[u8], new: &[u8], context: u32) -> Result<Vec<u8>, git2::Error> {
    let mut options = DiffOptions::new();
    options.context_lines(context).force_text(true);
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options))?;
    let mut patch = patch;
    let mut out = Vec::new();
    patch.print(&mut |_, _, line| {
        match line.origin() {
            origin @ ('+' | '-' | ' ') => {
                out.push(origin as u8);
                out.extend_from_slice(line.content());
            }
            'F' => {}
            _ => out.extend_from_slice(line.content()),
        }
        true
    })?;
    Ok(out)
}
