//! Whether the variables' answers can go where the manifest says: the same rendering that `fetch` does.

use super::super::Candidate;
use super::super::finding::Finding;
use super::super::rules::id;
use super::super::secrets::default_of_secret;
use super::Source;
use crate::formats::render::{files_named, render};
use crate::model::content::bytes_of;
use crate::model::id::ComponentId;
use crate::model::manifest::Manifest;
use crate::model::variables::Answers;

/// Renders each file that a variable names: without answers, and with the defaults.
pub(super) fn check(candidate: &Candidate<'_>, source: &Source<'_>, manifest: &Manifest, findings: &mut Vec<Finding>) {
    let Some(component) = source.id() else { return };
    secrets(source, manifest, findings);
    for file in files_named(&manifest.variables) {
        let named = manifest.variables.iter().find(|(_, variable)| {
            variable.replace.iter().any(|replace| replace.file == *file) || variable.bind.iter().any(|bind| bind.file == *file)
        });
        let line = |name: Option<&String>| name.and_then(|name| source.line("variables", name));
        let Some(bytes) = bytes_of(candidate.files, file.as_str()) else {
            let why = candidate.why_missing(|path| path == file.as_str());
            let message = format!("variable `{}` goes into `{file}`, which is not there{why}", named.map_or("", |(name, _)| name));
            findings.push(source.finding(id::VARIABLES, "variables", "", message).line(line(named.map(|(name, _)| name))));
            continue;
        };
        let defaults: Answers = manifest.variables.iter().filter_map(|(name, v)| Some((name.clone(), v.default.clone()?))).collect();
        let tries = [Answers::new(), defaults];
        if let Some(failure) = tries.iter().find_map(|answers| render(&component, file, bytes, &manifest.variables, answers).err()) {
            let message = without_component(&failure.message, &component);
            // The message names the variable at fault, where one is.
            let at_fault = manifest.variables.keys().find(|name| message.contains(&format!("variable `{name}`")));
            let line = line(at_fault.or(named.map(|(name, _)| name)));
            findings.push(source.finding(id::VARIABLES, "variables", "", message).line(line));
        }
    }
}

/// The default of a secret is what everybody would get: it is published.
fn secrets(source: &Source<'_>, manifest: &Manifest, findings: &mut Vec<Finding>) {
    for (name, variable) in manifest.variables.iter().filter(|(_, variable)| variable.is_secret()) {
        if let Some(rule) = variable.default.as_ref().and_then(|default| default_of_secret(&default.to_string())) {
            let message = format!("the secret variable `{name}` has a default, which is published with the component");
            let finding = source.finding(rule, "variables", "", message).line(source.line("variables", name));
            findings.push(finding.help("leave `default` out, or write a placeholder such as <password>"));
        }
    }
}

fn without_component<'a>(message: &'a str, component: &ComponentId) -> &'a str {
    message.strip_prefix(&format!("{component}: ")).unwrap_or(message)
}
