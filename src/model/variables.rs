//! The variables of a manifest: typed answers, and where they go in the files (contract, section 4).
//!
//! A component is a starting point with a few places that differ at every
//! receiver. This page says what a variable is and which answers it takes;
//! `formats::render` puts the answers into the files.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::path::RelPath;
use crate::error::{Code, Failure};

/// Answers by the name of their variable.
pub type Answers = BTreeMap<String, Answer>;

/// What kind of answer a variable takes: the key `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VariableKind {
    /// Any text.
    #[default]
    String,
    /// A whole number of 64 bits.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// One of `choices`.
    Choice,
    /// Text that is written into its files and nowhere else.
    Secret,
}

/// `[variables.NAME]` of `component.toml`. Keys that are not known are tolerated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Variable {
    /// Which answers fit.
    #[serde(rename = "type", default)]
    pub kind: VariableKind,
    /// The question, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What helps to answer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The answer of whoever gives none. Without it the variable must be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Answer>,
    /// A regular expression that the answer must match; anchored only where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The answers that are allowed; empty: no limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Literal texts that the answer takes the place of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<Replace>,
    /// JSON tokens that the answer takes the place of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bind: Vec<Bind>,
    /// The variable's name in earlier versions: its answer is carried over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// A literal text in a file that an answer replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Replace {
    /// Relative to the component.
    pub file: RelPath,
    /// Found in the published bytes.
    pub text: String,
    /// How often it stands there, exactly.
    pub count: usize,
}

/// A JSON token in a file that an answer replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bind {
    /// Relative to the component.
    pub file: RelPath,
    /// RFC 6901, with `!` after a segment: go on inside this string.
    pub pointer: String,
}

/// An answer, as it stands in TOML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an answer must be a string, an integer or a boolean")]
pub enum Answer {
    /// `true` or `false`
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Anything else, choices and secrets too.
    String(String),
}

impl fmt::Display for Answer {
    /// The text that goes into files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::String(text) => f.write_str(text),
        }
    }
}

impl Variable {
    /// Whether answers must stay out of settings, lock, output and logs.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind == VariableKind::Secret
    }

    /// The files that its answer goes into; one may come several times.
    pub fn files(&self) -> impl Iterator<Item = &RelPath> {
        self.replace.iter().map(|one| &one.file).chain(self.bind.iter().map(|one| &one.file))
    }

    /// Reads the answer that a person typed for the variable `name`.
    ///
    /// # Errors
    /// `usage` when it breaks the variable's type, choices or pattern; `invalid-manifest` when the pattern itself is none.
    pub fn parse_answer(&self, name: &str, text: &str) -> Result<Answer, Failure> {
        let answer = match self.kind {
            VariableKind::String | VariableKind::Choice | VariableKind::Secret => Answer::String(text.to_owned()),
            VariableKind::Integer => {
                Answer::Integer(text.parse().map_err(|_| self.refuse(name, text, "it must be a whole number of at most 64 bits"))?)
            }
            VariableKind::Boolean => Answer::Boolean(text.parse().map_err(|_| self.refuse(name, text, "it must be `true` or `false`"))?),
        };
        self.check_rules(name, &answer)?;
        Ok(answer)
    }

    /// Checks an answer that came from TOML. The type must fit; a string that reads as the number or boolean asked for does.
    ///
    /// # Errors
    /// As [`Self::parse_answer`].
    pub fn check_answer(&self, name: &str, answer: &Answer) -> Result<Answer, Failure> {
        let fits = match (self.kind, answer) {
            (_, Answer::String(text)) => return self.parse_answer(name, text),
            (VariableKind::Integer, Answer::Integer(_)) | (VariableKind::Boolean, Answer::Boolean(_)) => true,
            _ => false,
        };
        if !fits {
            let rule = match self.kind {
                VariableKind::Integer => "it must be a whole number",
                VariableKind::Boolean => "it must be `true` or `false`",
                _ => "it must be a string: write it in quotes",
            };
            return Err(self.refuse(name, &answer.to_string(), rule));
        }
        self.check_rules(name, answer)?;
        Ok(answer.clone())
    }

    /// Checks the variable itself: its pattern, its choices, and that its default keeps its own rules.
    ///
    /// # Errors
    /// `invalid-manifest`, naming the variable and the rule.
    pub fn validate(&self, name: &str) -> Result<(), Failure> {
        self.compiled_pattern(name)?;
        if self.kind == VariableKind::Choice && self.choices.is_empty() {
            return Err(Failure::new(Code::InvalidManifest, format!("variable `{name}` is a choice without `choices`")));
        }
        if let Some(default) = &self.default {
            self.check_answer(name, default).map_err(|broken| Failure {
                code: Code::InvalidManifest,
                message: format!("the default breaks its own rule: {broken}"),
                ..broken
            })?;
        }
        Ok(())
    }

    fn check_rules(&self, name: &str, answer: &Answer) -> Result<(), Failure> {
        let text = answer.to_string();
        if self.kind == VariableKind::Choice && self.choices.is_empty() {
            return Err(Failure::new(Code::InvalidManifest, format!("variable `{name}` is a choice without `choices`")));
        }
        if !self.choices.is_empty() && !self.choices.contains(&text) {
            // The choices of a secret would give the secret away.
            let rule = if self.is_secret() {
                "it is none of its choices".to_owned()
            } else {
                format!("it must be one of {}", self.choices.join(", "))
            };
            return Err(self.refuse(name, &text, &rule));
        }
        match (self.compiled_pattern(name)?, &self.pattern) {
            (Some(regex), Some(pattern)) if !regex.is_match(&text) => {
                Err(self.refuse(name, &text, &format!("it must match the pattern {pattern}")))
            }
            _ => Ok(()),
        }
    }

    fn compiled_pattern(&self, name: &str) -> Result<Option<Regex>, Failure> {
        let Some(pattern) = &self.pattern else { return Ok(None) };
        Regex::new(pattern).map(Some).map_err(|error| {
            Failure::new(Code::InvalidManifest, format!("the pattern of variable `{name}` is no regular expression: {error}"))
        })
    }

    fn refuse(&self, name: &str, text: &str, rule: &str) -> Failure {
        let answer = if self.is_secret() { "the answer given".to_owned() } else { format!("`{}`", text.escape_debug()) };
        Failure::new(Code::Usage, format!("{answer} is no answer to variable `{name}`: {rule}"))
    }
}

