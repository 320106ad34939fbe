//! Merging JSON by what it says: members by key, elements by what identifies them, documents in strings likewise.
//!
//! Only tokens that change are spliced into our text; every other byte stays. Where both sides changed one value, ours
//! stays in place, the text stays valid, and the disagreement is reported.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use super::align::{Entry, View, canonical, common, document_in, identity};
use super::splice::{Edit, Layout, apply};
use super::{Document, Kind, embed, quote, segment};
use crate::formats::merge::Disagreement;
use crate::formats::text::{self, Ends, Labels, MergedText};
use crate::formats::xml::merge as xml;

/// What came of a merge: our text with theirs in it, and where both disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedJson {
    /// Valid JSON.
    pub text: Vec<u8>,
    /// Empty where both changes stand in it.
    pub disagreements: Vec<Disagreement>,
}

/// Merges three documents. `None` where one of them is no JSON object or array.
#[must_use]
pub fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<MergedJson> {
    let parse = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(document_in);
    let (base, ours, theirs) = (parse(base)?, parse(ours)?, parse(theirs)?);
    let mut merge = Merge::default();
    merge.value(Some(View::root(&base)), View::root(&ours), View::root(&theirs), "");
    if Ends::of(ours.text().as_bytes()) == Ends::Crlf {
        for edit in &mut merge.edits {
            edit.text = edit.text.replace("\r\n", "\n").replace('\n', "\r\n");
        }
    }
    let text = apply(ours.text(), merge.edits)?;
    Document::parse(text.as_bytes()).ok()?;
    Some(MergedJson { text: text.into_bytes(), disagreements: merge.disagreements })
}

/// The edits of one text, and what could not be decided.
#[derive(Default)]
struct Merge {
    edits: Vec<Edit>,
    disagreements: Vec<Disagreement>,
}

type Keyed<'a> = BTreeMap<String, (usize, View<'a>)>;

fn keyed<'a>(entries: &[Entry<'a>]) -> Keyed<'a> {
    entries.iter().enumerate().map(|(place, entry)| (entry.key.clone(), (place, entry.value))).collect()
}

/// The entries of a container on the three sides.
struct Sides<'a> {
    base: Vec<Entry<'a>>,
    ours: Vec<Entry<'a>>,
    theirs: Vec<Entry<'a>>,
}

impl Merge {
    fn disagree(&mut self, pointer: &str, base: Option<View<'_>>, ours: Option<View<'_>>, theirs: Option<View<'_>>) {
        let token = |view: Option<View<'_>>| view.map(|view| view.token().to_owned());
        let (base, ours, theirs) = (token(base), token(ours), token(theirs));
        self.disagreements.push(Disagreement { pointer: pointer.to_owned(), base, ours, theirs });
    }

    fn replace(&mut self, ours: View<'_>, text: &str) {
        self.edits.push(Edit { range: ours.span(), text: text.to_owned() });
    }

    fn value(&mut self, base: Option<View<'_>>, ours: View<'_>, theirs: View<'_>, pointer: &str) {
        if ours.same(theirs) || base.is_some_and(|base| base.same(theirs)) {
            return;
        }
        if base.is_some_and(|base| base.token() == ours.token()) {
            return self.replace(ours, theirs.token());
        }
        match (base, ours.kind(), theirs.kind()) {
            (None, Kind::Object, Kind::Object) => self.objects(None, ours, theirs, pointer),
            (Some(base), Kind::Object, Kind::Object) if base.kind() == Kind::Object => self.objects(Some(base), ours, theirs, pointer),
            (Some(base), Kind::Array, Kind::Array) if base.kind() == Kind::Array => self.arrays(base, ours, theirs, pointer),
            (Some(base), Kind::String, Kind::String) if base.kind() == Kind::String => self.strings(base, ours, theirs, pointer),
            (Some(base), ..) if base.same(ours) => self.replace(ours, theirs.token()),
            _ => self.disagree(pointer, base, Some(ours), Some(theirs)),
        }
    }

