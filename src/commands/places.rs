//! Which registry a component comes from: decided before anything is read, with no fall-back to another.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::Address;
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::LockEntry;
use crate::model::path::RelPath;
use crate::model::workspace_file::{Entry, WorkspaceFile, is_ours};
use crate::store::registry::{Options, Registry, Visit};
use crate::store::workspace::Workspace;

/// The registries of a workspace, opened once each.
pub(super) struct Places<'a> {
    context: &'a Context,
    root: PathBuf,
    /// Addresses as `forum.toml` has them, by name.
    urls: BTreeMap<String, String>,
    opened: BTreeMap<String, Registry>,
    new: Vec<(String, String)>,
    /// What the command line names: it comes in the first request.
    named: Vec<IdOrName>,
    /// Whether something is named that was not wanted before, so that the newest `main` counts.
    newest: bool,
    /// Whether what is cached will do where a server cannot be reached.
    tolerant: bool,
    notes: RefCell<Vec<String>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(context: &'a Context, workspace: &Workspace, named: Vec<IdOrName>) -> Result<Self> {
        let wanted = |typed: &IdOrName| match typed {
            IdOrName::Id(id) => workspace.file.wants(id),
            IdOrName::Short(name) => workspace.file.components.iter().any(|(id, entry)| id.name() == name && entry.is_wish()),
        };
        let newest = !named.iter().all(wanted);
        let places = Self {
            tolerant: false,
            notes: RefCell::default(),
            context,
            root: workspace.root.clone(),
            urls: workspace.file.registries.clone(),
            opened: BTreeMap::new(),
            new: Vec::new(),
            named,
            newest,
        };
        // Wrong usage is wrong also where the flag turns out not to be needed.
        if let Some(flag) = context.registry.as_ref().filter(|flag| !places.urls.contains_key(*flag)) {
            places.address(flag)?;
        }
        Ok(places)
    }

    /// For commands that only look: at the newest state, and at what is cached where a server cannot be reached.
    pub(super) fn looking(context: &'a Context, workspace: &Workspace, named: Vec<IdOrName>) -> Result<Self> {
        Ok(Self { newest: true, tolerant: true, ..Self::new(context, workspace, named)? })
    }

    /// For commands whose answer must be that of today, unless `--offline` is given.
    pub(super) fn today(context: &'a Context, workspace: &Workspace, named: Vec<IdOrName>) -> Result<Self> {
        Ok(Self { newest: true, ..Self::new(context, workspace, named)? })
    }

    /// For commands that contribute from a workspace of which nothing is changed.
    pub(super) fn writing(context: &'a Context, root: &Path, file: &WorkspaceFile) -> Self {
        Self {
            context,
            root: root.to_path_buf(),
            urls: file.registries.clone(),
            opened: BTreeMap::new(),
            new: Vec::new(),
            named: Vec::new(),
            newest: true,
            tolerant: false,
            notes: RefCell::default(),
        }
    }

    /// What a person means by `text`, where it is no name in `forum.toml`: a name in the user's settings, else an address.
    fn address(&self, text: &str) -> Result<Address> {
        let settings = &self.context.settings;
        match (settings.user.registries.get(text), &settings.config_dir) {
            (Some(url), Some(dir)) => Ok(Address::parse(url)?.relative_to(&dir.value)),
            _ => Ok(Address::parse(text)?),
        }
    }

    /// Every registry that is known here: those of `forum.toml`, then those of the user, each place once.
    pub(super) fn known(&self) -> Result<Vec<String>> {
        let mut names: Vec<_> = self.urls.keys().cloned().collect();
        for name in self.context.settings.user.registries.keys().filter(|name| !self.urls.contains_key(*name)) {
            let address = self.address(name)?;
            if !self.urls.values().any(|url| self.is_at(url, &address.to_string())) {
                names.push(name.clone());
            }
        }
        Ok(names)
    }

    /// Every registry that a search looks in: `--registry` alone, else all that are known and the default one.
    pub(super) fn searched(&mut self) -> Result<Vec<String>> {
        if let Some(flag) = &self.context.registry {
            return Ok(vec![flag.clone()]);
        }
        let mut names = self.known()?;
        if let Some(set) = &self.context.settings.default_registry
            && !names.contains(&set.value)
        {
            names.push(set.value.clone());
        }
        Ok(names)
    }

    /// The error where no registry is known.
    pub(super) fn none_known() -> Failure {
        let failure = Failure::new(Code::Usage, "no registry is known here");
        failure.hint("add --registry with the forum's address, or: forum registry add NAME URL")
    }

    /// Whether two addresses, as `forum.toml` may have them, lead to one place.
    fn is_at(&self, known: &str, url: &str) -> bool {
        let key = |url: &str| Address::parse(url).map(|address| address.relative_to(&self.root).key());
        self.root.join(known) == self.root.join(url) || key(known).is_ok_and(|known| key(url).is_ok_and(|url| url == known))
    }

    /// The name of the registry that a person means by `text`: a known name, else an address.
    pub(super) fn named(&mut self, text: &str) -> Result<String> {
        if self.urls.contains_key(text) {
            return Ok(text.to_owned());
        }
        let address = self.address(text)?;
        let url = match &address {
            Address::Path(path) if Path::new(path).is_relative() => relative(&self.root, &self.context.started_in.join(path)),
            other => other.to_string(),
        };
        if let Some((name, _)) = self.urls.iter().find(|(_, known)| self.is_at(known, &url)) {
            return Ok(name.clone());
        }
        let registry = self.visit(&address, &self.context.started_in).map_err(|error| self.perhaps_meant(text, error))?;
        let name = registry.file.name.to_string();
        if let Some(other) = self.urls.get(&name) {
            let failure = Failure::new(Code::Exists, format!("forum.toml names the registry {name} as {other}, not as {url}"));
            return Err(failure.hint(format!("give this one a name of its own here: forum registry add OTHER-NAME {url}")).into());
        }
        self.urls.insert(name.clone(), url.clone());
        self.new.push((name.clone(), url));
        self.opened.insert(name.clone(), registry);
        Ok(name)
    }

    /// What may have been meant by `text`, which leads to no registry.
    fn perhaps_meant(&self, text: &str, error: anyhow::Error) -> anyhow::Error {
        let mut failure = Failure::of(&error);
        if failure.code != Code::NotFound {
            return error;
        }
        let known = self.known().unwrap_or_default();
        for name in known.iter().filter(|name| strsim::jaro_winkler(name, text) > 0.75) {
            failure = failure.hint(format!("--registry {name}"));
        }
        if text.split_once('/').is_some_and(|(host, _)| host.contains('.') && !host.starts_with('.')) {
            failure = failure.hint(format!("--registry https://{text}"));
        }
        failure.hint("forum registry list").into()
    }

    fn visit(&self, address: &Address, base: &Path) -> Result<Registry> {
        let visit = Visit { newest: self.newest, components: self.named.clone() };
        let store = &self.context.store;
        let error = match Registry::open(address, base, store, &visit) {
            Ok(registry) => return Ok(registry),
            Err(error) => error,
        };
        let failure = Failure::of(&error);
        if self.tolerant && !store.offline && matches!(failure.code, Code::Unreachable | Code::Auth | Code::Denied) {
            let cached = Registry::open(address, base, &Options { offline: true, ..store.clone() }, &visit);
            if let Ok(registry) = cached {
                self.notes.borrow_mut().push(format!("warning: {failure}; this is what was known at the last refresh"));
                return Ok(registry);
            }
        }
        Err(error)
    }

    /// The registry that a component in the lock came from.
    pub(super) fn of_entry(&mut self, entry: &LockEntry) -> Result<&Registry> {
        let name = self.name_of(&entry.registry).unwrap_or_else(|| entry.registry.clone());
        self.urls.entry(name.clone()).or_insert_with(|| entry.registry.clone());
        self.open(&name)
    }

    /// Brings the newest state of an opened registry, where that is allowed.
    pub(super) fn refresh(&mut self, name: &str) -> Result<()> {
        match self.opened.get_mut(name) {
            Some(registry) if !self.context.store.offline => registry.refresh(),
            _ => Ok(()),
        }
    }

    /// What the user should be told about the registries.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.take();
        notes.extend(self.opened.values().flat_map(Registry::take_notes));
        notes
    }

    /// Opens a registry by its name.
    pub(super) fn open(&mut self, name: &str) -> Result<&Registry> {
        if !self.opened.contains_key(name) {
            let url = self.url(name)?;
            let registry = self.visit(&Address::parse(&url)?, &self.root).with_context(|| format!("the registry {name}"))?;
            self.opened.insert(name.to_owned(), registry);
        }
        Ok(&self.opened[name])
    }

    /// A registry that was opened before, by its name.
    pub(super) fn opened(&self, name: &str) -> Result<&Registry> {
        match self.opened.get(name) {
            Some(registry) => Ok(registry),
            None => fail!(Code::Internal, "the registry {name} was not opened"),
        }
    }

    /// The address of a registry as `forum.toml` and `forum.lock` have it.
    pub(super) fn url(&self, name: &str) -> Result<String> {
        match self.urls.get(name) {
            Some(url) => Ok(url.clone()),
            None => {
                let failure = Failure::new(Code::InvalidWorkspace, format!("forum.toml: no [registries.{name}] is there"));
                Err(failure.hint(format!("forum registry add {name} URL")).into())
            }
        }
    }

    /// The name of the registry with this address.
    pub(super) fn name_of(&self, url: &str) -> Option<String> {
        self.urls.iter().find(|(_, known)| *known == url).map(|(name, _)| name.clone())
    }

    /// The registry for an id that no entry names one for.
    fn default(&mut self) -> Result<String> {
        let context = self.context;
        if let Some(text) = context.named_registry() {
            return self.named(text);
        }
        match self.known()?.as_slice() {
            [only] => self.named(only),
            [] => Err(Self::none_known().into()),
            several => Err(several_known(several).into()),
        }
    }

    /// Where something is contributed to: the address of the registry that [`Self::default`] would open; a path in it
    /// is absolute.
    pub(super) fn destination(&self) -> Result<Address> {
        let context = self.context;
        let known = self.known()?;
        let text = match (context.named_registry(), known.as_slice()) {
            (Some(text), _) | (None, [text]) => text,
            (None, []) => return Err(Self::none_known().into()),
            (None, several) => return Err(several_known(several).into()),
        };
        if let Some(url) = self.urls.get(text) {
            return Ok(Address::parse(url)?.relative_to(&self.root));
        }
        let address = self.address(text)?.relative_to(&context.started_in);
        match address.local_path().filter(|path| !path.exists()) {
            None => Ok(address),
            Some(path) => {
                let failure = Failure::new(Code::NotFound, format!("there is no registry at {}", path.display()));
                Err(self.perhaps_meant(text, failure.into()))
            }
        }
    }

    /// The registry of an entry in `forum.toml`.
    pub(super) fn registry_of(&mut self, id: &ComponentId, entry: &Entry) -> Result<String> {
        match &entry.registry {
            Some(name) => self.url(name).map(|_| name.clone()).with_context(|| id.to_string()),
            None => self.default(),
        }
    }

    /// Whether `--registry` leads to the registry called `name` in `forum.toml`, told without asking any server.
    fn means(&self, flag: &str, name: &str) -> Result<bool> {
        if self.urls.contains_key(flag) {
            return Ok(flag == name);
        }
        let address = self.address(flag)?.relative_to(&self.context.started_in);
        Ok(self.urls.get(name).is_some_and(|url| self.is_at(url, &address.to_string())))
    }

    /// `--registry` must not contradict what `forum.toml` says of these components (contract, section 2).
    pub(super) fn refuse_contradiction<'i>(&self, file: &WorkspaceFile, ids: impl IntoIterator<Item = &'i ComponentId>) -> Result<()> {
        let Some(flag) = &self.context.registry else { return Ok(()) };
        for id in ids {
            let entry = file.components.get(id).and_then(|entry| entry.registry.as_ref());
            if let Some(entry) = entry
                && !self.means(flag, entry)?
            {
                return Err(contradiction(&id.to_string(), entry, flag).into());
            }
        }
        Ok(())
    }

    /// The component that a person means in `forum COMMAND ID`, and its registry, which is written down when it is new.
    pub(super) fn find(&mut self, command: &str, typed: &IdOrName, workspace: &mut Workspace) -> Result<(ComponentId, String)> {
        let here = self.context.registry.is_none().then(|| workspace.find(typed).ok()).flatten().map(IdOrName::Id);
        let typed = here.as_ref().unwrap_or(typed);
        let known = match typed {
            IdOrName::Id(id) => workspace.file.components.get(id).and_then(|entry| entry.registry.clone()),
            IdOrName::Short(_) => None,
        };
        if let (Some(entry), Some(flag)) = (&known, &self.context.registry)
            && !self.means(flag, entry)?
        {
            return Err(contradiction(&typed.to_string(), entry, flag).into());
        }
        let name = known.map_or_else(|| self.default(), Ok)?;
        let flag = self.context.registry.as_ref().map(|flag| format!(" --registry {flag}")).unwrap_or_default();
        let id = self.open(&name)?.find(typed, &|id| format!("forum {command} {id}{flag}"))?;
        // A short name tells only now which entry is meant.
        if let Some(entry) = workspace.file.components.get(&id).and_then(|entry| entry.registry.clone()).filter(|entry| *entry != name) {
            return Err(contradiction(&id.to_string(), &entry, &name).into());
        }
        for (name, url) in std::mem::take(&mut self.new) {
            workspace.file.set_registry(&name, &url);
        }
        Ok((id, name))
    }
}

