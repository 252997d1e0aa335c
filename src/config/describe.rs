//! The settings described from their commented defaults: a table for the documentation, and a JSON schema that editors
//! check and complete a file with. The defaults under `config/` stay the only place where a setting is written down.

use serde_json::{Map, Value as Json, json};

use crate::settings::Mode;
use crate::yaml::error::{ConfigError, Origin};
use crate::yaml::tree::{Node, Value, parse};
use crate::{DEFAULT_POLICY, DEFAULT_SETTINGS, ThemeName};

/// Durations as the reader takes them: `500ms`, `15m`, `1h 30m`.
const DURATION: &str = r"^[0-9]+[a-z]+( ?[0-9]+[a-z]+)*$";

/// Durations that may be a word instead (`off`, `forever`).
const MAY_BE_A_WORD: [&str; 2] = ["backfill.verify_every", "retention."];

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsFile {
    /// `barkeep.yaml`
    Settings,
    /// `rto_rpo_config.yaml`
    Policy,
}

impl SettingsFile {
    /// The name of the file and what it holds.
    const fn title(self) -> &'static str {
        match self {
            Self::Settings => "barkeep.yaml: the settings of barkeep",
            Self::Policy => "rto_rpo_config.yaml: recovery targets, tiers, alert thresholds and limits",
        }
    }

    const fn origin(self) -> Origin {
        match self {
            Self::Settings => Origin::BuiltIn("config/barkeep.yaml", 0),
            Self::Policy => Origin::BuiltIn("config/rto_rpo_config.yaml", 0),
        }
    }

    const fn defaults(self) -> &'static str {
        match self {
            Self::Settings => DEFAULT_SETTINGS,
            Self::Policy => DEFAULT_POLICY,
        }
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `vendor.rate_limit`
    pub path: String,
    /// As it is written in the file.
    pub default: String,
    /// The comment above it.
    pub description: String,
}

/// Every setting of a file, in its order.
///
/// # Errors
/// When the built-in file cannot be read, which a test rules out.
pub fn settings_of(file: SettingsFile) -> Result<Vec<Setting>, ConfigError> {
    let text = file.defaults();
    let mut found = Vec::new();
    collect(&parse(text, &file.origin())?, "", &Comments::of(text), "", &mut found);
    Ok(found)
}

fn collect(node: &Node, path: &str, comments: &Comments<'_>, above: &str, found: &mut Vec<Setting>) {
    let Value::Map(entries) = &node.value else {
        found.push(Setting { path: path.to_owned(), default: written(node), description: above.to_owned() });
        return;
    };
    if entries.is_empty() {
        found.push(Setting { path: path.to_owned(), default: "{}".to_owned(), description: above.to_owned() });
    }
    for entry in entries {
        let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        // The members of `quality.stock` are described together, above their group.
        let own = comments.above(entry.origin.line());
        collect(&entry.node, &path, comments, if own.is_empty() { above } else { &own }, found);
    }
}

/// A value as it is written.
fn written(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, plain: true } => text.clone(),
        Value::Scalar { text, plain: false } => format!("\"{text}\""),
        Value::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Map(_) => "{}".to_owned(),
    }
}

/// The comment lines of a file.
struct Comments<'a>(Vec<&'a str>);

impl<'a> Comments<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.lines().map(str::trim).collect())
    }

    /// The comment that ends right above a line (counted from 1), as one paragraph.
    fn above(&self, line: usize) -> String {
        let before = self.0.get(..line.saturating_sub(1)).unwrap_or_default();
        let length = before.iter().rev().take_while(|text| text.starts_with('#')).count();
        let comment = before.get(before.len() - length..).unwrap_or_default();
        comment.iter().map(|text| text.trim_start_matches(['#', ' '])).collect::<Vec<_>>().join(" ")
    }
}

/// A JSON schema (draft 2020-12) of a file.
///
/// # Errors
/// When the built-in file cannot be read, which a test rules out.
pub fn schema_of(file: SettingsFile) -> Result<Json, ConfigError> {
    let text = file.defaults();
    let mut schema = of_node(&parse(text, &file.origin())?, "", &Comments::of(text));
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!(file.title()));
    }
    Ok(schema)
}

fn of_node(node: &Node, path: &str, comments: &Comments<'_>) -> Json {
    match &node.value {
        // Only the dashboard knows the names of actions.
        Value::Map(entries) if entries.is_empty() => {
            json!({ "type": ["object", "null"], "additionalProperties": list() })
        }
        Value::Map(entries) => {
            let mut properties = Map::new();
            for entry in entries {
                let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                let mut of = of_node(&entry.node, &path, comments);
                let description = comments.above(entry.origin.line());
                if let (Some(object), false) = (of.as_object_mut(), description.is_empty()) {
                    object.insert("description".to_owned(), json!(description));
                }
                properties.insert(entry.key.clone(), of);
            }
            json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
        }
        Value::List(_) => list(),
        Value::Scalar { text, .. } => of_scalar(text, node, path),
    }
}

