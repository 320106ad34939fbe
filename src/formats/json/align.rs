//! Which value of one document is which of another: what differences and merges of JSON stand on.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::{Document, Kind, Member, NodeId};

/// A value in its document.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) document: &'a Document,
    pub(super) node: NodeId,
}

/// A member of an object, or an element of an array.
pub(super) struct Entry<'a> {
    /// By what it is known: its key, or what identifies it.
    pub(super) key: String,
    pub(super) value: View<'a>,
    /// Its bytes, the key of a member included.
    pub(super) body: Range<usize>,
}

/// The member that identifies the elements of an array. Texts and numbers do not identify themselves: `[0, 10]` that
/// became `[0, 20]` here and `[0, 30]` there is a conflict, and not three numbers.
pub(super) struct Identity(String);

/// Members that name what they stand in, the likeliest first. Any other one that ends like an id may do as well.
const NAMES: [&str; 14] =
    ["id", "Id", "ID", "guid", "Guid", "GUID", "uuid", "elementId", "ElementId", "key", "Key", "name", "Name", "code"];

impl<'a> View<'a> {
    pub(super) fn root(document: &'a Document) -> Self {
        Self { document, node: document.root() }
    }

    pub(super) fn at(self, node: NodeId) -> Self {
        Self { node, ..self }
    }

    pub(super) fn kind(self) -> Kind {
        self.document.kind(self.node)
    }

    pub(super) fn token(self) -> &'a str {
        self.document.token(self.node)
    }

    pub(super) fn span(self) -> Range<usize> {
        self.document.span(self.node)
    }

    pub(super) fn elements(self) -> impl ExactSizeIterator<Item = View<'a>> {
        self.document.elements(self.node).iter().map(move |node| self.at(*node))
    }

    pub(super) fn text(self) -> Option<String> {
        self.document.string(self.node).map(super::Decoded::into_text)
    }

    /// A text or number by which something may be known.
    fn name(self) -> Option<String> {
        match self.kind() {
            Kind::String => self.text().filter(|text| !text.is_empty()).map(|text| format!("\"{text}")),
            Kind::Number => Some(self.token().to_owned()),
            _ => None,
        }
    }

    /// The members of an object.
    pub(super) fn members(self) -> Vec<Entry<'a>> {
        let members = self.document.members(self.node).iter();
        let entry = |member: &super::Member| {
            let value = self.at(member.value);
            Entry { key: member.key.clone(), value, body: member.key_span.start..value.span().end }
        };
        members.map(entry).collect()
    }

    /// The elements of an array, under the keys that `identity` gives them, else under their places.
    pub(super) fn entries(self, identity: Option<&Identity>) -> Vec<Entry<'a>> {
        let key = |(place, value): (usize, View<'a>)| {
            let member = identity.and_then(|Identity(name)| value.document.get(value.node, name));
            let key = member.and_then(|node| value.at(node).name());
            Entry { key: key.unwrap_or_else(|| place.to_string()), value, body: value.span() }
        };
        self.elements().enumerate().map(key).collect()
    }

    /// Whether two values say the same. Numbers count as written; white space, escapes and the order of members do not,
    /// also in documents that stand in strings.
    pub(super) fn same(self, other: Self) -> bool {
        if self.token() == other.token() {
            return true;
        }
        match (self.kind(), other.kind()) {
            (Kind::String, Kind::String) => {
                let (mine, theirs) = (self.text().unwrap_or_default(), other.text().unwrap_or_default());
                let documents = || document_in(&mine).zip(document_in(&theirs));
                mine == theirs || documents().is_some_and(|(mine, theirs)| View::root(&mine).same(View::root(&theirs)))
            }
            (Kind::Array, Kind::Array) => {
                let (mine, theirs) = (self.elements(), other.elements());
                mine.len() == theirs.len() && mine.zip(theirs).all(|(a, b)| a.same(b))
            }
            (Kind::Object, Kind::Object) => {
                let (mine, theirs) = (self.document.members(self.node), other.document.members(other.node));
                let alike = |a: &Member, b: &Member| self.at(a.value).same(other.at(b.value));
                if mine.iter().map(|member| &member.key).eq(theirs.iter().map(|member| &member.key)) {
                    return mine.iter().zip(theirs).all(|(a, b)| alike(a, b));
                }
                let by_key: HashMap<_, _> = theirs.iter().map(|member| (&member.key, member)).collect();
                mine.len() == theirs.len() && mine.iter().all(|member| by_key.get(&member.key).is_some_and(|found| alike(member, found)))
            }
            _ => false,
        }
    }
}

/// What identifies the elements of all these arrays, if anything does.
pub(super) fn identity(arrays: &[View<'_>]) -> Option<Identity> {
    let names = |name: &dyn Fn(View<'_>) -> Option<String>| {
        arrays.iter().all(|array| {
            let mut seen = BTreeSet::new();
            array.elements().all(|element| name(element).is_some_and(|name| seen.insert(name)))
        })
    };
    let first = arrays.iter().find_map(|array| array.elements().next())?;
    let members = first.document.members(first.node);
    let ends = |key: &&str| ["Id", "_id", "-id", "Guid", "Uuid"].iter().any(|end| key.ends_with(end));
    let known = NAMES.iter().copied().filter(|name| members.iter().any(|member| member.key == *name));
    let others = members.iter().map(|member| member.key.as_str()).filter(ends);
    let member = |element: View<'_>, key: &str| element.document.get(element.node, key).and_then(|node| element.at(node).name());
    known.chain(others).find(|key| names(&|element| member(element, key))).map(|key| Identity(key.to_owned()))
}

/// The document in a string, where it holds an object or array.
pub(super) fn document_in(text: &str) -> Option<Document> {
    let begins = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    begins.then(|| Document::parse(text.as_bytes()).ok()).flatten()
}

/// The longest common run of two lists, as pairs of places. `None` where that would take too long.
pub(super) fn common(a: &[String], b: &[String]) -> Option<Vec<(usize, usize)>> {
    const MOST: usize = 4_000_000;
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let end = a[start..].iter().rev().zip(b[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (mine, theirs) = (&a[start..a.len() - end], &b[start..b.len() - end]);
    if mine.len().saturating_mul(theirs.len()) > MOST {
        return None;
    }
    let width = theirs.len() + 1;
    let mut lengths = vec![0_u32; (mine.len() + 1) * width];
    for i in (0..mine.len()).rev() {
        for j in (0..theirs.len()).rev() {
            lengths[i * width + j] = if mine[i] == theirs[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let mut pairs: Vec<_> = (0..start).map(|at| (at, at)).collect();
    let (mut i, mut j) = (0, 0);
    while i < mine.len() && j < theirs.len() {
        if mine[i] == theirs[j] {
            pairs.push((start + i, start + j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs.extend((0..end).rev().map(|back| (a.len() - 1 - back, b.len() - 1 - back)));
    Some(pairs)
}

/// The same text for values that are the same.
pub(super) fn canonical(value: View<'_>) -> String {
    match value.kind() {
        Kind::String => {
            let text = value.text().unwrap_or_default();
            document_in(&text).map_or_else(|| super::quote(&text), |document| format!("!{}", canonical(View::root(&document))))
        }
        Kind::Array => format!("[{}]", value.elements().map(canonical).collect::<Vec<_>>().join(",")),
        Kind::Object => {
            let mut members: Vec<_> =
                value.members().iter().map(|member| format!("{}:{}", super::quote(&member.key), canonical(member.value))).collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        _ => value.token().to_owned(),
    }
}
