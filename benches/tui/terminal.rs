//! The real dashboard on a pseudo terminal, over a database of 10,000 symbols: from the key that is typed to the last byte
//! of the frame that answers it, and from the start of the program to its first frame.
//!
//! The program, its screen's thread and this one share the machine's processors; what the terminal itself would need to
//! show the bytes is not in the figures.

use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use barkeep::base::clock::{Clock as _, SystemClock};
use portable_pty::{Child, MasterPty};
use rusqlite::{Connection, params};

use crate::support::pty;

/// What ends a frame: the end of a synchronized update.
const FRAME_END: &[u8] = b"\x1b[?2026l";
const PATIENCE: Duration = Duration::from_secs(30);
/// A screen at rest sends nothing for so long.
const REST: Duration = Duration::from_millis(250);
const HOUR: i64 = 3_600_000;
const CRITICALITY: [&str; 3] = ["critical", "standard", "low"];
/// Hours since the last answer: from fresh to a month late.
const LATE: [i64; 9] = [0, 0, 0, 1, 3, 9, 30, 100, 720];

/// A database as a year of keeping so many symbols leaves it, but for the bars themselves: no screen here reads them.
/// Symbols that are not `active` are shown and never asked for.
pub(crate) async fn fill(path: &Path, symbols: usize, active: bool) {
    barkeep::store::open(&format!("sqlite:{}", path.display()), false).await.unwrap().close().await;
    let mut conn = Connection::open(path).unwrap();
    let transaction = conn.transaction().unwrap();
    let now = SystemClock.now().ms();
    {
        let mut symbol = transaction
            .prepare(
                "INSERT INTO symbols (symbol, asset_class, vendor_ticker, criticality, timeframes, added_at, active)
                 VALUES (?1, 'stock', ?1, ?2, '5m,15m,1h,4h,1d', ?3, ?4)",
            )
            .unwrap();
        let mut series = transaction
            .prepare(
                "INSERT INTO series (symbol, timeframe, bar_count, first_ts, last_ts, checked_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
            )
            .unwrap();
        let mut coverage = transaction
            .prepare("INSERT INTO coverage (series_id, start_ts, end_ts, state, fetched_at) VALUES (?1, ?2, ?3, 'present', ?4)")
            .unwrap();
        for k in 0..symbols {
            let name = format!("T{k:05}");
            let criticality = CRITICALITY.get(k % CRITICALITY.len());
            symbol.execute(params![name, criticality, now - 8_760 * HOUR, active]).unwrap();
            for (tf, bars) in [("5m", 70_000), ("15m", 23_000), ("1h", 5_800), ("4h", 1_500), ("1d", 250)] {
                let late = LATE.get(k % LATE.len()).copied().unwrap_or(0) * HOUR;
                let (first, asked) = (now - 8_760 * HOUR, now - late);
                let last = asked - asked % (24 * HOUR) - 24 * HOUR;
                let id: i64 =
                    series.query_row(params![name, tf, bars + k as i64, first, last, asked], |row| row.get(0)).unwrap();
                coverage.execute(params![id, first, asked, asked]).unwrap();
            }
        }
    }
    transaction.commit().unwrap();
}

/// The program on a terminal, with the time its bytes came.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    /// Keeps the terminal open.
    _master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    pieces: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
}

impl Terminal {
    /// Starts it; nothing listens at the vendor's address.
    pub(crate) fn start(home: &Path, database: &Path, columns: u16, rows: u16) -> Self {
        let env = [
            ("MASSIVE_API_KEY", "key-of-the-benchmark".to_owned()),
            ("BARKEEP_VENDOR_URL", "http://127.0.0.1:9".to_owned()),
            ("BARKEEP_API_LISTEN", "127.0.0.1:0".to_owned()),
            ("BARKEEP_DATABASE_URL", format!("sqlite:{}", database.display())),
        ];
        let (master, child) = pty::spawn(env!("CARGO_BIN_EXE_barkeep"), &[], home, &env, columns, rows);
        let mut reader = master.try_clone_reader().unwrap();
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                if sender.send((Instant::now(), bytes.get(..n).unwrap_or_default().to_vec())).is_err() {
                    break;
                }
            }
        });
        let keys = master.take_writer().unwrap();
        let screen = vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0);
        Self { child, _master: master, keys, pieces, screen }
    }

    /// The time at which the frame was complete whose screen is as `so` says.
    pub(crate) fn frame(&mut self, what: &str, so: impl Fn(&str) -> bool) -> Instant {
        let began = Instant::now();
        let mut end = Vec::new();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let Ok((at, piece)) = self.pieces.recv_timeout(left) else {
                panic!("never came: {what}\n{}", self.screen.screen().contents())
            };
            end.extend_from_slice(&piece);
            self.screen.process(&piece);
            let whole = end.windows(FRAME_END.len()).any(|bytes| bytes == FRAME_END);
            if whole && so(&self.screen.screen().contents()) {
                return at;
            }
            // Only an end that was cut in two matters from here on.
            end.drain(..end.len().saturating_sub(FRAME_END.len() - 1));
        }
    }

    pub(crate) fn shows(&self, text: &str) -> bool {
        self.screen.screen().contents().contains(text)
    }

    /// Reads what comes for a while.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok((_, piece)) = self.pieces.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.screen.process(&piece);
        }
    }

    /// Lets everything arrive that is on its way.
    pub(crate) fn rest(&mut self) {
        loop {
            match self.pieces.recv_timeout(REST) {
                Ok((_, piece)) => self.screen.process(&piece),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => panic!("it ended\n{}", self.screen.screen().contents()),
            }
        }
    }

    /// What it has used so far: processor time, and how often one of its threads has gone to sleep. The system counts
    /// both, where it is Linux.
    pub(crate) fn used(&self) -> (Duration, u64) {
        let pid = self.child.process_id().unwrap();
        let ticks = crate::proc::cpu_ticks(&format!("/proc/{pid}/stat"));
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let sleeps = |task: std::fs::DirEntry| {
            let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
            let line = status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
            line.and_then(|n| n.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        (Duration::from_millis(ticks * 10), threads.flatten().map(sleeps).sum())
    }

    /// Types a key into a screen at rest and waits for the frame that shows what it did.
    pub(crate) fn key(&mut self, key: &str, so: impl Fn(&str) -> bool) -> Duration {
        self.rest();
        let typed = Instant::now();
        self.keys.write_all(key.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self.frame(&format!("an answer to {key:?}"), so) - typed
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
