//! What follows a failure: whether it passes by itself, and the keys that help.

use crate::actions::ActionId;
use crate::model::screen::Screen;
use crate::now::cause::{cause, classified, gaps_left};

/// What to expect of a failure, and what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remedy {
    /// In a sentence.
    pub(super) outlook: &'static str,
    pub(super) keys: &'static [(ActionId, &'static str)],
}

const RETRY: (ActionId, &str) = (ActionId::Retry, "tries it again now");
const FETCH: (ActionId, &str) = (ActionId::Trigger, "fetches it now");
const OPEN: (ActionId, &str) = (ActionId::Open, "opens it");
const ANSWERS: (ActionId, &str) = (ActionId::Go(Screen::Vendor), "the vendor's answers");
const PAUSE: (ActionId, &str) = (ActionId::PauseSymbol, "pauses the symbol");

/// What follows a failure with this message.
pub(super) fn remedy(message: &str) -> Remedy {
    let (class, text) = classified(message);
    let (outlook, keys): (&str, &[(ActionId, &str)]) = match class {
        "transient" => ("This usually passes; the next run asks again.", &[RETRY, FETCH, OPEN, ANSWERS]),
        "rate_limited" => (
            "The account's limit was used up, perhaps by another program with the same key; the next run asks again.",
            &[RETRY, FETCH, ANSWERS],
        ),
        "auth" => (
            "Put a valid key in MASSIVE_API_KEY or vendor.key_file and start barkeep again; nothing is fetched before.",
            &[(ActionId::Pause, "tries the key again"), ANSWERS],
        ),
        "not_entitled" => (
            "Trying again does not help: it takes another plan at the vendor, or doing without this symbol.",
            &[PAUSE, OPEN],
        ),
        "plan_window" => (
            "The vendor's plan does not reach back so far. What it reaches is fetched all the same; this period is asked \
             for again tomorrow.",
            &[OPEN],
        ),
        "too_early" => ("Nothing to do: the bars come after the end of the day.", &[OPEN]),
        "permanent" => (
            "The vendor refuses this request as it is, so trying again seldom helps; check the ticker and its plan.",
            &[ANSWERS, PAUSE, OPEN],
        ),
        "malformed" => (
            "Nothing of that answer was stored. The next run asks again; if it comes back, report it to the vendor with \
             its request id.",
            &[RETRY, FETCH, ANSWERS, OPEN],
        ),
        "journal" => ("The request was not made because the database took no write; check the database.", &[RETRY]),
        "cancelled" => ("Nothing is wrong with it; the next run asks for it.", &[RETRY, FETCH, OPEN]),
        _ if text.starts_with("cancelled") || text.starts_with("not requested by this run") => {
            ("Nothing is wrong with it; a later run asks for it.", &[RETRY, FETCH, OPEN])
        }
        _ => ("The next run tries again.", &[RETRY, FETCH, OPEN]),
    };
    Remedy { outlook, keys }
}

/// A failure in sentences: `vendor error 503; 1 gap is left. This usually passes; the next run asks again.`
#[must_use]
pub fn failure(message: &str) -> String {
    let left = match gaps_left(message) {
        None | Some(0) => String::new(),
        Some(1) => "; 1 gap is left".to_owned(),
        Some(n) => format!("; {n} gaps are left"),
    };
    format!("{}{left}. {}", cause(message), remedy(message).outlook)
}
