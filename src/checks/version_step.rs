//! Whether the version rose as much as the change asks for (rule `version-step`): what a receiver meets at `update`
//! decides, not how much was written.

use semver::Version;

use super::finding::Finding;
use super::manifest::Source;
use super::rules::id;
use super::{Candidate, Previous};
use crate::model::manifest::Manifest;
use crate::model::variables::Variable;

/// Which part of a version must rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Patch,
    Minor,
    Major,
}

/// Compares with the version before, where this one follows it.
pub(super) fn check(candidate: &Candidate<'_>, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let (Some(previous), Some(manifest), Some(version)) = (candidate.previous, &source.manifest, source.version()) else { return };
    if version <= previous.version {
        findings.extend(back(previous, &version, source));
        return;
    }
    let asked = reasons(previous, manifest).into_iter().max_by_key(|(step, _)| *step);
    let Some((step, reason)) = asked.filter(|(step, _)| *step > taken(&previous.version, &version)) else { return };
    let part = match (step, previous.version.major) {
        (Step::Major, 1..) => "major",
        // Below 1.0 the minor counts as the major, and the patch as the minor.
        (Step::Major, 0) | (Step::Minor, 1..) => "minor",
        _ => return,
    };
    let message = format!("{version} after {}: {reason}, which asks for a new {part} version", previous.version);
    findings.push(
        source.finding(id::VERSION_STEP, "component", "version", message).help(format!("publish it as {}", next(&previous.version, part))),
    );
}

/// A fix to an older line follows another version than the newest: legitimate, and often a mistake.
fn back(previous: &Previous, version: &Version, source: &Source<'_>) -> Option<Finding> {
    version.cmp_precedence(&previous.version).is_lt().then(|| {
        let message = format!(
            "{version} is lower than {}, which is published: only who asks for that older line gets it, and who reads the registry as a plain folder gets it in place of {0}",
            previous.version
        );
        let help = format!("publish it as {} or higher; a fix to an older line is fine", next(&previous.version, "patch"));
        source.finding(id::VERSION_STEP, "component", "version", message).help(help)
    })
}

/// What changed for a receiver, each with the step that it asks for.
fn reasons(previous: &Previous, now: &Manifest) -> Vec<(Step, String)> {
    let before = &previous.manifest;
    let mut reasons = Vec::new();
    let renamed = |name: &String| now.variables.values().any(|variable| variable.renamed_from.as_ref() == Some(name));
    for name in before.variables.keys().filter(|name| !now.variables.contains_key(*name) && !renamed(name)) {
        reasons.push((Step::Major, format!("the variable `{name}` is gone")));
    }
    for (name, variable) in &now.variables {
        let earlier = variable.renamed_from.as_ref().and_then(|earlier| before.variables.get(earlier));
        match before.variables.get(name).or(earlier) {
            None if variable.default.is_none() => reasons.push((Step::Major, format!("the variable `{name}` is new and has no default"))),
            None => reasons.push((Step::Minor, format!("the variable `{name}` is new"))),
            Some(old) => reasons.extend(narrower(old, variable).map(|what| (Step::Major, format!("the variable `{name}` {what}")))),
        }
    }
    for (dependency, requirement) in &now.dependencies {
        match before.dependencies.get(dependency) {
            None => reasons.push((Step::Minor, format!("the dependency {dependency} is new"))),
            Some(old) if lowest_major(old) != lowest_major(requirement) => {
                reasons.push((Step::Major, format!("the dependency {dependency} moved from `{old}` to `{requirement}`")));
            }
            Some(_) => {}
        }
    }
    reasons
}

/// How answers that were fine before may be refused now.
fn narrower(old: &Variable, new: &Variable) -> Option<&'static str> {
    if old.kind != new.kind {
        return Some("has another type");
    }
    if old.default.is_some() && new.default.is_none() {
        return Some("has no default any more");
    }
    let gone = |choice: &String| !new.choices.contains(choice);
    (!new.choices.is_empty() && old.choices.iter().any(gone)).then_some("has lost a choice")
}

/// The part that the lowest version of a requirement must keep: its major, below 1.0 its minor.
fn lowest_major(requirement: &semver::VersionReq) -> Option<(u64, u64)> {
    let lowest = requirement.comparators.iter().min_by_key(|one| (one.major, one.minor))?;
    Some((lowest.major, if lowest.major == 0 { lowest.minor.unwrap_or(0) } else { 0 }))
}

