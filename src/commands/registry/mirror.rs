//! `forum registry mirror`: a registry in one file, for places without network.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::super::Outcome;
use super::super::places::Places;
use crate::context::Context;
use crate::error::Code;
use crate::fail;
use crate::model::address::without_credentials;
use crate::store::registry::mirror;
use crate::store::workspace;
use crate::ui::Report;

/// Write an offline mirror of a registry into one file
///
/// It holds all versions, and is a registry itself: forum fetch ID --registry FILE.bundle. Git reads it, too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry mirror kommun.bundle --registry kommun
  forum fetch pupil-system --registry kommun.bundle")]
pub struct Mirror {
    /// The file
    #[arg(value_name = "FILE.bundle")]
    file: PathBuf,
}

/// The answer.
#[derive(Serialize)]
struct Written {
    file: PathBuf,
    registry: String,
    main: String,
    bytes: u64,
}

impl Report for Written {
    fn text(&self) -> String {
        format!("{} has all of {} at {} ({} bytes)", self.file.display(), self.registry, self.main, self.bytes)
    }
}

/// Runs the command.
///
/// # Errors
/// [`Code::Offline`], and the transport's own; a file that was there is as it was.
pub(super) fn run(context: &Context, args: &Mirror) -> Result<Outcome> {
    let file = workspace::read_file(&context.directory)?;
    let root = workspace::root_of(&context.directory);
    let address = Places::writing(context, &root, &file).destination()?;
    if context.store.offline && address.local_path().is_none() {
        fail!(Code::Offline, "a mirror is made of what the server has now, and {} forbids asking", context.store.offline_by);
    }
    let mirrored = mirror(&address, &context.store, &context.started_in.join(&args.file))?;
    context.ui.end_progress();
    let report = Written {
        file: args.file.clone(),
        registry: without_credentials(&address.to_string()),
        main: mirrored.main.to_string(),
        bytes: mirrored.bytes,
    };
    context.ui.report("registry mirror", &report);
    Ok(Outcome::Done)
}
