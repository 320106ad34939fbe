//! The answers that a person gives: `--set`, `--answers`, or typed at a prompt.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::escape::escape;
use crate::model::id::ComponentId;
use crate::model::manifest::Manifest;
use crate::model::variables::{Answer, Answers, Variable};
use crate::store::fs::read_text;
use crate::ui::Ui;

type Variables = BTreeMap<String, Variable>;

/// Answers as given, before it is known which components have those variables.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// From `--set KEY=VALUE` and the top of `--answers`: for the components that were named.
    all: BTreeMap<String, Raw>,
    /// For one component.
    own: BTreeMap<ComponentId, BTreeMap<String, Raw>>,
}

#[derive(Debug, Clone)]
enum Raw {
    Typed(String),
    Toml(Answer),
}

impl Given {
    pub(super) fn read(context: &Context, set: &[String], answers: Option<&Path>) -> Result<Self> {
        let mut given = Self::default();
        if let Some(path) = answers {
            let path = context.started_in.join(path);
            let shown = path.display().to_string();
            let text = read_text(&path)?;
            given.read_file(&text).with_context(|| shown)?;
        }
        for word in set {
            let Some((key, value)) = word.split_once('=') else { fail!(Code::Usage, "--set: `{}` is not KEY=VALUE", word.escape_debug()) };
            let value = Raw::Typed(value.to_owned());
            match key.split_once(':') {
                Some((id, key)) => {
                    let id = id.parse().map_err(|e| Failure::new(Code::Usage, format!("--set: {e}")))?;
                    given.own.entry(id).or_default().insert(key.to_owned(), value);
                }
                None => drop(given.all.insert(key.to_owned(), value)),
            }
        }
        Ok(given)
    }

    fn read_file(&mut self, text: &str) -> Result<()> {
        let usage = |why: String| Failure::new(Code::Usage, why);
        let table: toml::Table = toml::from_str(text).map_err(|e| usage(e.to_string()))?;
        let answer = |key: &str, value: toml::Value| -> Result<Raw> {
            Ok(Raw::Toml(value.try_into().map_err(|_| usage(format!("`{key}` is neither string nor integer nor boolean")))?))
        };
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) => {
                    let id = key.parse().map_err(|e| usage(format!("{e}")))?;
                    for (key, value) in inner {
                        let value = answer(&key, value)?;
                        self.own.entry(ComponentId::clone(&id)).or_default().insert(key, value);
                    }
                }
                value => drop(self.all.insert(key.clone(), answer(&key, value)?)),
            }
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.own.is_empty()
    }

    pub(super) fn check_targets(&self, named: &[ComponentId]) -> Result<()> {
        if !self.all.is_empty() && named.is_empty() {
            fail!(Code::Usage, "answers go to the components that are named: add their ids, or write owner/name:KEY=VALUE");
        }
        Ok(())
    }

    /// Whether something was given that could concern `id`.
    pub(super) fn concerns(&self, id: &ComponentId, named: bool) -> bool {
        self.own.contains_key(id) || (named && !self.all.is_empty())
    }

    /// What was given for `id`, checked against its variables.
    pub(super) fn for_component(&self, id: &ComponentId, named: bool, variables: &Variables) -> Result<Answers> {
        let own = self.own.get(id).into_iter().flatten();
        let shared = self.all.iter().filter(|(key, _)| named && variables.contains_key(*key));
        let mut answers = Answers::new();
        for (key, raw) in shared.chain(own) {
            let Some(variable) = variables.get(key) else { fail!(Code::Usage, "{id} has no variable `{key}`") };
            let answer = match raw {
                Raw::Typed(text) => variable.parse_answer(key, text),
                Raw::Toml(answer) => variable.check_answer(key, answer),
            };
            answers.insert(key.clone(), answer.with_context(|| id.to_string())?);
        }
        Ok(answers)
    }

    /// A key that no component has is a slip of the pen, and said.
    pub(super) fn check_used(&self, named: &[ComponentId], known: &BTreeMap<&ComponentId, &Variables>) -> Result<()> {
        let theirs = || named.iter().filter_map(|id| known.get(id)).flat_map(|variables| variables.keys());
        if let Some(key) = self.all.keys().find(|key| !theirs().any(|name| name == *key)) {
            let message = format!("no component that was named has a variable `{}`", key.escape_debug());
            let mut others = known.iter().filter(|(_, variables)| variables.contains_key(key)).map(|(id, _)| format!("--set {id}:{key}=…"));
            let names: Vec<_> = theirs().map(String::as_str).collect();
            let hint =
                others.next().unwrap_or_else(|| format!("one of: {}", if names.is_empty() { "none".into() } else { names.join(", ") }));
            return Err(Failure::new(Code::Usage, message).hint(hint).into());
        }
        if let Some(id) = self.own.keys().find(|id| !known.contains_key(*id)) {
            fail!(Code::Usage, "answers are given for {id}, which is not fetched here");
        }
        Ok(())
    }
}

