//! A theme file that is edited while its theme is on. It is looked at beside the dashboard, which is woken only when there
//! is something to tell.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

use super::own::{OwnTheme, Stamp, stamp};

const EVERY: Duration = Duration::from_secs(1);

/// Follows the file of the theme that is on.
#[derive(Debug)]
pub struct Edited {
    on: watch::Sender<Option<OwnTheme>>,
    read: mpsc::Receiver<Result<OwnTheme, String>>,
}

impl Edited {
    /// Looks at the file from now on, until this is dropped.
    #[must_use]
    pub fn of(theme: Option<OwnTheme>, engine: &Handle) -> Self {
        let (on, followed) = watch::channel(theme);
        let (tell, read) = mpsc::channel(1);
        engine.spawn(follow(followed, tell));
        Self { on, read }
    }

    /// Another theme is on.
    pub fn follow(&self, theme: Option<OwnTheme>) {
        self.on.send_if_modified(|on| std::mem::replace(on, theme) != theme);
    }

    /// The theme as its file has it now, or what is wrong with the file.
    pub async fn read(&mut self) -> Option<Result<OwnTheme, String>> {
        self.read.recv().await
    }
}

async fn follow(mut on: watch::Receiver<Option<OwnTheme>>, tell: mpsc::Sender<Result<OwnTheme, String>>) {
    loop {
        let theme = *on.borrow_and_update();
        let Some(theme) = theme else {
            if on.changed().await.is_err() {
                return;
            }
            continue;
        };
        let mut seen = theme.stamp();
        loop {
            tokio::select! {
                changed = on.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
                () = tokio::time::sleep(EVERY) => {
                    let Ok(Some((is, read))) = spawn_blocking(move || reread(theme, seen)).await else { continue };
                    seen = is;
                    if tell.send(read).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// Reads the file of a theme again where it is not the one that was seen.
fn reread(theme: OwnTheme, seen: Option<Stamp>) -> Option<(Option<Stamp>, Result<OwnTheme, String>)> {
    let is = stamp(theme.file());
    (is != seen).then(|| (is, OwnTheme::read(theme.file())))
}