/// The step that was taken. A pre-release of the next major version is one.
fn taken(from: &Version, to: &Version) -> Step {
    let major = (to.major, if to.major == 0 { to.minor } else { 0 });
    let minor = if to.major == 0 { to.patch } else { to.minor };
    if major > (from.major, if from.major == 0 { from.minor } else { 0 }) {
        Step::Major
    } else if minor > if from.major == 0 { from.patch } else { from.minor } {
        Step::Minor
    } else {
        Step::Patch
    }
}

fn next(version: &Version, part: &str) -> Version {
    match part {
        "major" => Version::new(version.major + 1, 0, 0),
        "minor" => Version::new(version.major, version.minor + 1, 0),
        _ => Version::new(version.major, version.minor, version.patch + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MANIFEST, files};
    use super::super::{Candidate, Previous, check};
    use super::*;

    /// What is said of a version with `now` after one with `before` appended to its manifest.
    fn said(versions: (&str, &str), before: &str, now: &str) -> Option<(String, String)> {
        let text = |version: &str, more: &str| format!("{}\n{more}", MANIFEST.replace("1.0.0", version));
        let id = "sundsvall/pupil-sync".parse().expect("an id");
        let version: Version = versions.0.parse().expect("a version");
        let manifest = Manifest::parse(&id, &version, text(versions.0, before).as_bytes()).expect("a manifest");
        let manifest_now = text(versions.1, now);
        let files = files(&[("component.toml", Some(manifest_now.as_bytes())), ("a.txt", Some(b"0"))]);
        let previous = Previous { version, manifest };
        let checked = check(&Candidate {
            files: &files,
            obstacles: &[],
            hidden: &[],
            place: "",
            registry: None,
            owner: None,
            previous: Some(&previous),
        });
        let found = checked.findings.into_iter().find(|finding| finding.rule == id::VERSION_STEP);
        found.map(|finding| (finding.message, finding.help))
    }

    const A: &str = "[variables.a]\ndefault = \"1\"\nreplace = [{ file = \"a.txt\", text = \"0\", count = 1 }]\n";

    #[test]
    fn what_breaks_a_receiver_asks_for_a_major_version() {
        let without = A.replace("default = \"1\"\n", "");
        let integer = A.replace("default = \"1\"", "type = \"integer\"\ndefault = 1");
        for (before, now, part) in [
            (A, "", "`a` is gone"),
            ("", without.as_str(), "no default"),
            (A, &without, "no default any more"),
            (A, &integer, "another type"),
            ("[dependencies]\n\"inera/base\" = \"^1\"\n", "[dependencies]\n\"inera/base\" = \"^2\"\n", "moved from `^1` to `^2`"),
        ] {
            let (message, help) = said(("1.2.3", "1.3.0"), before, now).expect(part);
            assert!(message.contains(part) && message.contains("new major") && help.contains("2.0.0"), "{message} {help}");
            assert_eq!(said(("1.2.3", "2.0.0-rc.1"), before, now), None);
            assert!(said(("0.2.3", "0.2.4"), before, now).expect(part).1.contains("0.3.0"));
            assert_eq!(said(("0.2.3", "0.3.0"), before, now), None);
        }
    }

    #[test]
    fn what_is_new_asks_for_a_minor_version() {
        for now in [A, "[dependencies]\n\"inera/base\" = \"^1\"\n"] {
            assert!(said(("1.2.3", "1.2.4"), "", now).expect("said").1.contains("1.3.0"));
            assert_eq!(said(("1.2.3", "1.3.0"), "", now), None);
            assert_eq!(said(("0.2.3", "0.2.4"), "", now), None);
        }
    }

    #[test]
    fn what_nobody_notices_asks_for_nothing() {
        let renamed = A.replace("[variables.a]", "[variables.b]\nrenamed-from = \"a\"");
        for (before, now) in [
            (A, A),
            (A, renamed.as_str()),
            ("", ""),
            ("[dependencies]\n\"inera/base\" = \"^1\"\n", "[dependencies]\n\"inera/base\" = \"^1.4\"\n"),
        ] {
            assert_eq!(said(("1.2.3", "1.2.4"), before, now), None, "{now}");
        }
    }

    #[test]
    fn a_version_that_goes_back_is_pointed_out() {
        let (message, help) = said(("1.2.3", "1.1.9"), A, "").expect("said");
        assert!(message.contains("lower than 1.2.3") && message.contains("plain folder") && help.contains("1.2.4"), "{message} {help}");
        assert_eq!(said(("1.2.3", "1.2.3"), A, ""), None);
    }
}
