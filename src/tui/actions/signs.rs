//! What the signs of the screens mean: the legend at the end of the help.

use crate::draw::theme::Role;

/// A sign and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    pub sign: &'static str,
    /// The color in which it stands on the screens.
    pub role: Role,
    pub meaning: &'static str,
}

const fn sign(sign: &'static str, role: Role, meaning: &'static str) -> Sign {
    Sign { sign, role, meaning }
}

impl Sign {
    /// Whether each of the words, in small letters, occurs in it.
    #[must_use]
    pub fn fits(&self, words: &str) -> bool {
        let text = format!("{} {}", self.sign, self.meaning).to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
    }
}

/// The tiers first, then where they are seen, then the other screens.
pub const SIGNS: [Sign; 23] = [
    sign("F fresh", Role::Fresh, "tier: the newest bar is as new as it can be, or nearly; ages are in market time"),
    sign("A aging", Role::Aging, "tier: somewhat behind"),
    sign("S stale", Role::Stale, "tier: far behind"),
    sign("M missing", Role::Missing, "tier: the vendor was asked and has no bar"),
    sign("U unknown", Role::Unknown, "tier: never asked, no bar"),
    sign("L loading", Role::Loading, "tier: the first fetch has not reached the newest bar; it is not late yet"),
    sign("E ended", Role::Ended, "tier: delisted or renamed, and complete up to its last day"),
    sign(
        "‼  late",
        Role::Breach,
        "later than the criticality of the symbol allows (its recovery point objective, RPO)",
    ),
    sign("▇▇ ◐", Role::Fresh, "wall: a fresh series, or the worst one of a symbol; ◐ it is being fetched"),
    sign("P paused", Role::Paused, "wall: an operator has paused the series"),
    sign(
        "│··▮·▯│",
        Role::Running,
        "the limit's last minute: places are free at the left, 60 s after their answer; ▯ has none",
    ),
    sign("● ○ ✓ ✗", Role::Running, "under way, waiting, done, failed"),
    sign("! - ~", Role::Warn, "with errors, cancelled, interrupted"),
    sign("5m → 15m 1h", Role::Text, "what is fetched and what is computed from it"),
    sign("at most 44", Role::Text, "the plan of a run; it shrinks when the vendor has fewer bars than expected"),
    sign("▇ covered", Role::Covered, "coverage: answered for"),
    sign("· ?", Role::Muted, "coverage: nothing was traded, not asked yet"),
    sign("! x q", Role::Refused, "coverage: a hole at the vendor, not in your vendor plan, quarantined"),
    sign(
        "COVER",
        Role::Header,
        "the share of the history to keep that the vendor has answered for; on every screen the same",
    ),
    sign("BEHIND", Role::Header, "how far the newest bar is behind the newest one the vendor has"),
    sign("✓ good", Role::Good, "color: done and verified; nothing has it on the overview while anything is wrong"),
    sign("! warning", Role::Warn, "color: worth a look"),
    sign("! bad", Role::Bad, "color: failed, or too late; the frame of Now has the color of the worst"),
];
