//! What an answer means whose status is not 200.
//!
//! Coinbase's own refusals are JSON with a `message`. Anything else with such a status comes from something in between and
//! says nothing of the product.

use serde::Deserialize;

use crate::{Class, Fault};
use barkeep_base::text::printable;

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

pub(super) fn refused(status: u16, body: &str, product: &str) -> Fault {
    let said = serde_json::from_str::<Refusal>(body.trim()).ok().map(|refusal| printable(&refusal.message));
    let (class, meaning) = match (status, &said) {
        (429, _) => (Class::RateLimited, "the rate limit of Coinbase is reached".to_owned()),
        (404, Some(_)) => (Class::Permanent, format!("Coinbase has no product {}", printable(product))),
        (300..=399, _) => {
            (Class::Permanent, "redirect refused; set vendors.coinbase.url to the final address".to_owned())
        }
        (408 | 500..=599, _) => (Class::Transient, "Coinbase failed".to_owned()),
        (400..=499, Some(_)) => (Class::Permanent, "Coinbase refused the request".to_owned()),
        (400..=499, None) => (Class::Transient, "refused by a proxy on the way to Coinbase".to_owned()),
        _ => (Class::Malformed, "unexpected answer".to_owned()),
    };
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    Fault { status: Some(status), ..Fault::new(class, format!("{meaning} ({status}){said}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_class() {
        use Class::{Malformed, Permanent, RateLimited, Transient};
        let json = r#"{"message":"NotFound"}"#;
        for (status, body, class) in [
            (429, r#"{"message":"Public rate limit exceeded"}"#, RateLimited),
            (429, "", RateLimited),
            (404, json, Permanent),
            (400, r#"{"message":"Unsupported granularity"}"#, Permanent),
            (403, r#"{"message":"Forbidden"}"#, Permanent),
            (403, "<html>blocked</html>", Transient),
            (404, "<html>not here</html>", Transient),
            (400, "", Transient),
            (408, "", Transient),
            (500, r#"{"message":"Internal server error"}"#, Transient),
            (503, "<html>", Transient),
            (301, "", Permanent),
            (204, "", Malformed),
            (0, "", Malformed),
        ] {
            let fault = refused(status, body, "BTC-USD");
            assert_eq!((fault.class, fault.status), (class, Some(status)), "{status} {body}: {fault}");
        }
    }

    #[test]
    fn the_reason_is_told_and_cannot_reach_the_terminal_raw() {
        let unknown = refused(404, r#"{"message":"NotFound"}"#, "NOPE-USD").message;
        assert_eq!(unknown, "Coinbase has no product NOPE-USD (404): NotFound");
        let hostile = refused(400, "{\"message\":\"\\u001b]2;PWNED\\u0007\"}", "\u{1b}[2J").message;
        assert!(hostile.chars().all(|c| !c.is_control()), "{hostile:?}");
    }
}
