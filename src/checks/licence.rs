//! The licence: an SPDX expression that the registry allows, and its text (rules `licence`, `licence-text`).

use super::Candidate;
use super::finding::Finding;
use super::manifest::Source;
use super::rules::id;
use crate::model::licence::is_allowed;
use crate::model::manifest::MANIFEST_FILE;

/// Checks the licence that the manifest names. That it names one is the manifest's own rule.
pub(super) fn check(candidate: &Candidate<'_>, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let Some(expression) = source.text("component", "license").map(str::trim).filter(|text| !text.is_empty()) else { return };
    let finding = |message: String| source.finding(id::LICENCE, "component", "license", message);
    let allowed = candidate.registry.map(|registry| registry.licences.as_slice()).unwrap_or_default();
    let shown = expression.escape_debug();
    match spdx::Expression::parse(expression) {
        Err(error) => {
            let near = spdx::imprecise_license_id(expression).filter(|(_, length)| *length == expression.len());
            let help =
                near.map_or_else(|| "write an id of https://spdx.org/licenses/".to_owned(), |(id, _)| format!("write `{}`", id.name));
            findings.push(finding(format!("`{shown}` is no SPDX expression: {}", error.reason)).help(help));
        }
        Ok(_) if !is_allowed(expression, allowed) => {
            let help = format!("choose one of {}", allowed.join(", "));
            let registry = candidate.registry.map(|registry| registry.name.to_string()).unwrap_or_default();
            findings.push(finding(format!("`{shown}` is no licence that the registry {registry} allows")).help(help));
        }
        Ok(_) => {}
    }
    let left = candidate.files.iter().filter(|file| is_licence_text(file.path.as_str()) && is_placeholder(&file.bytes));
    findings.extend(left.map(|file| {
        Finding::new(id::LICENCE_TEXT, "the text of the licence is not there, only the lines that it replaces")
            .at(file.path.as_str())
            .help(format!("put the text of {shown} in their place, as https://spdx.org/licenses/ has it"))
    }));
    if !candidate.files.iter().any(|file| is_licence_text(file.path.as_str())) {
        let why = candidate.why_missing(is_licence_text);
        findings.push(
            Finding::new(id::LICENCE_TEXT, format!("the text of the licence is not there{why}"))
                .at(MANIFEST_FILE)
                .line(source.line("component", "license")),
        );
    }
}

/// What `forum new` writes where the text of the licence belongs.
pub const PLACEHOLDER: &str = "Put the text of the licence in the place of these lines";

/// Whether the file is what `forum new` writes in the place of the text.
fn is_placeholder(bytes: &[u8]) -> bool {
    bytes.len() < 1000 && String::from_utf8_lossy(bytes).contains(PLACEHOLDER)
}

/// The names that licence texts go by: at the top, or in the directory of REUSE.
pub(super) fn is_licence_text(path: &str) -> bool {
    let lower = path.to_lowercase();
    let begins = |name: &str| {
        ["license", "licence", "licens", "copying", "unlicense", "notice", "authors"].iter().any(|start| name.starts_with(start))
    };
    match lower.split_once('/') {
        None => begins(&lower),
        Some((directory, _)) => matches!(directory, "licenses" | "licences"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_no_text() {
        let written = "SPDX-License-Identifier: EUPL-1.2\n\nPut the text of the licence in the place of these lines: https://spdx.org/\n";
        assert!(is_placeholder(written.as_bytes()));
        assert!(!is_placeholder(b"EUPL-1.2\n") && !is_placeholder((written.to_owned() + &"text ".repeat(300)).as_bytes()));
    }

    #[test]
    fn licence_texts_are_known_by_their_names() {
        for (path, is) in [
            ("LICENSE", true),
            ("LICENCE.txt", true),
            ("COPYING", true),
            ("LICENSES/EUPL-1.2.txt", true),
            ("docs/LICENSE", false),
            ("README.md", false),
        ] {
            assert_eq!(is_licence_text(path), is, "{path}");
        }
    }
}
