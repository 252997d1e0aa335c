use std::sync::Arc;

use super::*;
use barkeep_market::calendar::Override;
use barkeep_market::quality::{SEEN_TWICE, Thresholds};
use barkeep_market::ts::{DAY, HOUR, MINUTE};
use barkeep_market::{AssetClass, Timeframe};
use barkeep_store::{Memory, PageCommit, QuarantinedBar, SeriesWrite, SymbolRow, Verdict, testing};
use chrono::NaiveDate;

const NOW: Ts = Ts(1_717_200_000_000);

async fn series(class: AssetClass, base: Timeframe) -> (Arc<Memory>, SeriesIds) {
    let store = Memory::new();
    let row = SymbolRow { added_at: NOW, ..testing::symbol_of("AAC", class, &[base]) };
    store.put_symbols(std::slice::from_ref(&row)).await.unwrap();
    let base_id = store.series().await.unwrap()[0].id;
    let thresholds = Thresholds { gap: 0.15, volume_low: 0.2, volume_high: 5.0 };
    (
        store,
        SeriesIds {
            ticker: row.vendor_ticker,
            vendor: row.vendor,
            symbol: row.symbol,
            class,
            base,
            base_id,
            derived: Vec::new(),
            splits: Vec::new(),
            thresholds,
        },
    )
}

fn bar(ts: Ts, price: f64) -> Bar {
    Bar { vwap: Some(price), trades: Some(5), ..barkeep_market::testing::bar(ts, price) }
}

fn day(text: &str) -> Ts {
    Ts::ny_midnight(text.parse().unwrap())
}

async fn commit(store: &Memory, ids: &SeriesIds, bars: &[Bar], quarantine: Vec<QuarantinedBar>, at: Ts) {
    let stored = |bar: &Bar| StoredBar { fetched_at: at, ..testing::stored(*bar) };
    let bars = bars.iter().map(stored).collect();
    let write = SeriesWrite { bars, quarantine, checked_at: Some(at), ..SeriesWrite::nothing(ids.base_id) };
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
}

async fn reasons(store: &Memory, calendar: &Calendar, ids: &SeriesIds, bars: &[Bar]) -> Vec<(Ts, String)> {
    let sorted = sort_out(store, calendar, ids, bars, NOW).await.unwrap();
    sorted.bad.into_iter().map(|(bar, reason)| (bar.ts, reason)).collect()
}

#[tokio::test]
async fn a_bar_outside_the_hours_of_its_market_is_put_aside() {
    let calendar = Calendar::new();
    let (store, ids) = series(AssetClass::Stock, Timeframe::D1).await;
    let [friday, saturday, holiday] = ["2019-01-25", "2019-01-26", "2019-01-21"].map(day);
    let bars = [bar(holiday, 2.0), bar(friday, 2.0), bar(saturday, 2.0)];
    let closed = || CLOSED.to_owned();
    assert_eq!(reasons(store.as_ref(), &calendar, &ids, &bars).await, [(holiday, closed()), (saturday, closed())]);

    let (store, ids) = series(AssetClass::Stock, Timeframe::M1).await;
    let at = |minutes: i64| day("2024-03-05") + minutes * MINUTE;
    let bars = [3 * 60, 3 * 60 + 59, 4 * 60, 19 * 60 + 59, 20 * 60].map(|minutes| bar(at(minutes), 2.0));
    let want = [3 * 60, 3 * 60 + 59, 20 * 60].map(|minutes| (at(minutes), closed()));
    assert_eq!(reasons(store.as_ref(), &calendar, &ids, &bars).await, want);

    // Four hours that begin before the market opens hold its first bars.
    let (store, ids) = series(AssetClass::Stock, Timeframe::H4).await;
    let bars = [4, 8, 20].map(|hour| bar(Ts::utc_midnight("2024-07-02".parse().unwrap()) + hour * HOUR, 2.0));
    assert_eq!(reasons(store.as_ref(), &calendar, &ids, &bars).await, [(bars[0].ts, closed())]);

    let (store, ids) = series(AssetClass::Crypto, Timeframe::D1).await;
    let sunday = Ts::utc_midnight("2024-03-03".parse().unwrap());
    assert_eq!(reasons(store.as_ref(), &calendar, &ids, &[bar(sunday, 2.0)]).await, []);
}

#[tokio::test]
async fn an_announced_closure_is_not_believed_against_bars() {
    let date: NaiveDate = "2025-01-08".parse().unwrap();
    let calendar = Calendar::new().with_override(date, Override::Closed);
    let (store, ids) = series(AssetClass::Stock, Timeframe::D1).await;
    assert_eq!(reasons(store.as_ref(), &calendar, &ids, &[bar(day("2025-01-08"), 2.0)]).await, []);
}

