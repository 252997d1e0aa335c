//! What a driver error means for the caller: one total function over both dialects.
//!
//! The class decides whether the engine waits, repeats or stops; the sentence tells the operator what to do. Messages
//! are built from the server's own words, never from connection options, so no password can appear in one.

use sqlx::Error;

use super::StoreError;
use barkeep_base::text::printable;

type Class = fn(String) -> StoreError;

/// SQLite primary result codes (<https://sqlite.org/rescode.html>). What is not listed is `Refused`.
const SQLITE: &[(i32, Class, &str)] = &[
    (3, StoreError::Disk, "check the permissions of the file and its directory"),
    (5, StoreError::Busy, "another program holds a write lock on the file"),
    (6, StoreError::Busy, "another connection holds a lock"),
    (8, StoreError::Disk, "the file or its file system is read-only; make it writable"),
    (10, StoreError::Disk, "the disk reports an error; check it and its mount"),
    (11, StoreError::Unusable, "the file is damaged; stop barkeep and restore a backup"),
    (13, StoreError::Disk, "the disk is full; free some space"),
    (14, StoreError::Disk, "check that the directory exists and may be written"),
    (23, StoreError::Disk, "permission denied"),
    (24, StoreError::Unusable, "the file has a format this SQLite does not know"),
    (26, StoreError::Unusable, "the file is not a SQLite database; name another file"),
];

const POOLER: &str = "if a pooler such as PgBouncer stands between, in transaction mode, let its session mode serve barkeep, \
                      or connect to the server itself";

/// SQLSTATE codes and, with two characters, classes; the first match wins. What is not listed is `Refused`.
const POSTGRES: &[(&str, Class, &str)] = &[
    // Statements are named only where the server keeps what belongs to a session.
    ("26000", StoreError::Unreachable, POOLER),
    ("42P05", StoreError::Unreachable, POOLER),
    ("08P01", StoreError::Unreachable, POOLER),
    ("08", StoreError::Unreachable, "the connection was lost"),
    ("57P03", StoreError::Unreachable, "the server is starting or stopping"),
    ("57P0", StoreError::Unreachable, "the server is starting, stopping or ended the connection"),
    ("53300", StoreError::Unreachable, "the server accepts no more connections"),
    ("28", StoreError::Unreachable, "check user and password in the database URL"),
    ("3D000", StoreError::Unreachable, "create the database first (createdb)"),
    // The server dropped an idle transaction or an abandoned session of ours; a new connection mends it.
    ("25P03", StoreError::Unreachable, "the server ended an idle transaction"),
    ("40001", StoreError::Busy, "another transaction changed the same rows"),
    ("40P01", StoreError::Busy, "two transactions waited for each other"),
    ("55P03", StoreError::Busy, "another session holds a lock"),
    ("57014", StoreError::Busy, "the statement took longer than 30 s"),
    ("53100", StoreError::Disk, "the server's disk is full; free some space"),
    ("53200", StoreError::Disk, "the server is out of memory"),
    ("58", StoreError::Disk, "the server cannot read or write its files"),
    ("25006", StoreError::Disk, "the server is read-only (a standby, or default_transaction_read_only is on)"),
    ("42501", StoreError::Disk, "grant the rights to this role"),
    ("XX001", StoreError::Unusable, "the data files are damaged"),
    ("XX002", StoreError::Unusable, "an index is damaged; REINDEX it"),
];

/// What Citus says without a code of its own when it loses another node in the middle of something; what it cannot connect
/// to has one.
const NODE_LOST: [&str; 9] = [
    "failure on connection marked as essential",
    "server closed the connection",
    "connection not open",
    "no connection to the server",
    "could not receive data from server",
    "could not send data to server",
    "EOF detected",
    "could not connect to any active placements",
    "failed to execute task",
];

/// A write failed, and not for want of space: also how SQLite tells that a file-size limit was reached.
const IOERR_WRITE: i32 = 778;

fn has_size_limit() -> bool {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current.is_some()
}

/// The class of a driver error.
#[must_use]
pub fn classify(error: Error) -> StoreError {
    match error {
        Error::Database(e) => {
            let code = e.code().unwrap_or_default().into_owned();
            let said = printable(e.message());
            // SQLite's codes are plain numbers of up to four digits; SQLSTATEs have five characters.
            let (class, hint) = match code.parse::<i32>() {
                Ok(number) if code.len() < 5 => of_sqlite(number),
                _ if code == "XX000" && NODE_LOST.iter().any(|words| said.contains(words)) => {
                    (StoreError::Unreachable as Class, "a node of the database was lost")
                }
                _ => of_postgres(&code),
            };
            class(with_hint(said, hint))
        }
        Error::Io(e) => StoreError::Unreachable(printable(&e.to_string())),
        Error::Tls(e) => StoreError::Unreachable(no_tls(&e.to_string())),
        Error::PoolTimedOut => StoreError::Unreachable("no connection within 5 s".into()),
        Error::PoolClosed => StoreError::Unreachable("it was closed".into()),
        Error::WorkerCrashed => StoreError::Unreachable("its worker thread ended".into()),
        // The server broke off in the middle of a message, or it is not a PostgreSQL server.
        Error::Protocol(what) => StoreError::Unreachable(printable(&what)),
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::ColumnNotFound(_) | Error::TypeNotFound { .. } => {
            StoreError::Unusable(format!("it holds a value that cannot be read: {}", printable(&error.to_string())))
        }
        other => StoreError::Refused(printable(&other.to_string())),
    }
}

