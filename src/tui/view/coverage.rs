//! The Coverage screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::hits::HitMap;
use crate::tui::look::Look;
use crate::tui::model::Model;

/// Draws it into `area`.
pub fn draw(_model: &Model, _look: &Look, _area: Rect, _buf: &mut Buffer, _hits: &mut HitMap) {}
