//! The page of a component as text.

use super::{OneVersion, Shown};
use crate::model::escape::escape_line;
use crate::ui::columns;

/// How many versions and users are listed before the rest is counted.
const LISTED: usize = 8;

/// Sections of lines; what is not known is left out.
pub(super) fn text(shown: &Shown) -> String {
    let line = |text: &str| escape_line(text);
    let mut text = format!("{} {}  {}\n", shown.id, shown.version, line(&shown.title));
    text += &format!("{}\n", line(&shown.summary));
    if let Some(deprecated) = &shown.deprecated {
        let instead = deprecated.replaced_by.as_ref().map(|id| format!(" Use {id} instead.")).unwrap_or_default();
        text += &format!("\nwarning: its owner advises against it: {}{instead}\n", line(&deprecated.reason));
    }
    if let Some(OneVersion { reason: Some(reason), yanked, .. }) = shown.versions.iter().find(|one| one.version == shown.version) {
        text += &format!("\nwarning: this version was {}: {}\n", if *yanked { "yanked" } else { "removed" }, line(reason));
    }
    text += "\n";
    text += &columns(&facts(shown));
    text += &needs(shown);
    text += &variables(shown);
    text += &people(shown);
    text += &versions(shown);
    if !shown.disclaimer.is_empty() {
        text += &format!("\n{}\n", line(&shown.disclaimer));
    }
    text + &format!("\nforum fetch {}\n", shown.id)
}

fn facts(shown: &Shown) -> Vec<[String; 2]> {
    let owner = shown.publisher.as_ref().map(|who| format!("{} ({})", who.title, who.kind));
    let levels = shown.classification.as_ref().map(|levels| {
        let levels: Vec<_> = levels.iter().map(|(aspect, level)| format!("{aspect} {level}")).collect();
        levels.join(", ")
    });
    let hours = |hours: Option<u32>, what: &str| hours.map(|hours| format!("{hours} hours to {what}"));
    let effort = shown.effort.as_ref().map(|effort| {
        let parts = [hours(effort.hours_built, "build"), hours(effort.hours_to_adapt, "adapt")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    });
    let platform = shown.platform.as_ref().map(|on| format!("{} {}", on.name, on.version.as_deref().unwrap_or_default()));
    let dependencies: Vec<_> = shown.dependencies.iter().map(|(id, requirement)| format!("{id} {requirement}")).collect();
    let facts = [
        ("Kind", Some(shown.kind.clone())),
        ("Status", Some(shown.status.clone())),
        ("Licence", Some(shown.license.clone())),
        ("Owner", owner.or_else(|| Some(shown.id.owner().to_string()))),
        ("Contact", shown.contact.clone()),
        ("Discussion", shown.discussion.clone()),
        ("Systems", Some(shown.systems.join(", "))),
        ("Keywords", Some(shown.keywords.join(", "))),
        ("Area", shown.area.clone()),
        ("Platform", platform),
        ("Depends on", Some(dependencies.join(", "))),
        ("Personal data", shown.personal_data.clone()),
        ("Classification", levels),
        ("Decision", shown.decision.clone()),
        ("Effort", effort),
        ("Variant of", shown.derived_from.clone()),
        ("Registry", Some(shown.registry.clone())),
    ];
    let known = |(name, value): (&str, Option<String>)| {
        let value = value.filter(|value| !value.trim().is_empty())?;
        Some([name.to_owned(), escape_line(value.trim())])
    };
    facts.into_iter().filter_map(known).collect()
}

fn needs(shown: &Shown) -> String {
    let Some(needs) = shown.needs.as_ref().filter(|needs| !needs.is_empty()) else { return String::new() };
    let mut text = "\nThe platform must have\n".to_owned();
    text += &needs.lines();
    text
}

fn variables(shown: &Shown) -> String {
    let Some(variables) = shown.variables.as_ref().filter(|variables| !variables.is_empty()) else { return String::new() };
    let row = |asked: &super::Asked| {
        let default = asked.default.as_ref().map(|answer| format!("(default {answer})")).unwrap_or_default();
        let prompt = escape_line(asked.prompt.as_deref().unwrap_or_default());
        [format!("  {}", escape_line(&asked.name)), prompt, escape_line(&default)]
    };
    format!("\nAsked at fetch\n{}", columns(&variables.iter().map(row).collect::<Vec<_>>()))
}

fn people(shown: &Shown) -> String {
    if shown.adoptions.is_empty() {
        return String::new();
    }
    let hours: u64 = shown.adoptions.iter().filter_map(|adoption| adoption.hours_saved).map(u64::from).sum();
    let saved = if hours == 0 { String::new() } else { format!(" ({hours} hours saved in all)") };
    let row = |adoption: &crate::model::adoption::Adoption| {
        let line = |text: &str| escape_line(text);
        [format!("  {}", adoption.by), line(&adoption.version), line(&adoption.status), format!("since {}", line(&adoption.since))]
    };
    let rows: Vec<_> = shown.adoptions.iter().take(LISTED).map(row).collect();
    format!("\nUsed by{saved}\n{}{}", columns(&rows), rest(shown.adoptions.len()))
}

fn versions(shown: &Shown) -> String {
    let row = |one: &OneVersion| {
        let state = match (one.removed, one.yanked) {
            (true, _) => "removed",
            (_, true) => "yanked",
            _ => "",
        };
        let day = one.published.split('T').next().unwrap_or_default();
        let reason = one.reason.as_ref().map(|reason| format!("{state}: {}", escape_line(reason)));
        [format!("  {}", one.version), escape_line(day), reason.unwrap_or_else(|| state.to_owned())]
    };
    let rows: Vec<_> = shown.versions.iter().take(LISTED).map(row).collect();
    format!("\nVersions\n{}{}", columns(&rows), rest(shown.versions.len()))
}

fn rest(all: usize) -> String {
    if all > LISTED { format!("  and {} more (--json lists all)\n", all - LISTED) } else { String::new() }
}
