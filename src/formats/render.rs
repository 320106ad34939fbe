//! Answers into files: the only way in which a fetched file differs from the published one.
//!
//! Every `replace` and `bind` becomes a range of the published bytes and what stands there instead. So texts are
//! never found inside an answer, and every byte outside those ranges stays (contract, section 4).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::json::{Document, Kind, Pointer, embed, is_number, quote};
use crate::error::{Code, Failure};
use crate::model::id::ComponentId;
use crate::model::path::RelPath;
use crate::model::secret_places::{Outline, Place, Way};
use crate::model::variables::{Answer, Answers, Variable};
use crate::model::written::normalise;

/// A file with the answers in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// What is written.
    pub bytes: Vec<u8>,
    /// What stands between the secret answers, or their placeholders; `None` where the file has no secret.
    pub outline: Option<Outline>,
}

struct Edit<'v> {
    range: Range<usize>,
    /// None while there is no answer: the placeholder stays.
    bytes: Option<Vec<u8>>,
    /// The variable, where it is secret, and how its answer goes there.
    secret: Option<(&'v str, Way)>,
}

/// The files that some variable goes into.
#[must_use]
pub fn files_named(variables: &BTreeMap<String, Variable>) -> BTreeSet<&RelPath> {
    variables.values().flat_map(Variable::files).collect()
}

/// Puts `answers` into one published file of `component`.
///
/// # Errors
/// [`Code::InvalidManifest`] for a count that is wrong, a pointer to nowhere, ranges that overlap, a default that its place
/// cannot hold; [`Code::Usage`] for another answer that it cannot hold. Each names component, file and variable, and no secret.
pub fn render(
    component: &ComponentId,
    file: &RelPath,
    bytes: &[u8],
    variables: &BTreeMap<String, Variable>,
    answers: &Answers,
) -> Result<Rendered, Failure> {
    let mut edits = Vec::new();
    for (name, variable) in variables {
        let fail = |code, why: String| Failure::new(code, format!("{component}: {file}: variable `{name}`: {why}"));
        let answer = answers.get(name);
        let secret = |way| variable.is_secret().then_some((name.as_str(), way));
        let invalid = |why| fail(Code::InvalidManifest, why);
        for replace in variable.replace.iter().filter(|r| r.file == *file) {
            let ranges = occurrences(bytes, &replace.text, replace.count).map_err(invalid)?;
            let text = answer.map(|answer| answer.to_string().into_bytes());
            edits.extend(ranges.map(|range| Edit { range, bytes: text.clone(), secret: secret(Way::Text) }));
        }
        for bind in variable.bind.iter().filter(|b| b.file == *file) {
            let (range, bytes) = bound(bytes, &bind.pointer, answer).map_err(|wrong| match wrong {
                Unbound::Manifest(why) => invalid(why),
                Unbound::Answer(what) if answer == variable.default.as_ref() => invalid(format!("{what}, which its default is not")),
                Unbound::Answer(what) => fail(Code::Usage, format!("{what}, which the answer is not")),
            })?;
            edits.push(Edit { range, bytes, secret: secret(Way::Token) });
        }
    }
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    if let Some(pair) = edits.windows(2).find(|pair| pair[1].range.start < pair[0].range.end) {
        let why = format!("{component}: {file}: two variables name the same bytes, from byte {} on", pair[1].range.start);
        return Err(Failure::new(Code::InvalidManifest, why));
    }
    Ok(splice(bytes, &edits))
}

fn occurrences(bytes: &[u8], text: &str, count: usize) -> Result<impl Iterator<Item = Range<usize>>, String> {
    if text.is_empty() {
        return Err("an empty text cannot be replaced".into());
    }
    let found: Vec<_> = memchr::memmem::find_iter(bytes, text.as_bytes()).collect();
    if found.len() != count {
        return Err(format!("the text `{}` stands there {} times, not {count} times", text.escape_debug(), found.len()));
    }
    let length = text.len();
    let overlaps = |at: &usize| (at + 1..at + length).any(|next| bytes[next..].starts_with(text.as_bytes()));
    if let Some(at) = found.iter().find(|at| overlaps(at)) {
        return Err(format!("the text `{}` overlaps itself at byte {at}", text.escape_debug()));
    }
    Ok(found.into_iter().map(move |at| at..at + length))
}

type Bound = (Range<usize>, Option<Vec<u8>>);

/// Why no token can be bound.
enum Unbound {
    /// The pointer leads nowhere that holds an answer, in words.
    Manifest(String),
    /// What the place holds, in words that leave out the answer: it may be a secret.
    Answer(String),
}

