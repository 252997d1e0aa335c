//! The figures of a scenario from its timed answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::http::{PageResponse, RequestError};
use barkeep_base::percentile::nearest_rank;

/// Upper ends of the histogram's buckets, milliseconds; the last bucket is open.
const BUCKETS: [f64; 12] = [1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0];

/// Answers in one range of times.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bucket {
    /// Upper end; `None` for the last, open one.
    pub up_to_ms: Option<f64>,
    pub count: usize,
}

/// Errors of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorCount {
    pub kind: String,
    pub count: usize,
    /// The text of one of them.
    pub example: String,
}

/// The figures of one scenario. Times are of correct answers; without any they are absent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    pub total_requests: usize,
    pub successful: usize,
    pub failed: usize,
    /// Percent.
    pub success_rate: f64,
    pub avg_response_time_ms: Option<f64>,
    pub p50_response_time_ms: Option<f64>,
    pub p95_response_time_ms: Option<f64>,
    pub p99_response_time_ms: Option<f64>,
    pub min_response_time_ms: Option<f64>,
    pub max_response_time_ms: Option<f64>,
    pub total_duration_seconds: f64,
    /// Correct answers per second.
    pub requests_per_second: f64,
    pub rows: u64,
    pub bytes: u64,
    pub errors: Vec<ErrorCount>,
    pub histogram: Vec<Bucket>,
}

impl Figures {
    pub(super) fn of(outcomes: &[Result<PageResponse, RequestError>], wall: Duration) -> Self {
        let good: Vec<&PageResponse> = outcomes.iter().filter_map(|o| o.as_ref().ok()).collect();
        let mut times: Vec<f64> = good.iter().map(|g| g.took.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let mut errors: BTreeMap<&str, ErrorCount> = BTreeMap::new();
        for bad in outcomes.iter().filter_map(|o| o.as_ref().err()) {
            let fresh = || ErrorCount { kind: bad.kind.clone(), count: 0, example: bad.example.clone() };
            errors.entry(&bad.kind).or_insert_with(fresh).count += 1;
        }
        let mut errors: Vec<ErrorCount> = errors.into_values().collect();
        errors.sort_by_key(|e| std::cmp::Reverse(e.count));
        let seconds = wall.as_secs_f64();
        let total = outcomes.len();
        Self {
            total_requests: total,
            successful: times.len(),
            failed: total - times.len(),
            success_rate: if total > 0 { times.len() as f64 * 100.0 / total as f64 } else { 0.0 },
            avg_response_time_ms: (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64),
            p50_response_time_ms: nearest_rank(&times, 50),
            p95_response_time_ms: nearest_rank(&times, 95),
            p99_response_time_ms: nearest_rank(&times, 99),
            min_response_time_ms: times.first().copied(),
            max_response_time_ms: times.last().copied(),
            total_duration_seconds: seconds,
            requests_per_second: if seconds > 0.0 { times.len() as f64 / seconds } else { 0.0 },
            rows: good.iter().map(|g| g.rows).sum(),
            bytes: good.iter().map(|g| g.bytes).sum(),
            errors,
            histogram: histogram(&times),
        }
    }
}

fn histogram(sorted: &[f64]) -> Vec<Bucket> {
    let mut from = 0;
    let ends = BUCKETS.into_iter().map(Some).chain(std::iter::once(None));
    let all: Vec<Bucket> = ends
        .map(|up_to_ms| {
            let until = up_to_ms.map_or(sorted.len(), |end| sorted.partition_point(|t| *t <= end));
            let count = until - from;
            from = until;
            Bucket { up_to_ms, count }
        })
        .collect();
    // From the first bucket with an answer to the last one.
    let used = |b: &Bucket| b.count > 0;
    let (Some(first), Some(last)) = (all.iter().position(used), all.iter().rposition(used)) else { return Vec::new() };
    all.get(first..=last).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(ms: u64) -> PageResponse {
        PageResponse { took: Duration::from_millis(ms), rows: 5, bytes: 100 }
    }

    fn bad(kind: &str) -> RequestError {
        RequestError { kind: kind.to_owned(), example: String::new() }
    }

    #[test]
    fn figures_are_those_of_the_answers() {
        let mut all: Vec<Result<PageResponse, RequestError>> = (1..=100).rev().map(|ms| Ok(good(ms))).collect();
        all.extend(["timeout", "status 503", "status 503"].map(|kind| Err(bad(kind))));
        let f = Figures::of(&all, Duration::from_secs(2));
        assert_eq!((f.total_requests, f.successful, f.failed), (103, 100, 3));
        assert_eq!(f.avg_response_time_ms, Some(50.5));
        let ranks = [f.p50_response_time_ms, f.p95_response_time_ms, f.p99_response_time_ms];
        assert_eq!(ranks, [Some(50.0), Some(95.0), Some(99.0)]);
        assert_eq!((f.min_response_time_ms, f.max_response_time_ms), (Some(1.0), Some(100.0)));
        assert_eq!((f.requests_per_second, f.rows, f.bytes), (50.0, 500, 10_000));
        assert_eq!(
            f.errors.iter().map(|e| (e.kind.as_str(), e.count)).collect::<Vec<_>>(),
            [("status 503", 2), ("timeout", 1)]
        );
        assert_eq!(f.histogram.iter().map(|b| b.count).sum::<usize>(), 100);
        assert_eq!(f.histogram.first().map(|b| (b.up_to_ms, b.count)), Some((Some(1.0), 1)));
        assert_eq!(f.histogram.last().map(|b| (b.up_to_ms, b.count)), Some((Some(100.0), 50)));
    }

    #[test]
    fn no_answer_gives_no_times() {
        for outcomes in [vec![], vec![Err(bad("timeout"))]] {
            let f = Figures::of(&outcomes, Duration::from_secs(1));
            assert_eq!((f.successful, f.success_rate, f.requests_per_second), (0, 0.0, 0.0));
            assert_eq!((f.avg_response_time_ms, f.p99_response_time_ms), (None, None));
            assert!(f.histogram.is_empty());
        }
        let one = Figures::of(&[Ok(good(7))], Duration::from_secs(1));
        assert_eq!((one.p50_response_time_ms, one.p99_response_time_ms), (Some(7.0), Some(7.0)));
    }
}
