//! From typed words and the registry's synonyms to terms that a component must have.

use std::collections::BTreeMap;

use super::fold;

/// What a person looks for. Without words and filters that is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Every one of them must be somewhere.
    pub words: Vec<String>,
    /// Only this kind.
    pub kind: Option<String>,
    /// Only this owner.
    pub owner: Option<String>,
    /// Only what connects a system whose name starts like this.
    pub system: Option<String>,
    /// Only this licence; case does not matter.
    pub license: Option<String>,
}

/// Folded words that follow each other.
pub(super) type Phrase = Vec<String>;

/// What the registry holds to be the same, such as `elev = ["pupil", "student"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synonyms {
    groups: Vec<Vec<Phrase>>,
}

impl Synonyms {
    /// From the table in `registry.toml`.
    #[must_use]
    pub fn new(table: &BTreeMap<String, Vec<String>>) -> Self {
        let group = |(key, others): (&String, &Vec<String>)| -> Vec<Phrase> {
            std::iter::once(key).chain(others).map(|text| fold::words(text)).filter(|phrase| !phrase.is_empty()).collect()
        };
        Self { groups: table.iter().map(group).filter(|group| group.len() > 1).collect() }
    }

    fn longest(&self) -> usize {
        self.groups.iter().flatten().map(Vec::len).max().unwrap_or(1)
    }

    /// What else a typed phrase stands for.
    fn of(&self, typed: &Phrase) -> Vec<Phrase> {
        let is_typed = |member: &Phrase| {
            member.len() == typed.len() && member.iter().zip(typed).all(|(word, typed)| fold::strip_typed(word, typed) == Some(""))
        };
        let groups = self.groups.iter().filter(|group| group.iter().any(is_typed));
        let mut others: Vec<_> = groups.flatten().filter(|member| *member != typed).cloned().collect();
        others.sort_unstable();
        others.dedup();
        others
    }
}

/// One thing that must be somewhere in a component.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// As typed: one phrase, or several that a synonym counts as one. All of them must be there.
    pub(super) typed: Vec<Phrase>,
    /// Or one of these.
    pub(super) synonyms: Vec<Phrase>,
}

/// The terms of a query. Words of several parts (`e-post`) are phrases; a blank or `/` separates words.
pub(super) fn terms(words: &[String], synonyms: &Synonyms) -> Vec<Term> {
    let pieces = words.iter().flat_map(|word| word.split(|c: char| c.is_whitespace() || c == '/'));
    let phrases: Vec<Phrase> = pieces.map(fold::words).filter(|phrase| !phrase.is_empty()).collect();
    let mut rest = phrases.as_slice();
    let mut terms = Vec::new();
    while !rest.is_empty() {
        // The longest run that the registry knows as one: `student information system`.
        let known = (1..=rest.len().min(synonyms.longest())).rev().find_map(|length| {
            let others = synonyms.of(&rest[..length].concat());
            (!others.is_empty()).then_some((length, others))
        });
        let (length, synonyms) = known.unwrap_or((1, Vec::new()));
        let (typed, after) = rest.split_at(length);
        terms.push(Term { typed: typed.to_vec(), synonyms });
        rest = after;
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synonyms(table: &[(&str, &[&str])]) -> Synonyms {
        let owned = |(key, others): &(&str, &[&str])| ((*key).to_owned(), others.iter().map(|o| (*o).to_owned()).collect());
        Synonyms::new(&table.iter().map(owned).collect())
    }

    fn alternatives(words: &[&str], synonyms: &Synonyms) -> Vec<Vec<String>> {
        let words: Vec<_> = words.iter().map(|w| (*w).to_owned()).collect();
        terms(&words, synonyms).iter().map(|t| t.synonyms.iter().map(|p| p.join(" ")).collect()).collect()
    }

    #[test]
    fn synonyms_work_from_the_key_and_from_each_listed_word() {
        let known = synonyms(&[("elev", &["pupil", "Student"]), ("lön", &["salary"]), ("sis", &["student information system"])]);
        assert_eq!(alternatives(&["Elev"], &known), [["pupil", "student"]]);
        assert_eq!(alternatives(&["pupil"], &known), [["elev", "student"]]);
        assert_eq!(alternatives(&["student"], &known), [["elev", "pupil"]]);
        assert_eq!(alternatives(&["elever"], &known), [Vec::<String>::new()]);
        assert_eq!(alternatives(&["lon"], &known), [["lön", "salary"]]);
        assert_eq!(alternatives(&["salary"], &known), [["lön"]]);
        assert_eq!(alternatives(&["lön", "elev"], &known), [vec!["salary"], vec!["pupil", "student"]]);
        assert_eq!(alternatives(&["sis"], &known), [["student information system"]]);
        assert_eq!(alternatives(&["student", "information", "system"], &known), [["sis"]]);
        assert_eq!(alternatives(&["student-information system"], &known), [["sis"]]);
    }

    #[test]
    fn a_marked_word_does_not_mean_the_plain_one() {
        let known = synonyms(&[("halla", &["greeting"]), ("hålla", &["keep"])]);
        assert_eq!(alternatives(&["hålla"], &known), [["keep"]]);
        assert_eq!(alternatives(&["halla"], &known), [["greeting", "hålla", "keep"]]);
    }

    #[test]
    fn words_of_several_parts_are_phrases() {
        let typed: Vec<_> = terms(&["e-post göteborg/elev".to_owned()], &Synonyms::default()).into_iter().map(|t| t.typed).collect();
        assert_eq!(typed, [[["e", "post"].map(str::to_owned).to_vec()], [vec!["göteborg".to_owned()]], [vec!["elev".to_owned()]]]);
        assert!(terms(&["--".to_owned(), String::new()], &Synonyms::default()).is_empty());
    }
}
