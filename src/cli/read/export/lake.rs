//! The export itself: which series have changed, and the rows of their files.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ExportArgs;

use crate::admin::symbols::find;
use crate::exit::{CliError, INTERRUPTED, SOME_FAILED};
use crate::files::{Manifest, differs, lock, period, put, series_dir, tidy};
use crate::globals::{Globals, Session, block_on};
use crate::lists::flat;
use crate::output::{print, print_json};
use crate::read::bars::View;
use crate::read::columns::{Column as Feature, FEATURES};
use crate::read::parquet::{Column, Table, Values};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::format::{count, plural};
use barkeep_base::text::printable;
use barkeep_market::dividend::{Adjustment, PriceFactors};
use barkeep_market::features::Features;
use barkeep_market::split::Split;
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep_store::adjusted::daily_of;
use barkeep_store::{FeatureProgress, SeriesId, SeriesRow, Store, StoredBar, TimeRange};

/// The manifest is written this often meanwhile, so that an export that ends early is taken up where it was.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// A row of a file.
struct Row {
    stored: StoredBar,
    features: Option<Features>,
}

/// What an export did, as JSON.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    schema: u32,
    series: usize,
    /// Those that were read; the others have not changed.
    series_changed: usize,
    files_written: usize,
    files_unchanged: usize,
    files_removed: usize,
    rows_written: usize,
    bytes_written: usize,
}

/// What is known of a series before its bars are read.
struct Series {
    row: SeriesRow,
    class: AssetClass,
    daily: Option<SeriesId>,
    splits: Vec<Split>,
    /// Empty where dividends are left alone.
    factors: Vec<PriceFactors>,
    /// Another text when its rows may be other ones.
    stamp: String,
}

impl Series {
    fn name(&self) -> String {
        name(&self.row.symbol, self.row.timeframe)
    }
}

fn name(symbol: &Symbol, timeframe: Timeframe) -> String {
    format!("{symbol} {timeframe}")
}

pub(super) fn run(args: &ExportArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let result = tokio::select! {
            result = export(args, &session, store.as_ref()) => result,
            _ = tokio::signal::ctrl_c() => {
                Err(CliError::new(INTERRUPTED, "interrupted; the written files are complete, and the next export writes the rest"))
            }
        };
        store.close().await;
        let outcome = result?;
        if session.json { print_json(&outcome) } else { print(&text(&outcome, &args.dir)) }
    })
}

async fn export(args: &ExportArgs, session: &Session, store: &dyn Store) -> Result<Outcome, CliError> {
    let dir = &args.dir;
    let shown = printable(&dir.display().to_string());
    let failed = |e: std::io::Error| CliError::new(SOME_FAILED, format!("cannot write {shown}: {e}"));
    let adjust = if args.raw { Adjustment::None } else { args.adjust };
    let all = series(args, adjust, store).await?;
    std::fs::create_dir_all(dir).map_err(failed)?;
    let _lock = lock(dir).map_err(failed)?;
    let database = session.loaded.settings.database.to_string();
    let mut manifest = match Manifest::read(dir).map_err(failed)? {
        Some(manifest) if manifest.database != database => {
            let from = printable(&manifest.database);
            return Err(CliError::usage(format!("{shown} was exported from {from}, not from {database}")).hint(
                format!(
                    "choose another directory, or delete {} to use it for this database",
                    printable(&Manifest::path(dir).display().to_string())
                ),
            ));
        }
        Some(manifest) if manifest.terms() != adjust.name() => {
            // Rows of two kinds of terms would look alike.
            let terms = printable(manifest.terms());
            return Err(CliError::usage(format!(
                "the prices in {shown} are those of --adjust {terms}, not of {adjust}"
            ))
            .hint(format!(
                "use --adjust {terms}, choose another directory, or delete {} to write all of it again",
                printable(&Manifest::path(dir).display().to_string())
            )));
        }
        Some(manifest) => manifest,
        None => Manifest::new(database, adjust),
    };
    let mut outcome = Outcome { schema: 1, series: all.len(), ..Outcome::default() };
    if args.symbols.is_empty() && args.timeframes.is_empty() {
        outcome.files_removed += remove_others(dir, &mut manifest, &all).map_err(failed)?;
    }
    let mut noted = Instant::now();
    for series in all {
        let name = series.name();
        let there =
            series.row.bar_count == 0 || dir.join(series_dir(&series.row.symbol, series.row.timeframe)).is_dir();
        if there && manifest.series.get(&name) == Some(&series.stamp) {
            continue;
        }
        one(dir, &series, store, &mut outcome).await?.map_err(failed)?;
        manifest.series.insert(name, series.stamp);
        outcome.series_changed += 1;
        if noted.elapsed() > NOTE_EVERY {
            manifest.write(dir).map_err(failed)?;
            noted = Instant::now();
        }
    }
    manifest.write(dir).map_err(failed)?;
    Ok(outcome)
}

