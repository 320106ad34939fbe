//! Which documents match, and in which order.

use std::cmp::Reverse;

use memchr::memmem;

use super::file::{Column, Content, Damaged, Field, ITEM, SearchIndex, WORD};
use super::query::{Phrase, Query, Synonyms, Term, terms};
use super::{Document, fold};

/// Above anything that words can reach: the id itself was typed.
const ID_TYPED: u32 = 1 << 20;

/// A document that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// How well it matches; comparable between registries.
    pub score: u32,
    /// How many organisations use it: the order among those that match equally well.
    pub adopters: u32,
    /// How long its title is, where words were typed: the shorter, the more of it they are. Next in the order.
    pub title: usize,
    /// Where it is, for [`SearchIndex::document`].
    pub position: usize,
}

impl Hit {
    /// What it is sorted by, between registries too.
    #[must_use]
    pub const fn order(&self) -> (Reverse<u32>, Reverse<u32>, usize) {
        (Reverse(self.score), Reverse(self.adopters), self.title)
    }
}

impl SearchIndex {
    /// All documents that match, best first; of equally good ones those that more organisations use, then those with shorter titles.
    #[must_use]
    pub fn search(&self, query: &Query, synonyms: &Synonyms) -> Vec<Hit> {
        let terms = terms(&query.words, synonyms);
        let typed = query.words.iter().any(|word| !word.trim().is_empty());
        if typed && terms.is_empty() {
            // Something was typed that no text is searched for, such as `!`.
            return Vec::new();
        }
        let mut scores = vec![u32::from(terms.is_empty()); self.len()];
        for (position, term) in terms.iter().enumerate() {
            let of_term = self.term_scores(term);
            for (score, of_term) in scores.iter_mut().zip(of_term) {
                *score = if position == 0 { of_term } else { both(*score, of_term) };
            }
        }
        self.raise_typed_ids(&query.words, &mut scores);
        let filter = Filter::new(self, query);
        let found = scores.into_iter().enumerate().filter(|(position, score)| *score > 0 && filter.lets_pass(*position));
        let titles = self.column(Content::Plain(Field::Title));
        let title = |position| if terms.is_empty() { 0 } else { titles.get(position).len() };
        let hit = |(position, score)| Hit { score, adopters: self.adopters(position), title: title(position), position };
        let mut hits: Vec<_> = found.map(hit).collect();
        hits.sort_unstable_by_key(|hit| (hit.order(), hit.position));
        hits
    }

    fn term_scores(&self, term: &Term) -> Vec<u32> {
        let (first, others) = term.typed.split_first().expect("a term has at least one phrase");
        let mut scores = self.phrase_scores(first);
        for phrase in others {
            scores.iter_mut().zip(self.phrase_scores(phrase)).for_each(|(score, more)| *score = both(*score, more));
        }
        // A synonym of several words counts as much as all of them.
        let weight = u32::try_from(term.typed.len()).unwrap_or(u32::MAX);
        for synonym in &term.synonyms {
            let other = self.phrase_scores(synonym);
            scores.iter_mut().zip(other).for_each(|(score, other)| *score = (*score).max(other.saturating_mul(weight)));
        }
        scores
    }

    /// For each document how well a phrase matches in the best field; 0: not at all.
    fn phrase_scores(&self, phrase: &Phrase) -> Vec<u32> {
        let mut scores = vec![0; self.len()];
        let phrase = phrase.join(" ");
        let marked = fold::is_marked(&phrase);
        for (weight, field) in (1..).zip(Field::ALL.into_iter().rev()) {
            let mut take = |document: usize, found: Found| scores[document] = 2 * weight + u32::from(found == Found::Word);
            let with_marks = marked.then(|| self.column(Content::Marked(field)));
            scan(self.column(Content::Plain(field)), with_marks, &phrase, &mut take);
        }
        scores
    }

    /// A whole id that is typed is what the person wants to see first.
    fn raise_typed_ids(&self, words: &[String], scores: &mut [u32]) {
        let ids = self.column(Content::Id);
        for typed in words.iter().flat_map(|word| word.split_whitespace()).filter(|word| word.contains('/')) {
            let typed = typed.to_ascii_lowercase();
            let is_typed = |position: &usize| ids.get(*position) == typed.as_bytes();
            if let Some(score) = (0..self.len()).find(is_typed).and_then(|at| scores.get_mut(at)).filter(|score| **score > 0) {
                *score = score.saturating_add(ID_TYPED);
            }
        }
    }

