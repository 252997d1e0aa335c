//! Figures of the last `n` values.
//!
//! Each is computed from its window alone, in a fixed order, and not from the figure before it: a running sum carries
//! the rounding of everything that ever passed through it, so it would depend on where the computation began. Four sums
//! side by side keep the processor busy, which makes this about as fast as running sums.

/// The sum of `f` of the values.
fn sum(values: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let (fours, rest) = values.as_chunks::<4>();
    let mut lanes = [0.0; 4];
    for four in fours {
        for (lane, value) in lanes.iter_mut().zip(four) {
            *lane += f(*value);
        }
    }
    let [a, b, c, d] = lanes;
    rest.iter().fold((a + c) + (b + d), |sum, value| sum + f(*value))
}

/// The mean of a window.
pub(super) fn mean(window: &[f64]) -> f64 {
    sum(window, |v| v) / window.len() as f64
}

/// The sum of squared distances from `mean`.
fn squares(window: &[f64], mean: f64) -> f64 {
    sum(window, |v| (v - mean) * (v - mean))
}

/// Standard deviation of a sample (divided by `n - 1`).
pub(super) fn sample_deviation(window: &[f64]) -> f64 {
    (squares(window, mean(window)) / (window.len() as f64 - 1.0)).sqrt()
}

/// Standard deviation of all there is (divided by `n`), for a mean already known.
pub(super) fn deviation(window: &[f64], mean: f64) -> f64 {
    (squares(window, mean) / window.len() as f64).sqrt()
}

/// The last `n` values of a slice, when there are as many.
pub(super) fn last(values: &[f64], n: usize) -> Option<&[f64]> {
    values.len().checked_sub(n).and_then(|from| values.get(from..))
}

/// The median of the last `N` values pushed. A value that is no number leaves it undefined while it is among them.
#[derive(Debug)]
pub(super) struct Median<const N: usize> {
    /// In the order they came; a ring once full.
    window: Vec<f64>,
    /// Where the next value goes.
    place: usize,
    /// Those that are numbers, ascending.
    sorted: Vec<f64>,
}

impl<const N: usize> Median<N> {
    pub(super) fn new() -> Self {
        Self { window: Vec::with_capacity(N), place: 0, sorted: Vec::with_capacity(N + 1) }
    }

    /// Takes the next value and gives the median of the last `N`.
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        let leaving = if let Some(old) = self.window.get_mut(self.place) {
            std::mem::replace(old, value)
        } else {
            self.window.push(value);
            f64::NAN
        };
        self.place = (self.place + 1) % N;
        match (leaving.is_nan(), value.is_nan()) {
            (true, true) => {}
            (true, false) => self.sorted.insert(self.rank(value), value),
            (false, true) => drop(self.sorted.remove(self.rank(leaving))),
            (false, false) => self.replace(leaving, value),
        }
        if self.sorted.len() < N {
            return None;
        }
        let (low, high) = (self.sorted.get((N - 1) / 2)?, self.sorted.get(N / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    /// How many of the numbers are less.
    fn rank(&self, value: f64) -> usize {
        self.sorted.partition_point(|v| *v < value)
    }

    /// Only what lies between the two moves.
    fn replace(&mut self, leaving: f64, value: f64) {
        let (from, to) = (self.rank(leaving), self.rank(value));
        if from < to {
            self.sorted.get_mut(from..to).into_iter().for_each(|between| between.rotate_left(1));
        } else {
            self.sorted.get_mut(to..=from).into_iter().for_each(|between| between.rotate_right(1));
        }
        if let Some(place) = self.sorted.get_mut(if from < to { to - 1 } else { to }) {
            *place = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_median_is_the_middle_of_the_last_values(values in proptest::collection::vec(
            prop_oneof![8 => (0u8..30).prop_map(f64::from), 1 => Just(f64::NAN)], 0..60,
        )) {
            let mut median = Median::<6>::new();
            for (k, v) in values.iter().enumerate() {
                let got = median.push(*v);
                let window = &values[(k + 1).saturating_sub(6)..=k];
                let mut sorted: Vec<f64> = window.iter().copied().filter(|v| !v.is_nan()).collect();
                sorted.sort_by(f64::total_cmp);
                let want = (sorted.len() == 6).then(|| f64::midpoint(sorted[2], sorted[3]));
                prop_assert_eq!(got, want);
            }
        }
    }

    #[test]
    fn deviations_are_the_textbook_s() {
        let all = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&all), 5.0);
        assert_eq!(deviation(&all, 5.0), 2.0);
        assert!((sample_deviation(&all) - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!(last(&all, 3), Some(&[5.0, 7.0, 9.0][..]));
        assert_eq!(last(&all, 9), None);
    }
}