fn bound(bytes: &[u8], pointer: &str, answer: Option<&Answer>) -> Result<Bound, Unbound> {
    let invalid = Unbound::Manifest;
    let document = Document::parse(bytes).map_err(|e| invalid(e.to_string()))?;
    let place: Pointer = pointer.parse().map_err(|e| invalid(format!("pointer `{}`: {e}", pointer.escape_debug())))?;
    let target = place.locate(&document).map_err(|e| invalid(format!("pointer `{}`: {e}", pointer.escape_debug())))?;
    let text = answer.map(ToString::to_string);
    let misfit = |what: &str| Unbound::Answer(format!("`{pointer}` holds a {what}"));
    let token = match (target.kind, text) {
        (Kind::Null | Kind::Array | Kind::Object, _) => {
            return Err(invalid(format!("`{pointer}` holds neither text, number nor boolean, so no answer can go there")));
        }
        (_, None) => None,
        (Kind::String, Some(text)) => Some(quote(&text)),
        (Kind::Number, Some(text)) if is_number(&text) => Some(text),
        (Kind::Number, Some(_)) => return Err(misfit("number")),
        (Kind::Boolean, Some(text)) if matches!(text.as_str(), "true" | "false") => Some(text),
        (Kind::Boolean, Some(_)) => return Err(misfit("boolean")),
    };
    Ok((target.span, token.map(|token| embed(&token, target.nesting).into_bytes())))
}