    /// The documents of the best hits, at most `limit`.
    ///
    /// # Errors
    /// When a record is damaged: the index is to be built anew.
    pub fn best(&self, hits: &[Hit], limit: usize) -> Result<Vec<Document>, Damaged> {
        hits.iter().take(limit).map(|hit| self.document(hit.position)).collect()
    }
}

const fn both(score: u32, more: u32) -> u32 {
    if score == 0 || more == 0 { 0 } else { score.saturating_add(more) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The last word goes on after what was typed.
    Prefix,
    /// The last word ends there.
    Word,
}

/// Finds a phrase at the starts of words. One with marks is looked up without them first, which
/// is fast, and then compared with what is really written there.
fn scan(plain: Column<'_>, with_marks: Option<Column<'_>>, phrase: &str, take: &mut impl FnMut(usize, Found)) {
    let needle = format!("{}{}", char::from(WORD), fold::without_marks(phrase));
    let (mut document, mut settled) = (0, 0);
    for at in memmem::find_iter(plain.data, &needle) {
        if at < settled {
            continue;
        }
        while plain.end(document) <= at {
            document += 1;
        }
        let range = plain.range(document);
        if with_marks.is_some_and(|column| !is_written(column.get(document), &plain.data[range.start..at], phrase)) {
            continue;
        }
        let after = at + needle.len();
        let ends = after >= range.end || matches!(plain.data[after], WORD | ITEM);
        take(document, if ends { Found::Word } else { Found::Prefix });
        if ends {
            // Nothing better can follow in this document.
            settled = range.end;
        }
    }
}

/// Whether `text`, with marks, has the phrase after as many letters as `before` has without.
fn is_written(text: &[u8], before: &[u8], phrase: &str) -> bool {
    let is_continued = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    let letters = before.len() - before.iter().filter(is_continued).count();
    let mut rest = std::str::from_utf8(text).unwrap_or_default().chars();
    rest.nth(letters) == Some(char::from(WORD)) && fold::strip_typed(rest.as_str(), phrase).is_some()
}

/// What a document must have besides the words.
struct Filter<'a> {
    ids: Column<'a>,
    kinds: Column<'a>,
    licenses: Column<'a>,
    owner: Option<Vec<u8>>,
    kind: Option<&'a [u8]>,
    license: Option<&'a [u8]>,
    with_system: Option<Vec<bool>>,
}

impl<'a> Filter<'a> {
    fn new(index: &'a SearchIndex, query: &'a Query) -> Self {
        Self {
            ids: index.column(Content::Id),
            kinds: index.column(Content::Kind),
            licenses: index.column(Content::License),
            owner: query.owner.as_ref().map(|owner| format!("{owner}/").into_bytes()),
            kind: query.kind.as_deref().map(str::as_bytes),
            license: query.license.as_deref().map(str::as_bytes),
            with_system: query.system.as_deref().map(|system| documents_with_system(index, system)),
        }
    }

    fn lets_pass(&self, document: usize) -> bool {
        self.owner.as_ref().is_none_or(|owner| self.ids.get(document).starts_with(owner))
            && self.kind.is_none_or(|kind| self.kinds.get(document) == kind)
            && self.license.is_none_or(|license| self.licenses.get(document).eq_ignore_ascii_case(license))
            && self.with_system.as_ref().is_none_or(|with| with.get(document).copied().unwrap_or_default())
    }
}

/// Which documents connect a system whose name starts as typed.
fn documents_with_system(index: &SearchIndex, system: &str) -> Vec<bool> {
    let typed = fold::words(system).join(" ");
    let marked = fold::is_marked(&typed);
    let column = index.column(if marked { Content::Marked(Field::Systems) } else { Content::Plain(Field::Systems) });
    let has_it = |document| {
        let text = std::str::from_utf8(column.get(document)).unwrap_or_default();
        let mut names = text.split(char::from(ITEM)).map(|name| name.trim_start_matches(char::from(WORD)));
        !typed.is_empty() && names.any(|name| fold::strip_typed(name, &typed).is_some())
    };
    (0..index.len()).map(has_it).collect()
}
