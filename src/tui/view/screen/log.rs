//! The Log screen: the last lines, by level and filter, following the newest until somebody looks back.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::look::Look;
use crate::draw::pen::{Pen, Words};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::view::phrase;
use crate::view::stage::ViewContext;
use crate::widgets::table::{Column, Slot};

#[derive(Clone, Copy)]
enum Is {
    Level,
    At,
    Source,
    Text,
}

/// Draws it into `area`.
pub fn draw(model: &Model, look: &Look, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let stage = &mut ViewContext::new(model, look, area, buf, hits);
    let lines = model.log_lines();
    let columns = [
        Column::new(Is::At, "", 9, 6),
        Column::new(Is::Level, "", 5, 7),
        Column::new(Is::Source, "", 16, 3).up_to(20),
        Column::new(Is::Text, "", 10, 9).up_to(400),
    ];
    let title = heading(model);
    let empty = nothing(model);
    stage.told(
        ListId::Log,
        area,
        title,
        &columns,
        &empty,
        |pen: &mut Pen, slot: Slot, key, k| {
            let Some(line) = lines.get(k) else { return };
            let role = phrase::level(line.level);
            match key {
                Is::At => slot.text(pen, &format::clock(line.at), Role::Muted),
                Is::Level => slot.text(pen, line.level.name(), role),
                Is::Source => slot.text(pen, &line.source, Role::Muted),
                Is::Text => slot.text(pen, &line.text, role),
            }
        },
        |k| lines.get(k).filter(|l| l.text.len() > 60).map(|l| l.text.clone()),
    );
}

fn heading(model: &Model) -> Words {
    let log = &model.log;
    let mut words =
        Words::of(Role::Title, "Log ").say(Role::Muted, "level ").say(phrase::level(log.level), log.level.name());
    if !log.filter.is_empty() {
        words = words.say(Role::Muted, "  filter ").say(Role::Accent, log.filter.clone());
    }
    words = if log.follow {
        words.say(Role::Good, "  ● following")
    } else {
        words.say(Role::Paused, "  not following; press G to follow")
    };
    if log.skipped > 0 {
        words = words.say(Role::Warn, format!("  {} skipped", format::plural(log.skipped, "line")));
    }
    words
}

fn nothing(model: &Model) -> Vec<Words> {
    let log = &model.log;
    if log.newest().is_none() {
        return vec![Words::of(Role::Muted, "no log lines yet")];
    }
    let mut words =
        Words::of(Role::Muted, "no lines at level ").say(Role::Text, log.level.name()).say(Role::Muted, " or above");
    if !log.filter.is_empty() {
        words = words.say(Role::Muted, " that contain ").say(Role::Accent, log.filter.clone());
    }
    vec![words]
}
