//! The log: a file a day, one event a line, nothing on the screen unless asked for.
//!
//! Text from a vendor or a user can hold line breaks and escape sequences; in a text log they would forge events or act
//! on the reader's terminal, so every control character is written as an escape (tracing-subscriber does not do that for
//! line breaks). JSON escapes them by itself.

mod daily;
mod line;
mod settings;
mod tail;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use self::daily::Daily;
use crate::clock::SystemClock;
pub use line::{Level, LogLine};
pub use settings::{LogFormat, LogSettings};
pub use tail::Tail;

/// Keeps the log's writer alive; dropping it writes out what is queued.
#[derive(Debug)]
#[must_use = "the log ends when this is dropped"]
pub struct Telemetry {
    /// The last lines, for screens.
    pub tail: Tail,
    _writer: Option<WorkerGuard>,
}

/// The log file that was asked for by name cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: the log file cannot be written: {reason}")]
pub struct LogFileError {
    pub path: String,
    pub reason: std::io::Error,
}

/// Starts logging for the rest of the process. `verbose` counts `-v`: it raises the level and, with
/// `stderr`, shows the log there.
///
/// # Errors
/// Only for a file that was named. When the directory of daily files cannot be written, one warning goes to stderr and
/// the work goes on without a log.
pub fn start(settings: &LogSettings, verbose: u8, stderr: bool) -> Result<Telemetry, LogFileError> {
    let (sink, guard) = match sink(settings)? {
        Some((writer, guard)) => (Some(writer), Some(guard)),
        None => (None, None),
    };
    let to_file: Option<Box<dyn Layer<Registry> + Send + Sync>> = sink.map(|writer| match settings.format {
        LogFormat::Text => {
            tracing_subscriber::fmt::layer().with_ansi(false).event_format(one_line()).with_writer(writer).boxed()
        }
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_ansi(false).with_writer(writer).boxed(),
    });
    let to_stderr = (verbose > 0 && stderr).then(|| {
        tracing_subscriber::fmt::layer().with_ansi(false).event_format(one_line()).with_writer(std::io::stderr).boxed()
    });
    let tail = Tail::default();
    let to_screens = Some(tail.clone().boxed());
    let layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> =
        to_file.into_iter().chain(to_stderr).chain(to_screens).collect();
    let subscriber = Registry::default().with(layers.with_filter(filter(&settings.level, verbose)));
    // Fails only when a test has set one already; then that one stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(Telemetry { tail, _writer: guard })
}

/// barkeep at the asked level. Libraries stay at warnings: at debug they would write headers and SQL.
fn filter(level: &str, verbose: u8) -> EnvFilter {
    const FROM_QUIET: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    let asked = FROM_QUIET.iter().position(|l| *l == level).unwrap_or(2);
    let raised = match verbose {
        0 => asked,
        1 => asked.max(3),
        _ => 4,
    };
    EnvFilter::new(format!("warn,barkeep={}", FROM_QUIET.get(raised).unwrap_or(&"info")))
}

/// Lines that wait for the disk. The usual 128,000 take 4 MB although none is waiting.
const LINES: usize = 16_384;

fn queued() -> NonBlockingBuilder {
    NonBlockingBuilder::default().buffered_lines_limit(LINES)
}

fn sink(settings: &LogSettings) -> Result<Option<(NonBlocking, WorkerGuard)>, LogFileError> {
    if let Some(path) = &settings.file {
        let shown = || crate::text::printable(&path.display().to_string());
        let file = open_private(path).map_err(|reason| LogFileError { path: shown(), reason })?;
        return Ok(Some(queued().finish(file)));
    }
    let clock = Arc::new(SystemClock);
    let daily = make_private_dir(&settings.dir).and_then(|()| Daily::open(&settings.dir, settings.keep, clock));
    match daily {
        Ok(appender) => Ok(Some(queued().finish(appender))),
        Err(reason) => {
            let dir = crate::text::printable(&settings.dir.display().to_string());
            let _ =
                writeln!(std::io::stderr(), "warning: no log is written: {dir}: {reason}; set log.dir or --log-file");
            Ok(None)
        }
    }
}

/// Opens for appending, readable by the owner alone when it is made here.
fn open_private(path: &Path) -> std::io::Result<File> {
    // Opening a FIFO would wait for a reader.
    if let Ok(metadata) = std::fs::metadata(path)
        && !metadata.is_file()
    {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Formats an event as exactly one line, whatever its fields hold.
struct OneLine<F>(F);

fn one_line() -> OneLine<Format<Full>> {
    OneLine(tracing_subscriber::fmt::format().with_ansi(false))
}

impl<S, N, F> FormatEvent<S, N> for OneLine<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        for c in line.strip_suffix('\n').unwrap_or(&line).chars() {
            let turns_text = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns_text {
                write!(writer, "{}", c.escape_default())?;
            } else {
                writer.write_char(c)?;
            }
        }
        writer.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_event_is_one_line() {
        let memory = Memory::default();
        let sink = memory.clone();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).event_format(one_line());
        let subscriber = Registry::default().with(layer.with_writer(move || sink.clone()));
        let hostile = "bad\n2026-01-01T00:00:00Z INFO forged\r\u{1b}]2;title\u{7}\u{202e}";
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(vendor = hostile, shown = %hostile, "{hostile}");
        });
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(!text.trim_end().chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        assert!(text.contains("forged") && text.contains("\\u{1b}"));
    }

    #[test]
    fn verbosity_only_raises() {
        for (level, verbose, expected) in [
            ("info", 0, "warn,barkeep=info"),
            ("info", 1, "warn,barkeep=debug"),
            ("trace", 1, "warn,barkeep=trace"),
            ("error", 9, "warn,barkeep=trace"),
        ] {
            let directives: Vec<String> = expected.split(',').map(str::to_owned).collect();
            let shown = filter(level, verbose).to_string();
            assert!(directives.iter().all(|d| shown.contains(d)), "{shown}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private_and_a_named_one_must_be_writable() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        let file = dir.path().join("exact.log");
        drop(open_private(&file).unwrap());
        assert_eq!(mode(&file), 0o600);
        let made = dir.path().join("a/b");
        make_private_dir(&made).unwrap();
        assert_eq!(mode(&made), 0o700);
        assert!(open_private(dir.path()).is_err());
    }
}
