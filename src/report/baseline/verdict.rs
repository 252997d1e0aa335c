//! The bottleneck of a run, and what would help: rules over measured shares.

use serde::Serialize;

use super::phases::PhaseTime;
use barkeep_base::timing::Phase;

/// Above this share of the time it is the bottleneck.
const BOTTLENECK_SHARE: f64 = 0.6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// More than 60 % of the time went into waiting for the vendor, or for the limit.
    Vendor,
    /// More than 60 % went into the database.
    Database,
    /// Neither; most of the time went into computing.
    Computation,
    /// Neither; vendor and database share the time.
    Shared,
    /// No time was measured.
    Nothing,
}

/// The bottleneck with its share of the time and what would help.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    pub bottleneck: Bottleneck,
    /// 0 to 1.
    pub share: f64,
    pub recommendations: Vec<String>,
}

/// Applies the rule to the phases of a run.
#[must_use]
pub fn verdict(phases: &[PhaseTime]) -> Diagnosis {
    let share = |of: &[Phase]| phases.iter().filter(|p| of.contains(&p.phase)).map(|p| p.share).sum::<f64>();
    let (limiter, waiting) = (share(&[Phase::LimiterWait]), share(&[Phase::VendorWait]));
    let transfer = share(&[Phase::Transfer]);
    let vendor = limiter + waiting + transfer;
    let database = share(&[Phase::Database]);
    let (derive, features) = (share(&[Phase::Derive]), share(&[Phase::Features]));
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let mut recommendations = Vec::new();
    let (bottleneck, share) = if vendor + database + derive + features == 0.0 {
        (Bottleneck::Nothing, 0.0)
    } else if vendor > BOTTLENECK_SHARE {
        if limiter >= waiting.max(transfer) {
            recommendations.push(format!(
                "{} of the time went into waiting for the limit: only fewer requests (whole-market days, full pages) or a \
                 plan with a higher limit help, more concurrency does not",
                percent(limiter)
            ));
        }
        if waiting >= limiter.max(transfer) {
            recommendations.push(format!(
                "{} of the time went into waiting for the vendor: raise backfill.concurrency as long as answers do not slow down",
                percent(waiting)
            ));
        }
        if transfer >= limiter.max(waiting) {
            recommendations.push(format!(
                "{} of the time went into receiving and decoding answers: a faster connection or processor helps",
                percent(transfer)
            ));
        }
        (Bottleneck::Vendor, vendor)
    } else if database > BOTTLENECK_SHARE {
        recommendations.push(format!(
            "{} of the time went into the database: a faster disk, fewer indexes on bars or larger transactions help",
            percent(database)
        ));
        (Bottleneck::Database, database)
    } else if derive + features < vendor.max(database) {
        recommendations.push(format!(
            "no single bottleneck: {} of the time for the vendor, {} for the database; both would have to be faster",
            percent(vendor),
            percent(database)
        ));
        (Bottleneck::Shared, vendor.max(database))
    } else {
        if derive > 0.0 {
            recommendations.push(format!(
                "{} of the time went into validating, scoring and deriving bars: profile these",
                percent(derive)
            ));
        }
        if features > 0.0 {
            recommendations.push(format!(
                "{} of the time went into computing features: profile and vectorize them",
                percent(features)
            ));
        }
        (Bottleneck::Computation, derive + features)
    };
    Diagnosis { bottleneck, share, recommendations }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shares: [f64; 6]) -> Diagnosis {
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
