//! Results on stdout: plain text, tables, JSON.

use std::io::Write;

use serde::Serialize;

use super::exit::{CliError, SOME_FAILED};

/// Writes text to stdout.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| CliError::writing("to stdout", &e))
}

/// Writes a value as indented JSON to stdout.
pub fn print_json<T: Serialize + ?Sized>(value: &T) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| CliError::new(SOME_FAILED, format!("cannot write the result as JSON: {e}")))?;
    print(&(text + "\n"))
}

/// Rows under a heading, each column as wide as its widest cell. Numbers are the caller's to align.
#[must_use]
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(|h| h.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(heading)).chain(body).collect()
}

/// `1 bar`, `2 bars`, `12,345 bars`.
#[must_use]
pub fn counted(n: i64, one: &str, many: &str) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(c);
    }
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{grouped} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let text = table(["A", "LONG"], &[["xyz".into(), "1".into()], ["é".into(), String::new()]]);
        assert_eq!(text, "A    LONG\nxyz  1\né\n");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(counted(1, "bar", "bars"), "1 bar");
        assert_eq!(counted(0, "bar", "bars"), "0 bars");
        assert_eq!(counted(1_234_567, "bar", "bars"), "1,234,567 bars");
        assert_eq!(counted(-999, "bar", "bars"), "-999 bars");
    }
}
