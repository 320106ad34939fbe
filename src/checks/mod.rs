//! RULES: what must hold before a component is published. One file a rule family; pure.
//!
//! `forum check`, `forum publish` and `forum registry check` all ask [`check`], so a maintainer's CI says what the
//! publisher's terminal said. [`rules`] is what `forum explain` knows.

mod contents;
mod finding;
mod fix;
mod hosts;
mod licence;
mod manifest;
mod paths;
mod persons;
mod readme;
pub mod registry;
pub mod rules;
mod secrets;
#[cfg(test)]
mod tests;
mod texts;
mod version_step;
mod waivers;

use semver::Version;

pub use self::finding::{Checked, Finding, Severity, line_of};
pub use self::fix::{Fixed, fix};
pub use self::licence::PLACEHOLDER;
pub use self::readme::PROMPTS;
pub use self::rules::Rule;
use crate::model::content::ContentFile;
use crate::model::id::Name;
use crate::model::manifest::{MANIFEST_FILE, Manifest};
use crate::model::registry_file::RegistryFile;
use crate::model::registry_state::Obstacle;

/// What would be published, and what is known around it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The files as they would be published.
    pub files: &'a [ContentFile],
    /// What lies there and cannot be published.
    pub obstacles: &'a [Obstacle],
    /// What lies there and would not be published, with the reason: git ignores it, for instance.
    pub hidden: &'a [(String, &'static str)],
    /// Where the component lies, for the paths in findings: `integrations/pupil-sync`, or nothing.
    pub place: &'a str,
    /// The registry that it would go to.
    pub registry: Option<&'a RegistryFile>,
    /// Who publishes: `[workspace] owner`.
    pub owner: Option<&'a Name>,
    /// The newest published version.
    pub previous: Option<&'a Previous>,
}

/// The version that the candidate follows.
#[derive(Debug, Clone)]
pub struct Previous {
    /// Its version.
    pub version: Version,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Candidate<'_> {
    /// Why a file is not there: it may lie there for everybody to see, and be left out.
    fn why_missing(&self, is: impl Fn(&str) -> bool) -> String {
        let hidden = self.hidden.iter().find(|(path, _)| is(path));
        hidden.map(|(path, why)| format!(": {path} lies here, but {why}")).unwrap_or_default()
    }
}

/// All rules, in the order in which people meet them.
#[must_use]
pub fn rules() -> &'static [Rule] {
    rules::all()
}

/// The manifest among these files, as a client would use it; `None` where it could not, and [`check`] says why.
#[must_use]
pub fn manifest_of(files: &[ContentFile]) -> Option<Manifest> {
    manifest::of_client(files)
}

/// Holds a candidate against all rules.
#[must_use]
pub fn check(candidate: &Candidate<'_>) -> Checked {
    let mut findings = paths::check(candidate);
    let source = manifest::check(candidate, &mut findings);
    if let Some(source) = &source {
        licence::check(candidate, source, &mut findings);
        version_step::check(candidate, source, &mut findings);
    }
    readme::check(candidate, &mut findings);
    let no_personal_data = source.as_ref().is_some_and(|source| source.text("component", "personal-data") == Some("none"));
    contents::check(candidate.files, no_personal_data, &mut findings);
    if let Some(source) = &source {
        waivers::apply(source, &mut findings);
    }
    // What is about the component as a whole stands at its manifest: hosts show no finding without a file.
    for finding in &mut findings {
        let path = finding.path.take().unwrap_or_else(|| MANIFEST_FILE.to_owned());
        finding.path = Some(placed(candidate.place, path));
    }
    Checked::of(findings, source.and_then(|source| source.manifest))
}

/// A path of the component as the user sees it.
fn placed(place: &str, path: String) -> String {
    if place.is_empty() { path } else { format!("{}/{path}", place.trim_end_matches('/')) }
}
