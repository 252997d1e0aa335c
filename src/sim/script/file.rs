//! Script files: YAML, of which JSON is a part. A mistake names file and line.
//!
//! A script is `events: […]` and `faults: […]`, or a bare list of events.

use granit_parser::{Event as Yaml, Parser, ScalarStyle, options};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::fault::FaultRule;
use crate::script::event::{Script, ScriptEvent};

/// Why a script cannot be used: file and line, what is wrong, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScriptError(pub String);

/// Deeper nesting than any event has.
const DEEPEST: usize = 8;

/// A value and the line it was written on.
struct Node {
    line: usize,
    value: Tree,
}

enum Tree {
    Scalar(Value, String),
    List(Vec<Node>),
    Map(Vec<(String, usize, Node)>),
}

impl Script {
    /// Reads a script. `name` stands for the text in errors, such as the path of its file.
    ///
    /// # Errors
    /// With the first line that cannot be read.
    pub fn parse(text: &str, name: &str) -> Result<Self, ScriptError> {
        let mut reader = Reader::new(text, name);
        let Some(root) = reader.document()? else { return Ok(Self::default()) };
        let mut script = Self::default();
        match root.value {
            Tree::List(items) => script.events = reader.events(items)?,
            Tree::Map(entries) => {
                for (key, line, node) in entries {
                    let Tree::List(items) = node.value else {
                        return Err(reader.error(
                            line,
                            &format!("`{key}` is not a list"),
                            "write `- kind: …` lines below it",
                        ));
                    };
                    match key.as_str() {
                        "events" => script.events = reader.events(items)?,
                        "faults" => script.faults = reader.items::<FaultRule>(items, "fault")?,
                        _ => {
                            return Err(reader.error(
                                line,
                                &format!("a script has no section `{key}`"),
                                "write `events:` or `faults:`",
                            ));
                        }
                    }
                }
            }
            Tree::Scalar(Value::Null, _) => {}
            Tree::Scalar(..) => {
                return Err(reader.error(root.line, "this is not a script", "write a list of events: `- kind: …`"));
            }
        }
        Ok(script)
    }
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    name: &'a str,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, name: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let options = options! { emit_comments: false, flow_nesting_limit: 32, block_nesting_limit: 32 };
        Self { parser: Parser::new_from_str_with_options(text, options), name }
    }

    fn error(&self, line: usize, what: &str, to_do: &str) -> ScriptError {
        ScriptError(format!("{}:{line}: {what}; {to_do}", self.name))
    }

    fn next(&mut self) -> Result<Option<(Yaml<'a>, usize)>, ScriptError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, span.start.line()))),
            Some(Err(e)) => {
                let what = format!("not valid YAML: {}", e.info());
                Err(self.error(e.marker().line(), &what, "check indentation, colons and quotes"))
            }
        }
    }

    fn document(&mut self) -> Result<Option<Node>, ScriptError> {
        let mut root = None;
        while let Some((event, line)) = self.next()? {
            match event {
                Yaml::StreamStart | Yaml::StreamEnd | Yaml::DocumentStart(..) | Yaml::DocumentEnd => {}
                _ if root.is_some() => {
                    return Err(self.error(line, "a second document starts here", "keep one, without `---`"));
                }
                other => root = Some(self.node(other, line, 0)?),
            }
        }
        Ok(root)
    }

    /// The next event inside a collection.
    fn inner(&mut self, line: usize) -> Result<(Yaml<'a>, usize), ScriptError> {
        self.next()?.ok_or_else(|| self.error(line, "this does not end", "check indentation and brackets"))
    }

    fn node(&mut self, event: Yaml<'a>, line: usize, depth: usize) -> Result<Node, ScriptError> {
        if depth > DEEPEST {
            return Err(self.error(line, "nested too deeply", "no event is this deep"));
        }
        let value = match event {
            Yaml::Scalar(text, style, ..) => Tree::Scalar(scalar(&text, style), text.into_owned()),
            Yaml::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.inner(line)? {
                        (Yaml::SequenceEnd, _) => break Tree::List(items),
                        (event, at) => items.push(self.node(event, at, depth + 1)?),
                    }
                }
            }
            Yaml::MappingStart(..) => {
                let mut entries: Vec<(String, usize, Node)> = Vec::new();
                loop {
                    let (key, at) = match self.inner(line)? {
                        (Yaml::MappingEnd, _) => break Tree::Map(entries),
                        (Yaml::Scalar(text, ..), at) => (text.into_owned(), at),
                        (_, at) => return Err(self.error(at, "a name must be a word", "write `name: value`")),
                    };
                    if let Some((_, first, _)) = entries.iter().find(|(known, ..)| *known == key) {
                        let what = format!("`{key}` is written twice, first on line {first}");
                        return Err(self.error(at, &what, "keep one of them"));
                    }
                    let (event, value_at) = self.inner(at)?;
                    let node = self.node(event, value_at, depth + 1)?;
                    entries.push((key, at, node));
                }
            }
            _ => {
                return Err(self.error(
                    line,
                    "aliases (`*name`) are not supported",
                    "write the value out, `'*'` in quotes",
                ));
            }
        };
        Ok(Node { line, value })
    }

    fn events(&self, items: Vec<Node>) -> Result<Vec<ScriptEvent>, ScriptError> {
        let mut lines: Vec<Vec<(usize, String)>> = Vec::new();
        for item in &items {
            lines.push(item.places());
        }
        let events: Vec<ScriptEvent> = self.items(items, "event")?;
        for (event, places) in events.iter().zip(&lines) {
            event.check().map_err(|what| ScriptError(format!("{}:{}: {what}", self.name, line_of(places, &what))))?;
        }
        Ok(events)
    }

    fn items<T: DeserializeOwned>(&self, items: Vec<Node>, what: &str) -> Result<Vec<T>, ScriptError> {
        let parsed = items.into_iter().map(|item| {
            let places = item.places();
            serde_json::from_value(item.into_value()).map_err(|e| {
                let why = e.to_string();
                let line = line_of(&places, &why);
                self.error(
                    line,
                    &format!("not a valid {what}: {why}"),
                    "see docs/simulator.md for every kind with an example",
                )
            })
        });
        parsed.collect()
    }
}