#[tokio::test]
async fn an_absurd_bar_is_believed_when_it_is_sent_again_days_later() {
    let calendar = Calendar::new();
    let (store, ids) = series(AssetClass::Stock, Timeframe::D1).await;
    let days = ["2024-03-04", "2024-03-05", "2024-03-06"].map(day);
    let page = [bar(days[0], 10.0), bar(days[1], 900.0), bar(days[2], 10.0)];
    let sorted = sort_out(store.as_ref(), &calendar, &ids, &page, NOW).await.unwrap();
    assert_eq!((sorted.good, sorted.bad.len()), (vec![page[0], page[2]], 1));
    let (odd, reason) = sorted.bad[0].clone();
    assert_eq!(reason, absurd::FAR_PRICE);
    let quarantined = QuarantinedBar { bar: odd, reason, request_id: None };
    commit(store.as_ref(), &ids, &[page[0], page[2]], vec![quarantined], NOW).await;

    // A day later it is still not believed, and another value is another question.
    let early = sort_out(store.as_ref(), &calendar, &ids, &page, NOW + DAY).await.unwrap();
    assert_eq!(early.bad.len(), 1);
    let other = [page[0], bar(days[1], 901.0), page[2]];
    assert_eq!(sort_out(store.as_ref(), &calendar, &ids, &other, NOW + 2 * DAY).await.unwrap().bad.len(), 1);
    let again = sort_out(store.as_ref(), &calendar, &ids, &page, NOW + 2 * DAY).await.unwrap();
    assert_eq!((again.good, again.bad.len()), (page.to_vec(), 0));
    let stored = store.bars(ids.base_id, (..).into(), None).await.unwrap();
    assert_eq!(stored[1].bar, page[1]);
    assert!(stored[1].quality_score <= 0.3, "{:?}", stored[1]);
    assert!(stored[1].quality_notes.as_deref().unwrap().ends_with(SEEN_TWICE), "{:?}", stored[1]);
    assert_eq!(store.quarantine(false).await.unwrap()[0].status, Verdict::Accepted);
    let noted = store.operator_actions(Some("quarantine 1"), 9).await.unwrap();
    assert_eq!(noted[0].action.detail.as_deref(), Some("accepted: AAC 1d 2024-03-05T05:00:00Z (seen_twice)"));

    // Sent once more it keeps its mark.
    commit(store.as_ref(), &ids, &page, Vec::new(), NOW + 3 * DAY).await;
    let kept = store.bars(ids.base_id, (..).into(), None).await.unwrap();
    assert_eq!(kept[1], stored[1]);
}

#[tokio::test]
async fn what_is_stored_stays_where_a_bad_bar_comes() {
    let calendar = Calendar::new();
    let (store, ids) = series(AssetClass::Stock, Timeframe::D1).await;
    let good = bar(day("2024-03-05"), 10.0);
    commit(store.as_ref(), &ids, &[good], Vec::new(), NOW).await;
    let broken = Bar { high: 1.0, ..good };
    let sorted = sort_out(store.as_ref(), &calendar, &ids, &[broken], NOW).await.unwrap();
    assert_eq!((sorted.good, sorted.bad.len()), (vec![good], 1), "coarser bars are made with the stored one");

    // An accepted bar that is sent again is no new question.
    let accepted = StoredBar { quality_score: 0.5, fetched_at: NOW, ..testing::stored(broken) };
    let quarantined = QuarantinedBar { bar: broken, reason: "x".to_owned(), request_id: None };
    commit(store.as_ref(), &ids, &[], vec![quarantined], NOW).await;
    let id = store.quarantine(true).await.unwrap()[0].id;
    store.decide_quarantine(id, Verdict::Accepted, Some(accepted), NOW).await.unwrap();
    let sorted = sort_out(store.as_ref(), &calendar, &ids, &[broken], NOW).await.unwrap();
    assert_eq!((sorted.good, sorted.bad.len()), (vec![broken], 0));
}

#[tokio::test]
async fn the_first_trades_of_a_day_are_no_absurd_volume() {
    let calendar = Calendar::new();
    let (store, ids) = series(AssetClass::Stock, Timeframe::M1).await;
    let at = |date: &str, minute: i64| day(date) + minute * MINUTE;
    let thin = |ts: Ts| Bar { volume: 100.0, ..bar(ts, 10.0) };
    // Yesterday opened with a million shares; then nothing but odd lots.
    let mut known = vec![Bar { volume: 1e6, ..bar(at("2024-03-04", 570), 10.0) }];
    known.extend((600..900).map(|m| thin(at("2024-03-04", m))));
    commit(store.as_ref(), &ids, &known, Vec::new(), NOW).await;
    let opening = Bar { volume: 2e6, ..bar(at("2024-03-05", 570), 10.0) };
    assert_eq!(reasons(store.as_ref(), &calendar, &ids, &[opening]).await, []);
    let absurd_one = Bar { volume: 2e9, ..opening };
    assert_eq!(
        reasons(store.as_ref(), &calendar, &ids, &[absurd_one]).await,
        [(opening.ts, absurd::FAR_VOLUME.to_owned())]
    );
}

#[tokio::test]
async fn times_no_database_can_hold_are_put_aside() {
    let (store, ids) = series(AssetClass::Stock, Timeframe::M1).await;
    for ts in [Ts(i64::MAX), Ts(i64::MIN)] {
        assert_eq!(reasons(store.as_ref(), &Calendar::new(), &ids, &[bar(ts, 10.0)]).await.len(), 1);
    }
}
