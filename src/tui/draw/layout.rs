//! Sharing a length by priority: columns of a table, panels of a screen, pieces of a line.
//!
//! ratatui's layout shrinks what does not fit; here whole columns and panels go, lowest priority first, nothing is drawn
//! narrower than its minimum, and what is left over goes to those that want it. So a screen degrades from 160 columns to 40
//! without a special case.

use ratatui::layout::Rect;

/// What one part needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Below this it is left out.
    pub min: u16,
    /// Above this it gains nothing.
    pub max: u16,
    /// The higher, the longer it stays.
    pub priority: u8,
}

impl Constraint {
    #[must_use]
    pub const fn new(min: u16, max: u16, priority: u8) -> Self {
        Self { min, max, priority }
    }
}

/// Where each part lies: start and length; `None` when it does not fit. In the given order, `gap` apart.
#[must_use]
pub fn split(total: u16, gap: u16, constraints: &[Constraint]) -> Vec<Option<(u16, u16)>> {
    let mut order: Vec<usize> = (0..constraints.len()).collect();
    // Of equal priority the first stays.
    order.sort_by_key(|k| std::cmp::Reverse(constraints.get(*k).map_or(0, |n| n.priority)));
    let mut lengths: Vec<Option<u16>> = vec![None; constraints.len()];
    let mut used = 0_u16;
    for k in &order {
        let (Some(constraint), Some(length)) = (constraints.get(*k), lengths.get_mut(*k)) else { continue };
        let cost = constraint.min + if used > 0 { gap } else { 0 };
        // Nothing of lower priority stays where something better had to go.
        if constraint.min > 0 && used.saturating_add(cost) > total {
            break;
        }
        used += cost;
        *length = Some(constraint.min);
    }
    for k in &order {
        let (Some(constraint), Some(Some(length))) = (constraints.get(*k), lengths.get_mut(*k)) else { continue };
        let more = constraint.max.saturating_sub(*length).min(total.saturating_sub(used));
        *length += more;
        used += more;
    }
    let mut at = 0;
    let mut place = |length: Option<u16>| {
        length.map(|length| {
            let start = at;
            at += length + gap;
            (start, length)
        })
    };
    lengths.into_iter().map(&mut place).collect()
}

/// Rows of an area from the top, one panel each: `None` for a panel that does not fit.
#[must_use]
pub fn rows(area: Rect, constraints: &[Constraint]) -> Vec<Option<Rect>> {
    let place = |(start, length): (u16, u16)| Rect::new(area.x, area.y + start, area.width, length);
    split(area.height, 0, constraints).into_iter().map(|p| p.map(place)).collect()
}

/// The same from the left.
#[must_use]
pub fn columns(area: Rect, gap: u16, constraints: &[Constraint]) -> Vec<Option<Rect>> {
    let place = |(start, length): (u16, u16)| Rect::new(area.x + start, area.y, length, area.height);
    split(area.width, gap, constraints).into_iter().map(|p| p.map(place)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_least_worth_goes_first_and_the_rest_grows() {
        let constraints = [Constraint::new(6, 10, 9), Constraint::new(5, 5, 1), Constraint::new(8, 30, 5)];
        assert_eq!(split(60, 2, &constraints), [Some((0, 10)), Some((12, 5)), Some((19, 30))]);
        assert_eq!(split(24, 2, &constraints), [Some((0, 7)), Some((9, 5)), Some((16, 8))]);
        assert_eq!(split(20, 2, &constraints), [Some((0, 10)), None, Some((12, 8))]);
        assert_eq!(split(8, 2, &constraints), [Some((0, 8)), None, None]);
        assert_eq!(split(0, 2, &constraints), [None, None, None]);
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_room(
            total in 0_u16..300,
            gap in 0_u16..4,
            constraints in prop::collection::vec((1_u16..40, 0_u16..60, 0_u8..9), 0..12),
        ) {
            let constraints: Vec<Constraint> = constraints.into_iter().map(|(min, more, priority)| Constraint::new(min, min + more, priority)).collect();
            let mut end = 0;
            let mut first = true;
            for (place, constraint) in split(total, gap, &constraints).into_iter().zip(&constraints) {
                let Some((start, length)) = place else { continue };
                prop_assert!(first || start == end + gap);
                prop_assert!(length >= constraint.min && length <= constraint.max && start + length <= total);
                first = false;
                end = start + length;
            }
        }
    }
}
