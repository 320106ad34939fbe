//! One contribution: what it changes, and nothing else (rules `append-only`, `one-change`, `foreign-path`; contract,
//! section 7).

use std::collections::BTreeSet;

use anyhow::Result;
use semver::Version;
use toml::{Table, Value};

use super::super::Previous;
use super::super::contents::of_new_lines;
use super::super::finding::{Checked, Finding, Severity};
use super::index::{self, Indexed, Read};
use super::rules::id;
use super::{History, Part, answer, content, erased, files, owner, people, placed, small, stray, version};
use crate::model::content::bytes_of;
use crate::model::id::{ComponentId, Name};
use crate::model::index::Card;
use crate::model::manifest::{MANIFEST_FILE, Manifest};
use crate::model::registry_file::{REGISTRY_FILE, RegistryFile};
use crate::model::registry_state::{Held, RegistryState};
use crate::model::resolve::Catalog as _;

/// More findings of one kind than this help nobody.
const MOST_ALIKE: usize = 20;

/// What a contribution changes.
pub struct Contribution<'a> {
    /// The registry that it was made on.
    pub before: &'a dyn RegistryState,
    /// The registry as it would be.
    pub after: &'a dyn RegistryState,
    /// The paths that differ.
    pub touched: &'a [String],
    /// The version of this forum.
    pub running: &'a Version,
    /// Whether the files of the component are to be looked at, too.
    pub content: Content,
}

/// Whether `forum check` has looked at the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It is asked now.
    Unchecked,
    /// It was asked with the same registry, by whoever made the contribution.
    Checked,
}

/// Checks a contribution.
///
/// # Errors
/// When the registry cannot be read.
pub fn contribution(made: &Contribution<'_>) -> Result<Checked> {
    let mut findings = Vec::new();
    // The rules are those of `main`: a contribution cannot bring easier ones along.
    let now = made.after.read(REGISTRY_FILE)?;
    let new_rules = files::registry(now.as_deref(), made.running, &mut findings);
    let rules = made.before.read(REGISTRY_FILE)?.and_then(|bytes| RegistryFile::parse(&bytes, made.running).ok()).or(new_rules);
    let Some(rules) = rules else { return Ok(answer(findings)) };
    let scene = Scene { made, rules, catalog: Indexed::new(made.after) };
    let parts: Vec<_> = made.touched.iter().map(|path| (path.as_str(), Part::of(path))).collect();
    let components: BTreeSet<_> = parts
        .iter()
        .filter_map(|(_, part)| match part {
            Part::Component(component) | Part::Index(component) => Some(component.clone()),
            _ => None,
        })
        .collect();
    let records: BTreeSet<_> = parts.iter().filter(|(_, part)| matches!(part, Part::Adoption(..))).map(|(path, _)| *path).collect();
    scene.bounds(&parts, &components, &records, &mut findings)?;
    for (path, part) in &parts {
        small(part, path, &scene.rules, &scene.catalog, &mut findings)?;
        scene.said(path, part, &mut findings)?;
        scene.changed(path, part, &mut findings)?;
    }
    for component in &components {
        let touches = parts.iter().any(|(_, part)| *part == Part::Component(component.clone()));
        scene.component(component, touches, &mut findings)?;
    }
    erased::in_contribution(made.after, &scene.catalog, &mut findings)?;
    Ok(answer(findings))
}

struct Scene<'a> {
    made: &'a Contribution<'a>,
    rules: RegistryFile,
    catalog: Indexed<'a>,
}

