//! The fewest requests for missing daily bars, with the proof.
//!
//! A missing cell is a (symbol, session) pair. One request brings either a *row* (a ticker's daily bars over any range)
//! or a *column* (the grouped daily bars of one session), so a set of requests that closes every gap is a vertex cover of
//! the bipartite graph whose edges are the missing cells. By Koenig's theorem the smallest cover is as large as the largest
//! matching: k cells of which no two share a symbol or a session need k requests, whoever plans them. The matching is
//! therefore a certificate that anyone can check without trusting the planner ([`Cover::verify`]).
//!
//! The minimum is over these two shapes of request and the cells that were given.
//!
//! Of all minimum covers the one with the most rows is returned. It is unique (a column is in it only if it is in every
//! minimum cover), so the plan does not depend on the order of the cells; and a row is the smaller answer and evidence
//! about the symbol itself, where a column answers for the whole market.

use super::matching::Graph;

/// The requests that cover a set of cells, and why there cannot be fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    /// Rows to request, ascending; the forced ones are among them.
    pub rows: Vec<u32>,
    /// Columns to request, ascending.
    pub columns: Vec<u32>,
    /// Rows with a missing cell that only a row request can bring, ascending.
    pub forced: Vec<u32>,
    /// Missing cells (row, column), ascending, no two of one row or one column: one for each request that was not forced.
    pub matching: Vec<(u32, u32)>,
}

/// Solves for the missing `cells` (row, column), in any order, repeats allowed. `forced_rows` cannot be served by columns
/// (a symbol that the grouped answer leaves out): each that misses a cell is requested by itself, and its cells take no part in
/// the matching. Rows and columns are any numbers. O(cells * sqrt(rows + columns)).
#[must_use]
pub fn minimum_cover(cells: &[(u32, u32)], forced_rows: &[u32]) -> Cover {
    let only_by_row = distinct(forced_rows.iter().copied());
    let mut forced = Vec::new();
    let mut edges = Vec::with_capacity(cells.len());
    for &(row, column) in cells {
        if only_by_row.binary_search(&row).is_ok() {
            forced.push(row);
        } else {
            edges.push((row, column));
        }
    }
    let forced = distinct(forced);
    if !edges.is_sorted() {
        edges.sort_unstable();
    }
    edges.dedup();

    // The graph wants rows and columns numbered from 0.
    let mut row_names: Vec<u32> = edges.iter().map(|&(row, _)| row).collect();
    row_names.dedup();
    let column_names = distinct(edges.iter().map(|&(_, column)| column));
    let graph = Graph::new(numbered(&edges, &column_names), column_names.len());
    let found = graph.maximum_matching();

    // Koenig: with Z all that alternating paths reach from unmatched rows, (rows not in Z) + (columns in Z) is a minimum
    // cover. Every column in Z is in every minimum cover, so this one has the most rows.
    let mut rows: Vec<u32> =
        row_names.iter().zip(&found.rows_reached).filter(|(_, reached)| !**reached).map(|(name, _)| *name).collect();
    rows.extend(&forced);
    rows.sort_unstable();
    let columns = column_names
        .iter()
        .zip(&found.columns_reached)
        .filter(|(_, reached)| **reached)
        .map(|(name, _)| *name)
        .collect();
    let matching = row_names
        .iter()
        .zip(&found.of_row)
        .filter_map(|(row, column)| Some((*row, *column_names.get((*column)? as usize)?)))
        .collect();
    Cover { rows, columns, forced, matching }
}

impl Cover {
    /// Requests to make.
    #[must_use]
    pub fn size(&self) -> usize {
        self.rows.len() + self.columns.len()
    }

    /// Requests that any plan for these cells needs: one for each cell of the matching, one for each forced row.
    #[must_use]
    pub fn lower_bound(&self) -> usize {
        self.matching.len() + self.forced.len()
    }

    /// Checks the plan and its certificate against the input, without solving anything: every cell is brought, the forced
    /// rows are those of `forced_rows` with a missing cell, the matching consists of missing cells of which no two share a
    /// row or column, and there are as many requests as the lower bound says. O(cells * log cells).
    #[must_use]
    pub fn verify(&self, cells: &[(u32, u32)], forced_rows: &[u32]) -> bool {
        let only_by_row = distinct(forced_rows.iter().copied());
        let (mut forced_seen, mut matched_seen) = (vec![false; self.forced.len()], vec![false; self.matching.len()]);
        for cell in cells {
            let by_row = self.rows.binary_search(&cell.0).is_ok();
            if only_by_row.binary_search(&cell.0).is_ok() {
                let seen = self.forced.binary_search(&cell.0).ok().and_then(|at| forced_seen.get_mut(at));
                match seen {
                    Some(seen) if by_row => *seen = true,
                    _ => return false,
                }
            } else if !by_row && self.columns.binary_search(&cell.1).is_err() {
                return false;
            } else if let Some(seen) = self.matching.binary_search(cell).ok().and_then(|at| matched_seen.get_mut(at)) {
                *seen = true;
            }
        }
        let matched_columns = distinct(self.matching.iter().map(|&(_, column)| column));
        forced_seen.iter().chain(&matched_seen).all(|seen| *seen)
            && ascending(&self.rows)
            && ascending(&self.columns)
            && ascending(&self.forced)
            && self.matching.is_sorted_by(|a, b| a.0 < b.0)
            && matched_columns.len() == self.matching.len()
            && self.size() == self.lower_bound()
    }
}