fn splice(bytes: &[u8], edits: &[Edit<'_>]) -> Rendered {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut boundaries, mut places) = (0, Vec::new(), Vec::new());
    for edit in edits.iter().filter(|edit| edit.bytes.is_some() || edit.secret.is_some()) {
        out.extend_from_slice(&bytes[at..edit.range.start]);
        let start = out.len();
        let published = &bytes[edit.range.clone()];
        out.extend_from_slice(edit.bytes.as_deref().unwrap_or(published));
        at = edit.range.end;
        if let Some((name, way)) = edit.secret {
            boundaries.push(start..out.len());
            places.push(Place { name: name.to_owned(), way, published: normalise(published).into_owned() });
        }
    }
    out.extend_from_slice(&bytes[at..]);
    let outline = || Outline { open: open(&out, &boundaries), pieces: pieces(&out, &boundaries), places };
    let outline = (!boundaries.is_empty()).then(outline);
    Rendered { bytes: out, outline }
}

/// The lengths between `secrets`, measured in the normalised bytes.
fn pieces(bytes: &[u8], secrets: &[Range<usize>]) -> Vec<u64> {
    let text = !bytes.contains(&0);
    let length = |range: Range<usize>| range.filter(|&at| !is_dropped(bytes, text, at)).count() as u64;
    let ends = secrets.iter().map(|range| range.start).chain([bytes.len()]);
    let starts = [0].into_iter().chain(secrets.iter().map(|range| range.end));
    let pieces: Vec<u64> = starts.zip(ends).map(|(start, end)| length(start..end)).collect();
    debug_assert!(pieces.iter().sum::<u64>() <= normalise(bytes).len() as u64);
    pieces
}

/// A CR counts as gone only where an LF follows it in the whole file.
fn is_dropped(bytes: &[u8], text: bool, at: usize) -> bool {
    text && bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n')
}

/// The bytes outside of `secrets`, as they are digested.
fn open(bytes: &[u8], secrets: &[Range<usize>]) -> Vec<u8> {
    let text = !bytes.contains(&0);
    let mut inside = secrets.iter().peekable();
    let mut outside = |at: usize| {
        while inside.next_if(|range| range.end <= at).is_some() {}
        !inside.peek().is_some_and(|range| range.contains(&at))
    };
    (0..bytes.len()).filter(|&at| outside(at) && !is_dropped(bytes, text, at)).map(|at| bytes[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(text: &str) -> BTreeMap<String, Variable> {
        toml::from_str(text).expect("variables")
    }

    fn run(bytes: &str, manifest: &str, answers: &[(&str, &str)]) -> Result<Rendered, Failure> {
        let answers = answers.iter().map(|(k, v)| ((*k).to_owned(), Answer::String((*v).to_owned()))).collect();
        let (id, file) = ("aa/bb".parse().expect("id"), "f".parse().expect("path"));
        render(&id, &file, bytes.as_bytes(), &variables(manifest), &answers)
    }

    fn text(bytes: &str, manifest: &str, answers: &[(&str, &str)]) -> String {
        String::from_utf8(run(bytes, manifest, answers).expect("rendered").bytes).expect("text")
    }

    const TWO: &str =
        "[a]\nreplace = [{ file = \"f\", text = \"@@A@@\", count = 2 }]\n[b]\nreplace = [{ file = \"f\", text = \"@@B@@\", count = 1 }]\n";

    #[test]
    fn texts_are_found_in_the_published_bytes_alone() {
        assert_eq!(text("@@A@@ {{ @@A@@ }}\r\n@@B@@", TWO, &[("a", "@@B@@"), ("b", "x")]), "@@B@@ {{ @@B@@ }}\r\nx");
        assert_eq!(text("@@A@@@@A@@@@B@@", TWO, &[("b", "x")]), "@@A@@@@A@@x");
    }

    #[test]
    fn wrong_counts_and_overlaps_name_everything() {
        let error = run("@@A@@ @@B@@", TWO, &[]).expect_err("one instead of two");
        for part in ["aa/bb", "f:", "`a`", "1 times, not 2 times"] {
            assert!(error.message.contains(part), "{error}");
        }
        let overlapping =
            "[a]\nreplace = [{ file = \"f\", text = \"xy\", count = 1 }]\n[b]\nreplace = [{ file = \"f\", text = \"yz\", count = 1 }]\n";
        assert!(run("xyz", overlapping, &[]).expect_err("overlap").message.contains("same bytes"));
        let itself = "[a]\nreplace = [{ file = \"f\", text = \"aa\", count = 2 }]\n";
        assert!(run("aaaa", itself, &[]).expect_err("overlap").message.contains("overlaps itself"));
        assert_eq!(text("aaxaa", itself, &[("a", "b")]), "bxb");
    }

    fn bind(pointer: &str) -> String {
        format!("[a]\nbind = [{{ file = \"f\", pointer = \"{pointer}\" }}]\n")
    }

    #[test]
    fn a_bound_token_keeps_its_type_and_all_else_its_bytes() {
        let published = "{ \"n\": 1.50, \"on\" : true,\n\t\"s\": \"\\u0041\", \"l\": [1 , 2] }";
        for (pointer, answer, old, new) in [
            ("/n", "7", "1.50", "7"),
            ("/on", "false", "true", "false"),
            ("/s", "å\"\\", "\"\\u0041\"", "\"å\\\"\\\\\""),
            ("/l/1", "9", "2]", "9]"),
        ] {
            assert_eq!(text(published, &bind(pointer), &[("a", answer)]), published.replace(old, new), "{pointer}");
        }
        for (pointer, answer, code) in
            [("/n", "x", Code::Usage), ("/on", "1", Code::Usage), ("/l", "1", Code::InvalidManifest), ("/m", "1", Code::InvalidManifest)]
        {
            assert_eq!(run(published, &bind(pointer), &[("a", answer)]).expect_err(pointer).code, code);
        }
    }

    #[test]
    fn a_default_that_its_place_cannot_hold_is_the_manifests_fault() {
        let manifest = format!("{}default = \"none\"\n", bind("/n"));
        let code = |answer| run("{\"n\": 1}", &manifest, &[("a", answer)]).expect_err("no number").code;
        assert_eq!((code("none"), code("other")), (Code::InvalidManifest, Code::Usage));
    }

    #[test]
    fn a_token_in_strings_in_strings_is_spliced_at_its_own_depth() {
        let inner = serde_json::json!({ "Code": { "Value": "0000" }, "x": "0000" }).to_string();
        let middle = serde_json::json!({ "in": inner, "keep": [1.0] }).to_string();
        let outer = serde_json::json!({ "out": middle }).to_string();
        for pointer in ["/out!/in!/Code/Value", "/out/in/Code/Value"] {
            let got = text(&outer, &bind(pointer), &[("a", "2\"2")]);
            let middle: serde_json::Value =
                serde_json::from_str(serde_json::from_str::<serde_json::Value>(&got).expect("json")["out"].as_str().expect("text"))
                    .expect("json");
            let inner: serde_json::Value = serde_json::from_str(middle["in"].as_str().expect("text")).expect("json");
            assert_eq!(inner, serde_json::json!({ "Code": { "Value": "2\"2" }, "x": "0000" }));
        }
    }

    #[test]
    fn pieces_leave_secrets_out() {
        let secret = "[a]\ntype = \"secret\"\nreplace = [{ file = \"f\", text = \"@@A@@\", count = 2 }]\n";
        let rendered = run("k=@@A@@\r\nl=@@A@@;", secret, &[("a", "hemlig")]).expect("rendered");
        let outline = rendered.outline.expect("an outline");
        assert_eq!((outline.pieces.as_slice(), outline.open.as_slice()), (&[2, 3, 1][..], &b"k=\nl=;"[..]));
        let unanswered = run("k=@@A@@ @@A@@", secret, &[]).expect("rendered").outline.expect("an outline");
        assert_eq!(unanswered.pieces, [2, 1, 0], "the placeholder stands there, too");
    }
}
