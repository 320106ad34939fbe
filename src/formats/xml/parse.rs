//! From text to elements. What is not understood for certain is refused.

use std::collections::HashSet;

use super::{Attribute, Element};

/// How deep elements may stand in each other.
const MAX_DEPTH: usize = 256;

/// The element at the top.
pub(super) fn document(text: &str) -> Option<Element> {
    let mut reader = Reader { text, at: 0 };
    reader.take("\u{feff}");
    if reader.rest().starts_with("<?xml") {
        reader.pass("?>")?;
    }
    reader.between()?;
    let root = reader.element(0)?;
    reader.between()?;
    reader.rest().is_empty().then_some(root)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn pass(&mut self, end: &str) -> Option<()> {
        self.at += self.rest().find(end)? + end.len();
        Some(())
    }

    fn white_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// White space and comments.
    fn between(&mut self) -> Option<()> {
        loop {
            self.white_space();
            if !self.take("<!--") {
                return Some(());
            }
            self.pass("-->")?;
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>' | '=' | '<' | '"' | '\'' | '&')).unwrap_or(rest.len());
        self.at += length;
        (length > 0).then(|| &rest[..length])
    }

    fn element(&mut self, depth: usize) -> Option<Element> {
        let start = self.at;
        if depth > MAX_DEPTH || !self.take("<") {
            return None;
        }
        let name = self.name()?.to_owned();
        let attributes = self.attributes()?;
        let attributes_end = attributes.last().map_or(start + 1 + name.len(), |last| last.whole.end);
        let mut element =
            Element { name, span: start..start, attributes, attributes_end, inside: None, children: Vec::new(), has_text: false };
        if !self.take("/>") {
            self.take(">").then_some(())?;
            self.content(&mut element, depth)?;
        }
        element.span.end = self.at;
        Some(element)
    }

    fn attributes(&mut self) -> Option<Vec<Attribute>> {
        let (mut attributes, mut seen) = (Vec::new(), HashSet::new());
        loop {
            let start = self.at;
            self.white_space();
            if self.rest().starts_with(['/', '>']) {
                return Some(attributes);
            }
            let name = self.name()?.to_owned();
            self.white_space();
            self.take("=").then_some(())?;
            self.white_space();
            let quote = self.rest().chars().next().filter(|c| matches!(c, '"' | '\''))?;
            self.at += 1;
            let from = self.at;
            self.at += self.rest().find(quote)?;
            let value = from..self.at;
            self.at += 1;
            if self.text[value.clone()].contains('<') || !seen.insert(name.clone()) {
                return None;
            }
            attributes.push(Attribute { name, whole: start..self.at, value });
        }
    }

    fn content(&mut self, element: &mut Element, depth: usize) -> Option<()> {
        let start = self.at;
        loop {
            let text = self.rest().find('<')?;
            element.has_text |= !self.rest()[..text].trim().is_empty();
            self.at += text;
            if self.rest().starts_with("</") {
                element.inside = Some(start..self.at);
                self.at += 2;
                let name = self.name()?;
                self.white_space();
                return (name == element.name && self.take(">")).then_some(());
            }
            if self.take("<!--") {
                // A remark belongs to no child: what changes in it must not be lost among them.
                element.has_text = true;
                self.pass("-->")?;
            } else if self.take("<![CDATA[") {
                element.has_text = true;
                self.pass("]]>")?;
            } else {
                element.children.push(self.element(depth + 1)?);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_know_their_places() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<!-- c --><a x='1' y=\"&lt;\"><b/>text<c ><![CDATA[<]]></c></a>\n";
        let root = document(text).expect("XML");
        assert_eq!((root.name.as_str(), root.children.len(), root.has_text), ("a", 2, true));
        assert_eq!(&text[root.attributes[1].whole.clone()], " y=\"&lt;\"");
        assert_eq!(&text[root.children[1].span.clone()], "<c ><![CDATA[<]]></c>");
        assert_eq!(&text[root.children[0].span.clone()], "<b/>");
    }

    #[test]
    fn what_is_not_certain_is_no_document() {
        for bad in
            ["", "<a>", "<a></b>", "<a x=1/>", "<a x='1' x='2'/>", "<!DOCTYPE a><a/>", "<a/><b/>", "text", "<a><?p?></a>", "<a x='<'/>"]
        {
            assert!(document(bad).is_none(), "{bad}");
        }
        assert!(document(&"<a>".repeat(100_000)).is_none());
    }
}
