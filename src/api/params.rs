//! Values in the path and the query of a request, each checked by name, range and form.
//!
//! A parameter that nothing reads is a mistake of the caller and not ignored: it is refused with the names there are.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use url::form_urlencoded;

use super::App;
use super::pages::Score;
use super::problem::{Kind, Problem};
use barkeep_base::text::printable;
use barkeep_config::default_class;
use barkeep_market::{Instrument, Symbol, Timeframe};
use barkeep_pipeline::names;

/// Query parameters a request may have; far more than any endpoint takes.
const MAX_PARAMETERS: usize = 64;

/// The query of a request.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

impl Params {
    fn read(query: &str) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::invalid(&name, "is given more than once").hint("give it once"));
            }
            if pairs.len() == MAX_PARAMETERS {
                return Err(Problem::new(Kind::Malformed, "the query has too many parameters"));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// Refuses parameters that are none of `names`.
    pub(super) fn only(self, names: &[&str]) -> Result<Self, Problem> {
        let unknown = self.0.iter().find(|(name, _)| !names.contains(&name.as_str()));
        match unknown {
            None => Ok(self),
            Some((name, _)) if names.is_empty() => {
                Err(Problem::invalid(name, "is not a parameter of this endpoint").hint("it takes no parameters"))
            }
            Some((name, _)) => Err(Problem::invalid(name, "is not a parameter of this endpoint")
                .hint(format!("it takes {}", names.join(", ")))),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value in its own form of text.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parse = |text: &str| text.parse().map_err(|e: T::Err| Problem::invalid(name, &e.to_string()));
        self.text(name).map(parse).transpose()
    }

    /// A whole number in a range, or `default`.
    pub(super) fn count(&self, name: &str, range: RangeInclusive<usize>, default: usize) -> Result<usize, Problem> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let (low, high) = (range.start(), range.end());
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| digits && range.contains(n));
        number.ok_or_else(|| {
            Problem::invalid(name, &format!("'{text}' is not a whole number from {low} to {high}"))
                .hint(format!("omit it for {default}"))
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        match self.text(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(Problem::invalid(name, &format!("'{other}' is neither true nor false"))),
        }
    }

    /// A number from 0 to 1.
    pub(super) fn score(&self, name: &str) -> Result<Option<Score>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let score = text.parse().ok().and_then(Score::new);
        let wrong = || Problem::invalid(name, &format!("'{text}' is not a number from 0 to 1"));
        score.map(Some).ok_or_else(wrong)
    }

    pub(super) fn timeframe(&self, default: Timeframe) -> Result<Timeframe, Problem> {
        Ok(self.parse("timeframe")?.unwrap_or(default))
    }
}

/// The one value in a request's path.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr<Err: Display> + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unreadable = |_| Problem::new(Kind::Malformed, "the URL path is not valid UTF-8");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(unreadable)?;
        let wrong = |e: T::Err| Problem::new(Kind::Invalid, printable(&e.to_string())).at("path");
        text.parse().map(Self).map_err(wrong)
    }
}

/// A symbol in a path, by its one name: however it is written, the tracked one it means.
#[derive(Debug)]
pub(super) struct OfSymbol(pub(super) Symbol);

impl FromRequestParts<App> for OfSymbol {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &App) -> Result<Self, Problem> {
        let Named(written) = Named::<Symbol>::from_request_parts(parts, api).await?;
        let reading = api.console.publisher.reading();
        if let Some(row) = names::find(&reading.index.symbols, &written) {
            return Ok(Self(row.symbol.clone()));
        }
        // Not tracked, or only a moment ago.
        let class = default_class(&api.console.engine.config.current().settings, &written);
        let one = Instrument::of(&written, class).map_err(|e| Problem::new(Kind::Invalid, e.to_string()).at("path"))?;
        Ok(Self(one.symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_parameters_pass_and_only_once() {
        let known = ["limit", "timeframe"];
        assert!(Params::read("limit=5&timeframe=1d").unwrap().only(&known).is_ok());
        for (query, names) in [("limt=5", "limt"), ("limit=5&x=1", "x"), ("=1", "")] {
            let problem = Params::read(query).unwrap().only(&known).unwrap_err();
            assert_eq!(problem.status(), 422);
            assert!(
                serde_json::to_string(&problem).unwrap().contains(&format!("\"parameter\":\"{names}\"")),
                "{query}"
            );
        }
        assert_eq!(Params::read("limit=5&limit=6").unwrap_err().status(), 422);
        let many: Vec<String> = (0..100).map(|n| format!("p{n}=1")).collect();
        assert_eq!(Params::read(&many.join("&")).unwrap_err().status(), 400);
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        let count = |text: &str| Params::read(&format!("limit={text}")).unwrap().count("limit", 1..=500, 50);
        assert_eq!((count("1").unwrap(), count("500").unwrap()), (1, 500));
        for bad in ["0", "501", "-1", "%2B5", "5.0", "", "five", "99999999999999999999999", "%00"] {
            assert_eq!(count(bad).unwrap_err().status(), 422, "{bad}");
        }
        assert_eq!(Params::default().count("limit", 1..=500, 50).unwrap(), 50);
        for bad in ["nan", "1.01", "-0.1", "x"] {
            assert!(Params::read(&format!("q={bad}")).unwrap().score("q").is_err(), "{bad}");
        }
    }
}
