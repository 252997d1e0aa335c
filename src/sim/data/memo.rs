//! Finished answers, kept so that the same question costs nothing the second time.
//!
//! Making up a page of minutes, writing it as JSON and compressing it takes more processor time than everything the client
//! does with it. A measurement of the client asks once to fill this and then measures itself, not the simulator.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::corrupt::Reply;
use crate::lock;

/// Bytes of bodies kept; what comes afterwards is computed every time.
const MOST: usize = 512 << 20;

/// Answers by request target and whether they are compressed.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    answers: Mutex<HashMap<(String, bool), (Reply, String)>>,
    bytes: AtomicUsize,
}

impl Memo {
    /// The answer, and the request id in it.
    pub(crate) fn get(&self, target: &str, gzip: bool) -> Option<(Reply, String)> {
        lock(&self.answers).get(&(target.to_owned(), gzip)).cloned()
    }

    /// Keeps a good answer while there is room.
    pub(crate) fn put(&self, target: &str, gzip: bool, reply: &Reply, request_id: &str) {
        let size = reply.body.len();
        if reply.status == 200 && self.bytes.load(Ordering::Relaxed) + size <= MOST {
            self.bytes.fetch_add(size, Ordering::Relaxed);
            lock(&self.answers).insert((target.to_owned(), gzip), (reply.clone(), request_id.to_owned()));
        }
    }
}
