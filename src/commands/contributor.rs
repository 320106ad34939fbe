//! Who contributes: the owner, what the registry knows of it, and whose name stands on the commit.

use std::path::Path;

use anyhow::Result;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::Name;
use crate::model::publisher::Publisher;
use crate::model::workspace_file::{AuthorKind, WorkspaceFile};
use crate::store::contribution::{Author, git};
use crate::store::registry::Registry;
use crate::store::transport::local::Local;

/// Who we are in this registry: its own file, or a new one from `[workspace.publisher]`, with its text.
///
/// # Errors
/// [`Code::MissingAnswers`] where the registry does not know the owner, and `forum.toml` does not tell enough.
pub(super) fn publisher(context: &Context, registry: &Registry, file: &WorkspaceFile, owner: &Name) -> Result<(Publisher, Option<String>)> {
    if let Some(known) = registry.publisher(owner)? {
        let (ours, theirs) = (&file.publisher, &known);
        let keys = [
            (&ours.title, &theirs.title),
            (&ours.kind, &theirs.kind),
            (&ours.country, &theirs.country),
            (&ours.contact, &theirs.contact),
            (&ours.url, &theirs.url),
        ];
        if keys.iter().any(|(ours, theirs)| !ours.is_empty() && ours != theirs) {
            let note = "note: [workspace.publisher] in forum.toml is not used, for the registry knows";
            let how = "to change what it says, change that file in a contribution of its own";
            context.ui.say(&format!("{note} {owner} by its publishers/{owner}.toml, which says otherwise; {how}"));
        }
        return Ok((known, None));
    }
    let missing = file.publisher.missing();
    if missing.is_empty() {
        return Ok((file.publisher.clone(), Some(file.publisher.render())));
    }
    let message = format!(
        "the registry {} does not know {owner} yet; [workspace.publisher] in forum.toml must tell {}",
        registry.file.name,
        missing.join(", ")
    );
    let example = [
        "[workspace.publisher]",
        "title = \"…\"",
        "kind = \"municipality\"   # or region, agency, association, vendor",
        "contact = \"integration@…\"",
        "url = \"https://…\"",
    ];
    Err(Failure::new(Code::MissingAnswers, message).hint(format!("write into forum.toml:\n       {}", example.join("\n       "))).into())
}

/// Whose name stands on the commit. A person is whom git knows in the repository of `directory`.
///
/// # Errors
/// [`Code::MissingAnswers`] for a person whom git does not know.
pub(super) fn author(context: &Context, directory: &Path, file: &WorkspaceFile, publisher: &Publisher) -> Result<Author> {
    match file.author {
        AuthorKind::Role => role(context, file, publisher),
        AuthorKind::Person => {
            let (name, email) = Local::identity(&git(&context.store)?, directory)?;
            Ok(Author { name, email })
        }
    }
}

/// The organisation as an author, where git can write its title and contact into a commit.
fn role(context: &Context, file: &WorkspaceFile, publisher: &Publisher) -> Result<Author> {
    let ours = *publisher == file.publisher;
    let place = match owner(context, file) {
        Some(owner) if !ours => format!("publishers/{owner}.toml of the registry"),
        _ => "[workspace.publisher] in forum.toml".to_owned(),
    };
    for (key, text) in [("title", &publisher.title), ("contact", &publisher.contact)] {
        if text.trim().is_empty() || text.contains(['<', '>']) || text.chars().any(char::is_control) {
            let code = if ours { Code::InvalidWorkspace } else { Code::InvalidRegistry };
            let message = format!("{place}: `{key}` is `{}`, which cannot stand on a commit", text.escape_debug());
            return Err(Failure::new(code, message).hint(format!("give {key} there a text of one line without < and >")).into());
        }
    }
    Ok(Author { name: publisher.title.clone(), email: publisher.contact.clone() })
}

/// Who publishes: `FORUM_OWNER`, `[workspace] owner`, or the user's settings.
pub(super) fn owner(context: &Context, file: &WorkspaceFile) -> Option<Name> {
    context.settings.owner_in(file.owner.as_ref()).map(|owner| owner.value)
}
