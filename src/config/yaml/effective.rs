//! Every value in effect and where it comes from, for `config print`. Secrets are hidden before they get here.

use std::fmt::Write;

use serde_json::json;

use crate::settings::Settings;
use crate::yaml::error::Origin;
use crate::yaml::sources::Sources;
use crate::yaml::tree::{Node, Value};
use barkeep_base::text::printable;

/// The settings and the policy as trees fit to print.
#[derive(Clone, Debug)]
pub struct Effective {
    settings: Node,
    policy: Node,
}

impl Effective {
    /// Fills in what was worked out at start and hides the database password.
    pub(crate) fn new(mut settings: Node, policy: Node, values: &Settings, sources: &Sources) -> Self {
        let mut show = |path: &str, text: String| {
            if let Some(origin) = settings.at(path).map(|n| n.origin.clone()) {
                settings.set(path, Node::scalar(text, origin));
            }
        };
        show("database.url", values.database.to_string());
        show("log.dir", values.log.dir.display().to_string());
        show("vendor.flat_files.directory", values.vendor.flat_files.directory.display().to_string());
        if let Some(path) = &sources.policy {
            show("policy_file", path.display().to_string());
        }
        Self { settings, policy }
    }

    /// Where a setting comes from.
    pub(crate) fn origin(&self, setting: &str) -> Option<&Origin> {
        self.settings.at(setting).map(|node| &node.origin)
    }

    /// YAML that could be used as a settings file (but for a hidden password); the origin stands behind each value.
    #[must_use]
    pub fn settings_yaml(&self) -> String {
        yaml(&self.settings)
    }

    /// The same of the policy.
    #[must_use]
    pub fn policy_yaml(&self) -> String {
        yaml(&self.policy)
    }

    /// `{"settings": …, "policy": …}` with `{"value": …, "source": …}` for each value.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        json!({ "settings": to_json(&self.settings), "policy": to_json(&self.policy) })
    }
}

fn yaml(tree: &Node) -> String {
    let mut out = String::new();
    lines(tree, 0, &mut out);
    out
}

fn lines(node: &Node, depth: usize, out: &mut String) {
    let Value::Map(entries) = &node.value else { return };
    for entry in entries {
        let indent = "  ".repeat(depth);
        // Writing to a String cannot fail.
        let _ = if matches!(entry.node.value, Value::Map(_)) {
            writeln!(out, "{indent}{}:", entry.key)
        } else {
            writeln!(out, "{indent}{}: {}  # {}", entry.key, inline(&entry.node), entry.node.origin.brief())
        };
        lines(&entry.node, depth + 1, out);
    }
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Map(_) => "{}".to_owned(),
        Value::Scalar { .. } if node.is_null() => "null".to_owned(),
        Value::Scalar { text, plain } => {
            let text = printable(text);
            let harmless = |c: char| c.is_ascii_alphanumeric() || "_./:@-+~*=?&".contains(c);
            let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "./~".contains(c));
            let safe = *plain && starts_well && text.chars().all(harmless) && !text.ends_with(':');
            if safe { text } else { serde_json::Value::String(text).to_string() }
        }
    }
}

fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Map(entries) => {
            serde_json::Value::Object(entries.iter().map(|e| (e.key.clone(), to_json(&e.node))).collect())
        }
        _ => json!({ "value": json_value(node), "source": source(&node.origin) }),
    }
}

fn source(origin: &Origin) -> String {
    origin.brief()
}

fn json_value(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::List(items) => items.iter().map(json_value).collect(),
        Value::Map(_) => serde_json::Value::Null,
        Value::Scalar { .. } if node.is_null() => serde_json::Value::Null,
        Value::Scalar { text, plain } => {
            let typed = if *plain { serde_json::from_str(text).ok() } else { None };
            typed
                .filter(|v: &serde_json::Value| v.is_number() || v.is_boolean())
                .unwrap_or_else(|| serde_json::Value::String(printable(text)))
        }
    }
}
