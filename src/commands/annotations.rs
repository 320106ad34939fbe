//! Findings for machines of others: SARIF 2.1.0 and the annotations of a GitHub job.

use serde_json::{Value, json};

use crate::checks::{Finding, Severity, rules};
use crate::model::escape::escape;

/// SARIF 2.1.0 (OASIS, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>): one run with its rules.
pub(super) fn sarif(findings: &[Finding]) -> String {
    let rule = |rule: &crate::checks::Rule| {
        json!({
            "id": rule.id,
            "shortDescription": { "text": rule.what },
            "fullDescription": { "text": format!("{} {}", rule.why, rule.source) },
            "help": { "text": rule.mend },
            "defaultConfiguration": { "level": rule.severity.as_str() },
        })
    };
    let driver = json!({
        "name": "forum",
        "version": env!("CARGO_PKG_VERSION"),
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": rules().iter().map(rule).collect::<Vec<_>>(),
    });
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "results": findings.iter().map(result).collect::<Vec<_>>() }],
    });
    format!("{document:#}\n")
}

fn result(finding: &Finding) -> Value {
    let mut result = json!({
        "ruleId": finding.rule,
        "level": finding.severity.as_str(),
        "message": { "text": format!("{}. {}", finding.message, finding.help) },
    });
    if let Some(path) = &finding.path {
        let mut place = json!({ "artifactLocation": { "uri": uri(path) } });
        if let Some(line) = finding.line {
            place["region"] = json!({ "startLine": line });
        }
        let mut location = json!({ "physicalLocation": place });
        if let Some(pointer) = &finding.pointer {
            location["logicalLocations"] = json!([{ "fullyQualifiedName": pointer }]);
        }
        result["locations"] = json!([location]);
    }
    result
}

/// A path as a relative reference (RFC 3986, section 4.2).
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// "Workflow commands for GitHub Actions": `::error file=…,line=…,title=…::message`.
pub(super) fn github(findings: &[Finding]) -> String {
    let data = |text: &str| escape(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let line = |finding: &Finding| {
        let word = if finding.severity == Severity::Note { "notice" } else { finding.severity.as_str() };
        let file = finding.path.as_ref().map(|path| format!("file={},", property(path))).unwrap_or_default();
        let line = finding.line.map(|line| format!("line={line},")).unwrap_or_default();
        format!("::{word} {file}{line}title={}::{}\n", property(finding.rule), data(&format!("{}. {}", finding.message, finding.help)))
    };
    findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Candidate, check};
    use crate::model::content::ContentFile;
    use crate::model::digest::FileMode;

    fn finding() -> Finding {
        let place = Finding::new("path", "is bad, 100%\nreally").at("a b/\u{e5}:x,y.json");
        place.line(Some(3)).pointer(Some("/a!/b".into()))
    }

    #[test]
    fn sarif_has_what_its_schema_requires() {
        let text = sarif(&[finding(), Finding::new("path", "is bad").at("b.json")]);
        let document: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["version"], "2.1.0");
        let run = &document["runs"][0];
        let ids: Vec<_> = run["tool"]["driver"]["rules"].as_array().expect("rules").iter().map(|rule| rule["id"].clone()).collect();
        for result in run["results"].as_array().expect("results") {
            assert!(ids.contains(&result["ruleId"]) && result["message"]["text"].is_string(), "{result}");
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().expect("a level")), "{result}");
        }
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A5%3Ax%2Cy.json");
        assert_eq!(place["region"]["startLine"], 3);
    }

    #[test]
    fn every_result_has_a_location() {
        let file =
            |path: &str| ContentFile { path: path.parse().expect("a path"), mode: FileMode::Regular, bytes: b"19500312-1270".to_vec() };
        let many: Vec<_> = (0..2001).map(|number| file(&format!("{number}.txt"))).collect();
        for files in [&[file("component.toml")][..], &[file("19500312-1270.txt"), file("a.txt")], &many] {
            let candidate = Candidate { files, obstacles: &[], hidden: &[], place: "sync", registry: None, owner: None, previous: None };
            let document: Value = serde_json::from_str(&sarif(&check(&candidate).findings)).expect("JSON");
            let results = document["runs"][0]["results"].as_array().expect("results");
            for result in results {
                assert!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].is_string(), "{result}");
            }
            assert!(results.len() >= 2, "{results:?}");
        }
    }

    #[test]
    fn annotations_stay_on_one_line() {
        assert!(
            github(&[Finding::new("path", "is bad").at("a\u{1b}\n::add-mask::b")]).starts_with("::error file=a\\u{1b}%0A%3A%3Aadd-mask")
        );
        let text = github(&[finding()]);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("::error file=a b/\u{e5}%3Ax%2Cy.json,line=3,title=path::is bad, 100%25%0Areally"), "{text}");
    }
}