impl Scene<'_> {
    /// A contribution stays where it belongs, and is one.
    fn bounds(
        &self,
        parts: &[(&str, Part)],
        components: &BTreeSet<ComponentId>,
        records: &BTreeSet<&str>,
        findings: &mut Vec<Finding>,
    ) -> Result<()> {
        if components.len() > 1 {
            let names: Vec<_> = components.iter().take(MOST_ALIKE).map(ToString::to_string).collect();
            let message = format!("changes {} components at once: {}", components.len(), names.join(", "));
            findings.extend(components.last().map(|last| Finding::new(id::ONE_CHANGE, message).at(index::place(last))));
        }
        if components.is_empty() && records.len() > 1 {
            let names: Vec<_> = records.iter().take(MOST_ALIKE).copied().collect();
            let message = format!("changes {} adoption records at once: {}", records.len(), names.join(", "));
            findings.extend(records.last().map(|last| Finding::new(id::ONE_CHANGE, message).at(*last)));
        }
        let who: BTreeSet<&Name> = parts
            .iter()
            .filter_map(|(_, part)| match part {
                Part::Component(component) | Part::Index(component) => Some(component.owner()),
                Part::Adoption(_, by) if components.is_empty() => Some(by),
                _ => None,
            })
            .collect();
        if who.is_empty() {
            findings.extend(parts.iter().filter(|(_, part)| *part == Part::Stray).take(MOST_ALIKE).map(|(path, _)| stray(path)));
            return Ok(());
        }
        let mut foreign = Vec::new();
        for (path, part) in parts {
            let belongs = match part {
                Part::Component(_) | Part::Index(_) => true,
                Part::Adoption(..) => components.is_empty(),
                Part::Publisher(name) => who.contains(name) && self.made.before.read(path)?.is_none(),
                _ => false,
            };
            if !belongs {
                let message = match part {
                    Part::Publisher(name) if who.contains(name) => "is an owner that the registry knows already: its file is changed alone",
                    _ => "does not belong to what is contributed",
                };
                foreign.push(Finding::new(id::FOREIGN_PATH, message).at(*path));
            }
        }
        foreign.truncate(MOST_ALIKE);
        findings.extend(foreign);
        Ok(())
    }

    /// What only a comparison shows of the files that stand for themselves.
    fn changed(&self, path: &str, part: &Part, findings: &mut Vec<Finding>) -> Result<()> {
        match (part, self.made.before.read(path)?, self.made.after.read(path)?) {
            (Part::Event, Some(old), Some(new)) => people::event_changed(path, &old, &new, findings),
            (Part::Adoption(..), Some(_), None) => {
                let message = "the record is taken away; one that ended says `retired`, so that the hours it saved still count";
                findings.push(Finding::new(id::ADOPTION, message).at(path).severity(Severity::Warning));
            }
            (Part::Publisher(name), Some(_), None) => {
                findings.push(Finding::new(id::OWNER_UNKNOWN, format!("the file that tells who {name} is is taken away")).at(path));
            }
            _ => {}
        }
        Ok(())
    }

    /// Nothing that `forum check` refuses comes in by the notes and reasons beside the components.
    fn said(&self, path: &str, part: &Part, findings: &mut Vec<Finding>) -> Result<()> {
        if matches!(part, Part::Index(_) | Part::Adoption(..) | Part::Publisher(_) | Part::Event)
            && let Some(after) = self.made.after.read(path)?
        {
            findings.extend(of_new_lines(path, self.made.before.read(path)?.as_deref(), &after));
        }
        Ok(())
    }

    /// The index and the files of one component.
    fn component(&self, component: &ComponentId, touches_files: bool, findings: &mut Vec<Finding>) -> Result<()> {
        let path = index::place(component);
        let old = self.made.before.read(&path)?;
        let Some(new) = self.made.after.read(&path)? else {
            let (rule, what) = if old.is_some() { (id::APPEND_ONLY, "is taken away") } else { (id::INDEX_FILE, "is missing") };
            findings.push(Finding::new(rule, format!("the index file of {component} {what}")).at(path));
            return Ok(());
        };
        owner(component, self.made.after, &path, findings)?;
        let added = compared(&path, old.as_deref(), &new, findings);
        let Some(read) = index::file(component, &path, &new, &self.catalog, findings) else { return Ok(()) };
        placed(&read, self.made.after.tree(component)?, findings);
        if self.made.content == Content::Unchecked
            && (touches_files || !added.is_empty())
            && let Some(directory) = self.made.after.directory(component)?
        {
            // Where nothing is published, as in an erasure, no version follows another.
            let previous = if added.is_empty() { None } else { self.previous(component)? };
            content(component, (&directory.files, &directory.obstacles), &self.rules, previous.as_ref(), findings);
        }
        self.versions(&read, &added, findings)
    }

    /// The new entries, and the card.
    fn versions(&self, read: &Read<'_>, added: &[String], findings: &mut Vec<Finding>) -> Result<()> {
        let index = &read.index;
        let newest = index.newest().filter(|newest| !index.removed.contains_key(&newest.version));
        let before = Indexed::new(self.made.before).index(&index.id)?;
        // A card that stays as it is, of a version that is still the newest, was looked at when it came.
        let stays = before.is_some_and(|before| {
            before.card == index.card && before.newest().map(|record| &record.version) == newest.map(|record| &record.version)
        });
        let mut described = None;
        for record in &index.versions {
            let is_new = added.contains(&record.version.to_string());
            let is_newest = newest.is_some_and(|newest| newest.version == record.version);
            if is_new {
                index::resolves(read, record, &self.catalog, Severity::Error, findings);
                let files = version(History::Whole, read, record, self.made.after, &self.rules, findings)?;
                let said = files.and_then(|files| index::manifest(read, record, &files, findings));
                described = if is_newest { said } else { described };
            } else if is_newest
                && !stays
                && let Held::Files(files) = self.made.after.version(&index.id, record, self.rules.limits)?
            {
                described = bytes_of(&files, MANIFEST_FILE).and_then(Card::of_manifest);
            }
        }
        index::card(read, index.newest(), described.as_ref(), findings);
        Ok(())
    }

    /// The newest version before this contribution, where it can be read.
    fn previous(&self, component: &ComponentId) -> Result<Option<Previous>> {
        let Some(index) = Indexed::new(self.made.before).index(component)? else { return Ok(None) };
        let Some(record) = index.newest().filter(|record| !index.removed.contains_key(&record.version)) else { return Ok(None) };
        let Held::Files(files) = self.made.before.version(component, record, self.rules.limits)? else { return Ok(None) };
        let manifest = bytes_of(&files, MANIFEST_FILE).and_then(|bytes| Manifest::parse(component, &record.version, bytes).ok());
        Ok(manifest.map(|manifest| Previous { version: record.version.clone(), manifest }))
    }
}

