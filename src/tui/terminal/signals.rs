//! Signals, and the terminal going away.
//!
//! A terminal that is closed usually sends SIGHUP, but not always (a multiplexer killed, a session leader that does not
//! forward it), and crossterm 0.29 then reads the dead terminal for ever on its own thread (crossterm issue 793). So the
//! terminal is checked every minute too.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often the terminal is checked. A hang-up is normally noticed by a signal, by the end of the input or by a frame that
/// cannot be written; this is for when all of them fail, and seldom, because each check wakes an idle process.
const CHECK_EVERY: Duration = Duration::from_mins(1);

/// What happened to the process or its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalEvent {
    /// SIGTERM, SIGINT, SIGQUIT: shut down.
    Quit,
    /// The terminal is gone: there is nothing left to draw on.
    Gone,
    /// SIGTSTP.
    Suspend,
    /// SIGCONT: another program may have used the terminal.
    Continued,
}

/// Ends the watch.
#[derive(Debug)]
pub struct Watch(CancellationToken);

impl Watch {
    pub fn abort(&self) {
        self.0.cancel();
    }
}

/// Watches until the receiver is dropped, on a thread of its own: a signal must be heard however busy everything else is.
#[must_use]
pub fn watch() -> (mpsc::Receiver<SignalEvent>, Watch) {
    // A few are enough: a receiver that does not take them within seconds is ending anyway.
    let (sender, receiver) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let watch = Watch(stop.clone());
    let (ready, registered) = std::sync::mpsc::channel();
    let watching = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(async {
                tokio::select! {
                    () = pass_on(&sender, &ready) => {}
                    () = stop.cancelled() => {}
                }
            }),
            Err(e) => tracing::warn!(error = %e, "cannot handle signals"),
        }
    };
    match std::thread::Builder::new().name("signals".to_owned()).spawn(watching) {
        // Registered before this returns, so that none is missed.
        Ok(_) => drop(registered.recv()),
        Err(e) => tracing::warn!(error = %e, "cannot handle signals"),
    }
    (receiver, watch)
}

/// Waits until one of these came.
pub async fn wait_for(outside: &mut mpsc::Receiver<SignalEvent>, any: &[SignalEvent]) {
    loop {
        match outside.recv().await {
            Some(event) if any.contains(&event) => return,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

async fn pass_on(sender: &mpsc::Sender<SignalEvent>, ready: &std::sync::mpsc::Sender<()>) {
    let caught = [
        (SignalKind::terminate(), SignalEvent::Quit),
        (SignalKind::interrupt(), SignalEvent::Quit),
        (SignalKind::quit(), SignalEvent::Quit),
        (SignalKind::hangup(), SignalEvent::Gone),
        (SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()), SignalEvent::Suspend),
        (SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()), SignalEvent::Continued),
    ]
    .map(|(kind, means)| {
        let signal = signal(kind).map_err(|e| tracing::warn!(error = %e, "cannot handle a signal")).ok();
        (signal, means)
    });
    // Nobody may be waiting any more.
    let _ = ready.send(());
    let [mut terminate, mut interrupt, mut quit, mut hangup, mut stop, mut go_on] = caught;
    let mut tick = tokio::time::interval(CHECK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let came = tokio::select! {
            came = next(&mut terminate) => came,
            came = next(&mut interrupt) => came,
            came = next(&mut quit) => came,
            came = next(&mut hangup) => came,
            came = next(&mut stop) => came,
            came = next(&mut go_on) => came,
            _ = tick.tick() => {
                if !is_gone() {
                    continue;
                }
                SignalEvent::Gone
            }
            () = sender.closed() => return,
        };
        if sender.send(came).await.is_err() || came == SignalEvent::Gone {
            return;
        }
    }
}

async fn next((signal, means): &mut (Option<Signal>, SignalEvent)) -> SignalEvent {
    match signal {
        Some(signal) => {
            signal.recv().await;
            *means
        }
        None => std::future::pending().await,
    }
}

/// Whether the terminal has been closed at its other end.
fn is_gone() -> bool {
    let stdin = io::stdin();
    let stdout = io::stdout();
    let mut fds = Vec::new();
    if stdin.is_terminal() {
        fds.push(PollFd::new(&stdin, PollFlags::HUP));
    } else {
        fds.push(PollFd::new(&stdout, PollFlags::HUP));
    }
    match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(_) => fds.iter().any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)),
        Err(_) => false,
    }
}
