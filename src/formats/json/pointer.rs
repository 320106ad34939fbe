//! JSON Pointers (RFC 6901) that also lead into strings which hold JSON.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::{Decoded, Document, Kind, NodeId};
use crate::model::text::reason;

/// `/Processes/0/ProcessVariablesJson!/Code/Value`: RFC 6901, where `!` after a
/// segment means "parse this string as JSON and go on inside". It may be left
/// out where segments follow. A key that itself ends in `!` comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    written: String,
    segments: Vec<String>,
}

/// The value that a pointer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its bytes in the outermost text, where all escapes stand that the strings around it need.
    pub span: Range<usize>,
    /// What kind of value it is.
    pub kind: Kind,
    /// How many strings it stands in.
    pub nesting: usize,
    /// The value as written in the innermost text.
    pub token: String,
}

reason! {
    /// Why a pointer is none, or where it stops.
    PointerError
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let refuse = |why: &str| Err(PointerError(format!("`{}` is no JSON Pointer: {why}", text.escape_debug())));
        let mut parts = text.split('/');
        if parts.next() != Some("") {
            return refuse("it must begin with `/`");
        }
        let mut segments = Vec::new();
        for part in parts {
            if part.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
                return refuse("`~` must be written `~0`, and `/` in a key `~1`");
            }
            segments.push(part.replace("~1", "/").replace("~0", "~"));
        }
        Ok(Self { written: text.to_owned(), segments })
    }
}

impl Pointer {
    /// The value that the pointer leads to.
    ///
    /// # Errors
    /// The segment at which the document has nothing to go on with.
    pub fn locate(&self, document: &Document) -> Result<Target, PointerError> {
        let mut walk = Walk { outermost: document, inner: Vec::new(), node: document.root() };
        for (index, segment) in self.segments.iter().enumerate() {
            let stop = |why: String| PointerError(format!("`{}` leads nowhere: {why} at `{}`", self.written, self.up_to(index)));
            walk.step(segment).map_err(stop)?;
        }
        Ok(walk.target())
    }

    fn up_to(&self, index: usize) -> String {
        let end = self.written.match_indices('/').nth(index + 1).map_or(self.written.len(), |(at, _)| at);
        self.written[..end].to_owned()
    }
}

/// A value, and the documents that hold it, each in a string of the one before.
struct Walk<'a> {
    outermost: &'a Document,
    inner: Vec<(Decoded, Document)>,
    node: NodeId,
}

impl Walk<'_> {
    fn document(&self) -> &Document {
        self.inner.last().map_or(self.outermost, |(_, document)| document)
    }

    fn step(&mut self, segment: &str) -> Result<(), String> {
        // What the string holds may be a string again.
        while self.document().kind(self.node) == Kind::String {
            self.enter()?;
        }
        let mut name = segment;
        let mut strings_to_enter = 0;
        self.node = loop {
            match (self.child(name), name.strip_suffix('!')) {
                (Some(child), _) => break child,
                (None, Some(shorter)) => {
                    name = shorter;
                    strings_to_enter += 1;
                }
                (None, None) => return Err(self.nothing_there(name)),
            }
        };
        (0..strings_to_enter).try_for_each(|_| self.enter())
    }

    fn child(&self, name: &str) -> Option<NodeId> {
        let document = self.document();
        match document.kind(self.node) {
            Kind::Object => document.get(self.node, name),
            Kind::Array if name == "0" || (name.bytes().all(|byte| byte.is_ascii_digit()) && !name.starts_with('0')) => {
                document.elements(self.node).get(name.parse::<usize>().ok()?).copied()
            }
            _ => None,
        }
    }

    fn nothing_there(&self, name: &str) -> String {
        let document = self.document();
        match document.kind(self.node) {
            Kind::Object => format!("the object has no key `{}`", name.escape_debug()),
            Kind::Array => format!("the array of {} has no such element", document.elements(self.node).len()),
            kind => format!("{kind} has nothing inside"),
        }
    }

    /// Goes on inside the string: its content is a document of its own.
    fn enter(&mut self) -> Result<(), String> {
        let document = self.document();
        let Some(decoded) = document.string(self.node) else {
            return Err(format!("`!` stands after {}, not after a string", document.kind(self.node)));
        };
        let document = Document::parse(decoded.text().as_bytes()).map_err(|error| format!("the string holds no JSON, {error},"))?;
        self.node = document.root();
        self.inner.push((decoded, document));
        Ok(())
    }

    fn target(&self) -> Target {
        let document = self.document();
        let span = self.inner.iter().rev().fold(document.span(self.node), |span, (decoded, _)| decoded.raw(&span));
        Target { span, kind: document.kind(self.node), nesting: self.inner.len(), token: document.token(self.node).to_owned() }
    }
}

