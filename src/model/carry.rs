//! Which answers a newer version gets: those of before, carried along, and the names of what must be asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::update::{VariableChange, VariableFate};
use super::variables::{Answer, Answers, Variable};

/// The variables of a version, by name.
pub type Variables = BTreeMap<String, Variable>;

/// Answers on their way from one version to the next.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The answers that still hold, by their names in the newer version.
    pub answers: Answers,
    /// Secrets that stand in the receiver's files already: they need not be given again.
    pub secrets: BTreeSet<String>,
    /// What is new, and what takes other answers now.
    pub asked: BTreeMap<String, VariableFate>,
    /// New names, with the old ones.
    pub renamed: BTreeMap<String, String>,
}

/// Carries `applied` over from the `old` variables to the `new` ones. `edited` are answers that a person wrote into
/// `forum.toml` since: they are given for the newer version, whatever its type.
#[must_use]
pub fn carry(old: &Variables, new: &Variables, applied: &Answers, edited: &Answers) -> Carried {
    let mut carried = Carried::default();
    for (name, variable) in new {
        let earlier = variable.renamed_from.as_ref().filter(|earlier| !old.contains_key(name) && old.contains_key(*earlier));
        let known = earlier.unwrap_or(name);
        if let Some(earlier) = earlier {
            carried.renamed.insert(name.clone(), earlier.clone());
        }
        let written = edited.get(name).or_else(|| edited.get(known)).filter(|answer| applied.get(known) != Some(*answer));
        if let Some(answer) = written.and_then(|answer| variable.check_answer(name, answer).ok()) {
            carried.answers.insert(name.clone(), answer);
            continue;
        }
        match old.get(known) {
            None => drop(carried.asked.insert(name.clone(), VariableFate::Added)),
            Some(before) if before.kind != variable.kind => drop(carried.asked.insert(name.clone(), VariableFate::AskedAgain)),
            Some(_) if variable.is_secret() => drop(carried.secrets.insert(name.clone())),
            Some(_) => match applied.get(known).map(|answer| variable.check_answer(name, answer)) {
                Some(Ok(answer)) => drop(carried.answers.insert(name.clone(), answer)),
                _ => drop(carried.asked.insert(name.clone(), VariableFate::AskedAgain)),
            },
        }
    }
    carried
}

/// Whether a step over versions between may have hidden a rename: names came, and names went.
#[must_use]
pub fn may_skip_renames(old: &Variables, new: &Variables) -> bool {
    let came = |(name, variable): (&String, &Variable)| !old.contains_key(name) && known_before(old, variable).is_none();
    new.iter().any(came) && old.keys().any(|name| !new.contains_key(name))
}

fn known_before<'v>(old: &Variables, variable: &'v Variable) -> Option<&'v String> {
    variable.renamed_from.as_ref().filter(|earlier| old.contains_key(*earlier))
}

/// Follows names back through the versions `between`, the newest first: a variable that was renamed in one of them is
/// named after the one that the `old` version has.
pub fn follow_renames(old: &Variables, new: &mut Variables, between: &[Variables]) {
    for (name, variable) in new.iter_mut() {
        if old.contains_key(name) || known_before(old, variable).is_some() {
            continue;
        }
        let mut now = variable.renamed_from.clone().unwrap_or_else(|| name.clone());
        for version in between {
            let earlier = version.get(&now).and_then(|variable| variable.renamed_from.clone());
            now = earlier.unwrap_or(now);
        }
        if old.contains_key(&now) {
            variable.renamed_from = Some(now);
        }
    }
}