/// The class of an error of a connection that reads a SQLite file.
#[must_use]
#[allow(clippy::needless_pass_by_value, reason = "the signature map_err asks for")]
pub fn of_file(error: rusqlite::Error) -> StoreError {
    let said = printable(&error.to_string());
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            let (class, hint) = of_sqlite(failure.extended_code);
            class(with_hint(said, hint))
        }
        _ => StoreError::Refused(said),
    }
}

fn with_hint(said: String, hint: &str) -> String {
    if hint.is_empty() { said } else { format!("{said} ({hint})") }
}

/// Why there is no TLS connection, and what helps where that is known.
fn no_tls(why: &str) -> String {
    let why = printable(why);
    let hint = match () {
        () if why.contains("UnsupportedCertVersion") => {
            " (the server's certificate is an X.509 version 1 one; make a version 3 one, for example with \
             `openssl req -x509 -addext subjectAltName=DNS:HOST`, which also names the host)"
        }
        () if why.contains("UnknownIssuer") => " (name its certificate authority in the URL: sslrootcert=FILE)",
        () if why.contains("NotValidForName") => " (connect by a name that is in the server's certificate)",
        () if why.contains("Expired") => " (the server's certificate is expired; renew it)",
        () => "",
    };
    format!("no TLS connection: {why}{hint}")
}

fn of_sqlite(extended: i32) -> (Class, &'static str) {
    if extended == IOERR_WRITE && has_size_limit() {
        return (StoreError::Disk, "raise the file-size limit (ulimit -f, LimitFSIZE) or check the disk");
    }
    let primary = extended & 0xff;
    SQLITE
        .iter()
        .find(|(code, ..)| *code == primary)
        .map_or((StoreError::Refused as Class, ""), |(_, class, hint)| (*class, *hint))
}

fn of_postgres(state: &str) -> (Class, &'static str) {
    POSTGRES
        .iter()
        .find(|(code, ..)| state.starts_with(code))
        .map_or((StoreError::Refused as Class, ""), |(_, class, hint)| (*class, *hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(class: Class) -> &'static str {
        match class(String::new()) {
            StoreError::Unreachable(_) => "unreachable",
            StoreError::Busy(_) => "busy",
            StoreError::Disk(_) => "disk",
            StoreError::Unusable(_) => "unusable",
            StoreError::NotFound(_) => "not found",
            StoreError::Refused(_) => "refused",
            StoreError::TakenOver(_) => "taken over",
        }
    }

    #[test]
    fn sqlite_codes_have_a_class_extended_ones_too() {
        let extended_io_fsync = 0x40a;
        let busy_snapshot = 0x205;
        let check = 0x113;
        for (code, class) in [
            (5, "busy"),
            (6, "busy"),
            (busy_snapshot, "busy"),
            (13, "disk"),
            (10, "disk"),
            (extended_io_fsync, "disk"),
            (8, "disk"),
            (14, "disk"),
            (3, "disk"),
            (11, "unusable"),
            (26, "unusable"),
            (check, "refused"),
            (1, "refused"),
        ] {
            assert_eq!(name(of_sqlite(code).0), class, "{code}");
        }
    }

    #[test]
    fn sqlstates_have_a_class() {
        for (state, class) in [
            ("08006", "unreachable"),
            ("57P01", "unreachable"),
            ("57P02", "unreachable"),
            ("57P03", "unreachable"),
            ("53300", "unreachable"),
            ("28P01", "unreachable"),
            ("3D000", "unreachable"),
            ("40001", "busy"),
            ("40P01", "busy"),
            ("55P03", "busy"),
            ("53100", "disk"),
            ("25006", "disk"),
            ("42501", "disk"),
            ("XX001", "unusable"),
            ("23505", "refused"),
            ("23514", "refused"),
            ("42P01", "refused"),
        ] {
            assert_eq!(name(of_postgres(state).0), class, "{state}");
        }
    }

    #[test]
    fn a_lost_connection_is_unreachable() {
        let lost = Error::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(matches!(classify(lost), StoreError::Unreachable(_)));
        assert!(matches!(classify(Error::PoolTimedOut), StoreError::Unreachable(_)));
    }
}