/// The series to export, each with its stamp.
async fn series(args: &ExportArgs, adjust: Adjustment, store: &dyn Store) -> Result<Vec<Series>, CliError> {
    let symbols = store.symbols().await?;
    let named = flat(&args.symbols);
    let named = named.iter().map(|symbol| Ok(&find(&symbols, symbol)?.symbol));
    let named = named.collect::<Result<Vec<&Symbol>, CliError>>()?;
    let rows = store.series().await?;
    let ids: Vec<SeriesId> = rows.iter().map(|row| row.id).collect();
    // Before any bar is read: what changes meanwhile makes another stamp, and is exported the next time.
    let progress = store.feature_progress(&ids).await?;
    let progress: HashMap<SeriesId, FeatureProgress> = progress.into_iter().map(|p| (p.series.id, p)).collect();
    // Scores and features change without a new bar, too.
    let marks: HashMap<SeriesId, i64> = store.series_marks(&ids).await?.into_iter().collect();
    let mut splits: HashMap<Symbol, Vec<Split>> = HashMap::new();
    let mut factors: HashMap<Symbol, Vec<PriceFactors>> = HashMap::new();
    if adjust != Adjustment::None {
        for (symbol, split) in store.all_splits().await? {
            splits.entry(symbol).or_default().push(split);
        }
    }
    let now = SystemClock.now();
    let classes: HashMap<&Symbol, AssetClass> = symbols.iter().map(|row| (&row.symbol, row.asset_class)).collect();
    let mut all = Vec::new();
    for row in &rows {
        let wanted = (named.is_empty() || named.contains(&&row.symbol))
            && (args.timeframes.is_empty() || args.timeframes.contains(&row.timeframe));
        let Some(class) = classes.get(&row.symbol).copied().filter(|_| wanted) else { continue };
        let daily = daily_of(&rows, &row.symbol);
        if adjust == Adjustment::Total && !factors.contains_key(&row.symbol) {
            factors.insert(row.symbol.clone(), store.price_factors(&row.symbol).await?);
        }
        let factors = factors.get(&row.symbol).cloned().unwrap_or_default();
        let dividends: Vec<String> =
            factors.iter().filter(|f| f.at <= now).map(|f| format!("{}:{}", f.at.ms(), f.dividend)).collect();
        let splits = splits.get(&row.symbol).cloned().unwrap_or_default();
        let in_force: Vec<String> = splits
            .iter()
            .filter(|split| split.date <= class.date_of(now))
            .map(|split| format!("{}:{}:{}", split.date, split.from, split.to))
            .collect();
        // A week with a split inside is made of its days.
        let days = daily.filter(|_| row.timeframe == Timeframe::W1).and_then(|daily| progress.get(&daily));
        let of = |p: Option<&FeatureProgress>| {
            let mark = |p: &FeatureProgress| marks.get(&p.series.id).copied().unwrap_or_default();
            p.map_or_else(String::new, |p| format!("{} {:?} {}", mark(p), p.stale_from, p.splits))
        };
        let stamp = format!(
            "{} {} {} [{}] {class} {}{}",
            row.id.0,
            row.bar_count,
            of(progress.get(&row.id)),
            in_force.join(" "),
            of(days),
            if dividends.is_empty() { String::new() } else { format!(" [{}]", dividends.join(" ")) },
        );
        all.push(Series { row: row.clone(), class, daily, splits, factors, stamp });
    }
    Ok(all)
}

/// Removes the files of series that the database has no more.
fn remove_others(dir: &Path, manifest: &mut Manifest, all: &[Series]) -> std::io::Result<usize> {
    let names: std::collections::HashSet<String> = all.iter().map(Series::name).collect();
    let mut removed = 0;
    let gone: Vec<String> = manifest.series.keys().filter(|name| !names.contains(*name)).cloned().collect();
    for name in gone {
        let parsed = name.split_once(' ').and_then(|(symbol, tf)| Some((symbol.parse().ok()?, tf.parse().ok()?)));
        if let Some((symbol, timeframe)) = parsed {
            removed += tidy(&dir.join(series_dir(&symbol, timeframe)), &[])?;
        }
        manifest.series.remove(&name);
    }
    Ok(removed)
}

