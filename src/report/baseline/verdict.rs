//! The bottleneck of a run, and what would help: rules over measured shares.

use serde::Serialize;

use super::phases::PhaseTime;
use super::processor::ProcessorTime;
use barkeep_base::timing::Phase;

/// Above this share of the time it is the bottleneck.
const BOTTLENECK_SHARE: f64 = 0.6;
/// From this share on there is advice besides that for the largest.
const WORTH_ADVICE: f64 = 0.25;
/// Waiting for a processor for this share of the run makes its times doubtful.
const CROWDED: f64 = 0.25;
/// Computing for this share of what all processors have is all a process can do.
const FULL: f64 = 0.8;
/// Below this share its threads did not wait for each other.
const FREE: f64 = 0.6;

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

/// What the largest part of the time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The limit of requests.
    Limit,
    /// The way to the vendor and back, and its thinking.
    Network,
    Database,
    /// Decoding, validating, deriving, features.
    Processor,
    /// No time was measured.
    Nothing,
}

impl Cause {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Limit => "the limit",
            Self::Network => "the network or the vendor",
            Self::Database => "the database",
            Self::Processor => "the processor",
            Self::Nothing => "nothing",
        }
    }
}

/// The bottleneck with its share of the time and what would help.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    pub bottleneck: Bottleneck,
    pub cause: Cause,
    /// 0 to 1.
    pub share: f64,
    /// For the largest part of the time first.
    pub recommendations: Vec<String>,
}

/// What the advice depends on besides the times.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    pub limit_per_minute: Option<u32>,
    /// The lower bound for the answers.
    pub requests_needed: u64,
    /// Fetches at once.
    pub concurrency: usize,
    pub is_sqlite: bool,
    /// Writes at once.
    pub writers: u32,
    /// Of the time of all jobs, 0 to 1: those for features, with what they read and write.
    pub features: f64,
    /// Absent where the system does not tell.
    pub processor: Option<ProcessorTime>,
    pub processors: usize,
    /// Of the whole run.
    pub wall_seconds: f64,
}

impl Circumstances {
    /// Receiving and reading an answer is the processor's work, unless the process neither computed as long as that took
    /// nor waited for a processor.
    fn is_transfer_computing(&self, transfer_seconds: f64) -> bool {
        self.processor.is_none_or(|time| time.seconds + time.waited_seconds >= transfer_seconds)
    }

    /// Whether the processors were too few for this run, or taken by others.
    fn crowded(&self) -> Option<String> {
        let time = self.processor?;
        let had = self.wall_seconds * self.processors as f64;
        if time.seconds > FULL * had {
            return Some(format!(
                "this process kept the processors busy ({:.2} s of {had:.2} s): a machine with more of them helps",
                time.seconds
            ));
        }
        (time.waited_seconds > CROWDED * self.wall_seconds && time.seconds < FREE * had).then(|| {
            format!(
                "other programs were busy: this process waited {:.2} s for a processor in {:.2} s; measure again when the \
                 machine is idle",
                time.waited_seconds, self.wall_seconds
            )
        })
    }

