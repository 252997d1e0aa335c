//! Settings out of the tree: each with its type and range, each complaint with its place.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::yaml::error::{ConfigError, Origin};
use crate::yaml::tree::{Node, Value, join};
use barkeep_base::text::printable;

/// A place in the tree and its name.
pub(crate) struct Reader<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> Reader<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    /// The value or section called `key`. The built-in defaults have every key, so only a bug makes this fail.
    pub(crate) fn get(&self, key: &str) -> Result<Self, ConfigError> {
        let path = join(&self.path, key);
        match self.node.child(key) {
            Some(node) => Ok(Self { node, path }),
            None => Err(self
                .node
                .origin
                .error(format_args!("'{path}' is missing"), "restore it from the built-in defaults")),
        }
    }

    /// The file it is written in.
    pub(crate) fn file(&self) -> Option<&'a std::path::Path> {
        match &self.node.origin {
            Origin::File(path, _) => Some(path.as_path()),
            _ => None,
        }
    }

    /// A complaint about this value.
    pub(crate) fn error(&self, what: impl Display, to_do: impl Display) -> ConfigError {
        self.node.origin.error(format_args!("{} {what}", self.path), to_do)
    }

    /// `None` when the value is `null`.
    pub(crate) fn optional(self) -> Option<Self> {
        if self.node.is_null() { None } else { Some(self) }
    }

    /// The text, and whether it was written without quotes.
    fn scalar(&self, to_do: impl Display) -> Result<(&'a str, bool), ConfigError> {
        match &self.node.value {
            Value::Scalar { .. } if self.node.is_null() => Err(self.error("is empty", to_do)),
            Value::Scalar { text, plain } => Ok((text, *plain)),
            Value::List(_) => Err(self.error("is a list", to_do)),
            Value::Map(_) => Err(self.error("is a section", to_do)),
        }
    }

    pub(crate) fn text(&self) -> Result<&'a str, ConfigError> {
        Ok(self.scalar("write text")?.0)
    }

    fn number<T: FromStr + PartialOrd + Display>(
        &self,
        range: &RangeInclusive<T>,
        kind: &str,
    ) -> Result<T, ConfigError> {
        let to_do = format!("write {kind} from {} to {}", range.start(), range.end());
        let (text, plain) = self.scalar(&to_do)?;
        if !plain {
            return Err(self.error("is text", format_args!("{to_do}, without quotes")));
        }
        match text.parse::<T>() {
            Ok(n) if range.contains(&n) => Ok(n),
            _ => Err(self.error(format_args!("is '{}'", printable(text)), to_do)),
        }
    }

    pub(crate) fn int<T: FromStr + PartialOrd + Display>(&self, range: RangeInclusive<T>) -> Result<T, ConfigError> {
        self.number(&range, "a whole number")
    }

    pub(crate) fn float(&self, range: RangeInclusive<f64>) -> Result<f64, ConfigError> {
        self.number(&range, "a number")
    }

    pub(crate) fn bool(&self) -> Result<bool, ConfigError> {
        match self.scalar("write true or false")? {
            ("true", true) => Ok(true),
            ("false", true) => Ok(false),
            (text, _) => Err(self.error(format_args!("is '{}'", printable(text)), "write true or false")),
        }
    }

    /// A duration such as `15m`, `2d` or `1s 500ms`.
    pub(crate) fn duration(&self, range: RangeInclusive<Duration>) -> Result<Duration, ConfigError> {
        let low = humantime::format_duration(*range.start());
        let high = humantime::format_duration(*range.end());
        let to_do = format!("write a duration from {low} to {high}, like 30s, 15m or 1h 30m");
        let (text, _) = self.scalar(&to_do)?;
        match humantime::parse_duration(text) {
            Ok(d) if range.contains(&d) => Ok(d),
            _ => Err(self.error(format_args!("is '{}'", printable(text)), to_do)),
        }
    }

    /// Anything with a `FromStr` whose error says what is wrong.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, to_do: &str) -> Result<T, ConfigError> {
        let (text, _) = self.scalar(to_do)?;
        text.parse().map_err(|e: T::Err| {
            // What to use instead is said once.
            let said = e.to_string();
            let wrong = said.split_once("; use ").map_or(said.as_str(), |(wrong, _)| wrong);
            self.error(format_args!("cannot be used: {wrong}"), to_do)
        })
    }

    pub(crate) fn items(&self) -> Result<Vec<Self>, ConfigError> {
        match &self.node.value {
            Value::List(items) => Ok(items
                .iter()
                .enumerate()
                .map(|(i, node)| Self { node, path: format!("{}[{}]", self.path, i + 1) })
                .collect()),
            _ => Err(self.error("is not a list", "write [a, b, c], or one `- item` a line")),
        }
    }

    /// What a section with free names holds: name, where it was written, value.
    pub(crate) fn entries(&self) -> Vec<(&'a str, &'a Origin, Self)> {
        let Value::Map(entries) = &self.node.value else { return Vec::new() };
        let one = |e: &'a crate::yaml::tree::Entry| {
            (e.key.as_str(), &e.origin, Self { node: &e.node, path: join(&self.path, &e.key) })
        };
        entries.iter().map(one).collect()
    }

    /// A list without repeats.
    pub(crate) fn set<T: FromStr<Err: Display> + PartialEq + Display>(
        &self,
        to_do: &str,
    ) -> Result<Vec<T>, ConfigError> {
        let mut out: Vec<T> = Vec::new();
        for item in self.items()? {
            let value: T = item.parse(to_do)?;
            if out.contains(&value) {
                return Err(item.error(format_args!("repeats {value}"), "keep one of them"));
            }
            out.push(value);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::error::Origin;
    use crate::yaml::tree::parse;

    fn read<T>(text: &str, f: impl Fn(&Reader<'_>) -> Result<T, ConfigError>) -> Result<T, String> {
        let tree = parse(text, &Origin::BuiltIn("t.yaml", 0)).unwrap();
        let reader = Reader::root(&tree).get("a").unwrap();
        f(&reader).map_err(|e| e.to_string())
    }

    #[test]
    fn numbers_are_held_to_type_and_range() {
        let int = |r: &Reader<'_>| r.int(1_u32..=10);
        assert_eq!(read("a: 7", int), Ok(7));
        for bad in ["0", "11", "-1", "1.5", "'5'", "five", "99999999999999999999", "[1]", "~", "true", "0x5"] {
            let message = read(&format!("a: {bad}"), int).unwrap_err();
            assert!(
                message.contains("t.yaml:1: a ") && message.contains("a whole number from 1 to 10"),
                "{bad}: {message}"
            );
        }
        let float = |r: &Reader<'_>| r.float(0.0..=1.0);
        assert_eq!(read("a: 0.25", float), Ok(0.25));
        for bad in [".nan", "NaN", "inf", "1e9", "-0.1"] {
            assert!(read(&format!("a: {bad}"), float).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        let hour = Duration::from_hours(1);
        let duration = |r: &Reader<'_>| r.duration(Duration::ZERO..=hour);
        assert_eq!(read("a: 1s 500ms", duration), Ok(Duration::from_millis(1500)));
        assert_eq!(read("a: 0s", duration), Ok(Duration::ZERO));
        for bad in ["15", "2h", "-1s", "soon", "99999999999999999999s"] {
            let message = read(&format!("a: {bad}"), duration).unwrap_err();
            assert!(message.contains("like 30s, 15m"), "{bad}: {message}");
        }
    }

    #[test]
    fn booleans_are_true_or_false_only() {
        assert_eq!(read("a: true", |r: &Reader<'_>| r.bool()), Ok(true));
        for bad in ["yes", "on", "1", "'true'", "True"] {
            assert!(
                read(&format!("a: {bad}"), |r: &Reader<'_>| r.bool()).unwrap_err().contains("write true or false"),
                "{bad}"
            );
        }
    }
}
