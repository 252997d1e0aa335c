//! Signals that end a command: the first one in order, the next one at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::INTERRUPTED;

/// Two signals this close are one: timeout(1) sends its signal to the process and then to its group.
const ONE_AND_THE_SAME: Duration = Duration::from_millis(50);

/// Which signal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Interrupt,
    Terminate,
    Hangup,
}

/// The signals a command listens to. A signal that cannot be caught keeps its usual meaning.
pub(super) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Signals {
    /// Catches SIGINT and SIGTERM, and SIGHUP when asked to.
    pub(super) fn listen(hangup: bool) -> Self {
        let one = |kind| signal(kind).map_err(|e| tracing::warn!(error = %e, "a signal cannot be caught")).ok();
        Self {
            interrupt: one(SignalKind::interrupt()),
            terminate: one(SignalKind::terminate()),
            hangup: hangup.then(|| one(SignalKind::hangup())).flatten(),
        }
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Came {
        tokio::select! {
            () = received(&mut self.interrupt) => Came::Interrupt,
            () = received(&mut self.terminate) => Came::Terminate,
            () = received(&mut self.hangup) => Came::Hangup,
        }
    }

    /// Ends the process at once when one more signal comes.
    pub(super) async fn end_at_the_next(mut self) {
        tokio::time::sleep(ONE_AND_THE_SAME).await;
        // What came meanwhile belongs to the signal before.
        while tokio::time::timeout(Duration::ZERO, self.next()).await.is_ok() {}
        while self.next().await == Came::Hangup {}
        std::process::exit(i32::from(INTERRUPTED));
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
