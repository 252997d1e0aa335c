//! Sharing a length among things of different worth: columns of a table, panels of a screen, pieces of a line.
//!
//! What is worth least goes first when there is not enough room, nothing is drawn narrower than it can bear, and what
//! is left over goes to those that want it. So a screen degrades from 160 columns to 40 without a special case.

use ratatui::layout::Rect;

/// What one thing asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Below this it is left out.
    pub least: u16,
    /// Above this it gains nothing.
    pub most: u16,
    /// The higher, the longer it stays.
    pub worth: u8,
}

impl Constraint {
    #[must_use]
    pub const fn new(least: u16, most: u16, worth: u8) -> Self {
        Self { least, most, worth }
    }
}

/// Where each thing lies: start and length; `None` when it found no room. In the given order, `gap` apart.
#[must_use]
pub fn fit(total: u16, gap: u16, needs: &[Constraint]) -> Vec<Option<(u16, u16)>> {
    let mut order: Vec<usize> = (0..needs.len()).collect();
    // Of equal worth the first stays.
    order.sort_by_key(|k| std::cmp::Reverse(needs.get(*k).map_or(0, |n| n.worth)));
    let mut lengths: Vec<Option<u16>> = vec![None; needs.len()];
    let mut used = 0_u16;
    for k in &order {
        let (Some(need), Some(length)) = (needs.get(*k), lengths.get_mut(*k)) else { continue };
        let cost = need.least + if used > 0 { gap } else { 0 };
        // Nothing of lower worth stays where something better had to go.
        if need.least > 0 && used.saturating_add(cost) > total {
            break;
        }
        used += cost;
        *length = Some(need.least);
    }
    for k in &order {
        let (Some(need), Some(Some(length))) = (needs.get(*k), lengths.get_mut(*k)) else { continue };
        let more = need.most.saturating_sub(*length).min(total.saturating_sub(used));
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

/// Rows of an area from the top, one panel each: where each panel lies, `None` when it found no room.
#[must_use]
pub fn rows(area: Rect, needs: &[Constraint]) -> Vec<Option<Rect>> {
    let place = |(start, length): (u16, u16)| Rect::new(area.x, area.y + start, area.width, length);
    fit(area.height, 0, needs).into_iter().map(|p| p.map(place)).collect()
}

/// The same from the left.
#[must_use]
pub fn columns(area: Rect, gap: u16, needs: &[Constraint]) -> Vec<Option<Rect>> {
    let place = |(start, length): (u16, u16)| Rect::new(area.x + start, area.y, length, area.height);
    fit(area.width, gap, needs).into_iter().map(|p| p.map(place)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_least_worth_goes_first_and_the_rest_grows() {
        let needs = [Constraint::new(6, 10, 9), Constraint::new(5, 5, 1), Constraint::new(8, 30, 5)];
        assert_eq!(fit(60, 2, &needs), [Some((0, 10)), Some((12, 5)), Some((19, 30))]);
        assert_eq!(fit(24, 2, &needs), [Some((0, 7)), Some((9, 5)), Some((16, 8))]);
        assert_eq!(fit(20, 2, &needs), [Some((0, 10)), None, Some((12, 8))]);
        assert_eq!(fit(8, 2, &needs), [Some((0, 8)), None, None]);
        assert_eq!(fit(0, 2, &needs), [None, None, None]);
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_room(
            total in 0_u16..300,
            gap in 0_u16..4,
            needs in prop::collection::vec((1_u16..40, 0_u16..60, 0_u8..9), 0..12),
        ) {
            let needs: Vec<Constraint> = needs.into_iter().map(|(least, more, worth)| Constraint::new(least, least + more, worth)).collect();
            let mut end = 0;
            let mut first = true;
            for (place, need) in fit(total, gap, &needs).into_iter().zip(&needs) {
                let Some((start, length)) = place else { continue };
                prop_assert!(first || start == end + gap);
                prop_assert!(length >= need.least && length <= need.most && start + length <= total);
                first = false;
                end = start + length;
            }
        }
    }
}
