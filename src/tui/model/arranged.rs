//! What is worked out from each new reading of the database before it is shown. Over many series that takes longer than a
//! key may wait, so it is done beside the screen, which goes on with what it has until then.

use std::sync::Arc;

use super::map;
use crate::model::Model;
use crate::model::query::{Query, failing};
use crate::model::sort::Sort;
use crate::now::digest::Digest;
use crate::now::wall::Wall;
use barkeep_monitor::snapshot::Data;

/// Series from which on it is done beside the screen.
pub(crate) const MANY: usize = 2_000;

/// A reading, and what its series come to in the order and with the filter that were on.
#[derive(Clone, Debug)]
pub struct Arranged {
    pub data: Arc<Data>,
    digest: Digest,
    wall: Wall,
    rows: Rows,
}

/// Rows of the table of series, and what they were chosen and sorted by.
#[derive(Clone, Debug)]
struct Rows {
    query: Query,
    sort: Sort,
    order: Vec<u32>,
    groups: Vec<Vec<usize>>,
}

impl Arranged {
    /// Works it out.
    #[must_use]
    pub fn of(data: Arc<Data>, query: Query, sort: Sort) -> Self {
        let (digest, wall) = (Digest::of(&data), Wall::of(&data));
        let rows = Rows::of(&data, query, sort);
        Self { data, digest, wall, rows }
    }
}

impl Rows {
    fn of(data: &Data, query: Query, sort: Sort) -> Self {
        let failing = failing(data);
        let order = sort.order(&data.series, |row| query.fits(row, &failing));
        let groups = map::groups(&data.series, &order);
        Self { query, sort, order, groups }
    }
}

impl Model {
    /// Filters and sorts the series of the shown snapshot again.
    pub fn reorder(&mut self) {
        let rows = Rows::of(&self.snap.data, std::mem::take(&mut self.symbols.query), self.symbols.sort);
        self.put_in_order(rows);
    }

    fn put_in_order(&mut self, rows: Rows) {
        self.symbols.query = rows.query;
        (self.symbols.order, self.symbols.groups) = (rows.order, rows.groups);
    }

    /// Takes over what the shown series come to, worked out where nobody has done it yet.
    pub(crate) fn arrange(&mut self) {
        let ready = self.arranged.take().filter(|ready| Arc::ptr_eq(&ready.data, &self.snap.data));
        let Some(Arranged { digest, wall, rows, .. }) = ready.map(|ready| *ready) else {
            (self.digest, self.wall) = (Digest::of(&self.snap.data), Wall::of(&self.snap.data));
            return self.reorder();
        };
        (self.digest, self.wall) = (digest, wall);
        // Somebody may have typed another filter meanwhile.
        if rows.query == self.symbols.query && rows.sort == self.symbols.sort {
            self.put_in_order(rows);
        } else {
            self.reorder();
        }
    }
}
