//! The cheapest cover of the edges of a bipartite graph whose nodes have prices.
//!
//! The flow that fits from every left node (at most its price) over the edges to the right ones (at most theirs) is as large
//! as the cheapest set of nodes that touches every edge. Found with Dinic's method.

/// Which nodes are in the cheapest cover; of all of them the one with the most left nodes.
pub(crate) struct Cut {
    #[cfg(test)]
    pub(crate) left: Vec<bool>,
    pub(crate) right: Vec<bool>,
    /// What the cover costs.
    #[cfg(test)]
    pub(crate) price: u64,
}

/// An edge of the flow; the edge back has the number next to it.
struct Edge {
    to: usize,
    room: u64,
}

struct Network {
    edges: Vec<Edge>,
    of: Vec<Vec<usize>>,
}

impl Network {
    fn new(nodes: usize) -> Self {
        Self { edges: Vec::new(), of: vec![Vec::new(); nodes] }
    }

    fn add(&mut self, from: usize, to: usize, room: u64) {
        for (from, to, room) in [(from, to, room), (to, from, 0)] {
            if let Some(own) = self.of.get_mut(from) {
                own.push(self.edges.len());
                self.edges.push(Edge { to, room });
            }
        }
    }

    /// Steps from the source to each node over edges with room.
    fn levels(&self, source: usize) -> Vec<Option<u32>> {
        let mut level = vec![None; self.of.len()];
        let mut waiting = std::collections::VecDeque::from([(source, 0)]);
        level.get_mut(source).into_iter().for_each(|own| *own = Some(0));
        while let Some((node, steps)) = waiting.pop_front() {
            for edge in self.of.get(node).into_iter().flatten().filter_map(|k| self.edges.get(*k)) {
                if let Some(own) = level.get_mut(edge.to).filter(|own| own.is_none() && edge.room > 0) {
                    *own = Some(steps + 1);
                    waiting.push_back((edge.to, steps + 1));
                }
            }
        }
        level
    }

    /// One path with room, filled; how much went over it.
    fn push(&mut self, source: usize, sink: usize, level: &[Option<u32>], next: &mut [usize]) -> u64 {
        let mut path: Vec<usize> = Vec::new();
        let mut node = source;
        while node != sink {
            let place = next.get(node).copied().unwrap_or_default();
            let Some(edge) = self.of.get(node).and_then(|own| own.get(place)).copied() else {
                // A dead end: back, and not here again.
                let Some(last) = path.pop() else { return 0 };
                node = self.edges.get(last ^ 1).map_or(source, |back| back.to);
                next.get_mut(node).into_iter().for_each(|place| *place += 1);
                continue;
            };
            let here = level.get(node).copied().flatten();
            let fits = self.edges.get(edge).filter(|edge| {
                edge.room > 0 && here.is_some_and(|steps| level.get(edge.to).copied().flatten() == Some(steps + 1))
            });
            match fits {
                Some(found) => {
                    node = found.to;
                    path.push(edge);
                }
                None => next.get_mut(node).into_iter().for_each(|place| *place += 1),
            }
        }
        let room = path.iter().filter_map(|k| self.edges.get(*k)).map(|edge| edge.room).min().unwrap_or(0);
        for edge in path {
            self.edges.get_mut(edge).into_iter().for_each(|edge| edge.room -= room);
            self.edges.get_mut(edge ^ 1).into_iter().for_each(|back| back.room += room);
        }
        room
    }
}

/// `edges` are pairs of a left and a right node.
pub(crate) fn cheapest_cover(left: &[u64], right: &[u64], edges: &[(usize, usize)]) -> Cut {
    let (source, sink) = (left.len() + right.len(), left.len() + right.len() + 1);
    let mut network = Network::new(sink + 1);
    for (node, price) in left.iter().enumerate() {
        network.add(source, node, *price);
    }
    for (node, price) in right.iter().enumerate() {
        network.add(left.len() + node, sink, *price);
    }
    for (a, b) in edges {
        network.add(*a, left.len() + b, u64::MAX / 4);
    }
    #[cfg(test)]
    let mut price = 0;
    let level = loop {
        let level = network.levels(source);
        if level.get(sink).copied().flatten().is_none() {
            break level;
        }
        let mut next = vec![0; sink + 1];
        loop {
            let pushed = network.push(source, sink, &level, &mut next);
            if pushed == 0 {
                break;
            }
            #[cfg(test)]
            {
                price += pushed;
            }
        }
    };
    let reached = |node: usize| level.get(node).copied().flatten().is_some();
    Cut {
        #[cfg(test)]
        left: (0..left.len()).map(|node| !reached(node)).collect(),
        right: (0..right.len()).map(|node| reached(left.len() + node)).collect(),
        #[cfg(test)]
        price,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The price of the cheapest cover, by trying every set of left nodes.
    fn exhaustive(left: &[u64], right: &[u64], edges: &[(usize, usize)]) -> u64 {
        (0..1_u32 << left.len())
            .map(|set| {
                let chosen = |node: usize| set >> node & 1 == 1;
                let of_left: u64 = left.iter().enumerate().filter(|(k, _)| chosen(*k)).map(|(_, price)| price).sum();
                let needed = |k: usize| edges.iter().any(|(a, b)| *b == k && !chosen(*a));
                of_left + right.iter().enumerate().filter(|(k, _)| needed(*k)).map(|(_, price)| price).sum::<u64>()
            })
            .min()
            .unwrap()
    }

    proptest! {
        #[test]
        fn equals_exhaustive_search(
            left in proptest::collection::vec(1..9_u64, 1..7),
            right in proptest::collection::vec(1..9_u64, 1..7),
            pairs in proptest::collection::vec((0..6_usize, 0..6_usize), 0..20),
        ) {
            let edges: Vec<_> = pairs.into_iter().filter(|(a, b)| *a < left.len() && *b < right.len()).collect();
            let cut = cheapest_cover(&left, &right, &edges);
            let of = |prices: &[u64], chosen: &[bool]| {
                prices.iter().zip(chosen).filter(|(_, chosen)| **chosen).map(|(price, _)| price).sum::<u64>()
            };
            prop_assert!(edges.iter().all(|(a, b)| cut.left[*a] || cut.right[*b]));
            prop_assert_eq!(of(&left, &cut.left) + of(&right, &cut.right), cut.price);
            prop_assert_eq!(cut.price, exhaustive(&left, &right, &edges));
        }
    }
}
