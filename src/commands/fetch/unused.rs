//! Answers in `forum.toml` that go nowhere, or that should not stand there: said, since people write them by hand.

use crate::model::id::ComponentId;
use crate::model::manifest::Manifest;
use crate::model::workspace_file::{Entry, WORKSPACE_FILE};

/// What to say of the answers that `wish` has for a component with this manifest. No answer is repeated.
pub(super) fn warnings(id: &ComponentId, wish: Option<&Entry>, manifest: &Manifest) -> Vec<String> {
    let names = wish.into_iter().flat_map(|wish| wish.variables.keys());
    names.filter_map(|name| warning(name, manifest)).map(|what| format!("warning: {WORKSPACE_FILE}: {id}: {what}")).collect()
}

fn warning(name: &str, manifest: &Manifest) -> Option<String> {
    let shown = name.escape_debug();
    match manifest.variables.get(name) {
        Some(variable) if variable.is_secret() => Some(format!(
            "`{shown}` is a secret, which does not belong in a file that others read: take it out; forum asks for it, or --set"
        )),
        Some(_) => None,
        None => {
            let earlier = manifest.variables.iter().find(|(_, variable)| variable.renamed_from.as_deref() == Some(name));
            let near = manifest.variables.keys().map(|known| (strsim::osa_distance(known, name), known)).min();
            let near = near.filter(|(distance, known)| *distance <= 2.max(known.len() / 3));
            let meant = match (earlier, near) {
                (Some((now, _)), _) => format!("; it is called `{now}` now"),
                (None, Some((_, near))) => format!("; did you mean `{near}`?"),
                (None, None) => String::new(),
            };
            Some(format!("there is no variable `{shown}`{meant}"))
        }
    }
}
