//! Telling people: the log at once, every other receiver through a queue of its own.
//!
//! Telling never waits. Each receiver has a short bounded queue, a task, a time limit for every try and a few tries; one
//! that hangs or refuses loses its own messages (which the log and the table `alerts` keep) and holds up nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::mail::Mailbox;
use super::receiver::{Notification, Receiver, Undelivered};
use super::webhook::Webhook;
use barkeep_config::policy::Severity;
use barkeep_config::{AlertSecrets, AlertSettings};

/// Messages that may wait for one receiver. When it is full the newest is dropped, and the log says so.
const QUEUE: usize = 32;
/// Tries per message, and the pauses between them.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

struct Lane {
    name: &'static str,
    queue: mpsc::Sender<Notification>,
    task: JoinHandle<()>,
}

/// Everybody who is told.
pub struct Notifier {
    lanes: Vec<Lane>,
}

impl Notifier {
    /// Starts a task for each receiver that is configured; without any only the log is told.
    ///
    /// # Errors
    /// When a client cannot be set up from the settings; the message holds no secret.
    pub fn start(settings: &AlertSettings, secrets: &AlertSecrets) -> Result<Self, String> {
        let receivers = receivers(settings, secrets)?;
        Ok(Self { lanes: receivers.into_iter().map(|r| lane(r, settings.timeout)).collect() })
    }

    /// Whether receivers can be set up from the settings; nobody is told anything.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn check(settings: &AlertSettings, secrets: &AlertSecrets) -> Result<(), String> {
        receivers(settings, secrets).map(drop)
    }

    /// Tells the log now and queues the rest. Never waits.
    pub fn send(&self, notice: &Notification) {
        log(notice);
        for lane in &self.lanes {
            if lane.queue.try_send(notice.clone()).is_err() {
                tracing::warn!(receiver = lane.name, kind = %notice.kind, "too many alerts wait for this receiver; dropped");
            }
        }
    }

    /// Lets queued messages out for at most `patience`, then gives them up.
    pub async fn close(self, patience: Duration) {
        let deadline = Instant::now() + patience;
        // Closing all queues first lets the receivers finish side by side.
        let tasks: Vec<_> = self.lanes.into_iter().map(|lane| (lane.name, lane.task)).collect();
        for (name, mut task) in tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                tracing::warn!(receiver = name, "alerts still waiting for this receiver were dropped");
                task.abort();
                // An aborted task ends at once; its error says only that it was aborted.
                let _ = task.await;
            }
        }
    }
}

fn receivers(settings: &AlertSettings, secrets: &AlertSecrets) -> Result<Vec<Arc<dyn Receiver>>, String> {
    let mut receivers: Vec<Arc<dyn Receiver>> = Vec::new();
    if let Some(url) = &secrets.webhook_url {
        receivers.push(Arc::new(Webhook::new(url, settings.timeout)?));
    }
    if let Some(smtp) = &settings.smtp {
        receivers.push(Arc::new(Mailbox::new(smtp, secrets.smtp_password.as_ref(), settings.timeout)?));
    }
    Ok(receivers)
}

fn lane(receiver: Arc<dyn Receiver>, limit: Duration) -> Lane {
    let (queue, mut notices) = mpsc::channel::<Notification>(QUEUE);
    let name = receiver.name();
    let task = tokio::spawn(async move {
        while let Some(notice) = notices.recv().await {
            if let Err(e) = persevere(receiver.as_ref(), &notice, limit).await {
                tracing::warn!(receiver = receiver.name(), kind = %notice.kind, error = %e.reason, "an alert was not delivered");
            }
        }
    });
    Lane { name, queue, task }
}

async fn persevere(receiver: &dyn Receiver, notice: &Notification, limit: Duration) -> Result<(), Undelivered> {
    let mut pauses = PAUSES.iter();
    loop {
        let slow = || Err(Undelivered { reason: format!("no answer within {limit:?}"), again: true });
        let outcome = timeout(limit, receiver.deliver(notice)).await.unwrap_or_else(|_| slow());
        match (outcome, pauses.next()) {
            (Err(e), Some(pause)) if e.again => sleep(*pause).await,
            (outcome, _) => return outcome,
        }
    }
}

fn log(notice: &Notification) {
    let (kind, message) = (notice.kind, &notice.message);
    match (notice.resolved_at, notice.severity) {
        (Some(_), _) => tracing::info!(%kind, raised_at = %notice.raised_at, "alert resolved: {message}"),
        (None, Severity::Info) => tracing::info!(%kind, "alert: {message}"),
        (None, Severity::Warning) => tracing::warn!(%kind, "alert: {message}"),
        (None, Severity::Critical) => tracing::error!(%kind, "alert: {message}"),
    }
}

#[cfg(test)]
mod tests;
