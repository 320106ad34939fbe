//! `[[check.waive]]`: findings that are meant to be, with the reason for the reviewer (rule `waiver`).

use toml_edit::Item;

use super::finding::{Finding, Severity};
use super::manifest::Source;
use super::rules::{self, id};
use crate::model::globs::Globs;
use crate::model::manifest::MANIFEST_FILE;

struct Waiver {
    rule: &'static rules::Rule,
    /// None: all files.
    path: Option<Globs>,
    reason: String,
    line: Option<u32>,
    used: bool,
}

/// Turns findings that are waived into notes, and says which waivers do nothing. Paths are still those of the component.
pub(super) fn apply(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let mut waivers = Vec::new();
    for (table, line) in source.tables("check", "waive") {
        let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
        let (Some(rule), Some(reason)) = (text("rule"), text("reason")) else { continue };
        let mut say = |rule, message: String| findings.push(Finding::new(rule, message).at(MANIFEST_FILE).line(line));
        let path = match text("path").map(|path| Globs::new(&[path])).transpose() {
            Ok(path) => path,
            Err(why) => {
                say(id::MANIFEST, format!("`check.waive` path: {why}"));
                continue;
            }
        };
        match rules::find(&rule) {
            None => say(id::WAIVER, format!("there is no rule `{}` to waive{}", rule.escape_debug(), meant(&rule))),
            Some(rule) if !rule.waivable => say(id::WAIVER, format!("the rule `{}` cannot be waived", rule.id)),
            Some(rule) => waivers.push(Waiver { rule, path, reason, line, used: false }),
        }
    }
    for finding in findings.iter_mut() {
        let fits = |waiver: &&mut Waiver| {
            let path = finding.path.as_deref();
            waiver.rule.id == finding.rule && waiver.path.as_ref().is_none_or(|globs| path.is_some_and(|path| globs.fit(path)))
        };
        if let Some(waiver) = waivers.iter_mut().find(fits) {
            waiver.used = true;
            finding.severity = Severity::Note;
            finding.message += &format!(" (waived: {})", waiver.reason.trim());
        }
    }
    for waiver in waivers.iter().filter(|waiver| !waiver.used) {
        let message = format!("the waiver of `{}` fits no finding", waiver.rule.id);
        findings.push(Finding::new(id::WAIVER, message).at(MANIFEST_FILE).line(waiver.line));
    }
}

fn meant(rule: &str) -> String {
    rules::near(rule).first().map(|near| format!("; is `{near}` meant?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MANIFEST, checked};
    use super::*;

    fn said(waivers: &str) -> Vec<(&'static str, Severity, String)> {
        let manifest = format!("{MANIFEST}\n{waivers}");
        let files: [(&str, Option<&[u8]>); 3] = [
            ("component.toml", Some(manifest.as_bytes())),
            ("docs/host.txt", Some(b"10.44.3.9")),
            ("docs/pnr.txt", Some(b"18950312-1270")),
        ];
        checked(&files).findings.into_iter().map(|finding| (finding.rule, finding.severity, finding.message)).collect()
    }

    #[test]
    fn a_waived_finding_is_a_note_with_its_reason() {
        let waiver = |path: &str| format!("[[check.waive]]\nrule = \"private-address\"\n{path}reason = \"of a lab\"\n");
        for path in ["", "path = \"docs/**\"\n", "path = \"*.txt\"\n"] {
            let found = said(&waiver(path));
            assert!(
                found.iter().any(|(rule, severity, message)| *rule == "private-address"
                    && *severity == Severity::Note
                    && message.ends_with("(waived: of a lab)")),
                "{found:?}"
            );
            assert!(!found.iter().any(|(rule, ..)| *rule == id::WAIVER), "{found:?}");
        }
        let found = said(&waiver("path = \"other/**\"\n"));
        assert!(found.iter().any(|(rule, severity, _)| *rule == "private-address" && *severity == Severity::Warning));
        assert!(found.iter().any(|(rule, _, message)| *rule == id::WAIVER && message.contains("fits no finding")));
    }

    #[test]
    fn what_cannot_be_waived_stays() {
        for (rule, part) in [("personal-identity-number", "cannot be waived"), ("private-adress", "is `private-address` meant?")] {
            let found = said(&format!("[[check.waive]]\nrule = \"{rule}\"\nreason = \"x\"\n"));
            assert!(
                found
                    .iter()
                    .any(|(rule, severity, message)| *rule == id::WAIVER && *severity == Severity::Warning && message.contains(part)),
                "{found:?}"
            );
            assert!(found.iter().any(|(rule, severity, _)| *rule == "personal-identity-number" && *severity == Severity::Error));
        }
        assert!(
            said("[[check.waive]]\nrule = \"unc-path\"\n")
                .iter()
                .any(|(rule, _, message)| *rule == id::MANIFEST && message.contains("reason"))
        );
    }
}
