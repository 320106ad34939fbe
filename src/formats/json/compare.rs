//! How two JSON documents differ, place by place.

use std::collections::HashMap;

use super::Kind;
use super::align::{Entry, View, canonical, common, document_in, identity};
use super::segment;
use crate::formats::compare::{Place, PlaceChange};

/// More places than this tell a person nothing.
const MOST: usize = 1000;
/// How much of a value is shown, in characters.
const SHOWN: usize = 60;
/// How much of it stands before the first difference.
const BEFORE: usize = 20;

/// The places that differ; `None` where one of the two is no JSON object or array.
#[must_use]
pub fn compare(old: &[u8], new: &[u8]) -> Option<Vec<Place>> {
    let parse = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(document_in);
    let (old, new) = (parse(old)?, parse(new)?);
    let mut places = Vec::new();
    value(View::root(&old), View::root(&new), "", &mut places);
    (places.len() <= MOST).then_some(places)
}

/// A value, shortened: from the character `start` on.
fn shown(token: &str, start: usize) -> String {
    let rest: String = token.chars().skip(start).take(SHOWN).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if token.chars().nth(start + SHOWN).is_some() { "…" } else { "" };
    format!("{before}{rest}{after}")
}

/// Where two values are shown from: a little before they differ, where that would be cut off otherwise.
fn start(old: &str, new: &str) -> usize {
    let alike = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count();
    let longest = old.chars().count().max(new.chars().count());
    if longest <= SHOWN || alike < SHOWN - BEFORE { 0 } else { alike - BEFORE }
}

fn place(pointer: &str, change: PlaceChange, from: Option<View<'_>>, to: Option<View<'_>>) -> Place {
    let [from, to] = [from, to].map(|view| view.map(View::token));
    let start = from.zip(to).map_or(0, |(from, to)| start(from, to));
    let shown = |token: Option<&str>| token.map(|token| shown(token, start));
    Place { pointer: pointer.to_owned(), change, from: shown(from), to: shown(to) }
}

fn value(old: View<'_>, new: View<'_>, pointer: &str, places: &mut Vec<Place>) {
    if places.len() > MOST || old.same(new) {
        return;
    }
    match (old.kind(), new.kind()) {
        (Kind::Object, Kind::Object) => keyed(&old.members(), &new.members(), &|key, _| format!("{pointer}{}", segment(key)), places),
        (Kind::Array, Kind::Array) => arrays(old, new, pointer, places),
        (Kind::String, Kind::String) => {
            let documents = [old, new].map(|view| view.text().as_deref().and_then(document_in));
            match documents {
                [Some(was), Some(is)] => value(View::root(&was), View::root(&is), &format!("{pointer}!"), places),
                _ => places.push(place(pointer, PlaceChange::Changed, Some(old), Some(new))),
            }
        }
        _ => places.push(place(pointer, PlaceChange::Changed, Some(old), Some(new))),
    }
}

fn arrays(old: View<'_>, new: View<'_>, pointer: &str, places: &mut Vec<Place>) {
    let Some(identity) = identity(&[old, new]) else { return sequence(old, new, pointer, places) };
    let (was, is) = (old.entries(Some(&identity)), new.entries(Some(&identity)));
    keyed(&was, &is, &|_, at| format!("{pointer}/{at}"), places);
    let (old_places, new_places) = (numbered(&was), numbered(&is));
    let before: Vec<_> = was.iter().map(|entry| entry.key.as_str()).filter(|key| new_places.contains_key(key)).collect();
    let after: Vec<_> = is.iter().map(|entry| entry.key.as_str()).filter(|key| old_places.contains_key(key)).collect();
    if before != after {
        places.push(Place { pointer: pointer.to_owned(), change: PlaceChange::Reordered, from: None, to: None });
    }
}

