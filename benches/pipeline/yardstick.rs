//! COPY by itself: the rows the pipeline wrote, taken out in COPY's own binary form, written back into the emptied table in
//! one statement of one transaction. Nothing is encoded, decoded or compared while the clock runs.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

pub(crate) async fn copy(database: &str, bars: u64) -> Duration {
    let mut conn = PgConnection::connect(database).await.unwrap();
    let rows = {
        let mut out = conn.copy_out_raw("COPY bars TO STDOUT (FORMAT binary)").await.unwrap();
        let mut rows: Vec<u8> = Vec::new();
        while let Some(piece) = out.try_next().await.unwrap() {
            rows.extend_from_slice(&piece);
        }
        rows
    };
    conn.execute("TRUNCATE bars").await.unwrap();
    let start = Instant::now();
    let mut copy = conn.copy_in_raw("COPY bars FROM STDIN (FORMAT binary)").await.unwrap();
    for piece in rows.chunks(1 << 18) {
        copy.send(piece).await.unwrap();
    }
    assert_eq!(copy.finish().await.unwrap(), bars);
    let took = start.elapsed();
    conn.close().await.unwrap();
    took
}
