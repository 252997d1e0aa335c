//! The storage: what is refused, which part of a file is sent, and what it holds.

use std::io::Read;

use super::*;

const FILE: &str = "/flatfiles/us_stocks_sip/minute_aggs_v1/2025/06/2025-06-16.csv.gz";
const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=known/20250618/us-east-1/s3/aws4_request, \
                      SignedHeaders=host, Signature=00\r\n";

async fn storage() -> Sim {
    let config = SimConfig {
        symbols: vec!["AAPL".to_owned()],
        s3_access_keys: Some(vec!["known".to_owned()]),
        ..SimConfig::default()
    };
    start(config).await
}

async fn get(sim: &Sim, target: &str, headers: &str) -> Got {
    send(sim, "GET", target, &format!("{SIGNED}{headers}"), "").await.unwrap()
}

fn unpacked(body: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut text)?;
    Ok(text)
}

#[tokio::test]
async fn its_rows_are_those_of_the_aggregates() {
    let sim = storage().await;
    let got = get(&sim, FILE, "").await;
    assert_eq!(got.status, 200);
    let text = unpacked(&got.body).unwrap();
    assert!(text.starts_with("ticker,volume,open,close,high,low,window_start,transactions\n"));
    let own: Vec<Vec<&str>> =
        text.lines().filter(|line| line.starts_with("AAPL,")).map(|line| line.split(',').collect()).collect();
    let bars = ask(&sim, &range("AAPL", "1/minute", "2025-06-16", "2025-06-16", 50_000)).await.rows();
    assert!(bars.len() > 300);
    assert_eq!(own.len(), bars.len());
    for (own, bar) in own.iter().zip(&bars) {
        let number = |k: usize| own[k].parse::<f64>().unwrap();
        let values = ["v", "o", "c", "h", "l"].map(|name| bar[name].as_f64().unwrap());
        assert_eq!([number(1), number(2), number(3), number(4), number(5)], values);
        assert_eq!(own[6].parse::<i64>().unwrap(), bar["t"].as_i64().unwrap() * 1_000_000);
        assert_eq!(own[7].parse::<i64>().unwrap(), bar["n"].as_i64().unwrap());
    }
}

#[tokio::test]
async fn parts_are_sent_while_the_file_is_the_same() {
    let sim = storage().await;
    let whole = get(&sim, FILE, "").await;
    let tag = whole.header("etag").unwrap().to_owned();
    let part = get(&sim, FILE, &format!("Range: bytes=100-\r\nIf-Match: {tag}\r\n")).await;
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[100..]));
    let range = format!("bytes 100-{}/{}", whole.body.len() - 1, whole.body.len());
    assert_eq!(part.header("content-range"), Some(range.as_str()));
    let head = send(&sim, "HEAD", FILE, SIGNED, "").await.unwrap();
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, Some(tag.as_str())));

    sim.add_fault(FaultRule::new(FaultKind::ReplacedFile).times(1));
    assert!(!get(&sim, FILE, "").await.whole);
    let gone = get(&sim, FILE, &format!("Range: bytes=100-\r\nIf-Match: {tag}\r\n")).await;
    assert_eq!(gone.status, 412);
    let new = get(&sim, FILE, "").await;
    assert_ne!(new.header("etag"), Some(tag.as_str()));
    assert_eq!(unpacked(&new.body).unwrap(), unpacked(&whole.body).unwrap());
}

#[tokio::test]
async fn it_refuses_like_the_vendor() {
    let sim = storage().await;
    let unsigned = send(&sim, "GET", FILE, "Authorization: Bearer key\r\n", "").await.unwrap();
    assert!(unsigned.status == 403 && unsigned.text().contains("<Code>AccessDenied</Code>"));
    let unknown = send(&sim, "GET", FILE, &SIGNED.replace("known", "other"), "").await.unwrap();
    assert!(unknown.status == 403 && unknown.text().contains("<Code>InvalidAccessKeyId</Code>"));
    // Saturday; yesterday before 11:00 New York; no such dataset.
    let other = |date: &str| FILE.replace("2025-06-16", date);
    for missing in [other("2025-06-14"), other("2025-06-18"), FILE.replace("minute", "second")] {
        let got = get(&sim, &missing, "").await;
        assert!(got.status == 404 && got.text().contains("<Code>NoSuchKey</Code>"), "{missing}: {}", got.status);
    }
    // 2025-06-18 11:02 New York.
    assert_eq!(get(&sim, &other("2025-06-17"), "").await.status, 200);
}

#[tokio::test]
async fn files_have_faults_of_their_own() {
    let sim = storage().await;
    let good = get(&sim, FILE, "").await;
    for kind in FaultKind::ALL.iter().filter(|kind| kind.needs_file()) {
        sim.clear_faults();
        sim.add_fault(FaultRule::new(*kind).times(1));
        assert_eq!(ask(&sim, &range("AAPL", "1/day", "2025-06-16", "2025-06-16", 10)).await.status, 200);
        assert_eq!(sim.faults()[0].matched, 0, "{kind:?} strikes files alone");
        let bad = get(&sim, FILE, "").await;
        assert_eq!(sim.faults()[0].fired, 1, "{kind:?}");
        match kind {
            FaultKind::DamagedByte => assert!(unpacked(&bad.body).is_err()),
            FaultKind::CutLine => assert!(!unpacked(&bad.body).unwrap().ends_with('\n')),
            _ => assert!(!bad.whole, "{kind:?}"),
        }
        assert!(get(&sim, FILE, "").await.body.len() + 100 > good.body.len());
    }
}
