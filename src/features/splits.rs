//! Splits as features see them.

use barkeep_market::AssetClass;
use barkeep_market::split::Split;

/// The splits that change prices of a day in today's terms.
pub(crate) fn in_effect(class: AssetClass, splits: &[Split], today: chrono::NaiveDate) -> Vec<Split> {
    let counts = |s: &&Split| !class.is_continuous() && s.is_sound() && s.date <= today;
    splits.iter().filter(counts).copied().collect()
}

/// A list of splits as text; never empty.
pub(crate) fn basis(splits: &[Split]) -> String {
    if splits.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<String> = splits.iter().map(|s| format!("{} {}:{}", s.date, s.from, s.to)).collect();
    words.join(", ")
}