fn ascending(names: &[u32]) -> bool {
    names.is_sorted_by(|a, b| a < b)
}

/// The distinct values, ascending.
fn distinct(values: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut all: Vec<u32> = values.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Sorted distinct edges with rows numbered in order of appearance and columns by their place in `column_names`.
fn numbered<'a>(edges: &'a [(u32, u32)], column_names: &'a [u32]) -> impl Iterator<Item = (u32, u32)> + 'a {
    let mut last = None;
    let mut number = 0;
    edges.iter().map(move |&(row, column)| {
        if last.is_some_and(|last| last != row) {
            number += 1;
        }
        last = Some(row);
        (number, column_names.partition_point(|&name| name < column) as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The smallest number of requests, and the most rows among covers of that size, by trying every subset of rows.
    fn exhaustive(cells: &[(u32, u32)], forced: &[u32]) -> (usize, usize) {
        let requested: BTreeSet<u32> = cells.iter().map(|c| c.0).filter(|r| forced.contains(r)).collect();
        let rows: Vec<u32> = distinct(cells.iter().map(|c| c.0).filter(|r| !forced.contains(r)));
        (0..1_u32 << rows.len())
            .map(|subset| {
                let chosen = |row| {
                    requested.contains(&row)
                        || rows.iter().position(|r| *r == row).is_some_and(|k| subset >> k & 1 == 1)
                };
                let columns: BTreeSet<u32> = cells.iter().filter(|c| !chosen(c.0)).map(|c| c.1).collect();
                let chosen_rows = requested.len() + subset.count_ones() as usize;
                (chosen_rows + columns.len(), chosen_rows)
            })
            .min_by_key(|&(size, rows)| (size, std::cmp::Reverse(rows)))
            .unwrap()
    }

    /// Maximum matching by one augmenting path at a time (Kuhn), written apart from the code under test.
    fn kuhn(cells: &[(u32, u32)]) -> usize {
        fn place(row: usize, adjacent: &[Vec<usize>], owner: &mut [Option<usize>], tried: &mut [bool]) -> bool {
            for &column in &adjacent[row] {
                if !std::mem::replace(&mut tried[column], true)
                    && owner[column].is_none_or(|other| place(other, adjacent, owner, tried))
                {
                    owner[column] = Some(row);
                    return true;
                }
            }
            false
        }
        let (height, width) = cells.iter().fold((0, 0), |(h, w), c| (h.max(c.0 as usize + 1), w.max(c.1 as usize + 1)));
        let mut adjacent = vec![Vec::new(); height];
        for &(row, column) in cells {
            adjacent[row as usize].push(column as usize);
        }
        let mut owner = vec![None; width];
        (0..height).filter(|&row| place(row, &adjacent, &mut owner, &mut vec![false; width])).count()
    }

    /// A small generator, so that the scenarios are the same on every run.
    fn below(state: &mut u64, n: u32) -> u32 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*state >> 33) % u64::from(n)) as u32
    }

    fn solve(cells: &[(u32, u32)]) -> Cover {
        let cover = minimum_cover(cells, &[]);
        assert!(cover.verify(cells, &[]));
        assert_eq!(cover.size(), kuhn(cells), "not the size of an independent maximum matching");
        cover
    }

    /// Three sessions lost for 500 symbols, and 20 of them new, over 1,260 sessions.
    fn outage_and_new_symbols() -> Vec<(u32, u32)> {
        let outage = (0..500).flat_map(|row| (700..703).map(move |column| (row, column)));
        outage.chain((0..20).flat_map(|row| (0..1_260).map(move |column| (row, column)))).collect()
    }

    /// 10,000 symbols, 200 of them new over 1,260 sessions, `recent` of the others' cells missing at random in the last 60.
    fn large(recent: u32) -> Vec<(u32, u32)> {
        let mut state = 7;
        let new = (0..200).flat_map(|row| (0..1_260).map(move |column| (row, column)));
        let holes = (0..recent).map(|_| (200 + below(&mut state, 9_800), 1_200 + below(&mut state, 60)));
        new.chain(holes).collect()
    }

    #[test]
    fn last_session_missing_for_500_symbols_is_one_request() {
        let cells: Vec<(u32, u32)> = (0..500).map(|row| (row, 1_259)).collect();
        let cover = solve(&cells);
        assert_eq!((cover.rows.len(), cover.columns.as_slice()), (0, &[1_259][..]));
    }

    #[test]
    fn outage_of_three_sessions_and_twenty_new_symbols_is_23_requests() {
        let cover = solve(&outage_and_new_symbols());
        assert_eq!((cover.rows.len(), cover.columns.as_slice()), (20, &[700, 701, 702][..]));
    }

    #[test]
    fn scattered_holes_are_as_many_requests_as_an_independent_matching() {
        let mut state = 42;
        let mut cells = outage_and_new_symbols();
        for _ in 0..50 {
            let row = 20 + below(&mut state, 480);
            for _ in 0..=below(&mut state, 9) {
                cells.push((row, below(&mut state, 1_260)));
            }
        }
        let cover = solve(&cells);
        assert!(cover.size() < 100, "{} requests", cover.size());
    }

    #[test]
    fn ten_thousand_symbols_are_as_many_requests_as_an_independent_matching() {
        for recent in [11_760, 48_000] {
            let cells = large(recent);
            assert_eq!(solve(&cells).size(), 260, "200 new symbols and the last 60 sessions");
        }
    }

    /// An augmenting path through nearly every row: a recursive search would need 100,000 frames.
    #[test]
    fn a_path_of_100_000_rows_does_not_overflow_the_stack() {
        let n = 100_000;
        // Row k can use columns k and k + 1 and the greedy start gives it k. The last row finds its three columns taken, and
        // making room moves every row but two.
        let mut cells: Vec<(u32, u32)> = (0..n).flat_map(|k| [(k, k), (k, k + 1)]).collect();
        cells.extend([(n, 0), (n, 1), (n, 2)]);
        let cover = minimum_cover(&cells, &[]);
        assert!(cover.verify(&cells, &[]));
        assert_eq!(cover.size(), n as usize + 1);
    }

    #[test]
    fn a_single_cell_is_asked_as_a_row() {
        let cover = minimum_cover(&[(4_000_000_000, 9)], &[]);
        assert_eq!((cover.rows, cover.columns), (vec![4_000_000_000], vec![]));
    }

    #[test]
    fn nothing_missing_is_no_request() {
        let cover = minimum_cover(&[], &[3]);
        assert_eq!(cover, Cover::default());
        assert!(cover.verify(&[], &[3]));
    }

    #[test]
    fn a_forced_row_is_asked_even_where_its_column_is() {
        // Rows 0 to 4 miss session 0; row 2 is not in the grouped answer.
        let cells: Vec<(u32, u32)> = (0..5).map(|row| (row, 0)).collect();
        let cover = minimum_cover(&cells, &[2, 77]);
        assert_eq!((cover.rows.as_slice(), cover.columns.as_slice()), (&[2][..], &[0][..]));
        assert_eq!((cover.size(), cover.lower_bound()), (2, 2));
        assert!(cover.verify(&cells, &[2, 77]));
    }

    #[test]
    fn verify_refuses_what_is_not_a_proof() {
        type Breakage = (&'static str, fn(&mut Cover));
        let cells: Vec<(u32, u32)> = vec![(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)];
        let good = minimum_cover(&cells, &[2]);
        assert!(good.verify(&cells, &[2]));
        let breakages: [Breakage; 8] = [
            ("a cell is not covered", |c| c.rows.retain(|row| *row != 0)),
            ("one request too many", |c| c.columns.push(7)),
            ("a row twice", |c| c.rows.push(2)),
            ("an invented cell in the matching", |c| c.matching.push((5, 5))),
            ("two matched cells in one column", |c| c.matching = vec![(0, 0), (1, 0)]),
            ("a matched cell that is not missing", |c| c.matching = vec![(0, 0), (1, 7)]),
            ("a forced row left out", |c| {
                c.rows.pop();
                c.forced.pop();
            }),
            ("an invented forced row", |c| {
                c.forced.push(9);
                c.rows.push(9);
            }),
        ];
        for (what, break_it) in breakages {
            let mut bad = good.clone();
            break_it(&mut bad);
            assert!(!bad.verify(&cells, &[2]), "accepted: {what}");
        }
        assert!(!good.verify(&cells, &[]), "accepted: row 2 was not forced");
        assert!(!good.verify(&[&cells[..], &[(3, 3)]].concat(), &[2]), "accepted: another cell is missing");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn equals_exhaustive_search(
            cells in proptest::collection::vec((0..6_u32, 0..6_u32), 0..24),
            forced in proptest::collection::vec(0..6_u32, 0..3),
            seed in any::<u64>(),
        ) {
            let cover = minimum_cover(&cells, &forced);
            prop_assert!(cover.verify(&cells, &forced));
            prop_assert_eq!((cover.size(), cover.rows.len()), exhaustive(&cells, &forced));
            let mut shuffled = cells.clone();
            let mut state = seed;
            for k in (1..shuffled.len()).rev() {
                shuffled.swap(k, below(&mut state, k as u32 + 1) as usize);
            }
            let again = minimum_cover(&shuffled, &forced);
            prop_assert_eq!((again.rows, again.columns), (cover.rows, cover.columns));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn equals_an_independent_matching(cells in proptest::collection::vec((0..60_u32, 0..40_u32), 0..300)) {
            let cover = minimum_cover(&cells, &[]);
            prop_assert!(cover.verify(&cells, &[]));
            prop_assert_eq!(cover.size(), kuhn(&cells));
        }
    }
}
