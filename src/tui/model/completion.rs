//! Completing the last word of a command line.

use crate::model::command_line::{OPTIONS, Tracked, Verb};
use crate::model::sort::SortBy;
use barkeep_market::{AssetClass, Criticality, Source};

/// What all of them begin with.
#[must_use]
pub fn common_start(all: &[String]) -> &str {
    let Some(first) = all.first() else { return "" };
    all.iter().fold(first.as_str(), |common, choice| {
        let same = common.char_indices().zip(choice.chars()).take_while(|((_, a), b)| a == b);
        let end = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
        common.get(..end).unwrap_or_default()
    })
}

/// The line with another last word.
#[must_use]
pub fn replace_last_word(line: &str, word: &str) -> String {
    let start = line.rfind(' ').map_or(0, |at| at + 1);
    format!("{}{word}", line.get(..start).unwrap_or_default())
}

/// What the last word may become.
#[must_use]
pub fn choices(line: &str, tracked: Tracked<'_>) -> Vec<String> {
    let Some(verb) = Verb::of(line) else { return Vec::new() };
    let words: Vec<&str> = line.split(' ').skip(1).filter(|word| !word.is_empty()).collect();
    let word = line.rsplit(' ').next().unwrap_or_default();
    let before =
        if word.is_empty() { words.as_slice() } else { words.get(..words.len().saturating_sub(1)).unwrap_or_default() };
    let tiers = || Criticality::ALL.map(|tier| tier.to_string()).to_vec();
    let classes = || AssetClass::ALL.map(|class| class.to_string()).to_vec();
    let lower = word.to_ascii_lowercase();
    let fitting = |mut all: Vec<String>| {
        all.retain(|choice| choice.to_ascii_lowercase().starts_with(&lower));
        all
    };
    match (verb, before.last().copied()) {
        (Verb::Add, Some("--vendor")) => fitting(Source::ALL.map(|vendor| vendor.to_string()).to_vec()),
        (Verb::Add, Some("--class" | "--asset-class")) => fitting(classes()),
        (Verb::Add, Some("--criticality" | "--tier")) => fitting(tiers()),
        (Verb::Add, Some("--since" | "--timeframes")) => Vec::new(),
        (Verb::Add, Some(_)) if word.is_empty() || word.starts_with('-') => {
            let unused = |option: &&&str| !words.contains(*option) || **option == word;
            fitting(OPTIONS.iter().filter(unused).map(|option| (*option).to_owned()).collect())
        }
        (Verb::Add, _) => Vec::new(),
        (Verb::Remove, Some(_)) if word.starts_with('-') => fitting(vec!["--purge".to_owned()]),
        (Verb::Tier, Some(_)) => fitting(tiers()).into_iter().chain(symbols_beginning(word, tracked)).collect(),
        (Verb::Since, Some(_)) if "none".starts_with(&lower) && !word.is_empty() => vec!["none".to_owned()],
        (Verb::Open, Some(symbol)) => {
            let known = tracked.named(symbol).map_or_else(Vec::new, |symbol| tracked.timeframes(&symbol));
            fitting(known.iter().map(|tf| tf.name().to_owned()).collect())
        }
        (Verb::Sort, None) => fitting(SortBy::ALL.map(|by| by.word().to_owned()).to_vec()),
        (Verb::Sort, Some(_)) => fitting(vec!["reversed".to_owned()]),
        _ => tracked.beginning(word),
    }
}

/// None for an empty word: where a value is expected, all symbols are noise.
fn symbols_beginning(word: &str, tracked: Tracked<'_>) -> Vec<String> {
    if word.is_empty() { Vec::new() } else { tracked.beginning(word) }
}

/// The line with its last word completed as far as there is only one way.
#[must_use]
pub fn complete(line: &str, tracked: Tracked<'_>) -> String {
    let all = choices(line, tracked);
    let word = line.rsplit(' ').next().unwrap_or_default();
    match all.as_slice() {
        [] => line.to_owned(),
        [one] => format!("{} ", replace_last_word(line, one)),
        several => {
            let common = common_start(several);
            if common.len() < word.len() { line.to_owned() } else { replace_last_word(line, common) }
        }
    }
}
