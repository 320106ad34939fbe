//! Where a stretch of text stands: the way from what a rule read back to the file, through every string around it.

use std::borrow::Cow;
use std::ops::Range;

use crate::formats::json::segment;

/// One step from a value to the next one inside it. Steps live on the stack of the walk, so that the way to a value
/// costs nothing until something is found there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// The whole text.
    Whole,
    /// A member of an object, or a key of a mapping. The second text is what a sibling called `name` or `key` says.
    Key(&'a str, Option<&'a str>),
    /// An element of a list.
    Index(usize),
    /// The string is read as JSON: `!`.
    Inside,
    /// A name where no pointer leads to: an element of XML, a key of YAML inside a string.
    Name(&'a str),
}

/// A step, and those before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) up: Option<&'a Place<'a>>,
    pub(super) step: Step<'a>,
}

/// Keys that say nothing of what their value is: the name around them does.
const GENERIC: [&str; 8] = ["value", "val", "default", "defaultvalue", "#text", "content", "text", "data"];

impl<'a> Place<'a> {
    pub(super) const fn whole() -> Self {
        Self { up: None, step: Step::Whole }
    }

    pub(super) const fn then<'b>(&'b self, step: Step<'b>) -> Place<'b>
    where
        'a: 'b,
    {
        Place { up: Some(self), step }
    }

    /// The name that tells what the value is for.
    pub(super) fn name(&self) -> Option<&str> {
        let mut place = Some(self);
        while let Some(at) = place {
            match at.step {
                Step::Key(_, Some(sibling)) => return Some(sibling),
                Step::Key(name, None) | Step::Name(name)
                    if !name.is_empty() && !GENERIC.iter().any(|word| name.eq_ignore_ascii_case(word)) =>
                {
                    return Some(name);
                }
                _ => place = at.up,
            }
        }
        None
    }

    /// The pointer, as far as one leads: RFC 6901 with `!`. `None` in what has no structure.
    pub(super) fn pointer(&self) -> Option<String> {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(at) = place {
            steps.push(at.step);
            place = at.up;
        }
        let mut text = String::new();
        for step in steps.iter().rev() {
            match step {
                Step::Whole => {}
                Step::Key(name, _) => text += &segment(name),
                Step::Index(index) => text += &format!("/{index}"),
                // The outermost text is read as what it is.
                Step::Inside if text.is_empty() => {}
                Step::Inside => text.push('!'),
                Step::Name(_) => break,
            }
        }
        let text = text.trim_end_matches('!');
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// A text, and where it stands in the one that it was read from.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    pub(super) up: Option<&'a Layer<'a>>,
    pub(super) way: Way,
}

/// How offsets in a text become offsets in the text around it.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// It is a part of that text.
    Part(usize),
    /// It was decoded: pairs of offsets, rising, from each of which both count alike until the next.
    Marks(Vec<(usize, usize)>),
}

impl Way {
    fn up(&self, offset: usize) -> usize {
        match self {
            Self::Part(start) => start + offset,
            Self::Marks(marks) => {
                let after = marks.partition_point(|(decoded, _)| *decoded <= offset);
                let (decoded, raw) = marks[after.saturating_sub(1)];
                raw + offset.saturating_sub(decoded)
            }
        }
    }
}

impl Layer<'_> {
    /// Where a range of this text stands in the outermost one.
    pub(super) fn outermost(&self, range: &Range<usize>) -> Range<usize> {
        let range = self.way.up(range.start)..self.way.up(range.end);
        self.up.map_or_else(|| range.clone(), |up| up.outermost(&range))
    }
}

/// Builds a decoded text together with the way back.
pub(super) struct Decoder<'a> {
    raw: &'a str,
    text: String,
    marks: Vec<(usize, usize)>,
    /// What of `raw` has been taken over.
    done: usize,
}

impl<'a> Decoder<'a> {
    /// `start` is where `raw` stands in the text around it.
    pub(super) fn new(raw: &'a str, start: usize) -> Self {
        Self { raw, text: String::with_capacity(raw.len()), marks: vec![(0, start)], done: 0 }
    }

    /// Takes `raw` over up to `from`, and then `instead` for what stands between `from` and `to`.
    pub(super) fn replace(&mut self, from: usize, to: usize, instead: &str) {
        let start = self.marks[0].1;
        self.text.push_str(&self.raw[self.done..from]);
        self.text.push_str(instead);
        self.done = to;
        self.marks.push((self.text.len(), start + to));
    }

    /// The text, and the way from it.
    pub(super) fn finish(mut self) -> (Cow<'a, str>, Way) {
        if self.marks.len() == 1 {
            return (Cow::Borrowed(self.raw), Way::Part(self.marks[0].1));
        }
        self.text.push_str(&self.raw[self.done..]);
        (Cow::Owned(self.text), Way::Marks(self.marks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_enters_strings_and_stops_where_none_leads() {
        let whole = Place::whole();
        let inside = whole.then(Step::Inside);
        let key = inside.then(Step::Key("a/b~", None));
        let item = key.then(Step::Index(3));
        let nested = item.then(Step::Inside);
        let value = nested.then(Step::Key("value", None));
        assert_eq!(value.pointer().as_deref(), Some("/a~1b~0/3!/value"));
        assert_eq!(nested.pointer().as_deref(), Some("/a~1b~0/3"));
        assert_eq!(value.name(), Some("a/b~"));
        let element = item.then(Step::Name("password"));
        assert_eq!((element.pointer().as_deref(), element.name()), (Some("/a~1b~0/3"), Some("password")));
        assert_eq!(whole.pointer(), None);
        let sibling = item.then(Step::Key("value", Some("DB_PASSWORD")));
        assert_eq!(sibling.name(), Some("DB_PASSWORD"));
    }

    #[test]
    fn decoded_offsets_lead_back_through_all_layers() {
        let base = Layer { up: None, way: Way::Part(0) };
        let mut decoder = Decoder::new("a\\u0041b\\nc", 10);
        decoder.replace(1, 7, "A");
        decoder.replace(8, 10, "\n");
        let (text, way) = decoder.finish();
        assert_eq!(text, "aAb\nc");
        let layer = Layer { up: Some(&base), way };
        assert_eq!(layer.outermost(&(2..3)), 17..18);
        let inner = Layer { up: Some(&layer), way: Way::Part(2) };
        assert_eq!(inner.outermost(&(2..3)), 20..21);
        let (same, way) = Decoder::new("plain", 7).finish();
        assert!(matches!((same, way), (Cow::Borrowed("plain"), Way::Part(7))));
    }
}
