//! Pictures of the screen: where they are put and what they are called.

use std::io;
use std::path::PathBuf;

use ratatui::buffer::Buffer;

use crate::draw::theme::Theme;
use crate::terminal::screenshot;
use barkeep_market::Ts;

/// A directory for pictures.
#[derive(Clone, Debug)]
pub struct Screenshots {
    pub dir: PathBuf,
}

impl Screenshots {
    /// Writes a frame as SVG and as text beside it; gives the SVG's path.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub fn add(&self, frame: &Buffer, theme: Theme, at: Ts) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(format!("barkeep-{}.svg", at.to_utc().format("%Y%m%d-%H%M%S")));
        std::fs::write(&path, screenshot::svg(frame, theme))?;
        std::fs::write(path.with_extension("txt"), screenshot::text(frame))?;
        Ok(path)
    }
}
