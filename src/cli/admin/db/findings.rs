//! `barkeep db check`: what does not hold, and which command mends it.

use std::fmt::Write as _;

use serde::Serialize;

use super::FOUND;
use crate::exit::CliError;
use crate::globals::Session;
use crate::output::{print, print_json};
use barkeep_base::format::{plural, table};
use barkeep_market::Ts;
use barkeep_report::soundness;
use barkeep_store::StoreError;
use barkeep_store::upkeep::{CheckFinding, Invariant};

#[derive(Serialize)]
struct Report {
    database: String,
    ok: bool,
    /// Rows that `--repair` changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired_rows: Option<u64>,
    findings: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    finding: CheckFinding,
    mend: String,
}

pub(super) async fn check(session: &Session, thorough: bool, repair: bool) -> Result<(), CliError> {
    let mut repaired_rows = None;
    if repair {
        let mut upkeep = super::open_upkeep(session, true).await?;
        let damages = upkeep.damages(false).await?;
        // Writing into a damaged file makes it worse.
        let outcome = if damages.is_empty() { upkeep.repair().await.map(Some) } else { Ok(None) };
        upkeep.close().await;
        repaired_rows = outcome?;
    }
    let findings: Vec<Found> = find(session, thorough)
        .await?
        .into_iter()
        .map(|finding| Found { mend: soundness::mend(&finding), finding })
        .collect();
    let database = session.loaded.settings.database.to_string();
    let report = Report { database, ok: findings.is_empty(), repaired_rows, findings };
    if session.json {
        print_json(&report)?;
    } else {
        print(&text(&report))?;
    }
    if report.ok { Ok(()) } else { Err(CliError::silent(FOUND)) }
}

async fn find(session: &Session, thorough: bool) -> Result<Vec<CheckFinding>, CliError> {
    let mut upkeep = super::open_upkeep(session, false).await?;
    let found = async {
        let damages = upkeep.damages(thorough).await?;
        let mut all: Vec<CheckFinding> =
            damages.into_iter().map(|what| CheckFinding::of_database(Invariant::Pages, what)).collect();
        let told = |invariant| tracing::debug!(?invariant, "checking");
        match upkeep.findings(told).await {
            Ok(more) => all.extend(more),
            Err(StoreError::Unusable(why)) => all.push(CheckFinding::of_database(Invariant::Pages, why)),
            Err(error) => return Err(error),
        }
        Ok(all)
    };
    let found: Result<Vec<CheckFinding>, StoreError> = found.await;
    upkeep.close().await;
    let mut all = found?;
    if all.iter().all(|finding| finding.invariant != Invariant::Pages) {
        let store = session.open_store(true).await?;
        let lost = async {
            let calendar = barkeep_pipeline::calendar(store.as_ref()).await?;
            soundness::lost_sessions(store.as_ref(), &calendar).await
        };
        let lost: Result<Vec<CheckFinding>, StoreError> = lost.await;
        store.close().await;
        all.extend(lost?);
    }
    // The same damage may have been met more than once.
    all.dedup();
    Ok(all)
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    if let Some(rows) = report.repaired_rows {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "repaired: {} changed", plural(rows, "row"));
    }
    if report.ok {
        out.push_str("no problems found\n");
        return out;
    }
    let time = |t: Option<Ts>| t.map_or_else(|| "-".to_owned(), |t| t.to_string());
    let rows: Vec<[String; 6]> = report
        .findings
        .iter()
        .map(|Found { finding, mend }| {
            [
                finding.symbol.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                finding.timeframe.map_or_else(|| "-".to_owned(), |tf| tf.to_string()),
                time(finding.first),
                time(finding.last),
                finding.what.clone(),
                mend.clone(),
            ]
        })
        .collect();
    out.push_str(&table(["SYMBOL", "TF", "FROM", "TO", "WRONG", "MENDED BY"], &rows));
    out
}