impl Carried {
    /// What is reported of the variables, given the answers of before and those that are applied in the end.
    #[must_use]
    pub fn changes(&self, old: &Variables, new: &Variables, applied: &Answers, now: &Answers) -> Vec<VariableChange> {
        let shown = |name: &String, from: &Variables, answers: &Answers| -> Option<Answer> {
            answers.get(name).filter(|_| !from.get(name).is_some_and(Variable::is_secret)).cloned()
        };
        let mut changes = Vec::new();
        for name in new.keys() {
            let answer = shown(name, new, now);
            let known = self.renamed.get(name).unwrap_or(name);
            let fate = match (self.asked.get(name), self.renamed.contains_key(name)) {
                (Some(fate), _) => Some(*fate),
                (None, true) => Some(VariableFate::Renamed),
                (None, false) => (answer != shown(known, old, applied)).then_some(VariableFate::Changed),
            };
            changes.extend(fate.map(|change| VariableChange { name: name.clone(), change, answer }));
        }
        let went = |name: &&String| !new.contains_key(*name) && !self.renamed.values().any(|earlier| earlier == *name);
        for name in old.keys().filter(went) {
            changes.push(VariableChange { name: name.clone(), change: VariableFate::Removed, answer: shown(name, old, applied) });
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(text: &str) -> Variables {
        toml::from_str(text).expect("variables")
    }

    fn answers(text: &str) -> Answers {
        toml::from_str(text).expect("answers")
    }

    const OLD: &str = "[a]\n[b]\n[c]\n[d]\n[key]\ntype = \"secret\"\n[gone]\n";
    const NEW: &str = "[a]\n[b2]\nrenamed-from = \"b\"\n[c]\ntype = \"integer\"\n[d]\npattern = \"^x\"\n[key]\ntype = \"secret\"\n[new]\ndefault = \"n\"\n";

    #[test]
    fn answers_go_along_and_what_must_be_asked_is_named() {
        let (old, new) = (variables(OLD), variables(NEW));
        let applied = answers("a = \"1\"\nb = \"2\"\nc = \"3\"\nd = \"4\"\ngone = \"5\"\n");
        let carried = carry(&old, &new, &applied, &applied);
        assert_eq!(carried.answers, answers("a = \"1\"\nb2 = \"2\"\n"));
        assert_eq!(carried.secrets, ["key".to_owned()].into());
        let again = [("c", VariableFate::AskedAgain), ("d", VariableFate::AskedAgain), ("new", VariableFate::Added)];
        assert_eq!(carried.asked, again.map(|(name, fate)| (name.to_owned(), fate)).into());
        let now = answers("a = \"9\"\nb2 = \"2\"\nc = 3\nd = \"x\"\nnew = \"n\"\nkey = \"hush\"\n");
        let changes = carried.changes(&old, &new, &applied, &now);
        let words: Vec<_> = changes.iter().map(|change| (change.name.as_str(), change.change, change.answer.is_some())).collect();
        let want = [
            ("a", VariableFate::Changed, true),
            ("b2", VariableFate::Renamed, true),
            ("c", VariableFate::AskedAgain, true),
            ("d", VariableFate::AskedAgain, true),
            ("new", VariableFate::Added, true),
            ("gone", VariableFate::Removed, true),
        ];
        assert_eq!(words, want);
    }

    #[test]
    fn names_are_followed_through_versions_between() {
        let (old, between) =
            (variables("[a]\n[x]\n"), [variables("[c]\nrenamed-from = \"b\"\n[y]\n"), variables("[b]\nrenamed-from = \"a\"\n[x]\n")]);
        let applied = answers("a = \"1\"\nx = \"2\"\n");
        for (text, want) in [
            ("[c]\nrenamed-from = \"b\"\n", "c = \"1\"\n"),
            ("[c]\n[x]\n", "c = \"1\"\nx = \"2\"\n"),
            ("[d]\nrenamed-from = \"c\"\n", "d = \"1\"\n"),
            ("[y]\n", ""),
        ] {
            let mut new = variables(text);
            assert!(may_skip_renames(&old, &new), "{text}");
            follow_renames(&old, &mut new, &between);
            assert_eq!(carry(&old, &new, &applied, &Answers::new()).answers, answers(want), "{text}");
        }
        assert!(!may_skip_renames(&old, &variables("[b]\nrenamed-from = \"a\"\n")));
        assert!(!may_skip_renames(&old, &variables("[a]\n[x]\n[new]\n")));
    }

    #[test]
    fn what_a_person_wrote_since_counts_as_given() {
        let (old, new) = (variables(OLD), variables(NEW));
        let applied = answers("a = \"1\"\nc = \"3\"\n");
        let carried = carry(&old, &new, &applied, &answers("a = \"7\"\nc = 8\n"));
        assert_eq!((&carried.answers["a"], &carried.answers["c"]), (&Answer::String("7".into()), &Answer::Integer(8)));
        assert!(!carried.asked.contains_key("c"));
    }
}
