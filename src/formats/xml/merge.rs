//! Merging XML by its elements: each known by its name and what identifies it, attribute by attribute.
//!
//! As in JSON, only what changes is written into our text, and ours stays where both sides disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Element, Xml};
use crate::formats::merge::Disagreement;

/// Attributes that name their element, the likeliest first.
const NAMES: [&str; 6] = ["id", "Id", "bpmnElement", "key", "Key", "name"];

/// A range of our text and what comes in its place, for each change; and where both sides disagree.
pub(crate) struct MergedXml {
    pub(crate) edits: Vec<(Range<usize>, String)>,
    pub(crate) disagreements: Vec<Disagreement>,
}

impl MergedXml {
    /// Our text with the changes; `None` where they make no document of it.
    pub(crate) fn apply(&self, ours: &str) -> Option<String> {
        let mut edits: Vec<_> = self.edits.iter().collect();
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let (mut out, mut at) = (String::new(), 0);
        for (range, text) in edits {
            out += ours.get(at..range.start)?;
            out += text;
            at = range.end;
        }
        out += ours.get(at..)?;
        Xml::parse(&out).map(|_| out)
    }
}

/// Merges three documents; pointers begin with `pointer`. `None` where one of them is no document.
pub(crate) fn merge(base: &str, ours: &str, theirs: &str, pointer: &str) -> Option<MergedXml> {
    let (base, ours, theirs) = (Xml::parse(base)?, Xml::parse(ours)?, Xml::parse(theirs)?);
    if base.root.name != ours.root.name || ours.root.name != theirs.root.name {
        return None;
    }
    let around = |xml: &Xml| format!("{}{}", &xml.text[..xml.root.span.start], &xml.text[xml.root.span.end..]);
    if around(&base) != around(&theirs) && around(&ours) != around(&theirs) {
        return None;
    }
    let mut merge = Merge { texts: [&base.text, &ours.text, &theirs.text], edits: Vec::new(), disagreements: Vec::new() };
    merge.element([&base.root, &ours.root, &theirs.root], &format!("{pointer}/{}", ours.root.name));
    Some(MergedXml { edits: merge.edits, disagreements: merge.disagreements })
}

struct Merge<'a> {
    texts: [&'a str; 3],
    edits: Vec<(Range<usize>, String)>,
    disagreements: Vec<Disagreement>,
}

const BASE: usize = 0;
const OURS: usize = 1;
const THEIRS: usize = 2;

/// Children by what they are known by; `None` where two are known by the same.
fn keyed(text: &str, element: &Element) -> Option<BTreeMap<String, usize>> {
    let mut keys = BTreeMap::new();
    let mut nameless: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, child) in element.children.iter().enumerate() {
        let named = NAMES.iter().find_map(|name| child.attributes.iter().find(|attribute| attribute.name == *name));
        let key = match named {
            Some(attribute) => format!("{}[{}={}]", child.name, attribute.name, &text[attribute.value.clone()]),
            None => {
                let number = nameless.entry(&child.name).or_default();
                *number += 1;
                format!("{}[{number}]", child.name)
            }
        };
        if keys.insert(key, place).is_some() {
            return None;
        }
    }
    Some(keys)
}

/// Whether elements that nothing names are as many on all sides, so that their places say which is which.
fn counts_agree(keys: &[BTreeMap<String, usize>; 3]) -> bool {
    let nameless = |keys: &BTreeMap<String, usize>| keys.keys().filter(|key| !key.contains('=')).cloned().collect::<Vec<_>>();
    nameless(&keys[BASE]) == nameless(&keys[OURS]) && nameless(&keys[OURS]) == nameless(&keys[THEIRS])
}

