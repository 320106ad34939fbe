//! Who publishes here: asked once, and written into `forum.toml`.

use std::path::Path;

use anyhow::Result;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::Name;
use crate::model::workspace_file::WorkspaceFile;
use crate::store::workspace::Workspace;

/// Asks for `[workspace] owner` and writes it down. Without a terminal, or where nothing may be proposed, it is missing.
///
/// # Errors
/// [`Code::MissingAnswers`], and what the file system says.
pub(super) fn ask_owner(context: &Context, root: &Path, file: &mut WorkspaceFile, proposed: Option<&str>) -> Result<Name> {
    let missing = || unknown_owner("publishes");
    let Some(proposed) = proposed.filter(|_| context.ui.can_ask()) else { return Err(missing().into()) };
    let typed: Name = loop {
        match context.ui.ask("Who publishes here (the owner in ids, such as goteborg)", proposed)?.parse() {
            Ok(owner) => break owner,
            Err(wrong) => context.ui.say(&format!("{wrong}")),
        }
    };
    file.set_owner(&typed);
    // Read again: somebody may have written in it while the question stood there.
    let mut workspace = Workspace::open(root, context.state_dir()?, &|| ())?;
    workspace.file.set_owner(&typed);
    workspace.save_file(&workspace.file)?;
    Ok(typed)
}

/// The error where nobody knows who does that.
pub(super) fn unknown_owner(does: &str) -> Failure {
    let failure = Failure::new(Code::MissingAnswers, format!("who {does} is not known: forum.toml has no [workspace] owner"));
    failure.hint("write into forum.toml:\n       [workspace]\n       owner = \"your-organisation\"").hint("or set FORUM_OWNER")
}
