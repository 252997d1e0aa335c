//! Plans whose items others take: what whoever planned does, and what a service on standby does.

use std::collections::BTreeSet;

use barkeep::market::Family;
use barkeep::store::{Collected, PlanItem, StoreError};
use uuid::Uuid;

use super::World;
use super::worker::{Item, Of};

impl World {
    /// A service on standby takes an item, asks for a page of it, writes it, or ends the item.
    pub(super) async fn help(&mut self, k: usize, writes_pages: bool) {
        if self.workers[k].page.is_some() {
            if writes_pages {
                self.write(k).await;
            }
            return;
        }
        let Some(item) = self.workers[k].item else {
            self.take(k, None).await;
            return;
        };
        if self.dice.u8(..4) == 0 || !self.workers[k].keeps(item).await {
            self.workers[k].end_item().await;
            return;
        }
        let series = self.series[(item.execution.as_u128() % 2) as usize].id;
        self.ask_for(k, Of { series, execution: item.execution, item: Some(item.number) }).await;
    }

    /// No two have an item of one family.
    async fn take(&mut self, k: usize, execution: Option<Uuid>) -> bool {
        let Some(taken) = self.workers[k].plans().take(execution).await.unwrap() else { return false };
        let item = Item { execution: taken.execution_id, number: taken.number };
        // All items of one of these plans are of one family.
        let mark = self.workers[k].store.mark();
        let held = self.server.held_items(item.execution).await;
        assert!(held.iter().all(|(_, holder)| *holder == mark), "{held:?}: {item:?} went to {mark}");
        self.figures.items += 1;
        self.workers[k].item = Some(item);
        true
    }

    /// An item of its own plan, as others take them.
    pub(super) async fn take_own(&mut self, k: usize, id: Uuid) -> bool {
        match self.workers[k].item {
            Some(item) if item.execution == id && self.workers[k].keeps(item).await => true,
            _ => {
                self.workers[k].end_item().await;
                self.take(k, Some(id)).await
            }
        }
    }

    /// A page of another's plan was written.
    pub(super) async fn helped(&mut self, k: usize, execution: Uuid, number: u64) {
        let held = self.server.held_items(execution).await;
        let own = (number as i64, self.workers[k].store.mark());
        assert!(held.contains(&own), "a page of an item that is another's: {held:?}, written by {own:?}");
        self.figures.items_pages += 1;
        *self.helped.entry((execution, number)).or_default() += 1;
    }

    /// Whoever plans puts items where others can take them.
    pub(super) async fn share(&mut self, k: usize) {
        let worker = &self.workers[k];
        let Some((id, symbol)) = worker.claims.iter().next().map(|(id, symbol)| (*id, symbol.clone())) else { return };
        if worker.page.is_some() && !worker.shared.contains_key(&id) {
            return;
        }
        let first = worker.shared.get(&id).map_or(0, |plan| plan.published);
        let count = self.dice.u64(1..4);
        let item = |number| PlanItem {
            execution_id: id,
            number,
            priority: (number % 3) as i64,
            item: String::new(),
            families: vec![(symbol.clone(), Family::Minute)],
        };
        let items = (first..first + count).map(item).collect();
        let published = self.workers[k].plans().publish(items, false).await;
        if self.is_its_own(k, id, published).await.is_some() {
            self.workers[k].shared.entry(id).or_default().published = first + count;
        }
    }

    /// Fails as whoever planned does when the execution is another's.
    async fn is_its_own<T>(&mut self, k: usize, id: Uuid, outcome: Result<T, StoreError>) -> Option<T> {
        match outcome {
            Ok(outcome) => Some(outcome),
            Err(StoreError::TakenOver(_)) => {
                self.workers[k].page = None;
                self.fail(k, id).await;
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Looks after one of its plans.
    pub(super) async fn look_after_one(&mut self, k: usize) {
        if let Some(id) = self.workers[k].shared.keys().next().copied() {
            self.collect(k, id).await;
        }
    }

    /// What others did is told as they stored it, each page once.
    async fn collect(&mut self, k: usize, id: Uuid) -> Option<Collected> {
        let worker = &mut self.workers[k];
        let heard = std::mem::take(&mut worker.shared.get_mut(&id)?.heard);
        let collected = worker.plans().collect(id, heard.clone()).await;
        let collected = self.is_its_own(k, id, collected).await?;
        for number in heard {
            self.helped.remove(&(id, number));
        }
        let ended = collected.ended.iter().map(|item| (item.number, item.pages.len()));
        for (number, pages) in ended.chain(collected.held.iter().map(|item| (item.number, item.pages.len()))) {
            let written = self.helped.get(&(id, number)).copied().unwrap_or_default();
            assert_eq!(pages, written, "pages of item {number} of {id}");
        }
        self.figures.items_buried += collected.ended.iter().filter(|item| item.outcome.is_none()).count() as u64;
        if let Some(plan) = self.workers[k].shared.get_mut(&id) {
            plan.heard = collected.ended.iter().map(|item| item.number).collect();
        }
        Some(collected)
    }

    /// Whether nobody works on a plan any more, who is asked to end otherwise.
    pub(super) async fn has_ended(&mut self, k: usize, id: Uuid) -> bool {
        if !self.workers[k].shared.contains_key(&id) {
            return true;
        }
        self.workers[k].end_item().await;
        let held: BTreeSet<i64> = self.server.held_items(id).await.into_iter().map(|(number, _)| number).collect();
        let numbers = held.iter().map(|number| number.unsigned_abs()).collect();
        let withdrawn = self.workers[k].plans().withdraw(id, numbers).await;
        if self.is_its_own(k, id, withdrawn).await.is_none() {
            return false;
        }
        self.collect(k, id).await.is_some_and(|collected| collected.held.is_empty())
    }
}
