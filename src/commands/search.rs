//! `forum search`: finds components in all registries that are known here.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::places::Places;
use super::{Outcome, open_workspace};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::escape::escape_line;
use crate::model::id::ComponentId;
use crate::model::search::{Document, Hit, Query, Synonyms};
use crate::store::registry::Registry;
use crate::ui::Report;

/// Find components by words
///
/// Every word must be found in id, title, summary, keywords, systems or owner; the beginning of a word is enough, `a`
/// finds `å` and `ä`, and the registry's synonyms count. Looks in what the last refresh brought.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum search elev
  forum search pupil --kind technical-component --limit 5
  forum search --owner goteborg
  forum registry refresh           bring what is new first")]
pub struct Args {
    /// Words to find
    words: Vec<String>,
    /// Only design-template or technical-component
    #[arg(long)]
    kind: Option<String>,
    /// Only of this owner
    #[arg(long)]
    owner: Option<String>,
    /// Only what connects this system
    #[arg(long)]
    system: Option<String>,
    /// Only under this licence
    #[arg(long)]
    license: Option<String>,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

#[derive(Serialize)]
struct Row {
    id: ComponentId,
    version: String,
    kind: String,
    title: String,
    summary: String,
    license: String,
    status: String,
    keywords: Vec<String>,
    registry: String,
    adopters: u32,
}

#[derive(Serialize)]
struct Found {
    results: Vec<Row>,
    total: usize,
    #[serde(skip)]
    registries: usize,
}

impl Report for Found {
    fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.results {
            let used = match row.adopters {
                0 => String::new(),
                1 => ", used by 1 organisation".to_owned(),
                count => format!(", used by {count} organisations"),
            };
            let place = if self.registries > 1 { format!(", in {}", row.registry) } else { String::new() };
            let line = |text: &str| escape_line(text);
            text += &format!("{} {}  {}\n", row.id, line(&row.version), line(&row.title));
            text += &format!("    {}\n", line(&row.summary));
            text += &format!("    {}, {}, {}{used}{place}\n", line(&row.kind), line(&row.status), line(&row.license));
        }
        if self.results.len() < self.total {
            text += &format!("{} of {} shown; --limit {} shows all\n", self.results.len(), self.total, self.total);
        }
        text
    }
}

/// Runs the command.
///
/// # Errors
/// Where no registry is known, or none could be searched.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let workspace = open_workspace(context)?;
    let mut places = Places::new(context, &workspace, Vec::new())?;
    let query = Query {
        words: args.words.clone(),
        kind: args.kind.clone(),
        owner: args.owner.clone(),
        system: args.system.clone(),
        license: args.license.clone(),
    };
    let (mut found, mut total, mut searched) = (Vec::new(), 0, BTreeSet::new());
    let mut failed: Vec<anyhow::Error> = Vec::new();
    for text in places.searched()? {
        match one(&mut places, &text, &query, args.limit) {
            Ok((name, hits)) if searched.insert(name.clone()) => {
                total += hits.total;
                found.extend(hits.best.into_iter().map(|(hit, document)| (hit, document, name.clone())));
            }
            Ok(_) => {}
            Err(error) => failed.push(error),
        }
    }
    places.notes().iter().for_each(|note| context.ui.say(note));
    if searched.is_empty() {
        return Err(failed.pop().unwrap_or_else(|| Places::none_known().into()));
    }
    for error in &failed {
        context.ui.say(&format!("warning: left out: {}", Failure::of(error)));
    }
    found.sort_by(|(hit_a, a, _), (hit_b, b, _)| hit_a.order().cmp(&hit_b.order()).then(a.id.cmp(&b.id)));
    let results = found.into_iter().take(args.limit).map(|(_, document, registry)| row(document, registry)).collect();
    if total == 0 {
        context.ui.say("nothing was found\n  try: fewer or shorter words\n  try: forum registry refresh");
    }
    context.ui.report("search", &Found { results, total, registries: searched.len() });
    Ok(Outcome::Done)
}

/// What one registry has: the best, and how many match.
struct Hits {
    best: Vec<(Hit, Document)>,
    total: usize,
}

/// Searches one registry, and tells its name.
fn one(places: &mut Places<'_>, text: &str, query: &Query, limit: usize) -> Result<(String, Hits)> {
    let name = places.named(text)?;
    let hits = search(places.open(&name)?, query, limit)?;
    Ok((name, hits))
}

fn search(registry: &Registry, query: &Query, limit: usize) -> Result<Hits> {
    let synonyms = Synonyms::new(&registry.file.synonyms);
    let once = || -> Result<_> {
        let index = registry.search_index()?;
        let hits = index.search(query, &synonyms);
        let documents = index.best(&hits, limit)?;
        Ok(Hits { total: hits.len(), best: hits.into_iter().zip(documents).collect() })
    };
    once().or_else(|error| {
        if Failure::of(&error).code != Code::Internal {
            return Err(error);
        }
        // The cached index is damaged: it is built anew, once.
        registry.forget_search_index();
        once().context("searching")
    })
}

fn row(document: Document, registry: String) -> Row {
    let Document { id, card, adopters, .. } = document;
    Row {
        id,
        version: card.version,
        kind: card.kind.to_string(),
        title: card.title,
        summary: card.summary,
        license: card.license,
        status: card.status,
        keywords: card.keywords,
        registry,
        adopters,
    }
}