/// Holds the index file against what it was, and gives the versions that are new. Entries are compared as they are
/// written, so that keys of a newer forum count, too.
fn compared(path: &str, old: Option<&[u8]>, new: &[u8], findings: &mut Vec<Finding>) -> Vec<String> {
    let table = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|text| toml::from_str::<Table>(text).ok());
    let Some(new) = table(new) else { return Vec::new() };
    let old = old.and_then(table).unwrap_or_default();
    let mut say = |rule, message: String| findings.push(Finding::new(rule, message).at(path));
    let (before, after) = (entries(&old), entries(&new));
    let named = |entry: &Value| entry.get("version").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (at, entry) in before.iter().enumerate() {
        let version = named(entry);
        match after.iter().find(|now| named(now) == version) {
            None => say(id::APPEND_ONLY, format!("version {version} is gone; what was published stays in the index")),
            Some(now) if now != entry => {
                say(id::APPEND_ONLY, format!("the entry of {version} is another than on main: {}", differing(entry, now)));
            }
            Some(_) if after.get(at) != Some(entry) => {
                say(id::APPEND_ONLY, format!("version {version} has another place; new versions go last"));
            }
            Some(_) => {}
        }
    }
    let added: Vec<_> = after.iter().map(named).filter(|version| !before.iter().any(|entry| named(entry) == *version)).collect();
    if added.len() > 1 {
        say(id::ONE_CHANGE, format!("adds {} versions at once: {}", added.len(), added.join(", ")));
    }
    for (version, notice) in notices(&old, "removed") {
        match new.get("removed").and_then(|removed| removed.get(version)) {
            None => say(id::APPEND_ONLY, format!("the tombstone of {version} is gone; a removal cannot be taken back")),
            Some(now) if now != notice => say(id::APPEND_ONLY, format!("the tombstone of {version} is another than on main")),
            Some(_) => {}
        }
    }
    let things = withdrawn(&old, &new);
    if things.len() > 1 {
        say(id::ONE_CHANGE, format!("changes {} things at once: {}", things.len(), things.join(", ")));
    }
    let free: &[&str] = if added.is_empty() { &["version", "card", "yanked", "removed", "deprecated"] } else { &["version", "card"] };
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).filter(|key| !free.contains(&key.as_str())).collect();
    for key in keys.into_iter().filter(|key| !old.is_empty() && old.get(*key) != new.get(*key)) {
        say(id::ONE_CHANGE, format!("`{}` is changed along", key.escape_debug()));
    }
    added
}

