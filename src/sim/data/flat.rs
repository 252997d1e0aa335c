//! Flat files as they lie in the storage.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use chrono::NaiveDate;
use flate2::{Compression, GzBuilder};
use md5::{Digest as _, Md5};

/// The files that were asked for, and how often each was replaced.
#[derive(Debug, Default)]
pub(crate) struct FlatFiles {
    pub(crate) made: BTreeMap<NaiveDate, Arc<FlatFile>>,
    pub(crate) replaced: BTreeMap<NaiveDate, u32>,
}

#[derive(Debug)]
pub(crate) struct FlatFile {
    pub(crate) body: Vec<u8>,
    /// In quotes, as in the header.
    pub(crate) tag: String,
    pub(crate) rows: usize,
}

/// Writing to memory cannot fail.
pub(crate) fn packed(text: &[u8], version: u32) -> Vec<u8> {
    let mut gzip = GzBuilder::new().comment(version.to_string()).write(Vec::new(), Compression::fast());
    let _ = gzip.write_all(text);
    gzip.finish().unwrap_or_default()
}

pub(crate) fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let _ = flate2::read::GzDecoder::new(body).read_to_end(&mut text);
    text
}

pub(crate) fn tag_of(body: &[u8]) -> String {
    let mut tag = "\"".to_owned();
    for byte in Md5::digest(body) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "\""
}
