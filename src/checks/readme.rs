//! The README: that it is there, and that it says what a receiver asks (rules `readme`, `readme-content`).

use super::Candidate;
use super::finding::Finding;
use super::rules::id;

/// Fewer words than this say nothing about what a component is.
const LEAST_WORDS: usize = 12;

/// Beginnings of words that tell what must be there first, in the languages of the registries.
const NEEDS: &[&str] = &[
    "need",
    "require",
    "prerequisite",
    "depend",
    "behöv",
    "behov",
    "krav",
    "kräv",
    "förutsättning",
    "beroende",
    "voraussetz",
    "benötig",
    "forudsætning",
    "krever",
    "vereist",
    "prérequis",
    "tarvits",
    "edellyt",
];

/// Beginnings of words that tell where to change it.
const ADAPT: &[&str] = &[
    "adapt",
    "change",
    "configur",
    "custom",
    "adjust",
    "setting",
    "set ",
    "anpass",
    "ändra",
    "ändring",
    "konfigur",
    "ställ in",
    "inställning",
    "justera",
    "tilpass",
    "aanpass",
    "mukau",
    "adaptez",
];

/// What the README that `forum new` writes asks for: standing there, it has not been answered.
pub const PROMPTS: [(&str, &str); 3] = [
    ("Say here in a few sentences what it is:", "what it is"),
    ("Platform and version, packages, environment variables, access to which systems.", "what it needs"),
    ("What is asked for when it is fetched, and where to change the rest.", "how to adapt it"),
];

/// Checks the README.
pub(super) fn check(candidate: &Candidate<'_>, findings: &mut Vec<Finding>) {
    let names = ["readme.md", "readme.txt", "readme", "readme.adoc", "readme.rst"];
    let rank = |path: &str| names.iter().position(|name| *name == path.to_lowercase());
    let Some(readme) = candidate.files.iter().filter(|file| rank(file.path.as_str()).is_some()).min_by_key(|file| rank(file.path.as_str()))
    else {
        let why = candidate.why_missing(|path| rank(path).is_some());
        findings.push(Finding::new(id::README, format!("there is no README.md{why}")).at("README.md"));
        return;
    };
    let text = String::from_utf8_lossy(&readme.bytes);
    let missing = missing(&text);
    if !missing.is_empty() {
        findings.push(Finding::new(id::README_CONTENT, format!("does not say {}", missing.join(", nor "))).at(readme.path.as_str()));
    }
}

/// What a receiver asks and the text does not answer.
fn missing(text: &str) -> Vec<&'static str> {
    let prose = text.lines().filter(|line| !line.trim_start().starts_with(['#', '=', '-', '|', '`', '!', '[', '<']));
    let words = prose.flat_map(str::split_whitespace).filter(|word| word.chars().any(char::is_alphabetic)).count();
    let lower = text.to_lowercase();
    let says = |beginnings: &[&str]| {
        let begins = |start: &&str| lower.match_indices(*start).any(|(at, _)| !lower[..at].ends_with(char::is_alphabetic));
        beginnings.iter().any(begins)
    };
    let questions = [(words >= LEAST_WORDS, "what it is"), (says(NEEDS), "what it needs"), (says(ADAPT), "how to adapt it")];
    let asked = |question: &str| PROMPTS.iter().any(|(prompt, of)| *of == question && text.contains(prompt));
    questions.into_iter().filter(|(answered, question)| !answered || asked(question)).map(|(_, question)| question).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_answers_three_questions() {
        let english = "# Sync\n\nReads pupils from the school system and writes them to the identity platform.\n\n## What it needs\n\nNothing.\n\n## How to adapt it\n\nChange the address.\n";
        assert_eq!(missing(english), [""; 0]);
        let prompts = PROMPTS.map(|(prompt, _)| prompt);
        let template =
            format!("# Sync\n\n{} x to y.\n\n## What it needs\n\n{}\n\n## How to adapt it\n\n{}\n", prompts[0], prompts[1], prompts[2]);
        assert_eq!(missing(&template), ["what it is", "what it needs", "how to adapt it"]);
        assert_eq!(missing(&(english.to_owned() + prompts[2])), ["how to adapt it"]);
        let swedish = "# Elever\n\nLäser elever ur skolans system och skriver dem till katalogen varje natt, utan att någon gör något.\n\n## Förutsättningar\n\nFrends 5.7.\n\n## Anpassa\n";
        assert_eq!(missing(swedish), [""; 0]);
        assert_eq!(missing("# version 1\n"), ["what it is", "what it needs", "how to adapt it"]);
        assert_eq!(missing(&english.replace("adapt", "run").replace("Change", "See")), ["how to adapt it"]);
    }
}
