//! What held the run up, and what would help: rules over measured shares, nothing else.

use serde::Serialize;

use super::measure::PhaseTime;
use barkeep_base::timing::Phase;

/// A share of the time above this makes a bottleneck.
const MOST: f64 = 0.6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// More than 60 % of the time went into waiting for the vendor, or for permission to ask it.
    Vendor,
    /// More than 60 % went into the database.
    Database,
    /// Neither, and most of the time went into what is computed here.
    Computation,
    /// Nothing stands out: vendor and database share the time.
    Shared,
    /// No time was measured.
    Nothing,
}

/// The bottleneck with its share of the time and what would help.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub bottleneck: Bottleneck,
    /// 0 to 1.
    pub share: f64,
    pub recommendations: Vec<String>,
}

/// Applies the rule to the phases of a run.
#[must_use]
pub fn verdict(phases: &[PhaseTime]) -> Verdict {
    let share = |of: &[Phase]| phases.iter().filter(|p| of.contains(&p.phase)).map(|p| p.share).sum::<f64>();
    let (limiter, waiting) = (share(&[Phase::LimiterWait]), share(&[Phase::VendorWait]));
    let transfer = share(&[Phase::Transfer]);
    let vendor = limiter + waiting + transfer;
    let database = share(&[Phase::Database]);
    let (derive, features) = (share(&[Phase::Derive]), share(&[Phase::Features]));
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let mut help = Vec::new();
    let (bottleneck, share) = if vendor + database + derive + features == 0.0 {
        (Bottleneck::Nothing, 0.0)
    } else if vendor > MOST {
        if limiter >= waiting.max(transfer) {
            help.push(format!(
                "{} of the time requests waited for the limit: only fewer requests (whole-market days, full pages) or a \
                 plan with a higher limit help; more concurrency does not",
                percent(limiter)
            ));
        }
        if waiting >= limiter.max(transfer) {
            help.push(format!(
                "{} of the time the vendor was thinking: raise backfill.concurrency while its answers do not slow down",
                percent(waiting)
            ));
        }
        if transfer >= limiter.max(waiting) {
            help.push(format!(
                "{} of the time bodies were received and read: a faster line or processor, or more of either at once",
                percent(transfer)
            ));
        }
        (Bottleneck::Vendor, vendor)
    } else if database > MOST {
        help.push(format!(
            "{} of the time went into the database: a faster disk, fewer indexes on bars, larger transactions",
            percent(database)
        ));
        (Bottleneck::Database, database)
    } else if derive + features < vendor.max(database) {
        help.push(format!(
            "nothing stands out: {} of the time for the vendor, {} for the database; both have to become faster",
            percent(vendor),
            percent(database)
        ));
        (Bottleneck::Shared, vendor.max(database))
    } else {
        if derive > 0.0 {
            help.push(format!(
                "{} of the time bars were validated, scored and derived: profile these",
                percent(derive)
            ));
        }
        if features > 0.0 {
            help.push(format!("{} of the time features were computed: profile and vectorise them", percent(features)));
        }
        (Bottleneck::Computation, derive + features)
    };
    Verdict { bottleneck, share, recommendations: help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shares: [f64; 6]) -> Verdict {
        let phases = Phase::ALL.into_iter().zip(shares);
        verdict(&phases.map(|(phase, share)| PhaseTime { phase, seconds: share, share }).collect::<Vec<_>>())
    }

    #[test]
    fn sixty_percent_decide() {
        let limited = of([0.9, 0.05, 0.0, 0.0, 0.05, 0.0]);
        assert_eq!(limited.bottleneck, Bottleneck::Vendor);
        assert!(limited.recommendations[0].contains("90 %") && limited.recommendations[0].contains("limit"));
        let slow = of([0.0, 0.7, 0.0, 0.1, 0.2, 0.0]);
        assert!(slow.recommendations[0].contains("backfill.concurrency"), "{slow:?}");
        assert_eq!(of([0.1, 0.1, 0.0, 0.1, 0.7, 0.0]).bottleneck, Bottleneck::Database);
        assert_eq!(of([0.2, 0.1, 0.0, 0.2, 0.2, 0.3]).bottleneck, Bottleneck::Computation);
        assert_eq!(of([0.3, 0.3, 0.0, 0.0, 0.4, 0.0]).bottleneck, Bottleneck::Shared, "exactly 60 % is not more");
    }

    #[test]
    fn nothing_is_recommended_from_nothing() {
        let nothing = of([0.0; 6]);
        assert_eq!((nothing.bottleneck, nothing.recommendations.len()), (Bottleneck::Nothing, 0));
        assert!(!of([0.1, 0.1, 0.0, 0.5, 0.3, 0.0]).recommendations.iter().any(|r| r.contains("features")));
    }
}