fn entries(index: &Table) -> &[Value] {
    index.get("version").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn notices<'a>(index: &'a Table, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    index.get(key).and_then(Value::as_table).into_iter().flatten()
}

/// What of a component is withdrawn, or given back, in words. An erasure is one thing, in however many versions the content
/// was, and the yanks of these go with it.
fn withdrawn(old: &Table, new: &Table) -> Vec<String> {
    let differ = |key: &'static str| {
        let is = move |index: &Table, version: &String| index.get(key).and_then(|notices| notices.get(version)).cloned();
        let versions: BTreeSet<_> = notices(old, key).chain(notices(new, key)).map(|(version, _)| version.clone()).collect();
        versions.into_iter().filter(move |version| is(old, version) != is(new, version)).collect::<BTreeSet<_>>()
    };
    let erased = differ("removed");
    let mut things: Vec<_> = differ("yanked").difference(&erased).map(|version| format!("the yank of {version}")).collect();
    things.extend((!erased.is_empty()).then(|| "the erasure".to_owned()));
    things.extend((old.get("deprecated") != new.get("deprecated")).then(|| "the deprecation".to_owned()));
    things
}

/// The keys in which two entries differ.
fn differing(old: &Value, new: &Value) -> String {
    let (Some(old), Some(new)) = (old.as_table(), new.as_table()) else { return "it is no table".to_owned() };
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)).collect();
    keys.into_iter().map(|key| format!("`{}`", key.escape_debug())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "later = 1\n[card]\nversion = \"1.1.0\"\n[[version]]\nversion = \"1.0.0\"\ntree = \"a\"\n[[version]]\nversion = \"1.1.0\"\ntree = \"b\"\n[removed.\"1.0.0\"]\nreason = \"x\"\n";
    const MORE: &str = "[[version]]\nversion = \"1.2.0\"\ntree = \"c\"\n";

    fn rules(new: &str) -> Vec<&'static str> {
        let mut findings = Vec::new();
        compared("index/a/b.toml", Some(OLD.as_bytes()), new.as_bytes(), &mut findings);
        findings.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn an_index_only_grows() {
        let more = format!("{OLD}{MORE}");
        assert_eq!(rules(OLD), [""; 0]);
        assert_eq!(rules(&more), [""; 0]);
        assert_eq!(rules(&more.replace("1.1.0\"\n[[", "1.2.0\"\n[[")), [""; 0], "the card may change");
        assert_eq!(rules(&OLD.replace("tree = \"a\"", "tree = \"z\"")), ["append-only"]);
        assert_eq!(rules(&OLD.replace("tree = \"a\"", "tree = \"a\"\nlater = 1")), ["append-only"], "keys of a newer forum count");
        assert_eq!(rules(&OLD.replace("[removed.\"1.0.0\"]\nreason = \"x\"\n", "")), ["append-only"]);
        assert_eq!(rules(&OLD.replace("reason = \"x\"", "reason = \"y\"")), ["append-only"]);
        assert_eq!(rules(&format!("{OLD}[yanked.\"1.1.0\"]\nreason = \"x\"\n")), [""; 0], "a yank alone");
        assert_eq!(rules(&format!("{more}[yanked.\"1.1.0\"]\nreason = \"x\"\n")), ["one-change"]);
        let (yank, removal) = ("[yanked.\"1.1.0\"]\nreason = \"x\"\n", "[removed.\"1.1.0\"]\nreason = \"x\"\n");
        assert_eq!(rules(&format!("{OLD}{yank}{}", yank.replace("1.1.0", "1.0.0"))), ["one-change"], "two yanks");
        assert_eq!(rules(&format!("{OLD}{yank}[deprecated]\nreason = \"x\"\n")), ["one-change"], "a yank and a deprecation");
        assert_eq!(rules(&format!("{OLD}[deprecated]\nreason = \"x\"\n")), [""; 0], "a deprecation alone");
        assert_eq!(rules(&format!("{OLD}{removal}{yank}")), [""; 0], "a version that was yanked is erased");
        assert_eq!(rules(&more.replace("later = 1\n", "later = 2\n")), ["one-change"]);
        assert_eq!(rules(&format!("{more}{}", MORE.replace("1.2.0", "1.3.0"))), ["one-change"]);
        assert_eq!(compared("x", None, MORE.as_bytes(), &mut Vec::new()), ["1.2.0"]);
    }
}