/// The places of entries by their keys.
fn numbered<'a>(entries: &'a [Entry<'_>]) -> HashMap<&'a str, usize> {
    entries.iter().enumerate().map(|(number, entry)| (entry.key.as_str(), number)).collect()
}

fn keyed(old: &[Entry<'_>], new: &[Entry<'_>], at: &dyn Fn(&str, usize) -> String, places: &mut Vec<Place>) {
    let (old_places, new_places) = (numbered(old), numbered(new));
    for (number, entry) in old.iter().enumerate() {
        match new_places.get(entry.key.as_str()) {
            Some(&now) => value(entry.value, new[now].value, &at(&entry.key, now), places),
            None => places.push(place(&at(&entry.key, number), PlaceChange::Removed, Some(entry.value), None)),
        }
    }
    for (number, entry) in new.iter().enumerate().filter(|(_, entry)| !old_places.contains_key(entry.key.as_str())) {
        places.push(place(&at(&entry.key, number), PlaceChange::Added, None, Some(entry.value)));
    }
}

fn sequence(old: View<'_>, new: View<'_>, pointer: &str, places: &mut Vec<Place>) {
    let [was, is] = [old, new].map(|array| array.elements().collect::<Vec<_>>());
    let names = |views: &[View<'_>]| views.iter().map(|view| canonical(*view)).collect::<Vec<_>>();
    let Some(mut pairs) = common(&names(&was), &names(&is)) else {
        return places.push(place(pointer, PlaceChange::Changed, Some(old), Some(new)));
    };
    pairs.push((was.len(), is.len()));
    let (mut i, mut j) = (0, 0);
    for (next_i, next_j) in pairs {
        let both = (next_i - i).min(next_j - j);
        for step in 0..both {
            value(was[i + step], is[j + step], &format!("{pointer}/{}", j + step), places);
        }
        places.extend((i + both..next_i).map(|at| place(&format!("{pointer}/{at}"), PlaceChange::Removed, Some(was[at]), None)));
        places.extend((j + both..next_j).map(|at| place(&format!("{pointer}/{at}"), PlaceChange::Added, None, Some(is[at]))));
        (i, j) = (next_i + 1, next_j + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_also_in_strings() {
        let old = r#"{"a":1,"l":[{"id":1,"v":1},{"id":2}],"p":"{\"x\":1}","s":[[1],[2]],"gone":true}"#;
        let new = r#"{"a":2,"l":[{"id":2},{"id":1,"v":5},{"id":3}],"p":"{\"x\":2}","s":[[1],[3],[4]]}"#;
        let places: Vec<_> = compare(old.as_bytes(), new.as_bytes()).expect("JSON").iter().map(ToString::to_string).collect();
        let want = [
            "changed /a: 1 -> 2",
            "changed /l/1/v: 1 -> 5",
            "added /l/2: {\"id\":3}",
            "reordered /l",
            "changed /p!/x: 1 -> 2",
            "changed /s/1/0: 2 -> 3",
            "added /s/2: [4]",
            "removed /gone: true",
        ];
        assert_eq!(places, want);
        assert_eq!(compare(b"{\"a\":1}", b"{ \"a\" : 1 }"), Some(Vec::new()));
    }

    #[test]
    fn long_values_are_shown_around_their_first_difference() {
        let shown = |old: &str, new: &str| {
            let document = |text: &str| serde_json::json!({ "t": text }).to_string();
            compare(document(old).as_bytes(), document(new).as_bytes()).expect("JSON")[0].to_string()
        };
        let (long, tail) = ("å".repeat(200), "z".repeat(100));
        let (before, after) = ("å".repeat(BEFORE), "z".repeat(SHOWN - BEFORE - 1));
        let want = format!("changed /t: …{before}1{after}… -> …{before}2{after}…");
        assert_eq!(shown(&format!("{long}1{tail}"), &format!("{long}2{tail}")), want);
        assert_eq!(shown(&long, &format!("{long}!")), format!("changed /t: …{before}\" -> …{before}!\""));
        assert_eq!(shown(&format!("a{tail}"), "b"), format!("changed /t: \"a{}… -> \"b\"", "z".repeat(SHOWN - 2)));
    }

    #[test]
    fn what_is_no_json_is_not_compared() {
        assert_eq!(compare(b"text", b"{}"), None);
    }
}
