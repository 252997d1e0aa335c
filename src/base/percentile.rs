//! The one definition of a percentile: nearest rank. Always a value that was measured, never one between two.

/// The smallest of the ascending values that at least `percent` of them do not exceed; `None` without a value.
#[must_use]
pub fn nearest_rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent.min(100)).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_ranks() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!([0, 1, 50, 95, 99, 100].map(|p| nearest_rank(&hundred, p)), [1, 1, 50, 95, 99, 100].map(Some));
        // The example of the textbooks: ordinal ranks 1, 2, 2, 3, 5 of five values.
        assert_eq!(
            [5, 30, 40, 50, 100].map(|p| nearest_rank(&[15, 20, 35, 40, 50], p)),
            [15, 20, 20, 35, 50].map(Some)
        );
        assert_eq!(nearest_rank(&[7], 50), Some(7));
        assert_eq!(nearest_rank::<u32>(&[], 50), None);
    }

    proptest! {
        #[test]
        fn it_is_the_first_value_that_enough_of_a_plain_sort_do_not_exceed(
            values in prop::collection::vec(0..50_u32, 1..200),
            percent in 0..=100_usize,
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let enough = |v: &&u32| values.iter().filter(|x| x <= v).count() * 100 >= percent * values.len();
            prop_assert_eq!(nearest_rank(&sorted, percent), sorted.iter().find(enough).copied());
        }
    }
}
