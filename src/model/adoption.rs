//! `adoptions/<owner>/<name>/<by>.toml`: who uses a component (contract, section 2), as clients read it.

use serde::{Deserialize, Serialize};

use super::id::Name;
use super::toml_document::set_value;
use super::toml_error::explain;
use crate::error::{Code, Failure};

/// One adopter's record. What the file leaves out is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "kebab-case"), default)]
pub struct Adoption {
    /// Who.
    pub by: String,
    /// The version in use now.
    pub version: String,
    /// `evaluating`, `pilot`, `production` or `retired`.
    pub status: String,
    /// The day it began.
    pub since: String,
    /// The day it ended, where it is retired.
    pub until: Option<String>,
    /// The adopter's own estimate, in all.
    pub hours_saved: Option<u32>,
    /// A word to others.
    pub note: Option<String>,
}

/// What a contribution says of a record; what it leaves out stays as it was.
#[derive(Debug, Clone, Default)]
pub struct AdoptionChange {
    /// The component.
    pub component: String,
    /// Who.
    pub by: String,
    /// The version in use now.
    pub version: String,
    /// The new status.
    pub status: Option<String>,
    /// The day it began.
    pub since: Option<String>,
    /// The new total.
    pub hours_saved: Option<u32>,
    /// A word to others.
    pub note: Option<String>,
    /// Today: the end of what is retired.
    pub today: String,
}

impl AdoptionChange {
    /// The text of the record after the change. Keys and comments that forum does not know stay.
    ///
    /// # Errors
    /// [`Code::InvalidRegistry`] where the record is no TOML; [`Code::MissingAnswers`] for a new one without status.
    pub fn apply(&self, old: Option<&[u8]>) -> Result<String, Failure> {
        let fail = |why: String| Failure::new(Code::InvalidRegistry, format!("adoptions/{}/{}.toml: {why}", self.component, self.by));
        let text = std::str::from_utf8(old.unwrap_or_default()).map_err(|_| fail("is not UTF-8".into()))?;
        let mut document: toml_edit::DocumentMut =
            text.parse().map_err(|e: toml_edit::TomlError| fail(explain(text, e.span(), e.message())))?;
        if self.status.is_none() && document.get("status").is_none() {
            let failure = Failure::new(Code::MissingAnswers, format!("how {} is used is not known yet", self.component));
            return Err(failure.hint(format!("forum adopt {} --status production", self.component)));
        }
        let mut set = |key: &str, value: toml_edit::Value| set_value(document.as_table_mut(), key, value);
        set("component", self.component.as_str().into());
        set("by", self.by.as_str().into());
        set("version", self.version.as_str().into());
        if let Some(status) = &self.status {
            set("status", status.as_str().into());
        }
        match &self.since {
            Some(since) => set("since", since.as_str().into()),
            None if !document.contains_key("since") => set_value(document.as_table_mut(), "since", self.today.as_str().into()),
            None => {}
        }
        if let Some(hours) = self.hours_saved {
            set_value(document.as_table_mut(), "hours-saved", i64::from(hours).into());
        }
        if let Some(note) = &self.note {
            set_value(document.as_table_mut(), "note", note.as_str().into());
        }
        match self.status.as_deref() {
            Some("retired") => set_value(document.as_table_mut(), "until", self.today.as_str().into()),
            Some(_) => drop(document.remove("until")),
            None => {}
        }
        Ok(document.to_string())
    }
}

impl Adoption {
    /// Reads the record of `by`, who is known by the file's name; `None` for what is no record.
    #[must_use]
    pub fn parse(by: &Name, bytes: &[u8]) -> Option<Self> {
        let record: Self = toml::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
        Some(Self { by: by.to_string(), ..record })
    }

    /// Whether the component is in use: a trial is not.
    #[must_use]
    pub fn is_use(&self) -> bool {
        matches!(self.status.as_str(), "pilot" | "production")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let change = AdoptionChange {
            component: "goteborg/thing".into(),
            by: "sundsvall".into(),
            version: "1.2.0".into(),
            today: "2026-11-24".into(),
            ..AdoptionChange::default()
        };
        assert_eq!(change.apply(None).expect_err("no status").code, Code::MissingAnswers);
        let with = |status: &str| AdoptionChange { status: Some(status.into()), ..change.clone() };
        let new = with("pilot").apply(None).expect("a record");
        assert!(new.contains("since = \"2026-11-24\"") && !new.contains("hours-saved"), "{new}");
        let old = format!("# ours\n{new}hours-saved = 80 # sure\nlater-key = 1\n");
        let retired = with("retired").apply(Some(old.as_bytes())).expect("a record");
        for part in ["# ours", "hours-saved = 80 # sure", "later-key = 1", "status = \"retired\"", "until = \"2026-11-24\""] {
            assert!(retired.contains(part), "{part}: {retired}");
        }
        let again = with("production").apply(Some(retired.as_bytes())).expect("a record");
        assert!(!again.contains("until"), "{again}");
        assert_eq!(change.apply(Some(again.as_bytes())).expect("a record"), again);
    }

    #[test]
    fn pilots_and_production_are_use() {
        let by: Name = "sundsvall".parse().expect("a name");
        for (status, counts) in [("evaluating", false), ("pilot", true), ("production", true), ("retired", false)] {
            let text = format!("by = \"other\"\nstatus = \"{status}\"\nhours-saved = 80\nlater-key = 1\n");
            let adoption = Adoption::parse(&by, text.as_bytes()).expect("a record");
            assert_eq!((adoption.is_use(), adoption.hours_saved), (counts, Some(80)));
            assert_eq!(adoption.by, "sundsvall", "the file's name tells who");
        }
        assert_eq!(Adoption::parse(&by, b"hours-saved = -1"), None);
    }
}
