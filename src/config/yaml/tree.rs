//! YAML as a tree in which every value knows where it was written.
//!
//! Scalars stay text until a setting asks for a number or a word: a symbol `ON` or `TRUE` is never mistaken for a
//! boolean. The parser's events are used directly, because a tree built through serde loses its line numbers before the
//! ranges are checked. Aliases, tags and several documents are refused: a settings file needs none of them.

use granit_parser::{Event, Parser, ScalarStyle, options};

use crate::yaml::error::{ConfigError, Origin};
use crate::yaml::suggest;
use barkeep_base::text::printable;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) origin: Origin,
    pub(crate) node: Node,
}

/// The section whose names are not known here.
const FREE: &str = "keys";

/// Deeper nesting than any settings file has; keeps the recursion of the builder bounded.
const DEEPEST: usize = 16;

impl Node {
    pub(crate) fn scalar(text: impl Into<String>, origin: Origin) -> Self {
        Self { origin, value: Value::Scalar { text: text.into(), plain: true } }
    }

    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain: true } => matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            _ => false,
        }
    }

    pub(crate) fn child(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
            _ => None,
        }
    }

    /// The value at a dotted path.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| node.child(key))
    }

    /// Replaces the value at a dotted path that exists.
    pub(crate) fn set(&mut self, path: &str, node: Self) {
        let target = path.split('.').try_fold(self, |at, key| match &mut at.value {
            Value::Map(entries) => entries.iter_mut().find(|e| e.key == key).map(|e| &mut e.node),
            _ => None,
        });
        if let Some(target) = target {
            *target = node;
        }
    }

    /// Lays `over` upon this tree, which knows every key there is. A value that is `null` in `over` keeps the default.
    pub(crate) fn overlay(&mut self, over: Self) -> Result<(), ConfigError> {
        let whole = self.clone();
        overlay(self, over, "", &whole)
    }

    /// Dotted paths of all values below this node.
    fn leaves(&self, path: &str, out: &mut Vec<String>) {
        match &self.value {
            Value::Map(entries) => entries.iter().for_each(|e| e.node.leaves(&join(path, &e.key), out)),
            _ => out.push(path.to_owned()),
        }
    }
}

pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn overlay(base: &mut Node, over: Node, path: &str, whole: &Node) -> Result<(), ConfigError> {
    if over.is_null() {
        return Ok(());
    }
    let place = if path.is_empty() { "the file" } else { path };
    match (&mut base.value, over.value) {
        (Value::Map(known), Value::Map(given)) => {
            for entry in given {
                let Some(target) = known.iter_mut().find(|e| e.key == entry.key) else {
                    if path == FREE {
                        known.push(entry);
                        continue;
                    }
                    return Err(unknown_key(&entry, path, known, whole));
                };
                overlay(&mut target.node, entry.node, &join(path, &entry.key), whole)?;
            }
            Ok(())
        }
        (Value::Map(_), _) => Err(over
            .origin
            .error(format_args!("{place} is a section"), "write its settings as `name: value` lines below it")),
        (_, Value::Map(_)) => Err(over
            .origin
            .error(format_args!("{place} takes a value, not a section"), "write the value after the colon")),
        (_, value) => {
            *base = Node { origin: over.origin, value };
            Ok(())
        }
    }
}

fn unknown_key(entry: &Entry, path: &str, known: &[Entry], whole: &Node) -> ConfigError {
    let full = printable(&join(path, &entry.key));
    let siblings: Vec<&str> = known.iter().map(|e| e.key.as_str()).collect();
    let to_do = if let Some(near) = suggest::nearest(&entry.key, siblings.iter().copied()) {
        format!("did you mean '{near}'?")
    } else {
        // A right name in the wrong section is the other usual slip.
        let mut paths = Vec::new();
        whole.leaves("", &mut paths);
        let elsewhere = paths.iter().find(|p| p.rsplit('.').next() == Some(entry.key.as_str()));
        elsewhere.map_or_else(|| format!("use one of {}", siblings.join(", ")), |p| format!("did you mean '{p}'?"))
    };
    entry.origin.error(format_args!("unknown setting '{full}'"), to_do)
}

/// Parses one document. `origin` names the source; its line is ignored. Empty text is an empty section.
pub(crate) fn parse(text: &str, origin: &Origin) -> Result<Node, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = options! { emit_comments: false, flow_nesting_limit: 32, block_nesting_limit: 32 };
    let mut builder = Builder { events: Parser::new_from_str_with_options(text, options), origin: origin.clone() };
    let mut root = None;
    while let Some((event, line)) = builder.next()? {
        match event {
            Event::DocumentStart(..) if root.is_some() => {
                return Err(builder.error(line, "a second document starts here", "keep one document, without `---`"));
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            other => root = Some(builder.node(other, line, 0)?),
        }
    }
    let root = root.unwrap_or_else(|| Node::scalar("", origin.on_line(1)));
    if root.is_null() { Ok(Node { origin: root.origin, value: Value::Map(Vec::new()) }) } else { Ok(root) }
}

struct Builder<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    origin: Origin,
}