/// Brings the files of one series up to date.
async fn one(
    lake: &Path,
    series: &Series,
    store: &dyn Store,
    outcome: &mut Outcome,
) -> Result<std::io::Result<()>, CliError> {
    let Series { row, class, .. } = series;
    let dir = lake.join(series_dir(&row.symbol, row.timeframe));
    let view = View {
        class: *class,
        timeframe: row.timeframe,
        daily: series.daily,
        splits: series.splits.clone(),
        factors: series.factors.clone(),
        today: class.date_of(SystemClock.now()),
        min_quality: None,
    };
    let mut names = Vec::new();
    let mut from: Option<Ts> = None;
    // The next bar says which file comes next, so that years without bars cost nothing.
    while let Some(next) = store.bars(row.id, TimeRange { from, until: None }, Some(1)).await?.first() {
        let Some((name, first, end)) = period(row.timeframe, class.date_of(next.bar.ts)) else { break };
        let range = TimeRange { from: Some(class.midnight(first)), until: Some(class.midnight(end)) };
        let stored = store.bars(row.id, range, None).await?;
        let mut features: HashMap<Ts, Features> =
            store.features(row.id, range, None).await?.into_iter().map(|row| (row.ts, row.features)).collect();
        let stored = view.of(store, stored).await?;
        let rows: Vec<Row> =
            stored.into_iter().map(|stored| Row { features: features.remove(&stored.bar.ts), stored }).collect();
        let written = encoded(&rows).and_then(|bytes| {
            let path = dir.join(&name);
            if !differs(&path, &bytes)? {
                return Ok(None);
            }
            std::fs::create_dir_all(&dir)?;
            put(&path, &bytes).map(|()| Some(bytes.len()))
        });
        match written {
            Err(e) => return Ok(Err(e)),
            Ok(None) => outcome.files_unchanged += 1,
            Ok(Some(bytes)) => {
                outcome.files_written += 1;
                outcome.rows_written += rows.len();
                outcome.bytes_written += bytes;
            }
        }
        names.push(name);
        from = range.until;
    }
    Ok(tidy(&dir, &names).map(|removed| outcome.files_removed += removed))
}

fn encoded(rows: &[Row]) -> std::io::Result<Vec<u8>> {
    let columns = columns();
    let mut table = Table::new(Vec::new(), &columns)?;
    table.write(rows, &columns)?;
    table.finish()
}

/// The symbol and the timeframe are in the names of the directories.
fn columns() -> Vec<Column<Row>> {
    let bars = [
        ("time", Values::Time(|r: &Row| r.stored.bar.ts.ms())),
        ("open", Values::Number(|r| r.stored.bar.open)),
        ("high", Values::Number(|r| r.stored.bar.high)),
        ("low", Values::Number(|r| r.stored.bar.low)),
        ("close", Values::Number(|r| r.stored.bar.close)),
        ("volume", Values::Number(|r| r.stored.bar.volume)),
        ("vwap", Values::MayNumber(Box::new(|r| r.stored.bar.vwap))),
        ("trades", Values::MayCount(|r| r.stored.bar.trades)),
        ("provisional", Values::Flag(|r| r.stored.provisional)),
        ("quality_score", Values::Number(|r| r.stored.quality_score)),
        ("quality_notes", Values::MayText(Box::new(|r| r.stored.quality_notes.as_deref()))),
    ];
    let features = FEATURES.into_iter().map(|(name, feature)| {
        let values: Values<Row> = match feature {
            Feature::Number(of) => Values::MayNumber(Box::new(move |r| r.features.as_ref().and_then(of))),
            Feature::Word(of) => Values::MayText(Box::new(move |r| r.features.as_ref().and_then(of))),
        };
        (name, values)
    });
    bars.into_iter().chain(features).map(|(name, values)| Column { name, values }).collect()
}

fn text(outcome: &Outcome, dir: &Path) -> String {
    let Outcome { series, series_changed, files_written, files_unchanged, files_removed, rows_written, .. } = outcome;
    let removed = if *files_removed > 0 { format!(", {files_removed} removed") } else { String::new() };
    format!(
        "{}: {} of {} series changed; {} written with {}, {} unchanged{removed}\n",
        printable(&dir.display().to_string()),
        count(*series_changed as u64),
        count(*series as u64),
        plural(*files_written, "file"),
        plural(*rows_written, "row"),
        count(*files_unchanged as u64),
    )
}
