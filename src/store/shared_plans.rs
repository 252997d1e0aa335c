//! Plans that several workers carry out, where a database is shared.

use async_trait::async_trait;
use uuid::Uuid;

use crate::database::Database;
use crate::tables::fleet::items;
use crate::{Collected, OwnItem, PlanItem, Result};

/// The items of plans under way. The worker whose execution it is publishes, collects and stops; any worker takes and ends.
///
/// # Errors
/// As those of [`crate::Store`]; `TakenOver` when the execution is not this worker's any more.
#[async_trait]
pub trait SharedPlans: Send + Sync {
    /// Puts items where others can take them, or, `is_held`, notes that this worker carries them out.
    async fn publish(&self, items: Vec<PlanItem>, is_held: bool) -> Result<()>;

    /// The most important item whose families nobody else has, of one execution or of all. It is this worker's from now
    /// on.
    async fn take(&self, execution: Option<Uuid>) -> Result<Option<PlanItem>>;

    /// What others have ended, or had when they died, and what they still have. What was `heard` of is ended for good; what
    /// was not comes again.
    async fn collect(&self, execution: Uuid, heard: Vec<u64>) -> Result<Collected>;

    /// Takes back what nobody has taken yet, and asks whoever has one of these items to end it; the numbers of those taken
    /// back.
    async fn withdraw(&self, execution: Uuid, numbers: Vec<u64>) -> Result<Vec<u64>>;

    /// Asks whoever has these items to end them.
    async fn stop(&self, execution: Uuid, numbers: Vec<u64>) -> Result<()>;

    /// The items that this worker has.
    async fn own(&self) -> Result<Vec<OwnItem>>;

    /// This worker has ended an item, and how; the owner of the execution need not be told.
    async fn end(&self, execution: Uuid, number: u64, outcome: Option<String>) -> Result<()>;
}

#[async_trait]
impl SharedPlans for Database {
    async fn publish(&self, items: Vec<PlanItem>, is_held: bool) -> Result<()> {
        self.decide(items::Publish { owner: self.worker(), items, is_held }).await
    }

    async fn take(&self, execution: Option<Uuid>) -> Result<Option<PlanItem>> {
        self.decide(items::Take { worker: self.worker(), execution }).await
    }

    async fn collect(&self, execution: Uuid, heard: Vec<u64>) -> Result<Collected> {
        self.decide(items::Collect { owner: self.worker(), execution, heard }).await
    }

    async fn withdraw(&self, execution: Uuid, numbers: Vec<u64>) -> Result<Vec<u64>> {
        self.decide(items::Stop { owner: self.worker(), execution, numbers, withdraws: true }).await
    }

    async fn stop(&self, execution: Uuid, numbers: Vec<u64>) -> Result<()> {
        self.decide(items::Stop { owner: self.worker(), execution, numbers, withdraws: false }).await.map(drop)
    }

    async fn own(&self) -> Result<Vec<OwnItem>> {
        self.own_items().await
    }

    async fn end(&self, execution: Uuid, number: u64, outcome: Option<String>) -> Result<()> {
        self.decide(items::End { worker: self.worker(), execution, number, outcome }).await
    }
}