/// The error for variables without answers, and the command that would give them.
pub(super) fn missing(context: &Context, command: &str, named: &[ComponentId], missing: &[(ComponentId, String)]) -> Failure {
    let list: Vec<_> = missing.iter().map(|(id, name)| format!("{id}: {name}")).collect();
    let failure = Failure::new(Code::MissingAnswers, format!("these variables have no answer: {}", list.join(", ")));
    let key = |id: &ComponentId, name: &str| if named == [id.clone()] { name.to_owned() } else { format!("{id}:{name}") };
    let ids = named.iter().map(ToString::to_string);
    let set = missing.iter().map(|(id, name)| format!("--set {}=…", key(id, name)));
    let flag = context.registry.iter().map(|flag| format!("--registry {flag}"));
    let words: Vec<_> = ids.chain(set).chain(flag).collect();
    failure.hint(format!("forum {command} {}", words.join(" ")))
}

/// Asks on the terminal for each variable that is `open` and has no answer, the default proposed.
pub(super) fn ask(ui: &Ui, id: &ComponentId, manifest: &Manifest, open: &dyn Fn(&String) -> bool, answers: &mut Answers) -> Result<()> {
    ui.end_progress();
    for name in manifest.questions.iter().filter(|name| open(name)) {
        let Some(variable) = manifest.variables.get(name).filter(|_| !answers.contains_key(name)) else { continue };
        let label = escape(&format!("{id}: {}", variable.prompt.as_ref().unwrap_or(name)));
        let text = loop {
            let text = if variable.is_secret() {
                inquire::Password::new(&label).without_confirmation().prompt()
            } else if let [_, ..] = variable.choices.as_slice() {
                let proposed = variable.default.as_ref().and_then(|d| variable.choices.iter().position(|c| *c == d.to_string()));
                let shown = variable.choices.iter().map(|choice| escape(choice)).collect();
                let chosen = inquire::Select::new(&label, shown).with_starting_cursor(proposed.unwrap_or_default()).raw_prompt();
                chosen.map(|chosen| variable.choices[chosen.index].clone())
            } else {
                let proposed = variable.default.as_ref().map(ToString::to_string).unwrap_or_default();
                let (shown, help) = (escape(&proposed), variable.help.as_deref().map(escape));
                let prompt = inquire::Text::new(&label).with_default(&shown);
                let typed = match &help {
                    Some(help) => prompt.with_help_message(help).prompt(),
                    None => prompt.prompt(),
                };
                typed.map(|text| if text == shown { proposed } else { text })
            };
            let text = text.map_err(|_| Failure::new(Code::Interrupted, "stopped at a question; nothing was written"))?;
            match variable.parse_answer(name, &text) {
                Ok(answer) => break answer,
                Err(error) => ui.say(&error.message),
            }
        };
        answers.insert(name.clone(), text);
    }
    Ok(())
}
