//! Watches the files of a database and wakes those who wait only when they have changed.
//!
//! On a thread of its own: a timer of the runtime wakes two of its threads for each look, nearly always for nothing. Linux
//! says when something was written, so a database that rests costs nothing there; elsewhere the files are looked at every
//! second.

use std::io::{PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::watch;

use super::stamp::Stamp;

/// Between two looks at files that change.
const PAUSE: Duration = Duration::from_secs(1);
/// A write at the same moment of the file system's clock as the look before it would not show.
const SETTLE: Duration = Duration::from_millis(50);
/// Longest without a look: what another host changes on a shared file system is not told.
const ANYWAY: Duration = Duration::from_secs(30);

/// Watches for as long as it is kept.
#[derive(Debug)]
pub struct FileWatch {
    stamp: watch::Receiver<Option<Stamp>>,
    /// Closed, it wakes the thread.
    _end: PipeWriter,
}

impl FileWatch {
    /// # Errors
    /// When no thread can be started.
    pub fn start(database: &Path) -> std::io::Result<Self> {
        let path = database.to_owned();
        let (ended, end) = std::io::pipe()?;
        let (sender, stamp) = watch::channel(Stamp::of(&path));
        let watching = move || {
            let news = News::of(&path, ended);
            loop {
                // Also before the first news: what changed until they were asked for is not among them.
                let now = Stamp::of(&path);
                sender.send_if_modified(|seen| std::mem::replace(seen, now) != now);
                if !news.wait() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("file watch".to_owned()).spawn(watching)?;
        Ok(Self { stamp, _end: end })
    }

    /// What was seen last.
    #[must_use]
    pub fn stamp(&self) -> watch::Receiver<Option<Stamp>> {
        self.stamp.clone()
    }
}

/// What the system tells of the directory, where it tells.
struct News {
    told: Option<OwnedFd>,
    ended: PipeReader,
}

impl News {
    fn of(database: &Path, ended: PipeReader) -> Self {
        let directory = database.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |error: &Errno| tracing::debug!(%error, "the files are looked at every second");
        Self { told: subscribe(directory).inspect_err(failed).ok().flatten(), ended }
    }

    /// Waits until something may have changed; false at the end.
    fn wait(&self) -> bool {
        let Some(told) = &self.told else { return !self.has_ended_within(PAUSE, None) };
        if self.has_ended_within(PAUSE.saturating_sub(SETTLE), None)
            || self.has_ended_within(ANYWAY, Some(told))
            || self.has_ended_within(SETTLE, None)
        {
            return false;
        }
        // What comes after this is told again.
        let mut events = [0_u8; 4096];
        while rustix::io::read(told, &mut events).is_ok_and(|bytes| bytes > 0) {}
        true
    }

    /// Waits for so long, or until there is news.
    fn has_ended_within(&self, longest: Duration, told: Option<&OwnedFd>) -> bool {
        let longest = Timespec { tv_sec: longest.as_secs().cast_signed(), tv_nsec: longest.subsec_nanos().into() };
        let mut waited = vec![PollFd::new(&self.ended, PollFlags::IN)];
        waited.extend(told.map(|told| PollFd::new(told, PollFlags::IN)));
        // A signal makes for one look more.
        poll(&mut waited, Some(&longest)).is_ok() && waited.first().is_some_and(|end| !end.revents().is_empty())
    }
}

#[cfg(target_os = "linux")]
fn subscribe(directory: &Path) -> Result<Option<OwnedFd>, Errno> {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    let told = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let changes = WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
    add_watch(&told, directory, changes | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF)?;
    Ok(Some(told))
}

#[cfg(not(target_os = "linux"))]
fn subscribe(_: &Path) -> Result<Option<OwnedFd>, Errno> {
    Ok(None)
}