    fn help(&self, part: Part) -> String {
        match part {
            Part::Limiter => {
                let limit = self.limit_per_minute.map_or_else(|| "the limit".to_owned(), |n| format!("{n}/min"));
                // A full minute's worth may go at once, then the rest at the pace of the limit.
                let at_least = self.limit_per_minute.map(|n| self.requests_needed.saturating_sub(1) / u64::from(n.max(1)));
                let at_least = at_least.filter(|minutes| *minutes > 0).map(|minutes| {
                    format!(" ({} requests take at least {minutes} min of it)", self.requests_needed)
                });
                format!(
                    "waiting for the limit of {limit}{}: raise vendor.rate_limit to what the plan of the key allows, or allow \
                     fewer requests (vendor.grouped_daily, vendor.flat_files); more concurrency does not help",
                    at_least.unwrap_or_default()
                )
            }
            Part::Waiting => format!(
                "waiting for the vendor's answers: raise backfill.concurrency (now {}) as long as answers do not slow down",
                self.concurrency
            ),
            Part::Receiving => {
                "receiving answers: a faster connection helps, or fewer bytes (coarser timeframes); no other setting does".to_owned()
            }
            Part::Decoding => "decoding answers: a faster processor helps, no setting does".to_owned(),
            Part::Database if self.is_sqlite => {
                "the database: SQLite has one writer, so a faster disk or processor helps, or PostgreSQL (database.url)"
                    .to_owned()
            }
            Part::Database => format!(
                "the database: raise database.writers (now {}, at most 8) while its server has processors to spare, and keep it \
                 near: each write is a round trip",
                self.writers
            ),
            Part::Deriving => {
                "validating, scoring and deriving bars: fewer timeframes or a faster processor help".to_owned()
            }
            Part::Features => {
                "computing features: features.enabled: false leaves them out, a later backfill computes them".to_owned()
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Limiter,
    Waiting,
    Receiving,
    Decoding,
    Database,
    Deriving,
    Features,
}

impl Part {
    const fn cause(self) -> Cause {
        match self {
            Self::Limiter => Cause::Limit,
            Self::Waiting | Self::Receiving => Cause::Network,
            Self::Database => Cause::Database,
            Self::Decoding | Self::Deriving | Self::Features => Cause::Processor,
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Applies the rules to the phases of a run.
#[must_use]
pub fn verdict(phases: &[PhaseTime], circumstances: &Circumstances) -> Diagnosis {
    let of = |phase: Phase| phases.iter().filter(|p| p.phase == phase).map(|p| p.share).sum::<f64>();
    let transfer_seconds = phases.iter().filter(|p| p.phase == Phase::Transfer).map(|p| p.seconds).sum();
    let computing = circumstances.is_transfer_computing(transfer_seconds);
    let mut parts: Vec<(Part, f64)> = vec![
        (Part::Limiter, of(Phase::LimiterWait)),
        (Part::Waiting, of(Phase::VendorWait)),
        (if computing { Part::Decoding } else { Part::Receiving }, of(Phase::Transfer)),
        (Part::Database, of(Phase::Database)),
        (Part::Deriving, of(Phase::Derive)),
        (Part::Features, of(Phase::Features)),
    ];
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let vendor = of(Phase::LimiterWait) + of(Phase::VendorWait) + of(Phase::Transfer);
    let (database, computation) = (of(Phase::Database), of(Phase::Derive) + of(Phase::Features));
    let (bottleneck, share) = if vendor + database + computation == 0.0 {
        let recommendations = Vec::new();
        return Diagnosis { bottleneck: Bottleneck::Nothing, cause: Cause::Nothing, share: 0.0, recommendations };
    } else if vendor > BOTTLENECK_SHARE {
        (Bottleneck::Vendor, vendor)
    } else if database > BOTTLENECK_SHARE {
        (Bottleneck::Database, database)
    } else if computation < vendor.max(database) {
        (Bottleneck::Shared, vendor.max(database))
    } else {
        (Bottleneck::Computation, computation)
    };
    let worth = parts.iter().enumerate().filter(|(at, (_, share))| *at == 0 || *share >= WORTH_ADVICE);
    let mut recommendations: Vec<String> = worth
        .map(|(_, (part, share))| format!("{} of the time went into {}", percent(*share), circumstances.help(*part)))
        .collect();
    let told = parts.iter().any(|(part, share)| *part == Part::Features && *share >= WORTH_ADVICE);
    if circumstances.features >= WORTH_ADVICE && !told {
        recommendations.push(format!(
            "{} of the time went into features with what they read and write: features.enabled: false leaves them out, a later \
             backfill computes them",
            percent(circumstances.features)
        ));
    }
    recommendations.extend(circumstances.crowded());
    let cause = largest_cause(&parts);
    Diagnosis { bottleneck, cause, share, recommendations }
}

fn largest_cause(parts: &[(Part, f64)]) -> Cause {
    let all = [Cause::Limit, Cause::Network, Cause::Database, Cause::Processor];
    let sum =
        |cause: Cause| parts.iter().filter(|(part, _)| part.cause() == cause).map(|(_, share)| share).sum::<f64>();
    all.into_iter().max_by(|a, b| sum(*a).total_cmp(&sum(*b))).unwrap_or(Cause::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Circumstances = Circumstances {
        limit_per_minute: Some(5),
        requests_needed: 62,
        concurrency: 8,
        is_sqlite: true,
        writers: 2,
        features: 0.0,
        processor: Some(ProcessorTime { seconds: 10.0, waited_seconds: 0.0 }),
        processors: 2,
        wall_seconds: 10.0,
    };

    fn under(shares: [f64; 6], circumstances: &Circumstances) -> Diagnosis {
        let phases = Phase::ALL.into_iter().zip(shares);
        let phases: Vec<_> = phases.map(|(phase, share)| PhaseTime { phase, seconds: share, share }).collect();
        verdict(&phases, circumstances)
    }

    fn of(shares: [f64; 6]) -> Diagnosis {
        under(shares, &USUAL)
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

    #[test]
    fn the_largest_cause_is_named_with_what_changes_it() {
        for (shares, cause, says) in [
            ([0.9, 0.1, 0.0, 0.0, 0.0, 0.0], Cause::Limit, "62 requests take at least 12 min"),
            ([0.0, 0.6, 0.1, 0.0, 0.3, 0.0], Cause::Network, "backfill.concurrency (now 8)"),
            ([0.0, 0.0, 0.2, 0.1, 0.7, 0.0], Cause::Database, "SQLite has one writer"),
            ([0.0, 0.0, 0.7, 0.1, 0.2, 0.0], Cause::Processor, "decoding answers"),
            ([0.0, 0.0, 0.1, 0.2, 0.3, 0.4], Cause::Processor, "features.enabled"),
        ] {
            let found = of(shares);
            assert_eq!(found.cause, cause, "{found:?}");
            assert!(found.recommendations[0].contains(says), "{found:?}");
        }
        let several = of([0.0, 0.0, 0.4, 0.1, 0.5, 0.0]);
        assert_eq!(several.recommendations.len(), 2, "the database first, then decoding: {several:?}");
    }

    #[test]
    fn the_advice_fits_the_circumstances() {
        let postgres = Circumstances { is_sqlite: false, ..USUAL };
        assert!(
            under([0.0, 0.0, 0.1, 0.1, 0.8, 0.0], &postgres).recommendations[0].contains("database.writers (now 2")
        );
        // Nine tenths of the transfer nobody computed, nor wanted to.
        let processor = Some(ProcessorTime { seconds: 0.1, waited_seconds: 0.0 });
        let slow_line = Circumstances { processor, ..USUAL };
        let slow = under([0.0, 0.0, 1.0, 0.0, 0.0, 0.0], &slow_line);
        assert!(slow.cause == Cause::Network && slow.recommendations[0].contains("faster connection"), "{slow:?}");
        // On a busy machine the same is the processor's, and said to be.
        let processor = Some(ProcessorTime { seconds: 0.1, waited_seconds: 4.0 });
        let busy = under([0.0, 0.0, 1.0, 0.0, 0.0, 0.0], &Circumstances { processor, ..USUAL });
        assert!(busy.cause == Cause::Processor && busy.recommendations[0].contains("decoding"), "{busy:?}");
        assert!(busy.recommendations[1].starts_with("other programs were busy"), "{busy:?}");
        let processor = Some(ProcessorTime { seconds: 18.0, waited_seconds: 9.0 });
        let full = under([0.0, 0.0, 1.0, 0.0, 0.0, 0.0], &Circumstances { processor, ..USUAL });
        assert!(full.recommendations[1].starts_with("this process kept the processors busy (18.00 s of 20.00 s)"));
        // Their computing is a small part, their reads and writes are not.
        let features = Circumstances { features: 0.45, ..USUAL };
        let told = under([0.0, 0.0, 0.2, 0.05, 0.65, 0.1], &features);
        assert!(told.recommendations.last().unwrap().starts_with("45 % of the time went into features"), "{told:?}");
    }
}
