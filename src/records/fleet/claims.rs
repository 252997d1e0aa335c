//! Which execution works on which series, and who waits for it.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use barkeep_market::{Family, Symbol};

/// What an execution works on, as a whole: all timeframes of a family are made of one.
pub type Claimed = (Symbol, Family);

/// An execution that wants series, has them, or waits for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesClaim {
    pub execution_id: Uuid,
    /// The mark of its process.
    pub owner: String,
    /// Started by the schedule: it takes what is free and leaves the rest for later, and goes before an order that waits for
    /// something else anyway.
    pub scheduled: bool,
    pub families: Vec<Claimed>,
}

/// The execution that is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub execution_id: Uuid,
    /// One of the symbols it works on, or waits for ahead of this one.
    pub symbol: Symbol,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesClaiming {
    /// These are its own until it releases them; for an order all it wants.
    Granted(Vec<Claimed>),
    /// Nothing; it keeps its place in the line.
    Waits(Holder),
}

/// A claim as it is kept.
#[derive(Clone, Debug)]
pub struct KeptClaim {
    pub place: i64,
    pub granted: bool,
    pub claim: SeriesClaim,
}

/// Decides about a claim, among all others that live. An order takes everything or nothing, and nobody who came later takes
/// what it waits for: so nobody waits in a circle, and everybody's turn comes.
#[must_use]
pub fn decide(kept: &[KeptClaim], wanted: &SeriesClaim) -> SeriesClaiming {
    let mine = kept.iter().find(|other| other.claim.execution_id == wanted.execution_id);
    if let Some(mine) = mine.filter(|mine| mine.granted) {
        return SeriesClaiming::Granted(mine.claim.families.clone());
    }
    // One that is new waits behind all others.
    let before_mine = |other: &KeptClaim| mine.is_none_or(|mine| other.place < mine.place);
    let others = || kept.iter().filter(|other| other.claim.execution_id != wanted.execution_id);
    let mut taken: HashMap<&Claimed, &KeptClaim> = HashMap::new();
    for holder in others().filter(|other| other.granted) {
        taken.extend(holder.claim.families.iter().map(|family| (family, holder)));
    }
    let in_the_way = |waiting: &KeptClaim| -> bool {
        // One that waits for an order that runs would keep the schedule waiting as long.
        let waits_for_orders =
            waiting.claim.families.iter().any(|family| taken.get(family).is_some_and(|holder| !holder.claim.scheduled));
        !(wanted.scheduled && !waiting.claim.scheduled && waits_for_orders)
    };
    let mut reserved: HashMap<&Claimed, &KeptClaim> = HashMap::new();
    for waiting in others().filter(|other| !other.granted && before_mine(other) && in_the_way(other)) {
        reserved.extend(waiting.claim.families.iter().map(|family| (family, waiting)));
    }
    let holder_of = |family: &Claimed| taken.get(family).or_else(|| reserved.get(family)).copied();
    let first = wanted.families.iter().find_map(|family| holder_of(family).map(|holder| (family, holder)));
    let Some((family, holder)) = first else { return SeriesClaiming::Granted(wanted.families.clone()) };
    let free: Vec<Claimed> = wanted.families.iter().filter(|family| holder_of(family).is_none()).cloned().collect();
    if wanted.scheduled && !free.is_empty() {
        return SeriesClaiming::Granted(free);
    }
    SeriesClaiming::Waits(Holder { execution_id: holder.claim.execution_id, symbol: family.0.clone() })
}

/// The place of a claim that is new, behind all others.
#[must_use]
pub fn place_of(kept: &[KeptClaim], execution: Uuid) -> i64 {
    let mine = kept.iter().find(|other| other.claim.execution_id == execution).map(|mine| mine.place);
    mine.unwrap_or_else(|| kept.iter().map(|other| other.place).max().unwrap_or(0).saturating_add(1))
}

/// Each once.
#[must_use]
pub fn distinct(families: impl IntoIterator<Item = Claimed>) -> Vec<Claimed> {
    let mut seen = HashSet::new();
    families.into_iter().filter(|family| seen.insert(family.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(n: u128, scheduled: bool, symbols: &[&str]) -> SeriesClaim {
        let families = symbols.iter().map(|s| (s.parse().unwrap(), Family::Day)).collect();
        SeriesClaim { execution_id: Uuid::from_u128(n), owner: String::new(), scheduled, families }
    }

    fn kept(place: i64, granted: bool, claim: SeriesClaim) -> KeptClaim {
        KeptClaim { place, granted, claim }
    }

    fn waits_for(claiming: &SeriesClaiming) -> Option<u128> {
        match claiming {
            SeriesClaiming::Waits(holder) => Some(holder.execution_id.as_u128()),
            SeriesClaiming::Granted(_) => None,
        }
    }

    #[test]
    fn an_order_takes_everything_or_waits_for_the_holder() {
        let held = [kept(1, true, claim(1, false, &["A"]))];
        assert_eq!(waits_for(&decide(&held, &claim(2, false, &["A", "B"]))), Some(1));
        let wanted = claim(2, false, &["B", "C"]);
        assert_eq!(decide(&held, &wanted), SeriesClaiming::Granted(wanted.families.clone()));
    }

    #[test]
    fn nobody_overtakes_one_who_waits() {
        let line = [kept(1, true, claim(1, false, &["A"])), kept(2, false, claim(2, false, &["A", "B"]))];
        assert_eq!(waits_for(&decide(&line, &claim(3, false, &["B"]))), Some(2));
        // The one in front goes once the holder is gone.
        let line = [kept(2, false, claim(2, false, &["A", "B"])), kept(3, false, claim(3, false, &["B"]))];
        assert_eq!(waits_for(&decide(&line, &claim(2, false, &["A", "B"]))), None);
        assert_eq!(waits_for(&decide(&line, &claim(3, false, &["B"]))), Some(2));
    }

    #[test]
    fn the_schedule_takes_what_is_free_and_does_not_starve_an_order() {
        let line = [kept(1, true, claim(1, false, &["A"])), kept(2, false, claim(2, false, &["A", "B"]))];
        let free = |symbols: &[&str]| SeriesClaiming::Granted(claim(0, true, symbols).families);
        // The order waits for another order; the schedule goes on meanwhile.
        assert_eq!(decide(&line, &claim(3, true, &["A", "B", "C"])), free(&["B", "C"]));
        // It waits only for the schedule itself: then it is next.
        let line = [kept(1, true, claim(1, true, &["A"])), kept(2, false, claim(2, false, &["A", "B"]))];
        assert_eq!(decide(&line, &claim(3, true, &["A", "B", "C"])), free(&["C"]));
        assert_eq!(waits_for(&decide(&line, &claim(3, true, &["B"]))), Some(2));
    }
}
