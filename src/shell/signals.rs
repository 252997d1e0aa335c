//! Signals that end a command: the first one in an orderly way, the next one immediately.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::INTERRUPTED;

/// Signals this close together count as one: timeout(1) sends its signal to the process and then to its group.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// The signal that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    Interrupt,
    Terminate,
    Hangup,
}

/// The signals a command listens to. A signal that cannot be caught keeps its usual meaning.
pub struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Signals {
    /// Catches SIGINT and SIGTERM, and SIGHUP when asked to.
    #[must_use]
    pub fn listen(hangup: bool) -> Self {
        let one = |kind| signal(kind).map_err(|e| tracing::warn!(error = %e, "cannot handle a signal")).ok();
        Self {
            interrupt: one(SignalKind::interrupt()),
            terminate: one(SignalKind::terminate()),
            hangup: hangup.then(|| one(SignalKind::hangup())).flatten(),
        }
    }

    /// The next signal.
    pub async fn next(&mut self) -> Received {
        tokio::select! {
            () = received(&mut self.interrupt) => Received::Interrupt,
            () = received(&mut self.terminate) => Received::Terminate,
            () = received(&mut self.hangup) => Received::Hangup,
        }
    }

    /// The next signal that ends a command; SIGHUP does not.
    pub async fn stop(&mut self) -> Received {
        loop {
            match self.next().await {
                Received::Hangup => {}
                other => return other,
            }
        }
    }

    /// Exits the process immediately on one more signal.
    pub async fn exit_on_next(mut self) {
        tokio::time::sleep(DEBOUNCE).await;
        // Discard what arrived meanwhile.
        while tokio::time::timeout(Duration::ZERO, self.next()).await.is_ok() {}
        self.stop().await;
        std::process::exit(i32::from(INTERRUPTED));
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