impl Node {
    fn into_value(self) -> Value {
        match self.value {
            Tree::Scalar(value, _) => value,
            Tree::List(items) => Value::Array(items.into_iter().map(Self::into_value).collect()),
            Tree::Map(entries) => {
                let entries = entries.into_iter().map(|(key, _, node)| (key, node.into_value()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    /// Lines with the names and texts on them, the item's own first.
    fn places(&self) -> Vec<(usize, String)> {
        let mut places = vec![(self.line, String::new())];
        match &self.value {
            Tree::Scalar(_, text) => places.push((self.line, text.clone())),
            Tree::List(items) => items.iter().for_each(|item| places.extend(item.places())),
            Tree::Map(entries) => {
                for (key, line, node) in entries {
                    places.push((*line, key.clone()));
                    places.extend(node.places());
                }
            }
        }
        places
    }
}

/// The line of the first name or text that an error quotes; otherwise the item's own.
fn line_of(places: &[(usize, String)], error: &str) -> usize {
    let quoted = places.iter().filter_map(|(line, text)| {
        let at = if text.is_empty() { None } else { error.find(&format!("`{text}`")) };
        Some((at?, *line))
    });
    let own = places.first().map_or(1, |(line, _)| *line);
    quoted.min().map_or(own, |(_, line)| line)
}

/// A plain word as JSON would have it; quoted text stays text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::from(text);
    }
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match text.parse::<i64>() {
            Ok(whole) => Value::from(whole),
            Err(_) if text.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'-') => {
                text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from)
            }
            Err(_) => Value::from(text),
        },
    }
}