/// `/name`, escaped as RFC 6901, section 3, asks.
#[must_use]
pub fn segment(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(json: &str, pointer: &str) -> Result<Target, String> {
        let document = Document::parse(json.as_bytes()).expect("JSON");
        pointer.parse::<Pointer>().and_then(|pointer| pointer.locate(&document)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_examples_of_rfc_6901_work() {
        let json = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        for (pointer, token) in [
            ("", json),
            ("/foo", r#"["bar","baz"]"#),
            ("/foo/0", r#""bar""#),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            let target = locate(json, pointer).expect(pointer);
            assert_eq!((target.token.as_str(), &json[target.span], target.nesting), (token, token, 0));
        }
        assert_eq!(locate(r#"{"~1":1}"#, "/~01").expect("an escaped tilde").token, "1");
    }

    #[test]
    fn what_leads_nowhere_says_where_it_stops() {
        let json = r#"{"a":[1,2],"s":"no JSON","n":5}"#;
        for (pointer, word) in [
            ("/b/0", "no key `b` at `/b`"),
            ("/a/2", "the array of 2"),
            ("/a/-", "the array of 2"),
            ("/a/00", "the array of 2"),
            ("/a/+1", "the array of 2"),
            ("/a/", "the array of 2"),
            ("/a/99999999999999999999999", "the array of 2"),
            ("/n/x", "a number has nothing inside"),
            ("/n!", "`!` stands after a number"),
            ("/s/x", "holds no JSON"),
            ("/s!", "holds no JSON"),
            ("a", "must begin with `/`"),
            ("!", "must begin with `/`"),
            ("/~", "must be written `~0`"),
            ("/~2", "must be written `~0`"),
        ] {
            let error = locate(json, pointer).expect_err(pointer);
            assert!(error.contains(word), "{pointer}: {error}");
        }
    }

    #[test]
    fn strings_are_entered_with_and_without_the_mark() {
        let inner = r#"[{"Value":"å"}]"#;
        let json = serde_json::json!({ "P": inner }).to_string();
        for (pointer, token) in [("/P!/0/Value", "\"å\""), ("/P/0/Value", "\"å\""), ("/P!", inner), ("/P!/0", r#"{"Value":"å"}"#)] {
            let target = locate(&json, pointer).expect(pointer);
            assert_eq!((target.token.as_str(), target.nesting), (token, 1), "{pointer}");
        }
        assert_eq!(&json[locate(&json, "/P!/0/Value").expect("found").span], r#"\"å\""#);
        assert_eq!(locate(&json, "/P").expect("the string itself").kind, Kind::String);
    }

    #[test]
    fn a_key_that_ends_in_the_mark_comes_first() {
        let json = r#"{"a":"{\"x\":1}","a!":"{\"x\":2}","b":"\"[7]\"","c!!":3}"#;
        for (pointer, token) in [("/a/x", "1"), ("/a!/x", "2"), ("/a!!/x", "2"), ("/b!!/0", "7"), ("/b/0", "7"), ("/c!!", "3")] {
            assert_eq!(locate(json, pointer).expect(pointer).token, token, "{pointer}");
        }
    }

    #[test]
    fn unicode_escapes_around_nested_json_lead_back() {
        // As .NET writes it: every inner quote is \u0022.
        let json = r#"{ "P" : "\u0022\u005c\u0022x\u005c\u0022\u0022", "Q":"{\u0022\ud83d\ude00\u0022\n: [ \u0022\u005cu00e5\u0022 ]}" }"#;
        let target = locate(json, "/Q/😀/0").expect("found");
        assert_eq!((target.token.as_str(), &json[target.span]), (r#""\u00e5""#, r"\u0022\u005cu00e5\u0022"));
        let target = locate(json, "/P!!").expect("found");
        assert_eq!((target.token.as_str(), &json[target.span], target.nesting), ("\"x\"", r"\u005c\u0022x\u005c\u0022", 2));
    }
}
