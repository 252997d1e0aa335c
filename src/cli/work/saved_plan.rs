//! What `plan` saves and `backfill --plan-id` runs.
//!
//! Days of a market are requested for the same symbols, so these are saved once and not with every day: with 10,000
//! symbols and a year of days they would be 25 MB.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use barkeep_market::Symbol;
use barkeep_pipeline::select::Selection;
use barkeep_plan::Plan;

/// A plan with what it was made for.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedPlan {
    selection: Selection,
    plan: Plan,
    /// What several items have in common; they are saved without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shared: Vec<Shared>,
}

/// A list of symbols, and the places of the items it belongs to.
#[derive(Serialize, Deserialize)]
struct Shared {
    symbols: Arc<[Symbol]>,
    items: Vec<usize>,
}

impl SavedPlan {
    pub(crate) fn new(selection: Selection, mut plan: Plan) -> Self {
        let mut places: HashMap<*const Symbol, Vec<usize>> = HashMap::new();
        for (place, item) in plan.items.iter().enumerate().filter(|(_, item)| item.symbols.len() > 1) {
            places.entry(item.symbols.as_ptr()).or_default().push(place);
        }
        let mut lists: Vec<Vec<usize>> = places.into_values().filter(|items| items.len() > 1).collect();
        lists.sort_unstable();
        let none: Arc<[Symbol]> = Arc::new([]);
        let shared = |items: Vec<usize>| {
            let mut symbols = Arc::clone(&none);
            for place in &items {
                if let Some(item) = plan.items.get_mut(*place) {
                    symbols = std::mem::replace(&mut item.symbols, Arc::clone(&none));
                }
            }
            Shared { symbols, items }
        };
        let shared = lists.into_iter().map(shared).collect();
        Self { selection, plan, shared }
    }

    pub(crate) const fn id(&self) -> Uuid {
        self.plan.plan_id
    }

    /// The selection, and the plan as it was made.
    pub(crate) fn into_parts(self) -> (Selection, Plan) {
        let Self { selection, mut plan, shared } = self;
        for Shared { symbols, items } in shared {
            for place in items {
                if let Some(item) = plan.items.get_mut(place) {
                    item.symbols = Arc::clone(&symbols);
                }
            }
        }
        (selection, plan)
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use barkeep_market::{AssetClass, Calendar, Criticality};
    use barkeep_plan::{Item, PlanInputs, Request};

    /// A plan of the same symbols on each of some days, and of two symbols on another.
    fn plan(days: u32) -> Plan {
        let names = |n: usize| (0..n).map(|k| format!("S{k}").parse().unwrap()).collect::<Arc<[Symbol]>>();
        let many = names(1_000);
        let item = |day: u32, symbols: &Arc<[Symbol]>| Item {
            request: Request::GroupedDaily {
                asset_class: AssetClass::Stock,
                date: NaiveDate::from_yo_opt(2024, day).unwrap(),
            },
            symbols: Arc::clone(symbols),
            criticality: Criticality::Low,
            newest: false,
            requests: 1,
            recheck: false,
        };
        let mut plan = barkeep_plan::build(&Calendar::new(), &[], &PlanInputs::default());
        plan.items = (1..=days).map(|day| item(day, &many)).collect();
        plan.items.insert(1, item(200, &names(2)));
        plan
    }

    #[test]
    fn what_items_share_is_saved_once_and_comes_back() {
        let text = |days| serde_json::to_string(&SavedPlan::new(Selection::default(), plan(days))).unwrap();
        let (few, many) = (text(2), text(100));
        assert!(many.len() < few.len() + 98 * 200, "{} bytes, {} for two days", many.len(), few.len());

        let saved: SavedPlan = serde_json::from_str(&many).unwrap();
        let (_, back) = saved.into_parts();
        assert_eq!(back.items, plan(100).items);
        assert!(Arc::ptr_eq(&back.items[0].symbols, &back.items[100].symbols), "one list in memory, too");
    }

    #[test]
    fn a_plan_that_was_saved_whole_is_still_read() {
        let whole = serde_json::json!({ "selection": Selection::default(), "plan": plan(3) });
        let saved: SavedPlan = serde_json::from_value(whole).unwrap();
        assert_eq!(saved.into_parts().1.items, plan(3).items);
    }
}
