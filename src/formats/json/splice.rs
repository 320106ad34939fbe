//! Changes of a container as edits of its text: entries that go and come, and every other byte stays.

use std::collections::BTreeSet;
use std::ops::Range;

use super::align::{Entry, View};

/// A range of a text, and what comes in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Makes edits. `None` where two of them speak of the same bytes.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> Option<String> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>());
    let mut at = 0;
    for edit in edits {
        out.push_str(text.get(at..edit.range.start)?);
        out.push_str(&edit.text);
        at = edit.range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// The white space before an entry, and that before the closing bracket.
pub(super) struct Layout<'a> {
    text: &'a str,
    inside: Range<usize>,
    bodies: Vec<Range<usize>>,
}

impl<'a> Layout<'a> {
    pub(super) fn of(container: View<'a>, entries: &[Entry<'_>]) -> Self {
        let span = container.span();
        let bodies = entries.iter().map(|entry| entry.body.clone()).collect();
        Self { text: container.document.text(), inside: span.start + 1..span.end - 1, bodies }
    }

    fn lead(&self, number: usize) -> &'a str {
        let Some(body) = self.bodies.get(number) else { return "" };
        let from = number.checked_sub(1).map_or(self.inside.start, |before| self.bodies[before].end);
        // Behind the comma; there are no comments in JSON.
        let between = &self.text[from..body.start];
        between.rsplit(',').next().unwrap_or(between)
    }

    /// What stands before an entry that follows another one.
    pub(super) fn between(&self) -> &'a str {
        self.lead(usize::from(self.bodies.len() > 1))
    }

    fn trail(&self) -> &'a str {
        self.bodies.last().map_or("", |body| &self.text[body.end..self.inside.end])
    }

    /// The edits that take `deleted` entries away, and put each text of `inserted` behind the entry named, else first.
    pub(super) fn edits(&self, deleted: &BTreeSet<usize>, inserted: &[(Option<usize>, String)], new: &Layout<'_>) -> Vec<Edit> {
        let kept: Vec<usize> = (0..self.bodies.len()).filter(|number| !deleted.contains(number)).collect();
        let Some(first) = kept.first() else { return self.refill(inserted, new) };
        let mut edits = Vec::new();
        for run in runs(deleted) {
            let range = match run.start.checked_sub(1) {
                Some(before) => self.bodies[before].end..self.bodies[run.end - 1].end,
                None => self.bodies[0].start..self.bodies[run.end].start,
            };
            edits.push(Edit { range, text: String::new() });
        }
        for (anchor, body) in inserted {
            let anchor = anchor.and_then(|anchor| kept[..kept.partition_point(|number| *number <= anchor)].last());
            let (at, text) = match anchor {
                Some(anchor) => (self.bodies[*anchor].end, format!(",{}{body}", self.between())),
                None => (self.bodies[*first].start, format!("{body},{}", self.between())),
            };
            edits.push(Edit { range: at..at, text });
        }
        edits
    }

    /// Nothing stays: only what comes stands inside.
    fn refill(&self, inserted: &[(Option<usize>, String)], new: &Layout<'_>) -> Vec<Edit> {
        let like = if self.bodies.is_empty() { new } else { self };
        let (lead, between) = (like.lead(0), like.between());
        let bodies: Vec<_> = inserted.iter().map(|(_, body)| body.as_str()).collect();
        let inside = if bodies.is_empty() { String::new() } else { lead.to_owned() + &bodies.join(&format!(",{between}")) + like.trail() };
        vec![Edit { range: self.inside.clone(), text: inside }]
    }
}

/// Runs of neighbours.
fn runs(numbers: &BTreeSet<usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some(run) if run.end == number => run.end += 1,
            _ => runs.push(number..number + 1),
        }
    }
    runs
}
