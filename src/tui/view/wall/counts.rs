//! The counts above the wall: every tier, and how each criticality keeps its recovery point.

use ratatui::layout::Rect;

use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::now::wall::CriticalityCounts;
use crate::view::context::ViewContext;
use crate::widgets::bar;
use barkeep_market::Criticality;
use barkeep_market::freshness::Tier;
use barkeep_monitor::snapshot::RpoCount;

/// What the line of a criticality takes in a panel of this width, when there are tiles behind it.
pub(super) const fn line(width: u16) -> u16 {
    if width >= 72 { 42 } else { 28 }
}

/// From here on all criticalities fit in one line.
pub(super) const ALL_IN_ONE: u16 = 34;

/// Every tier in a line: in words while they fit, then in letters; the shares behind them as a bar.
pub(super) fn tiers(view: &mut ViewContext, at: Rect) {
    let counts = view.model.snap.data.tiers;
    let piece = |tier: Tier, word: bool| {
        let n = counts.of(tier);
        let role: Role = if n == 0 { Role::Muted } else { tier.into() };
        let name = if word { format!("{} {} ", tier.letter(), tier.name()) } else { format!("{} ", tier.letter()) };
        Line::of(role, name).span(if n == 0 { Role::Muted } else { Role::Strong }, format::count(n))
    };
    let line = |word: bool, gap: u16| -> (Vec<Line>, u16) {
        let pieces = Tier::ALL.map(|tier| piece(tier, word)).to_vec();
        let width = pieces.iter().map(|piece| piece.width() + gap).sum::<u16>().saturating_sub(gap);
        (pieces, width)
    };
    let forms = [line(true, 2), line(false, 2), line(false, 1)];
    let gaps = [2, 2, 1];
    let fits = forms.iter().zip(gaps).find(|((_, width), _)| *width <= at.width);
    if let Some(((pieces, width), gap)) = fits {
        let mut x = at.x;
        for piece in pieces {
            x += view.canvas.line(x, at.y, at.width, piece) + gap;
        }
        let bar = (at.right()).saturating_sub(at.x + width + 2);
        if bar >= 12 {
            let parts = Tier::ALL.map(|tier| (counts.of(tier), shade_of(view, tier)));
            bar::parts(&mut view.canvas, at.x + width + 2, at.y, bar, &parts);
        }
        return;
    }
    // What is not fresh counts more than what nobody is in.
    let mut pieces: Vec<(u8, Line)> = Vec::new();
    for (k, tier) in (0..).zip(Tier::ALL) {
        let worth = if counts.of(tier) > 0 { 20 - k } else { 9 - k };
        pieces.push((worth, piece(tier, false)));
    }
    view.canvas.pieces(at.x, at.y, at.width, 1, &pieces);
}

/// Fresh series are many: while anything is wrong they are quiet.
pub(super) fn shade_of(view: &ViewContext, tier: Tier) -> Role {
    if tier == Tier::Fresh && view.canvas.theme.sober { Role::Covered } else { tier.into() }
}

/// How one criticality is judged.
struct Judged {
    class: CriticalityCounts,
    /// Of those that are loading, the ones whose first fetch failed.
    failing: usize,
    sign: &'static str,
    role: Role,
    allowed: String,
}

fn judged(view: &ViewContext, rpo: &RpoCount) -> Judged {
    let class = view.model.wall.class(rpo.criticality);
    let accepted = i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX / 1000) * 1000;
    let (sign, role) = match (class.late, class.within() == class.series && class.series > 0) {
        (0, true) => ("✓", Role::Good),
        (0, false) => (" ", Role::Text),
        _ => ("!", Role::Bad),
    };
    let failing = view.model.digest.never_fetched.get(&rpo.criticality).copied().unwrap_or(0).min(class.loading);
    Judged { class, failing, sign, role, allowed: format::rough(accepted) }
}

/// One criticality in a line of its own.
pub(super) fn class(view: &mut ViewContext, at: Rect, rpo: &RpoCount) {
    let Judged { class, failing, sign, role, allowed } = judged(view, rpo);
    let loading = class.loading - failing;
    let name = Line::of(role, sign).span(Role::Text, format!(" {:<8}", rpo.criticality.name()));
    let (within, all) = (format::count(class.within()), format::count(class.series));
    let of =
        if at.width < 40 { format!("{:>9}", format!("{within}/{all}")) } else { format!("{within:>6} of {all:<6}") };
    let allowed = Line::of(Role::Muted, format!("in {allowed:<3}"));
    let mut note = vec![(9, name), (8, Line::of(Role::Text, of)), (if at.width < 40 { 4 } else { 8 }, allowed)];
    if class.late > 0 {
        note.push((7, Line::of(Role::Breach, format!("{} late", format::count(class.late)))));
    }
    if failing > 0 {
        note.push((7, Line::of(Role::Bad, format!("{} failing", format::count(failing)))));
    }
    if loading > 0 {
        note.push((6, Line::of(Role::Info, format!("{} loading", format::count(loading)))));
    }
    if class.empty > 0 {
        note.push((3, Line::of(Role::Missing, format!("{} empty", format::count(class.empty)))));
    }
    view.canvas.pieces(at.x, at.y, at.width, 1, &note);
}

/// All criticalities in one line; all three are always there.
pub(super) fn classes(view: &mut ViewContext, at: Rect) {
    let rpo = view.model.snap.data.rpo.clone();
    let short = |criticality: Criticality| match criticality {
        Criticality::Critical => "crit",
        Criticality::Standard => "std",
        Criticality::Low => "low",
    };
    let line = |view: &ViewContext, long: bool, allowed: bool| {
        let mut line = Line::new();
        for (k, rpo) in rpo.iter().enumerate() {
            let Judged { class, failing, sign, role, allowed: age } = judged(view, rpo);
            if k > 0 {
                line = line.span(Role::Text, if allowed { "   " } else { " " });
            }
            let name = if long { rpo.criticality.name() } else { short(rpo.criticality) };
            line = line.span(role, sign.trim());
            line = line.span(Role::Text, if sign == " " { "" } else { " " }).span(Role::Text, format!("{name} "));
            line = line.span(Role::Text, format!("{}/{}", format::count(class.within()), format::count(class.series)));
            if allowed {
                line = line.span(Role::Muted, format!(" in {age}"));
            }
            if class.late > 0 && allowed {
                line = line.span(Role::Text, " ").span(Role::Breach, format!("{} late", format::count(class.late)));
            }
            if failing > 0 && allowed {
                line = line.span(Role::Text, " ").span(Role::Bad, format!("{} failing", format::count(failing)));
            }
            if class.empty > 0 && long && allowed {
                line = line.span(Role::Missing, format!(" {} empty", format::count(class.empty)));
            }
        }
        line
    };
    let forms = [(true, true), (false, true), (false, false)].map(|(long, allowed)| line(view, long, allowed));
    let best = forms.iter().find(|line| line.width() <= at.width).or(forms.last());
    if let Some(best) = best {
        view.canvas.line(at.x, at.y, at.width, best);
    }
}
