//! Maximum matching of a bipartite graph by Hopcroft and Karp (1973), and the alternating reach that Koenig's theorem
//! turns into a minimum vertex cover.
//!
//! The searches keep their own stacks: a plan of 10,000 symbols has alternating paths long enough to overflow a thread's.

// Every index below is a row, column or edge number of the graph itself, checked once when the graph is built.
#![allow(clippy::indexing_slicing)]

use std::num::NonZeroU32;

/// A number of a row, a column or a level. Kept with one added, so that one that may be absent takes no more memory than
/// a bare `u32`: the searches go at random through arrays of them, and are as fast as much of those fits into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Number(NonZeroU32);

impl Number {
    const fn new(n: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(n))
    }

    const fn get(self) -> u32 {
        self.0.get() - 1
    }

    const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A bipartite graph in compressed rows: the columns of row `r` are `columns[starts[r]..starts[r + 1]]`.
pub(super) struct Graph {
    starts: Vec<u32>,
    columns: Vec<u32>,
    width: usize,
}

/// A maximum matching and what its proof needs.
pub(super) struct Matching {
    /// The column matched to each row.
    pub(super) of_row: Vec<Option<u32>>,
    /// Rows that an alternating path from some unmatched row reaches (the unmatched rows among them).
    pub(super) rows_reached: Vec<bool>,
    /// Columns that such a path reaches; all of them are matched.
    pub(super) columns_reached: Vec<bool>,
}

impl Graph {
    /// From edges sorted by row. Rows are numbered from 0 without a hole, columns are below `width`.
    pub(super) fn new(sorted_edges: impl Iterator<Item = (u32, u32)>, width: usize) -> Self {
        let (mut starts, mut columns) = (vec![0], Vec::with_capacity(sorted_edges.size_hint().0));
        let mut row = 0;
        for (r, c) in sorted_edges {
            debug_assert!(r >= row && (c as usize) < width, "edge ({r}, {c}) out of order or range");
            while row < r {
                starts.push(columns.len() as u32);
                row += 1;
            }
            columns.push(c);
        }
        if !columns.is_empty() {
            starts.push(columns.len() as u32);
        }
        Self { starts, columns, width }
    }

    fn height(&self) -> usize {
        self.starts.len() - 1
    }

    fn columns(&self, row: u32) -> &[u32] {
        &self.columns[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }

    /// A maximum matching in O(edges * sqrt(vertices)).
    pub(super) fn maximum_matching(&self) -> Matching {
        let mut search = Search {
            graph: self,
            of_row: vec![None; self.height()],
            of_column: vec![None; self.width],
            level: vec![None; self.height()],
            next: vec![0; self.height()],
            queue: Vec::with_capacity(self.height()),
            path: Vec::new(),
        };
        search.greedy();
        while search.layer() {
            search.augment();
        }
        // The last layering found no free column, so it is the whole alternating reach.
        let mut columns_reached = vec![false; self.width];
        for &row in &search.queue {
            for &column in self.columns(row) {
                columns_reached[column as usize] = true;
            }
        }
        Matching {
            of_row: search.of_row.into_iter().map(|column| column.map(Number::get)).collect(),
            rows_reached: search.level.iter().map(Option::is_some).collect(),
            columns_reached,
        }
    }
}

struct Search<'a> {
    graph: &'a Graph,
    of_row: Vec<Option<Number>>,
    of_column: Vec<Option<Number>>,
    /// Distance of a row from the unmatched rows, counted in rows; `None` until it is reached.
    level: Vec<Option<Number>>,
    /// The next edge a row has to try in this phase.
    next: Vec<u32>,
    queue: Vec<u32>,
    path: Vec<u32>,
}

impl Search<'_> {
    fn join(&mut self, row: u32, column: u32) {
        self.of_row[row as usize] = Some(Number::new(column));
        self.of_column[column as usize] = Some(Number::new(row));
    }

    /// Most of a matching at the price of one pass; rows with few choices choose first.
    fn greedy(&mut self) {
        let mut rows: Vec<u32> = (0..self.graph.height() as u32).collect();
        rows.sort_by_key(|&row| self.graph.columns(row).len());
        for row in rows {
            let free = self.graph.columns(row).iter().copied().find(|&c| self.of_column[c as usize].is_none());
            if let Some(column) = free {
                self.join(row, column);
            }
        }
    }

    /// Breadth-first levels from all unmatched rows. Returns whether an augmenting path exists, and stops after the level
    /// at which the shortest ones end.
    fn layer(&mut self) -> bool {
        self.level.fill(None);
        self.queue.clear();
        for row in 0..self.graph.height() as u32 {
            if self.of_row[row as usize].is_none() {
                self.level[row as usize] = Some(Number::new(0));
                self.queue.push(row);
            }
        }
        let (mut head, mut last) = (0, None);
        while let Some(&row) = self.queue.get(head) {
            head += 1;
            // What is queued has a level.
            let next = self.level[row as usize].map(Number::next);
            if last.is_some_and(|last| next > Some(last)) {
                break;
            }
            for &column in self.graph.columns(row) {
                match self.of_column[column as usize].map(Number::get) {
                    None => last = next,
                    Some(mate) if self.level[mate as usize].is_none() => {
                        self.level[mate as usize] = next;
                        self.queue.push(mate);
                    }
                    Some(_) => {}
                }
            }
        }
        last.is_some()
    }

    /// Flips a maximal set of vertex-disjoint shortest augmenting paths.
    fn augment(&mut self) {
        for (next, start) in self.next.iter_mut().zip(&self.graph.starts) {
            *next = *start;
        }
        for start in 0..self.graph.height() as u32 {
            if self.of_row[start as usize].is_none() {
                self.augment_from(start);
            }
        }
    }

    /// Depth first along the levels. `path` holds the rows on the way; the edge a row left by is `next[row] - 1`.
    fn augment_from(&mut self, start: u32) {
        self.path.clear();
        self.path.push(start);
        while let Some(&row) = self.path.last() {
            let at = self.next[row as usize];
            if at == self.graph.starts[row as usize + 1] {
                self.path.pop();
                continue;
            }
            self.next[row as usize] = at + 1;
            let column = self.graph.columns[at as usize];
            match self.of_column[column as usize].map(Number::get) {
                None => {
                    while let Some(row) = self.path.pop() {
                        let column = self.graph.columns[self.next[row as usize] as usize - 1];
                        self.join(row, column);
                    }
                }
                Some(mate) if self.level[mate as usize] == self.level[row as usize].map(Number::next) => {
                    self.path.push(mate);
                }
                Some(_) => {}
            }
        }
    }
}
