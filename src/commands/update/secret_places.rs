//! Secrets in an update: a report on a conflict leaves them out, for a person shows it to others; and where the newer
//! version has one in a further file, somebody must fill it in.

use anyhow::Result;

use super::combine::Combined;
use super::edition::Edition;
use super::sides::{Sides, Source, Trio};
use crate::commands::prepared::applied;
use crate::formats::json::quote;
use crate::formats::merge::Disagreement;
use crate::model::path::RelPath;
use crate::model::variables::Variable;

/// What stands for a value that is not said.
const HIDDEN: &str = "(secret)";

/// The sides that were published, with the path of a file there.
fn published<'s>(sides: &'s Sides<'_>, trio: &'s Trio) -> impl Iterator<Item = (&'s Edition<'s>, &'s RelPath)> {
    let base = sides.base.as_ref().zip(trio.base.as_ref());
    base.into_iter().chain(trio.theirs.as_ref().map(|path| (&sides.theirs, path)))
}

/// The secret variables that go into a file.
fn secrets<'s>(edition: &'s Edition<'_>, file: &'s RelPath) -> impl Iterator<Item = (&'s String, &'s Variable)> {
    edition.manifest.variables.iter().filter(move |(_, variable)| variable.is_secret() && variable.files().any(|one| one == file))
}

/// Whether some secret goes into a file.
pub(super) fn holds_secrets(sides: &Sides<'_>, trio: &Trio) -> bool {
    published(sides, trio).any(|(edition, path)| secrets(edition, path).next().is_some())
}

/// The places of a report, without what stands at those of secrets.
pub(super) fn without_secrets(sides: &Sides<'_>, trio: &Trio, mut places: Vec<Disagreement>) -> Vec<Disagreement> {
    let (mut texts, mut pointers, mut unknown) = (Vec::new(), Vec::new(), false);
    for (edition, path) in published(sides, trio) {
        for (name, variable) in secrets(edition, path) {
            let answer = edition.answers.get(name).map(ToString::to_string);
            unknown |= answer.is_none() && variable.replace.iter().any(|one| one.file == *path);
            texts.extend(variable.replace.iter().map(|one| one.text.clone()));
            texts.extend(answer.iter().map(|answer| quote(answer).trim_matches('"').to_owned()));
            texts.extend(answer);
            pointers.extend(variable.bind.iter().filter(|one| one.file == *path).map(|one| segments(&one.pointer)));
        }
    }
    texts.retain(|text| !text.is_empty());
    for place in &mut places {
        let at = segments(&place.pointer);
        let bound = pointers.iter().any(|pointer| pointer.starts_with(&at) || at.starts_with(pointer));
        let values = [&mut place.base, &mut place.ours, &mut place.theirs];
        let said = |value: &Option<String>| value.as_ref().is_some_and(|value| texts.iter().any(|text| value.contains(text.as_str())));
        // Where an answer is not known, it could be anything that stands here.
        if unknown || bound || values.iter().any(|value| said(value)) {
            values.into_iter().flatten().for_each(|value| HIDDEN.clone_into(value));
        }
    }
    places
}

/// Secrets that no answer is known to, and the files in which what was published comes in their place.
pub(super) fn not_filled_in(sides: &Sides<'_>, combined: &Combined) -> Result<Vec<(String, RelPath)>> {
    let mut found = Vec::new();
    // Where a person must choose, both are there to be seen.
    let waits = |path: &RelPath| combined.open.iter().any(|open| open.path == *path || open.beside.as_ref() == Some(path));
    for write in combined.writes.iter().filter(|write| !waits(&write.path)) {
        let Some(file) = &write.trio.theirs else { continue };
        let answers = applied(&sides.theirs.manifest, &sides.theirs.answers);
        for (name, variable) in secrets(&sides.theirs, file).filter(|(name, _)| !answers.contains_key(*name)) {
            let comes = match &write.source {
                Source::Theirs => true,
                Source::Ours | Source::Report(_) => false,
                merged @ Source::Merged(_) => {
                    let bytes = sides.written(&write.trio, merged)?;
                    variable.replace.iter().any(|one| memchr::memmem::find(&bytes, one.text.as_bytes()).is_some())
                }
            };
            found.extend(comes.then(|| (name.clone(), write.path.clone())));
        }
    }
    Ok(found)
}

/// The segments of a pointer. Whether it enters a string is no difference, and one element of a list is as good as another:
/// those of here may have moved.
fn segments(pointer: &str) -> Vec<&str> {
    let any = |segment: &str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    pointer.split('/').map(|segment| segment.trim_end_matches('!')).map(|segment| if any(segment) { "0" } else { segment }).collect()
}