/// The answer to every variable: the one given, else the one given to its earlier name, else the default.
///
/// Answers to variables that are not there any more are left out. An answer to
/// an earlier name that the variable would not take is none: it is asked again.
///
/// # Errors
/// The names of the variables without an answer.
pub fn complete(variables: &BTreeMap<String, Variable>, given: &Answers) -> Result<Answers, Vec<String>> {
    let mut answers = Answers::new();
    let mut missing = Vec::new();
    for (name, variable) in variables {
        let carried = || {
            let earlier = variable.renamed_from.as_ref().filter(|earlier| !variables.contains_key(*earlier))?;
            variable.check_answer(name, given.get(earlier)?).ok()
        };
        let default = || variable.default.as_ref().map(|answer| variable.check_answer(name, answer).unwrap_or_else(|_| answer.clone()));
        match given.get(name).cloned().or_else(carried).or_else(default) {
            Some(answer) => drop(answers.insert(name.clone(), answer)),
            None => missing.push(name.clone()),
        }
    }
    if missing.is_empty() { Ok(answers) } else { Err(missing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(toml: &str) -> Variable {
        toml::from_str(toml).expect("a variable")
    }

    #[test]
    fn a_table_of_the_contract_is_read() {
        let read = variable(
            r#"
            prompt = "Municipality code (four digits)"
            default = "0000"
            pattern = "^[0-9]{4}$"
            choices = []
            replace = [{ file = "process.json", text = "0000", count = 3 }]
            bind = [{ file = "process.json", pointer = "/a!/b" }]
            renamed-from = "kommunkod"
            unknown-key = { is = "tolerated" }
            "#,
        );
        assert_eq!(read.kind, VariableKind::String);
        assert_eq!(read.default, Some(Answer::String("0000".into())));
        assert_eq!((read.replace[0].count, read.bind[0].pointer.as_str()), (3, "/a!/b"));
        assert_eq!(read.renamed_from.as_deref(), Some("kommunkod"));
        assert!(toml::from_str::<Variable>(r#"replace = [{ file = "../x", text = "a", count = 1 }]"#).is_err());
        assert!(toml::from_str::<Variable>("type = \"number\"").is_err());
        let error = toml::from_str::<Variable>("default = 1.5").expect_err("a fraction");
        assert!(error.to_string().contains("an answer must be a string"), "{error}");
    }

    #[test]
    fn typed_text_becomes_a_typed_answer() {
        for (toml, text, answer) in [
            ("", "a b", Some(Answer::String("a b".into()))),
            ("type = \"integer\"", "-12", Some(Answer::Integer(-12))),
            ("type = \"integer\"", "many", None),
            ("type = \"integer\"", "1.5", None),
            ("type = \"boolean\"", "false", Some(Answer::Boolean(false))),
            ("type = \"boolean\"", "kanske", None),
            ("type = \"choice\"\nchoices = [\"test\", \"prod\"]", "prod", Some(Answer::String("prod".into()))),
            ("type = \"choice\"\nchoices = [\"test\", \"prod\"]", "other", None),
            ("pattern = \"^[0-9]{4}$\"", "22x1", None),
            ("pattern = \"[0-9]{4}\"", "x2281x", Some(Answer::String("x2281x".into()))),
            ("type = \"integer\"\npattern = \"^[0-9]{4}$\"", "12", None),
        ] {
            match (variable(toml).parse_answer("the-name", text), answer) {
                (Ok(read), Some(answer)) => assert_eq!(read, answer, "{toml}"),
                (Err(failure), None) => {
                    assert_eq!(failure.code, Code::Usage);
                    assert!(failure.message.contains("the-name") && failure.message.contains(text), "{failure}");
                }
                (other, _) => panic!("{toml} {text}: {other:?}"),
            }
        }
    }

    #[test]
    fn answers_from_toml_must_have_the_type() {
        let check = |toml: &str, answer: Answer| variable(toml).check_answer("v", &answer).map_err(|failure| failure.code);
        let text = |text: &str| Answer::String(text.into());
        assert_eq!(check("type = \"integer\"", text("12")), Ok(Answer::Integer(12)));
        assert_eq!(check("type = \"integer\"", Answer::Integer(12)), Ok(Answer::Integer(12)));
        assert_eq!(check("type = \"boolean\"", text("true")), Ok(Answer::Boolean(true)));
        assert_eq!(check("type = \"boolean\"", Answer::Integer(1)), Err(Code::Usage));
        assert_eq!(check("", Answer::Integer(2281)), Err(Code::Usage));
        assert_eq!(check("type = \"secret\"", Answer::Boolean(true)), Err(Code::Usage));
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        let secret = variable("type = \"secret\"\npattern = \"^[a-z]+$\"\nchoices = [\"hush\"]");
        for failure in [
            secret.parse_answer("api-key", "S3CR3T").expect_err("refused"),
            secret.check_answer("api-key", &Answer::Integer(4711)).expect_err("refused"),
        ] {
            assert!(failure.message.contains("api-key"));
            assert!(!["S3CR3T", "4711", "hush"].iter().any(|text| failure.message.contains(text)), "{failure}");
        }
        let own = variable("type = \"secret\"\ndefault = \"S3CR3T\"\npattern = \"^[a-z]+$\"").validate("api-key").expect_err("refused");
        assert!(!own.message.contains("S3CR3T"));
    }

    #[test]
    fn a_variable_must_keep_its_own_rules() {
        for bad in [
            "pattern = \"(\"",
            "type = \"choice\"",
            "type = \"integer\"\ndefault = \"x\"",
            "default = \"x\"\npattern = \"y\"",
            "default = 1",
        ] {
            let failure = variable(bad).validate("the-name").expect_err(bad);
            assert_eq!(failure.code, Code::InvalidManifest, "{bad}");
            assert!(failure.message.contains("the-name"));
        }
        assert_eq!(variable("pattern = \"(\"").parse_answer("v", "x").expect_err("no pattern").code, Code::InvalidManifest);
        assert!(variable("type = \"integer\"\ndefault = 5").validate("v").is_ok());
    }

    #[test]
    fn defaults_and_earlier_names_fill_in() {
        let variables: BTreeMap<String, Variable> = toml::from_str(
            "[a]\n[b]\ndefault = \"mitt\"\n[c]\nrenamed-from = \"old\"\n[d]\ntype = \"integer\"\nrenamed-from = \"older\"\n[e]\nrenamed-from = \"a\"",
        )
        .expect("variables");
        let given: Answers = toml::from_str("a = \"1\"\nold = \"2\"\nolder = \"no number\"\ngone = true").expect("answers");
        assert_eq!(complete(&variables, &given), Err(vec!["d".to_owned(), "e".to_owned()]));
        let given: Answers = toml::from_str("a = \"1\"\nold = \"2\"\nolder = \"3\"\ne = \"5\"\ngone = true").expect("answers");
        let want: Answers = toml::from_str("a = \"1\"\nb = \"mitt\"\nc = \"2\"\nd = 3\ne = \"5\"").expect("answers");
        assert_eq!(complete(&variables, &given), Ok(want));
    }
}