impl Merge<'_> {
    fn text(&self, side: usize, range: &Range<usize>) -> &str {
        &self.texts[side][range.clone()]
    }

    fn disagree(&mut self, pointer: String, ranges: [Option<&Range<usize>>; 3]) {
        let [base, ours, theirs] = [BASE, OURS, THEIRS].map(|side| ranges[side].map(|range| self.text(side, range).to_owned()));
        self.disagreements.push(Disagreement { pointer, base, ours, theirs });
    }

    fn element(&mut self, sides: [&Element; 3], pointer: &str) {
        let texts = [BASE, OURS, THEIRS].map(|side| self.text(side, &sides[side].span).to_owned());
        if texts[OURS] == texts[THEIRS] || texts[BASE] == texts[THEIRS] {
            return;
        }
        if texts[BASE] == texts[OURS] {
            let theirs = texts[THEIRS].clone();
            return self.edits.push((sides[OURS].span.clone(), theirs));
        }
        self.attributes(sides, pointer);
        self.content(sides, pointer);
    }

    fn attributes(&mut self, sides: [&Element; 3], pointer: &str) {
        let names: BTreeSet<&str> = sides.iter().flat_map(|side| &side.attributes).map(|attribute| attribute.name.as_str()).collect();
        for name in names {
            let found = sides.map(|side| side.attributes.iter().find(|attribute| attribute.name == name));
            let values = [BASE, OURS, THEIRS].map(|side| found[side].map(|attribute| self.text(side, &attribute.value).to_owned()));
            if values[OURS] == values[THEIRS] || values[BASE] == values[THEIRS] {
                continue;
            }
            if values[BASE] != values[OURS] {
                self.disagree(format!("{pointer}/@{name}"), found.map(|attribute| attribute.map(|attribute| &attribute.value)));
                continue;
            }
            let whole = found[THEIRS].map(|attribute| self.text(THEIRS, &attribute.whole).to_owned()).unwrap_or_default();
            let range = found[OURS].map_or(sides[OURS].attributes_end..sides[OURS].attributes_end, |attribute| attribute.whole.clone());
            self.edits.push((range, whole));
        }
    }

    fn content(&mut self, sides: [&Element; 3], pointer: &str) {
        let inside = [BASE, OURS, THEIRS].map(|side| sides[side].inside.as_ref().map(|range| self.text(side, range).to_owned()));
        if inside[OURS] == inside[THEIRS] || inside[BASE] == inside[THEIRS] {
            return;
        }
        let ours = sides[OURS];
        if inside[BASE] == inside[OURS] {
            let range = ours.inside.clone().unwrap_or(ours.attributes_end..ours.span.end);
            let text = match (&ours.inside, &inside[THEIRS]) {
                (Some(_), text) => text.clone().unwrap_or_default(),
                (None, Some(text)) => format!(">{text}</{}>", ours.name),
                (None, None) => return,
            };
            return self.edits.push((range, text));
        }
        let keys = [BASE, OURS, THEIRS].map(|side| keyed(self.texts[side], sides[side]));
        let [Some(base), Some(mine), Some(other)] = keys else { return self.disagree_inside(sides, pointer) };
        let keys = [base, mine, other];
        let mixed = sides.iter().any(|side| side.has_text) || ours.inside.is_none();
        if mixed || !counts_agree(&keys) || self.is_reordered(sides, &keys) {
            return self.disagree_inside(sides, pointer);
        }
        self.children(sides, &keys, pointer);
    }

    fn disagree_inside(&mut self, sides: [&Element; 3], pointer: &str) {
        self.disagree(pointer.to_owned(), sides.map(|side| side.inside.as_ref()));
    }

    /// Whether the newer version has the common children in another order than both we and the base.
    fn is_reordered(&self, sides: [&Element; 3], keys: &[BTreeMap<String, usize>; 3]) -> bool {
        let order = |side: usize| {
            let mut common: Vec<_> = keys[side].iter().filter(|(key, _)| keys.iter().all(|keys| keys.contains_key(*key))).collect();
            common.sort_by_key(|(_, place)| **place);
            common.into_iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()
        };
        debug_assert!(sides[OURS].children.len() == keys[OURS].len() && !self.texts.is_empty());
        order(THEIRS) != order(BASE) && order(THEIRS) != order(OURS)
    }

    fn children(&mut self, sides: [&Element; 3], keys: &[BTreeMap<String, usize>; 3], pointer: &str) {
        let child = |side: usize, key: &String| keys[side].get(key).map(|place| &sides[side].children[*place]);
        let mut gone = BTreeSet::new();
        for (key, place) in &keys[OURS] {
            let at = format!("{pointer}/{key}");
            let mine = &sides[OURS].children[*place];
            match (child(BASE, key), child(THEIRS, key)) {
                (Some(was), Some(other)) => self.element([was, mine, other], &at),
                (Some(was), None) if self.text(BASE, &was.span) == self.text(OURS, &mine.span) => {
                    gone.insert(*place);
                    let start = place
                        .checked_sub(1)
                        .map_or(sides[OURS].inside.clone().unwrap_or_default().start, |before| sides[OURS].children[before].span.end);
                    self.edits.push((start..mine.span.end, String::new()));
                }
                (Some(was), None) => self.disagree(at, [Some(&was.span), Some(&mine.span), None]),
                (None, Some(other)) if self.text(THEIRS, &other.span) != self.text(OURS, &mine.span) => {
                    self.disagree(at, [None, Some(&mine.span), Some(&other.span)]);
                }
                (None, _) => {}
            }
        }
        let mut places: Vec<_> = keys[THEIRS].iter().collect();
        places.sort_by_key(|(_, place)| **place);
        let mut anchor = sides[OURS].inside.clone().unwrap_or_default().start;
        for (key, place) in places {
            let other = &sides[THEIRS].children[*place];
            match (child(OURS, key), child(BASE, key)) {
                (Some(mine), _) => anchor = mine.span.end,
                (None, None) => {
                    let from = place
                        .checked_sub(1)
                        .map_or(sides[THEIRS].inside.clone().unwrap_or_default().start, |before| sides[THEIRS].children[before].span.end);
                    let text = self.text(THEIRS, &(from..other.span.end)).to_owned();
                    self.edits.push((anchor..anchor, text));
                }
                (None, Some(was)) if self.text(BASE, &was.span) == self.text(THEIRS, &other.span) => {}
                (None, Some(was)) => self.disagree(format!("{pointer}/{key}"), [Some(&was.span), None, Some(&other.span)]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str) -> (String, Vec<String>) {
        let merged = merge(base, ours, theirs, "!").expect("XML");
        let text = merged.apply(ours).expect("XML");
        (text, merged.disagreements.into_iter().map(|one| one.pointer).collect())
    }

    #[test]
    fn elements_and_attributes_come_together() {
        let base = "<p>\n <t id=\"1\" n=\"a\"/>\n <t id=\"2\"><x/></t>\n <t id=\"3\"/>\n</p>";
        let ours = "<p>\n <t id=\"1\" n=\"b\"/>\n <t id=\"0\"/>\n <t id=\"2\"><x/></t>\n <t id=\"3\"/>\n</p>";
        let theirs = "<p>\n <t id=\"1\" n=\"a\" m='c'/>\n <t id=\"2\"><x>text</x></t>\n <t id=\"4\"/>\n</p>";
        let want = "<p>\n <t id=\"1\" n=\"b\" m='c'/>\n <t id=\"0\"/>\n <t id=\"2\"><x>text</x></t>\n <t id=\"4\"/>\n</p>";
        assert_eq!(merged(base, ours, theirs), (want.to_owned(), Vec::new()));
    }

    #[test]
    fn ours_stays_where_both_disagree() {
        for (base, ours, theirs, pointer) in [
            ("<p><t id='1' n='a'/></p>", "<p><t id='1' n='b'/></p>", "<p><t id='1' n='c'/></p>", "!/p/t[id=1]/@n"),
            ("<p><t id='1'/></p>", "<p><t id='1' n='b'/></p>", "<p></p>", "!/p/t[id=1]"),
            ("<p><t id='1' n='a'/></p>", "<p></p>", "<p><t id='1' n='c'/></p>", "!/p/t[id=1]"),
            ("<p>a</p>", "<p>b</p>", "<p>c</p>", "!/p"),
            ("<p><t/></p>", "<p><t/><t/></p>", "<p><t/><t/><t/></p>", "!/p"),
            ("<p><t id='1'/><t id='2'/></p>", "<p><t id='1' n='b'/><t id='2'/></p>", "<p><t id='2'/><t id='1'/></p>", "!/p"),
        ] {
            assert_eq!(merged(base, ours, theirs), (ours.to_owned(), vec![pointer.to_owned()]), "{base}");
        }
        assert!(merge("<p/>", "<q/>", "<p/>", "").is_none());
    }
}