impl<'a> Builder<'a> {
    fn error(&self, line: usize, what: &str, to_do: &str) -> ConfigError {
        self.origin.on_line(line).error(what, to_do)
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, usize)>, ConfigError> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, span.start.line()))),
            Some(Err(e)) => {
                let what = format!("not valid YAML: {}", printable(&e.info()));
                Err(self.error(e.marker().line(), &what, "check indentation, colons and quotes"))
            }
        }
    }

    /// The next event inside a collection; the parser reports a missing end itself.
    fn inner(&mut self, line: usize) -> Result<(Event<'a>, usize), ConfigError> {
        self.next()?.ok_or_else(|| self.error(line, "this section does not end", "check indentation and brackets"))
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node, ConfigError> {
        if depth > DEEPEST {
            return Err(self.error(line, "nested too deeply", "no setting is this deep"));
        }
        if event.tag().is_some() {
            return Err(self.error(line, "tags (`!name`) are not supported", "remove the tag"));
        }
        let value = match event {
            Event::Scalar(text, style, ..) => {
                Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    let (event, at) = self.inner(line)?;
                    if matches!(event, Event::SequenceEnd) {
                        break Value::List(items);
                    }
                    items.push(self.node(event, at, depth + 1)?);
                }
            }
            Event::MappingStart(..) => Value::Map(self.entries(line, depth)?),
            _ => {
                return Err(self.error(line, "aliases (`*name`) are not supported", "write the value out"));
            }
        };
        Ok(Node { origin: self.origin.on_line(line), value })
    }

    fn entries(&mut self, line: usize, depth: usize) -> Result<Vec<Entry>, ConfigError> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, at) = self.inner(line)?;
            let key = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(self.error(at, "a setting's name must be a word", "write `name: value`")),
            };
            if let Some(first) = entries.iter().find(|e| e.key == key) {
                let what = format!("'{}' is written twice, first on line {}", printable(&key), first.origin.line());
                return Err(self.error(at, &what, "keep one of them"));
            }
            let (event, value_at) = self.inner(at)?;
            let node = self.node(event, value_at, depth + 1)?;
            entries.push(Entry { key, origin: self.origin.on_line(at), node });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Origin = Origin::BuiltIn("t.yaml", 0);

    fn fails(text: &str) -> String {
        parse(text, &HERE).unwrap_err().to_string()
    }

    fn laid(base: &str, over: &str) -> Result<Node, ConfigError> {
        let mut tree = parse(base, &HERE).unwrap();
        tree.overlay(parse(over, &HERE)?)?;
        Ok(tree)
    }

    #[test]
    fn every_kind_of_broken_yaml_names_its_line() {
        for (text, line, says) in [
            ("a: 1\nb: [1, 2\n", 2, "not valid YAML"),
            ("a: 1\n  b: 2\n", 2, "not valid YAML"),
            ("a:\n\tb: 2\n", 2, "not valid YAML"),
            ("a: 1\nb: 2\na: 3\n", 3, "written twice, first on line 1"),
            ("a: &x 1\nb: *x\n", 2, "aliases"),
            ("a: !!int 1\n", 1, "tags"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("[a]: 1\n", 1, "must be a word"),
            ("a: \"\\q\"\n", 1, "not valid YAML"),
        ] {
            let message = fails(text);
            assert!(message.contains(&format!("t.yaml:{line}:")) && message.contains(says), "{text:?}: {message}");
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
        assert!(fails(&"[".repeat(100_000)).contains("not valid YAML"));
        assert!(fails(&format!("a: {}{}", "[".repeat(20), "]".repeat(20))).contains("nested too deeply"));
    }

    #[test]
    fn nothing_at_all_is_an_empty_section() {
        for text in ["", "\n\n", "# only a comment\n", "---\n", "null", "\u{feff}"] {
            assert!(matches!(parse(text, &HERE).unwrap().value, Value::Map(e) if e.is_empty()), "{text:?}");
        }
    }

    #[test]
    fn words_stay_words() {
        let tree = parse("list: [ON, TRUE, NO, 007, 1e3, '5']", &HERE).unwrap();
        let Value::List(items) = &tree.child("list").unwrap().value else { panic!() };
        let texts: Vec<_> = items
            .iter()
            .map(|n| match &n.value {
                Value::Scalar { text, .. } => text.as_str(),
                _ => "?",
            })
            .collect();
        assert_eq!(texts, ["ON", "TRUE", "NO", "007", "1e3", "5"]);
    }

    #[test]
    fn unknown_keys_are_refused_with_what_was_meant() {
        let base = "vendor:\n  rate_limit: 5\n  attempts: 5\nlog:\n  level: info\n";
        for (over, says) in [
            ("vendor:\n  rate_limt: 3\n", "t.yaml:2: unknown setting 'vendor.rate_limt'; did you mean 'rate_limit'?"),
            ("rate_limit: 3\n", "t.yaml:1: unknown setting 'rate_limit'; did you mean 'vendor.rate_limit'?"),
            ("vendor:\n  zebra: 3\n", "use one of rate_limit, attempts"),
            ("vendor: 3\n", "vendor is a section"),
            ("log:\n  level:\n    a: 1\n", "log.level takes a value, not a section"),
            ("- a\n", "the file is a section"),
        ] {
            let message = laid(base, over).unwrap_err().to_string();
            assert!(message.contains(says), "{over:?}: {message}");
        }
    }

    #[test]
    fn null_keeps_the_default() {
        let tree = laid("a: 1\ns:\n  b: 2\n", "a: ~\ns:\n").unwrap();
        assert!(matches!(&tree.at("s.b").unwrap().value, Value::Scalar { text, .. } if text == "2"));
        assert!(!tree.at("a").unwrap().is_null());
    }
}
