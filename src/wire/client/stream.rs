//! Parsing of server-sent events: chunks of bytes in, whole events out.
//!
//! Of the format (WHATWG HTML, "server-sent events") it reads `event`, `data` over several lines, comments and all three
//! line ends; `id` and `retry` are ignored.

/// An event's name and its data.
pub(super) type Event = (String, String);

/// A longer event does not come from barkeep: a snapshot of a hundred thousand series is about 40 MB.
const MAX_EVENT_BYTES: usize = 256 << 20;

/// An event is longer than any that barkeep sends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {MAX_EVENT_BYTES} bytes")]
pub(super) struct TooLong;

/// Assembles events.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    /// The last byte was CR, so an LF that follows ends no other line.
    after_cr: bool,
}

impl Parser {
    /// Takes the next bytes; gives the events they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        if self.after_cr && rest.first() == Some(&b'\n') {
            rest = rest.get(1..).unwrap_or_default();
        }
        self.after_cr &= rest.is_empty();
        while let Some(end) = rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.line.extend_from_slice(rest.get(..end).unwrap_or_default());
            let cr = rest.get(end) == Some(&b'\r');
            let crlf = cr && rest.get(end + 1) == Some(&b'\n');
            self.after_cr = cr && end + 1 == rest.len();
            rest = rest.get(end + 1 + usize::from(crlf)..).unwrap_or_default();
            events.extend(self.end_line());
        }
        self.line.extend_from_slice(rest);
        let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
        if held > MAX_EVENT_BYTES { Err(TooLong) } else { Ok(events) }
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            return self.data.take().map(|data| (name, data));
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // A comment, or a field that is not used.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(text: &str, cut: usize) -> Vec<Event> {
        let mut parser = Parser::default();
        text.as_bytes().chunks(cut).flat_map(|piece| parser.push(piece).unwrap()).collect()
    }

    #[test]
    fn events_come_whole_whatever_the_line_ends_and_pieces() {
        let expected: Vec<Event> =
            vec![("snapshot".into(), "{\"a\":1}".into()), (String::new(), "x\ny".into()), ("n".into(), String::new())];
        for end in ["\n", "\r\n", "\r"] {
            let text = ":hello\nevent: snapshot\nid: 7\ndata: {\"a\":1}\n\ndata:x\ndata: y\n\nevent: lost\n\nevent:n\ndata\n\n";
            let text = text.replace('\n', end);
            for cut in 1..text.len() {
                assert_eq!(events(&text, cut), expected, "{end:?} in pieces of {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes: Vec<u8>, cut in 1_usize..9) {
            let mut parser = Parser::default();
            for piece in bytes.chunks(cut) {
                prop_assert!(parser.push(piece).is_ok());
            }
        }
    }
}
