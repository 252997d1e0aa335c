//! PostgreSQL's binary COPY format, as much of it as barkeep writes.
//!
//! A header, then per row a count of fields and per field a length and big-endian bytes, then a trailer
//! (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format"). Writing it by hand costs a page of code
//! and is the fastest way in: no text is formatted on one side and parsed on the other.

use barkeep_market::Ts;

/// 2000-01-01T00:00:00Z in milliseconds since 1970: PostgreSQL counts microseconds from there.
const EPOCH_2000: i64 = 946_684_800_000;

/// Rows on their way into one `COPY … WITH (FORMAT binary)`.
#[derive(Debug)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// Starts with the file header: signature, no flags, no extension.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(1 << 16);
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes }
    }

    /// Starts a row of `fields` fields.
    pub fn row(&mut self, fields: i16) {
        self.bytes.extend_from_slice(&fields.to_be_bytes());
    }

    /// Ends the data and hands out what is left.
    pub fn end(&mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        std::mem::take(&mut self.bytes)
    }

    /// Bytes waiting to be sent.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Hands out what is waiting.
    pub fn take(&mut self) -> Vec<u8> {
        let full = self.bytes.capacity();
        std::mem::replace(&mut self.bytes, Vec::with_capacity(full))
    }

    fn field(&mut self, value: Option<&[u8]>) {
        match value {
            // A length beyond i32 cannot come up: the only text here is a few words.
            Some(bytes) => {
                self.bytes.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
                self.bytes.extend_from_slice(bytes);
            }
            None => self.bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }

    /// `BIGINT`.
    pub fn int(&mut self, v: Option<i64>) {
        self.field(v.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }

    /// `SMALLINT`.
    pub fn small(&mut self, v: i16) {
        self.field(Some(&v.to_be_bytes()));
    }

    /// `DOUBLE PRECISION`.
    pub fn real(&mut self, v: Option<f64>) {
        self.field(v.map(f64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }

    /// `BOOLEAN`.
    pub fn flag(&mut self, v: bool) {
        self.field(Some(&[u8::from(v)]));
    }

    /// `TEXT`.
    pub fn text(&mut self, v: Option<&str>) {
        self.field(v.map(str::as_bytes));
    }

    /// `TIMESTAMPTZ`.
    pub fn time(&mut self, v: Ts) {
        self.int(Some(v.ms().saturating_sub(EPOCH_2000).saturating_mul(1_000)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_documented_bytes() {
        let mut e = Encoder::new();
        e.row(6);
        e.int(Some(1));
        e.real(Some(1.0));
        e.flag(true);
        e.text(Some("ab"));
        e.text(None);
        e.time(Ts(EPOCH_2000 + 1));
        let mut expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        expected.extend_from_slice(&[0, 6]);
        expected.extend_from_slice(&[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        expected.extend_from_slice(&[0, 0, 0, 8, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
        expected.extend_from_slice(&[0, 0, 0, 1, 1]);
        expected.extend_from_slice(&[0, 0, 0, 2, b'a', b'b']);
        expected.extend_from_slice(&[0xff, 0xff, 0xff, 0xff]);
        expected.extend_from_slice(&[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0x03, 0xe8]);
        expected.extend_from_slice(&[0xff, 0xff]);
        assert_eq!(e.end(), expected);
    }

    #[test]
    fn taking_keeps_the_order_of_bytes() {
        let mut e = Encoder::new();
        e.row(1);
        let first = e.take();
        assert_eq!(e.len(), 0);
        e.int(None);
        assert_eq!([first, e.end()].concat().len(), 19 + 2 + 4 + 2);
    }
}
