//! The filter of lists other than that of the series: words that all have to occur in a row, `-` in front of what must
//! not, and `field:value` where a row has fields, as in `status:503 -aapl`. And the completion of what is typed.

use crate::model::completion::common_start;
use crate::model::query::{TERMS, values};
use crate::model::screen::ListId;
use barkeep_runtime::console::{
    AlertRow, Execution, FeatureFailureRow, OperatorActionRow, QuarantineRow, RequestRow, SeriesStatus,
};

/// A filter, read once for all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFilter(Vec<(bool, String)>);

impl RowFilter {
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let word = |word: &str| match word.strip_prefix('-') {
            Some(rest) if !rest.is_empty() => (false, rest.to_lowercase()),
            _ => (true, word.to_lowercase()),
        };
        Self(text.split_whitespace().map(word).collect())
    }

    /// Whether a row fits; `text` is all of it.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().all(|(wanted, word)| text.contains(word.as_str()) == *wanted)
    }
}

/// The fields of a list's rows.
#[must_use]
pub const fn fields(list: ListId) -> &'static [&'static str] {
    match list {
        ListId::Executions => &["status:", "trigger:"],
        ListId::ExecutionSeries => &["status:", "tf:"],
        ListId::Requests => &["status:", "tf:", "try:", "outcome:"],
        ListId::FailingSeries | ListId::FailingFeatures | ListId::Quarantine => &["tf:"],
        ListId::Alerts => &["kind:", "severity:", "is:open", "is:resolved"],
        ListId::Actions => &["by:", "action:"],
        _ => &[],
    }
}

/// Everything of a row that can be looked for.
pub trait RowText {
    fn row_text(&self) -> String;
}

impl<T: RowText> RowText for &T {
    fn row_text(&self) -> String {
        (*self).row_text()
    }
}

impl RowText for Execution {
    fn row_text(&self) -> String {
        let (status, trigger) = (self.status.name(), self.trigger.name());
        let error = self.error_message.as_deref().unwrap_or_default();
        format!("{} status:{status} trigger:{trigger} {error}", self.execution_id)
    }
}

impl RowText for SeriesStatus {
    fn row_text(&self) -> String {
        let error = self.error_message.as_deref().unwrap_or_default();
        format!("{} tf:{} status:{} {error}", self.symbol, self.timeframe, self.status.name())
    }
}

impl RowText for RequestRow {
    fn row_text(&self) -> String {
        let (ticker, id) = (self.ticker.as_deref().unwrap_or("all symbols"), self.request_id.as_deref());
        let status = self.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let tf = self.timeframe.map_or_else(String::new, |tf| format!("tf:{tf}"));
        let (error, id) = (self.error.as_deref().unwrap_or_default(), id.unwrap_or_default());
        format!("{ticker} {tf} status:{status} try:{} outcome:{} {error} {id}", self.attempt, self.outcome)
    }
}

impl RowText for FeatureFailureRow {
    fn row_text(&self) -> String {
        let failure = &self.failure;
        format!("{} tf:{} {}", failure.symbol, failure.timeframe, failure.error_message)
    }
}

impl RowText for QuarantineRow {
    fn row_text(&self) -> String {
        format!("{} tf:{} {}", self.symbol, self.timeframe, self.reason)
    }
}

impl RowText for AlertRow {
    fn row_text(&self) -> String {
        let state = if self.resolved_at.is_some() { "resolved" } else { "open" };
        format!("kind:{} severity:{} is:{state} {}", self.kind, self.severity.name(), self.message)
    }
}

impl RowText for OperatorActionRow {
    fn row_text(&self) -> String {
        let action = &self.action;
        let (target, detail) = (action.target.as_deref(), action.detail.as_deref());
        let (target, detail) = (target.unwrap_or_default(), detail.unwrap_or_default());
        format!("by:{} action:{} {target} {detail} {}", action.actor, action.action, action.result)
    }
}

/// What can be typed as the next word: of the series when `list` is none.
fn choices(list: Option<ListId>, word: &str) -> Vec<String> {
    let Some(list) = list else {
        let names = TERMS.iter().map(|(name, ..)| (*name).to_owned());
        let Some((field, typed)) = word.split_once(':') else { return names.collect() };
        // Of several values the last one is being typed.
        let before = typed.rsplit_once(',').map_or_else(String::new, |(before, _)| format!("{before},"));
        return values(field).into_iter().map(|value| format!("{field}:{before}{value}")).collect();
    };
    fields(list).iter().map(|field| (*field).to_owned()).collect()
}

/// A filter with its last word completed as far as there is only one way.
#[must_use]
pub fn complete(list: Option<ListId>, text: &str) -> String {
    let (before, word) = text.rsplit_once(' ').map_or(("", text), |(before, word)| (before, word));
    let (minus, word) = word.strip_prefix('-').map_or(("", word), |rest| ("-", rest));
    let lower = word.to_lowercase();
    let fitting: Vec<String> = choices(list, &lower).into_iter().filter(|choice| choice.starts_with(&lower)).collect();
    if fitting.is_empty() {
        return text.to_owned();
    }
    let common = common_start(&fitting);
    let space = if before.is_empty() && !text.starts_with(' ') { "" } else { " " };
    format!("{before}{space}{minus}{common}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_have_to_occur_and_none_of_those_with_a_minus() {
        let filter = RowFilter::parse("STATUS:503 -aapl");
        assert!(filter.fits("BTC status:503") && !filter.fits("AAPL status:503") && !filter.fits("BTC status:200"));
        assert!(RowFilter::parse("").fits("anything") && RowFilter::parse("-").fits("a-b"));
    }

    #[test]
    fn what_is_typed_is_completed_as_far_as_there_is_one_way() {
        for (typed, completed) in [
            ("ti", "tier:"),
            ("tier:sta", "tier:stale"),
            ("aapl -tier:fresh,ag", "aapl -tier:fresh,aging"),
            ("class:c", "class:crypto"),
            ("b", "b"),
            ("be", "behind>"),
            ("nothing", "nothing"),
            ("is:", "is:"),
        ] {
            assert_eq!(complete(None, typed), completed, "{typed}");
        }
        assert_eq!(complete(Some(ListId::Requests), "503 st"), "503 status:");
        assert_eq!(complete(Some(ListId::Alerts), "is:"), "is:");
        assert_eq!(complete(Some(ListId::Alerts), "is:o"), "is:open");
    }
}
