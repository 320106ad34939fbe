//! What stands in the files: each is taken for what it is, and its text read once for all rules that look into texts.

mod kind;
mod scan;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::finding::{Finding, Severity, line_of};
use super::fix::places;
use super::rules::id;
use super::texts::{text_of, walk};
use crate::model::content::{ContentFile, is_lfs_pointer};
use crate::model::manifest::MANIFEST_FILE;

/// Of one rule, a file gives this many findings; the last says how many more there are.
const MAX_ALIKE: usize = 10;

/// Something that a rule found in a text.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    /// The rule.
    pub(super) rule: &'static str,
    /// Where: in a piece while it is read, then in the file.
    pub(super) range: Range<usize>,
    /// What is wrong, as a sentence without its subject. It never holds what stands there.
    pub(super) message: Cow<'static, str>,
    /// Where it is less grave than its rule.
    pub(super) severity: Option<Severity>,
    pointer: Option<String>,
}

impl Hit {
    /// A hit with the rule's own severity.
    pub(super) fn new(rule: &'static str, range: Range<usize>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { rule, range, message: message.into(), severity: None, pointer: None }
    }
}

/// Checks the content of all files.
///
/// Names of fields for personal data matter only in a component that says it has none.
pub(super) fn check(files: &[ContentFile], no_personal_data: bool, findings: &mut Vec<Finding>) {
    for file in files.iter().filter(|file| !is_lfs_pointer(&file.bytes)) {
        let path = file.path.as_str();
        findings.extend(kind::by_name(path));
        findings.extend(kind::left_beside(path));
        findings.extend(in_name(path));
        match text_of(&file.bytes) {
            Some(text) => {
                findings.extend(kind::conflict(path, &text));
                findings.extend(of_text(path, &text, no_personal_data));
            }
            None => findings.push(kind::unreadable(path, &file.bytes)),
        }
    }
}

/// A name can give a person away, too. The finding leaves it out, since it would repeat it.
fn in_name(path: &str) -> Option<Finding> {
    let mut found = None;
    walk("name.txt", path, &mut |piece| {
        scan::piece(path, piece, &mut |hit| {
            if matches!(hit.rule, id::PERSONAL_IDENTITY_NUMBER | id::PERSONAL_EMAIL) {
                let what = hit.message.trim_start_matches("holds ").to_owned();
                found = Some(Finding::new(hit.rule, format!("the name of a file or directory holds {what}")));
            }
        });
    });
    found
}

/// What of the new lines of a small file must not be published: a note in a record, a reason, an address. Its other lines
/// are published already.
pub(super) fn of_new_lines(path: &str, before: Option<&[u8]>, after: &[u8]) -> Vec<Finding> {
    let (Some(after), before) = (text_of(after), before.and_then(text_of).unwrap_or_default()) else { return Vec::new() };
    let known: BTreeSet<_> = before.lines().collect();
    let is_new =
        |finding: &Finding| finding.line.and_then(|line| after.lines().nth(line as usize - 1)).is_none_or(|line| !known.contains(line));
    let mut findings = of_text(path, &after, false);
    findings.retain(|finding| finding.severity == Severity::Error && is_new(finding));
    findings
}

fn of_text(path: &str, text: &str, no_personal_data: bool) -> Vec<Finding> {
    let mut hits: Vec<Hit> = Vec::new();
    walk(path, text, &mut |piece| {
        scan::piece(path, piece, &mut |mut hit: Hit| {
            hit.range = piece.outermost(&hit.range);
            hit.pointer = piece.pointer();
            hits.push(hit);
        });
    });
    hits.retain(|hit| hit.rule != id::PERSONAL_DATA || (no_personal_data && path != MANIFEST_FILE));
    if hits.is_empty() {
        return Vec::new();
    }
    said_once(&mut hits);
    let alike = |hit: &Hit| (hit.rule, hit.severity);
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for hit in &hits {
        *counts.entry(alike(hit)).or_default() += 1;
    }
    let mut said: BTreeMap<_, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    for hit in &hits {
        let number = said.entry(alike(hit)).or_default();
        *number += 1;
        let more = counts[&alike(hit)].saturating_sub(MAX_ALIKE);
        match *number {
            MAX_ALIKE if more > 0 => findings.push(finding(path, text, hit, Some(more))),
            1..=MAX_ALIKE => findings.push(finding(path, text, hit, None)),
            _ => {}
        }
    }
    tell_fix(text, &mut findings);
    findings
}

/// Names `--fix` where it would do something, and nowhere else.
fn tell_fix(text: &str, findings: &mut [Finding]) {
    let is_modifier = |finding: &Finding| {
        finding.rule == id::PERSONAL_EMAIL && finding.pointer.as_deref().is_some_and(|pointer| pointer.ends_with("/Modifier"))
    };
    if !findings.iter().any(is_modifier) {
        return;
    }
    let places = places(text);
    for finding in findings.iter_mut().filter(|finding| is_modifier(finding)) {
        if places.iter().any(|place| Some(place) == finding.pointer.as_ref()) {
            "`forum check --fix` empties it; an import needs the key, and no name in it".clone_into(&mut finding.help);
        }
    }
}

fn finding(path: &str, text: &str, hit: &Hit, more: Option<usize>) -> Finding {
    let more = more.map(|more| format!("; {more} more like it stand in the file")).unwrap_or_default();
    let line = line_of(text.as_bytes(), hit.range.start);
    let finding = Finding::new(hit.rule, format!("{}{more}", hit.message)).at(path).line(Some(line)).pointer(hit.pointer.clone());
    match hit.severity {
        Some(severity) => finding.severity(severity),
        None => finding,
    }
}

/// Which of two rules says it where both found the same: the one that stands first.
const PRECEDENCE: &[&[&str]] = &[
    // A server in a UNC path or in an address of a person is said with it.
    &[id::UNC_PATH, id::PERSONAL_EMAIL, id::POSSIBLE_EMAIL, id::INTERNAL_HOST],
    &[id::PERSONAL_IDENTITY_NUMBER, id::TEST_IDENTITY_NUMBER, id::POSSIBLE_IDENTITY_NUMBER],
    &[id::SECRET_PRIVATE_KEY, id::SECRET_WEBHOOK, id::SECRET_TOKEN, id::SECRET_PASSWORD, id::SECRET_SUSPECT],
];

/// Leaves one hit where several rules, or several readings of one text, found the same.
fn said_once(hits: &mut Vec<Hit>) {
    let rank = |hit: &Hit| {
        let found =
            PRECEDENCE.iter().enumerate().find_map(|(family, rules)| Some((family, rules.iter().position(|rule| *rule == hit.rule)?)));
        found.unwrap_or((usize::MAX, 0))
    };
    let family = |hit: &Hit| match rank(hit) {
        (usize::MAX, _) => hit.rule,
        (family, _) => PRECEDENCE[family][0],
    };
    hits.sort_by(|a, b| {
        (family(a), a.range.start, rank(a).1, b.pointer.as_ref().map(String::len)).cmp(&(
            family(b),
            b.range.start,
            rank(b).1,
            a.pointer.as_ref().map(String::len),
        ))
    });
    let mut kept: Vec<Hit> = Vec::new();
    for hit in hits.drain(..) {
        match kept.last_mut() {
            Some(last) if family(last) == family(&hit) && hit.range.start < last.range.end => {
                let end = last.range.end.max(hit.range.end);
                if rank(&hit).1 < rank(last).1 {
                    *last = hit;
                }
                last.range.end = end;
            }
            _ => kept.push(hit),
        }
    }
    kept.sort_by_key(|hit| hit.range.start);
    *hits = kept;
}