fn several_known(names: &[String]) -> Failure {
    Failure::new(Code::Usage, format!("several registries are known: {}", names.join(", "))).hint("add --registry NAME")
}

fn contradiction(id: &str, entry: &str, flag: &str) -> Failure {
    let failure = Failure::new(Code::Usage, format!("{id} comes from the registry {entry} (forum.toml), not from {flag} (--registry)"));
    failure.hint(format!("forum fetch {id} --registry {entry}"))
}

/// `to` as seen from `from`, with `/`; both absolute.
pub(super) fn relative(from: &Path, to: &Path) -> String {
    let plain = |path: &Path| {
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::ParentDir => drop(parts.pop()),
                Component::CurDir => {}
                other => parts.push(other.as_os_str().to_owned()),
            }
        }
        parts
    };
    let (from, to) = (plain(from), plain(to));
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - same);
    let down = to[same..].iter().map(|part| part.to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// `--path`, which starts where forum was started, as a path in the workspace.
pub(super) fn in_workspace(context: &Context, workspace: &Workspace, path: &Path) -> Result<RelPath> {
    let text = relative(&workspace.root, &context.directory.join(path));
    match text.parse::<RelPath>() {
        Ok(path) if is_ours(&path) => fail!(Code::Usage, "--path {path}: forum itself works there"),
        Ok(path) => Ok(path),
        Err(error) => fail!(Code::Usage, "--path must lead into the workspace: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_go_up_and_down() {
        for (from, to, want) in [("/a/b", "/a/c/d", "../c/d"), ("/a", "/a/b/../c", "c"), ("/a", "/a", "."), ("/a/b/c", "/x", "../../../x")]
        {
            assert_eq!(relative(Path::new(from), Path::new(to)), want);
        }
    }
}
