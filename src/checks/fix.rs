//! What `forum check --fix` does by itself: only what cannot be wrong. Everything else is a person's decision.

use crate::formats::json::{Document, Kind, NodeId};

/// A file mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The bytes to write; all that was not meant stays as it was.
    pub bytes: Vec<u8>,
    /// What was done, one line each.
    pub done: Vec<String>,
}

/// Mends a file, where something in it is safe to mend.
#[must_use]
pub fn fix(bytes: &[u8]) -> Option<Fixed> {
    let document = Document::parse(bytes).ok()?;
    let mut spans: Vec<_> = modifiers(&document).into_iter().map(|(node, place)| (document.span(node), place)).collect();
    spans.sort_by_key(|(span, _)| span.start);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for (span, _) in &spans {
        out.extend_from_slice(&bytes[at..span.start]);
        out.extend_from_slice(b"\"\"");
        at = span.end;
    }
    out.extend_from_slice(&bytes[at..]);
    let done: Vec<_> =
        spans.into_iter().map(|(_, place)| format!("emptied {place}: it named the person who exported the process")).collect();
    (!done.is_empty()).then_some(Fixed { bytes: out, done })
}

/// The places that [`fix`] would mend.
pub(super) fn places(text: &str) -> Vec<String> {
    let document = Document::parse(text.as_bytes());
    document.map(|document| modifiers(&document).into_iter().map(|(_, place)| place).collect()).unwrap_or_default()
}

/// `Modifier` of a Frends export, where it is not empty yet. An import needs the key, so it stays.
fn modifiers(document: &Document) -> Vec<(NodeId, String)> {
    let root = document.root();
    let list = |key: &str| document.get(root, key).map(|node| document.elements(node).to_vec()).unwrap_or_default();
    let mut holders = Vec::new();
    if document.get(root, "LinkedTasks").is_some() {
        holders.extend(list("Processes").into_iter().enumerate().map(|(index, process)| (process, format!("/Processes/{index}"))));
    }
    for (index, template) in list("ProcessTemplates").into_iter().enumerate() {
        let place = format!("/ProcessTemplates/{index}");
        let process = document.get(template, "ProcessInfo").and_then(|info| document.get(info, "Process"));
        holders.extend(process.map(|process| (process, format!("{place}/ProcessInfo/Process"))));
        holders.push((template, place));
    }
    let filled = |(holder, place): (NodeId, String)| {
        let node = document.get(holder, "Modifier").filter(|node| document.kind(*node) == Kind::String)?;
        (document.token(node) != "\"\"").then(|| (node, format!("{place}/Modifier")))
    };
    holders.into_iter().filter_map(filled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_who_exported_is_taken_out_and_nothing_else() {
        let process = "\u{feff}{\r\n\t\"LinkedTasks\" : {}, \"Processes\":[ {\"Name\":\"x\",\"Modifier\" :\"anna.exempelsson@example.se\", \"n\": 1.50}, {\"Modifier\":\"\"} ] }";
        let fixed = fix(process.as_bytes()).expect("something to mend");
        assert_eq!(String::from_utf8(fixed.bytes).expect("text"), process.replace("anna.exempelsson@example.se", ""));
        assert_eq!(fixed.done.len(), 1);
        assert!(fixed.done[0].contains("/Processes/0/Modifier") && !fixed.done[0].contains("anna"));
        let template = "{\"ProcessTemplates\":[{\"Modifier\":\"a@b.se\",\"ProcessInfo\":{\"Process\":{\"Modifier\":\"a@b.se\"}}}]}";
        let fixed = fix(template.as_bytes()).expect("something to mend");
        assert_eq!((String::from_utf8(fixed.bytes).expect("text"), fixed.done.len()), (template.replace("a@b.se", ""), 2));
    }

    #[test]
    fn other_files_are_left_alone() {
        for text in [
            "{\"Modifier\":\"x\"}",
            "{\"Processes\":[{\"Modifier\":\"x\"}]}",
            "{\"LinkedTasks\":{},\"Processes\":[{\"Modifier\":\"\"}]}",
            "Modifier",
            "{\"LinkedTasks\":{},\"Processes\":[{\"Modifier\":\"x\"}",
        ] {
            assert_eq!(fix(text.as_bytes()), None, "{text}");
        }
    }
}