    fn objects(&mut self, base: Option<View<'_>>, ours: View<'_>, theirs: View<'_>, pointer: &str) {
        let sides = Sides { base: base.map(View::members).unwrap_or_default(), ours: ours.members(), theirs: theirs.members() };
        let at = |key: &str, _: usize| format!("{pointer}{}", segment(key));
        self.entries(&sides, (ours, theirs), &at);
    }

    fn arrays(&mut self, base: View<'_>, ours: View<'_>, theirs: View<'_>, pointer: &str) {
        let Some(identity) = identity(&[base, ours, theirs]) else { return self.sequence(base, ours, theirs, pointer) };
        let [was, mine, other] = [base, ours, theirs].map(|array| array.entries(Some(&identity)));
        let keys = [&was, &mine, &other].map(|entries| entries.iter().map(|entry| entry.key.as_str()).collect::<HashSet<_>>());
        let order = |entries: &[Entry<'_>]| -> Vec<String> {
            let everywhere = entries.iter().filter(|entry| keys.iter().all(|keys| keys.contains(entry.key.as_str())));
            everywhere.map(|entry| entry.key.clone()).collect()
        };
        let (old, here, there) = (order(&was), order(&mine), order(&other));
        if there != old && there != here {
            // The newer version has another order. Taking it over would move what we changed: a person decides.
            if here != old || !base.same(ours) {
                return self.disagree(pointer, Some(base), Some(ours), Some(theirs));
            }
            return self.replace(ours, theirs.token());
        }
        let at = |_: &str, place: usize| format!("{pointer}/{place}");
        self.entries(&Sides { base: was, ours: mine, theirs: other }, (ours, theirs), &at);
    }

    /// What is known by its key on all sides.
    fn entries(&mut self, sides: &Sides<'_>, (ours, theirs): (View<'_>, View<'_>), at: &dyn Fn(&str, usize) -> String) {
        let (base, mine, other) = (keyed(&sides.base), keyed(&sides.ours), keyed(&sides.theirs));
        let mut deleted = BTreeSet::new();
        for (place, entry) in sides.ours.iter().enumerate() {
            let was = base.get(&entry.key).map(|(_, value)| *value);
            match (was, other.get(&entry.key)) {
                (was, Some((_, theirs))) => self.value(was, entry.value, *theirs, &at(&entry.key, place)),
                (Some(was), None) if was.same(entry.value) => drop(deleted.insert(place)),
                (Some(was), None) => self.disagree(&at(&entry.key, place), Some(was), Some(entry.value), None),
                (None, None) => {}
            }
        }
        let mut inserted = Vec::new();
        let mut anchor = None;
        for (place, entry) in sides.theirs.iter().enumerate() {
            match (mine.get(&entry.key), base.get(&entry.key)) {
                (Some((here, _)), _) => anchor = Some(*here),
                (None, None) => inserted.push((anchor, theirs.document.text()[entry.body.clone()].to_owned())),
                (None, Some((_, was))) if was.same(entry.value) => {}
                (None, Some((_, was))) => self.disagree(&at(&entry.key, place), Some(*was), None, Some(entry.value)),
            }
        }
        self.splice((ours, &sides.ours), (theirs, &sides.theirs), &deleted, &inserted);
    }