/// Words that YAML would read as booleans or numbers (`ON`, `TRUE`) are symbols too.
fn list() -> Json {
    json!({ "type": ["array", "null"], "items": { "type": ["string", "number", "boolean"] } })
}

fn of_scalar(text: &str, node: &Node, path: &str) -> Json {
    if path == "tui.theme" {
        // A theme may also be a file.
        let known: Vec<&str> = ThemeName::names().collect();
        return json!({ "anyOf": [{ "enum": known }, { "type": ["string", "null"] }], "default": text });
    }
    let choices: Option<Vec<&str>> = match path {
        "backfill.mode" => Some(Mode::ALL.iter().map(|mode| mode.name()).collect()),
        "staleness.clock" => Some(vec!["market", "wall"]),
        "log.level" => Some(vec!["error", "warn", "info", "debug", "trace"]),
        "log.format" => Some(vec!["text", "json"]),
        "alerts.smtp.tls" => Some(vec!["starttls", "implicit", "none"]),
        _ if path.ends_with("severity") => Some(vec!["info", "warning", "critical"]),
        _ => None,
    };
    if let Some(choices) = choices {
        let choices: Vec<Json> = choices.into_iter().map(Json::from).chain([Json::Null]).collect();
        return json!({ "enum": choices, "default": if node.is_null() { Json::Null } else { json!(text) } });
    }
    if node.is_null() {
        return json!({ "type": ["string", "number", "null"], "default": null });
    }
    if let Ok(flag) = text.parse::<bool>() {
        return json!({ "type": ["boolean", "null"], "default": flag });
    }
    if let Ok(number) = text.parse::<i64>() {
        return json!({ "type": ["number", "null"], "default": number });
    }
    if let Ok(number) = text.parse::<f64>() {
        return json!({ "type": ["number", "null"], "default": number });
    }
    // A duration that can be switched off stands beside a word.
    if humantime::parse_duration(text).is_ok() && !MAY_BE_A_WORD.iter().any(|word| path.starts_with(word)) {
        return json!({ "type": ["string", "null"], "pattern": DURATION, "default": text });
    }
    // `off`, `auto` and `realtime` stand beside other words, numbers and booleans.
    json!({ "type": ["string", "boolean", "null"], "default": text })
}

/// The settings of a file as a Markdown table.
///
/// # Errors
/// When the built-in file cannot be read, which a test rules out.
pub fn markdown_of(file: SettingsFile) -> Result<String, ConfigError> {
    let mut table = "| setting | default | what it is |\n|---|---|---|\n".to_owned();
    for Setting { path, default, description } in settings_of(file)? {
        let line = format!("| `{path}` | `{default}` | {} |\n", description.replace('|', "\\|"));
        table.push_str(&line);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_setting_is_described_with_its_default() {
        let all = settings_of(SettingsFile::Settings).unwrap();
        let of = |path: &str| all.iter().find(|setting| setting.path == path).unwrap();
        assert_eq!(of("vendor.total_timeout").default, "60s");
        assert!(of("vendor.total_timeout").description.starts_with("Longest whole request"));
        assert!(of("quality.etf.gap").description.contains("distance of the open"), "{:?}", of("quality.etf.gap"));
        assert_eq!(of("alerts.smtp.to").default, "[]");
        let silent: Vec<&str> = all.iter().filter(|s| s.description.is_empty()).map(|s| s.path.as_str()).collect();
        assert!(silent.is_empty(), "no comment in config/barkeep.yaml: {silent:?}");
    }

    /// `BARKEEP_UPDATE_SCHEMA=1` writes the files anew.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test is told by the environment to write")]
    fn the_schemas_in_config_are_those_of_the_defaults() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
        for (file, name) in
            [(SettingsFile::Settings, "barkeep.schema.json"), (SettingsFile::Policy, "rto_rpo_config.schema.json")]
        {
            let text = serde_json::to_string_pretty(&schema_of(file).unwrap()).unwrap() + "\n";
            if std::env::var_os("BARKEEP_UPDATE_SCHEMA").is_some() {
                std::fs::write(dir.join(name), &text).unwrap();
            }
            let written = std::fs::read_to_string(dir.join(name)).unwrap_or_default();
            assert_eq!(written, text, "config/{name}: BARKEEP_UPDATE_SCHEMA=1 cargo test -p barkeep-config schemas");
        }
    }

    #[test]
    fn a_schema_knows_types_words_and_durations() {
        let schema = schema_of(SettingsFile::Settings).unwrap();
        let of = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).clone();
        assert_eq!(of("/properties/vendor/additionalProperties"), json!(false));
        assert_eq!(of("/properties/backfill/properties/mode/default"), json!("pipeline"));
        assert!(of("/properties/backfill/properties/mode/enum").as_array().unwrap().contains(&json!("staggered")));
        assert_eq!(of("/properties/backfill/properties/stagger/pattern"), json!(DURATION));
        assert_eq!(of("/properties/vendor/properties/grouped_daily/type"), json!(["boolean", "null"]));
        assert!(of("/properties/vendor/properties/delay/description").as_str().unwrap().contains("end_of_day"));
    }
}
