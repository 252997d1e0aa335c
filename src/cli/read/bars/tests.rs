//! What an export holds, format by format.

use std::sync::{Arc, Mutex};

use super::*;
use barkeep_market::testing::candle;
use barkeep_store::testing::stored as stored_bar;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn stored(ms: i64, close: f64, vwap: Option<f64>, score: f64) -> StoredBar {
    let bar = Bar { vwap, trades: vwap.map(|_| 7), ..candle(Ts(ms), [1.5, 2.0, 1.0, close]) };
    let notes = (score < 1.0).then(|| "gap, \"large\"".to_owned());
    StoredBar { provisional: score < 1.0, quality_score: score, quality_notes: notes, ..stored_bar(bar) }
}

fn exported(format: Format, pages: &[Vec<StoredBar>]) -> Vec<u8> {
    let symbol: Symbol = "AAPL".parse().unwrap();
    let memory = Memory::default();
    let mut sink = sink(format, Box::new(memory.clone())).unwrap();
    for page in pages {
        let rows: Vec<_> = page.iter().map(|b| row_of(&symbol, Timeframe::M5, b)).collect();
        sink.write(&rows).unwrap();
    }
    sink.finish().unwrap();
    let bytes = memory.0.lock().unwrap();
    bytes.clone()
}

fn two_pages() -> Vec<Vec<StoredBar>> {
    vec![vec![stored(0, 0.1 + 0.2, Some(1.25), 1.0)], vec![stored(300_000, 2.0, None, 0.8)]]
}

#[test]
fn csv_has_the_promised_columns_and_every_digit() {
    let text = String::from_utf8(exported(Format::Csv, &two_pages())).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "symbol,timeframe,time,open,high,low,close,volume,vwap,trades,provisional,quality_score,quality_notes"
    );
    assert_eq!(lines[1], "AAPL,5m,1970-01-01T00:00:00Z,1.5,2.0,1.0,0.30000000000000004,1000.0,1.25,7,false,1.0,");
    assert_eq!(lines[2], "AAPL,5m,1970-01-01T00:05:00Z,1.5,2.0,1.0,2.0,1000.0,,,true,0.8,\"gap, \"\"large\"\"\"");
    assert_eq!(lines.len(), 3);
    assert_eq!(String::from_utf8(exported(Format::Csv, &[])).unwrap().lines().count(), 1);
}

#[test]
fn json_is_one_array_over_all_pages() {
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&exported(Format::Json, &two_pages())).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["close"], 0.1 + 0.2);
    assert!(rows[1]["vwap"].is_null());
    assert_eq!(rows[1]["time"], "1970-01-01T00:05:00Z");
    assert_eq!(exported(Format::Json, &[]), b"[]\n");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_reads_back_as_it_was() {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::RowAccessor;
    let reader = SerializedFileReader::new(bytes::Bytes::from(exported(Format::Parquet, &two_pages()))).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get_string(0).unwrap(), "AAPL");
    assert_eq!(rows[1].get_timestamp_millis(2).unwrap(), 300_000);
    assert_eq!(rows[0].get_double(6).unwrap(), 0.1 + 0.2);
    assert_eq!(rows[0].get_double(8).unwrap(), 1.25);
    assert!(rows[1].get_double(8).is_err(), "an absent vwap is NULL");
    assert!(rows[1].get_bool(10).unwrap());
    assert_eq!(rows[1].get_string(12).unwrap(), "gap, \"large\"");
    let empty = SerializedFileReader::new(bytes::Bytes::from(exported(Format::Parquet, &[]))).unwrap();
    assert_eq!(empty.get_row_iter(None).unwrap().count(), 0);
}

#[tokio::test]
async fn bars_before_a_split_are_shown_in_todays_terms() {
    let date: NaiveDate = "1970-01-02".parse().unwrap();
    let view = View {
        class: AssetClass::Crypto,
        timeframe: Timeframe::M5,
        daily: None,
        splits: vec![Split { date, from: 1.0, to: 4.0 }],
        factors: Vec::new(),
        today: "2024-01-01".parse().unwrap(),
        min_quality: Some(0.9),
    };
    let page = vec![stored(0, 2.0, None, 1.0), stored(1, 2.0, None, 0.5), stored(86_400_000, 2.0, None, 1.0)];
    let shown = view.of(barkeep_store::Memory::new().as_ref(), page).await.unwrap();
    let values: Vec<(f64, f64)> = shown.iter().map(|b| (b.bar.close, b.bar.volume)).collect();
    assert_eq!(values, [(0.5, 4000.0), (2.0, 1000.0)]);
}

#[test]
fn an_unfinished_file_disappears() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    let files = || std::fs::read_dir(dir.path()).unwrap().count();
    let (destination, mut out) = Destination::open(Some(&path)).unwrap();
    out.write_all(b"half").unwrap();
    assert!(!path.exists());
    drop(destination);
    assert_eq!(files(), 0);
    let (destination, mut out) = Destination::open(Some(&path)).unwrap();
    out.write_all(b"whole").unwrap();
    out.flush().unwrap();
    destination.commit().unwrap();
    assert_eq!((std::fs::read(&path).unwrap(), files()), (b"whole".to_vec(), 1));
    assert!(Destination::open(Some(dir.path())).is_err());
}