    fn splice(
        &mut self,
        ours: (View<'_>, &[Entry<'_>]),
        theirs: (View<'_>, &[Entry<'_>]),
        deleted: &BTreeSet<usize>,
        inserted: &[(Option<usize>, String)],
    ) {
        if !deleted.is_empty() || !inserted.is_empty() {
            let (mine, other) = (Layout::of(ours.0, ours.1), Layout::of(theirs.0, theirs.1));
            self.edits.extend(mine.edits(deleted, inserted, &other));
        }
    }

    /// Elements that nothing identifies: what lies between those that all three have in common.
    fn sequence(&mut self, base: View<'_>, ours: View<'_>, theirs: View<'_>, pointer: &str) {
        let names = [base, ours, theirs].map(|array| array.elements().map(canonical).collect::<Vec<_>>());
        let [was, mine, other] = [base, ours, theirs].map(|array| array.entries(None));
        let Some(gaps) = gaps(&names) else { return self.disagree(pointer, Some(base), Some(ours), Some(theirs)) };
        let (mut deleted, mut inserted) = (BTreeSet::new(), Vec::new());
        for [in_base, in_ours, in_theirs] in gaps {
            let (old, here, there) = (&names[0][in_base.clone()], &names[1][in_ours.clone()], &names[2][in_theirs.clone()]);
            if there == old || here == there {
                continue;
            }
            if here == old {
                let bodies = other[in_theirs].iter().map(|entry| theirs.document.text()[entry.body.clone()].to_owned());
                inserted.extend(bodies.map(|body| (in_ours.start.checked_sub(1), body)));
                deleted.extend(in_ours);
            } else if old.len() == here.len() && old.len() == there.len() {
                for ((was, (place, mine)), other) in
                    was[in_base].iter().zip(mine.iter().enumerate().skip(in_ours.start)).zip(&other[in_theirs])
                {
                    self.value(Some(was.value), mine.value, other.value, &format!("{pointer}/{place}"));
                }
            } else {
                return self.disagree(pointer, Some(base), Some(ours), Some(theirs));
            }
        }
        self.splice((ours, &mine), (theirs, &other), &deleted, &inserted);
    }

    /// A string may hold a document, or lines.
    fn strings(&mut self, base: View<'_>, ours: View<'_>, theirs: View<'_>, pointer: &str) {
        let texts = [base, ours, theirs].map(|view| view.text().unwrap_or_default());
        let Some(decoded) = ours.document.string(ours.node) else { return };
        if let [Some(was), Some(mine), Some(other)] = [0, 1, 2].map(|side: usize| document_in(&texts[side])) {
            let mut inner = Self::default();
            inner.value(Some(View::root(&was)), View::root(&mine), View::root(&other), &format!("{pointer}!"));
            let outer = |edit: Edit| Edit { range: decoded.raw(&edit.range), text: embed(&edit.text, 1) };
            self.edits.extend(inner.edits.into_iter().map(outer));
            self.disagreements.extend(inner.disagreements);
            return;
        }
        let [was, mine, other] = &texts;
        if base.same(ours) {
            return self.replace(ours, theirs.token());
        }
        if let Some(inner) = xml::merge(was, mine, other, &format!("{pointer}!")).filter(|inner| inner.apply(mine).is_some()) {
            let outer = |(range, text): (Range<usize>, String)| Edit { range: decoded.raw(&range), text: embed(&text, 1) };
            self.edits.extend(inner.edits.into_iter().map(outer));
            self.disagreements.extend(inner.disagreements);
            return;
        }
        let labels = Labels { base: String::new(), ours: String::new(), theirs: String::new() };
        let lines = [was, mine, other].iter().all(|text| text.contains('\n'));
        match text::merge(was.as_bytes(), mine.as_bytes(), other.as_bytes(), &labels) {
            MergedText::Clean(merged) if lines => self.replace(ours, &quote(&String::from_utf8_lossy(&merged))),
            _ => self.disagree(pointer, Some(base), Some(ours), Some(theirs)),
        }
    }
}

/// What lies between the elements that all three lists have in common, as ranges in each. `None` where finding out would
/// take too long.
fn gaps([base, ours, theirs]: &[Vec<String>; 3]) -> Option<Vec<[Range<usize>; 3]>> {
    let to_theirs: BTreeMap<_, _> = common(base, theirs)?.into_iter().collect();
    let mut anchors: Vec<_> = common(base, ours)?.into_iter().filter_map(|(at, mine)| Some([at, mine, *to_theirs.get(&at)?])).collect();
    anchors.push([base.len(), ours.len(), theirs.len()]);
    let mut from = [0; 3];
    let gap = |anchor: [usize; 3]| {
        let gap = [from[0]..anchor[0], from[1]..anchor[1], from[2]..anchor[2]];
        from = anchor.map(|place| place + 1);
        gap
    };
    Some(anchors.into_iter().map(gap).collect())
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
