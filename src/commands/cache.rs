//! `forum cache`: where it is, whether it is sound, and how to empty it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::error::Code;
use crate::fail;
use crate::store::cache;
use crate::ui::{Report, columns};

/// Look after the cache
#[derive(Debug, clap::Subcommand)]
#[expect(missing_docs, reason = "a doc comment here would stand above that of the arguments in the help")]
pub enum Command {
    Path(PathArgs),
    Verify(VerifyArgs),
    Clean(CleanArgs),
}

/// Print where the cache is
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum cache path
  du -sh \"$(forum cache path)\"")]
pub struct PathArgs {}

/// Read everything in the cache, and name what is damaged
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum cache verify
  forum cache verify --json")]
pub struct VerifyArgs {}

/// Empty the cache
///
/// What forum remembers of registries, and what `forum restore` needs, stay. Waits for runs that use the cache.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum cache clean")]
pub struct CleanArgs {}

#[derive(Serialize)]
struct Place {
    path: PathBuf,
}

impl Report for Place {
    fn text(&self) -> String {
        self.path.display().to_string()
    }
}

#[derive(Serialize)]
struct Row {
    name: String,
    objects: usize,
    bytes: u64,
    ok: bool,
    damage: Vec<String>,
}

#[derive(Serialize)]
struct Verified {
    registries: Vec<Row>,
}

impl Report for Verified {
    fn text(&self) -> String {
        let mut rows = Vec::new();
        for row in &self.registries {
            let state = if row.ok { "sound" } else { "damaged" };
            rows.push([state.to_owned(), row.name.clone(), format!("{} objects", row.objects), size(row.bytes)]);
            rows.extend(row.damage.iter().map(|what| [String::new(), what.clone(), String::new(), String::new()]));
        }
        columns(&rows)
    }
}

#[derive(Serialize)]
struct Cleaned {
    path: PathBuf,
    bytes: u64,
}

impl Report for Cleaned {
    fn text(&self) -> String {
        format!("removed {} from {}", size(self.bytes), self.path.display())
    }
}

/// A size in bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

impl Command {
    /// The command's full name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Path(_) => "cache path",
            Self::Verify(_) => "cache verify",
            Self::Clean(_) => "cache clean",
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Where there is no cache directory, or it cannot be read or emptied.
    pub fn run(&self, context: &Context) -> Result<Outcome> {
        let Some(path) = &context.store.cache_dir else {
            fail!(Code::Io, "there is no home directory for the cache: set HOME or FORUM_CACHE_DIR");
        };
        let waiting = || context.ui.say("waiting for another forum that uses the cache");
        match self {
            Self::Path(_) => context.ui.report(self.name(), &Place { path: path.clone() }),
            Self::Verify(_) => return self.verify(context, path, &waiting),
            Self::Clean(_) => {
                let bytes = cache::clean(path, &waiting)?;
                context.ui.report(self.name(), &Cleaned { path: path.clone(), bytes });
            }
        }
        Ok(Outcome::Done)
    }

    fn verify(&self, context: &Context, path: &Path, waiting: &dyn Fn()) -> Result<Outcome> {
        let found = cache::verify(path, waiting)?.into_iter();
        let row = |one: cache::CachedRegistry| Row {
            ok: one.damage.is_empty(),
            name: one.name,
            objects: one.objects,
            bytes: one.bytes,
            damage: one.damage,
        };
        let report = Verified { registries: found.map(row).collect() };
        let sound = report.registries.iter().all(|row| row.ok);
        context.ui.report(self.name(), &report);
        if sound {
            return Ok(Outcome::Done);
        }
        context.ui.say("the cache is damaged; nothing in it is lost for good\n  try: forum cache clean");
        Ok(Outcome::No)
    }
}
