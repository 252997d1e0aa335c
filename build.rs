//! What this machine lacks for the tests, as `cfg` flags: a test that cannot run is ignored with its reason, instead of
//! passing without having looked at anything.
//!
//! | flag | lacking | made an error by |
//! |---|---|---|
//! | `without_postgres` | `BARKEEP_TEST_POSTGRES_URL`, and the programs below | `BARKEEP_REQUIRE_POSTGRES=1` |
//! | `without_initdb` | `initdb` and `postgres`, to start and stop a server | the same |
//! | `without_timescale` | `BARKEEP_TEST_TIMESCALE_URL`: a server that has `TimescaleDB` | `BARKEEP_REQUIRE_TIMESCALE=1` |
//! | `without_citus` | `BARKEEP_TEST_CITUS_URL`: a server that has Citus | `BARKEEP_REQUIRE_CITUS=1` |
//! | `without_pgbouncer` | `pgbouncer`, or PostgreSQL | `BARKEEP_REQUIRE_PGBOUNCER=1` |
//! | `without_spaces` | the right to make spaces of host names and process ids (`unshare`, as root), or PostgreSQL | `BARKEEP_REQUIRE_SPACES=1` |
//! | `without_faketime` | `faketime`, or the right to make spaces, or PostgreSQL | the same |
//! | `without_prometheus` | `prometheus` and `promtool` | `BARKEEP_REQUIRE_PROMETHEUS=1` |
//! | `without_systemd` | `systemd-analyze` | `BARKEEP_REQUIRE_SYSTEMD=1` |
//! | `without_zsh`, `without_fish` | these shells | `BARKEEP_REQUIRE_SHELLS=1` |
//! | `without_openapi_client` | `openapi-python-client` and `openapi-spec-validator` | `BARKEEP_REQUIRE_OPENAPI_CLIENT=1` |
//! | `without_python="NAME"` | `python3` with the package of that name | `BARKEEP_REQUIRE_PYTHON=1` |
//! | `without_data` | the recorded data in `BARKEEP_TEST_DATA` (default `../shared/data`) | `BARKEEP_REQUIRE_DATA=1` |
//!
//! What is required and lacking is not ignored; its tests fail.

use std::env::{split_paths, var_os};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian puts the server programs of each version, outside `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Python packages that the recipes in `docs/recipes` use.
const PACKAGES: [&str; 8] =
    ["pandas", "polars", "duckdb", "pyarrow", "backtesting", "vectorbt", "zipline", "nautilus_trader"];
/// The extension of `DuckDB` for SQLite, which is no package.
const DUCKDB_SQLITE: &str = "duckdb_sqlite";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(without_postgres, without_initdb, without_pgbouncer, without_data)");
    println!("cargo::rustc-check-cfg=cfg(without_spaces, without_faketime)");
    println!("cargo::rustc-check-cfg=cfg(without_timescale, without_citus)");
    println!("cargo::rustc-check-cfg=cfg(without_zsh, without_fish)");
    println!("cargo::rustc-check-cfg=cfg(without_prometheus, without_systemd, without_openapi_client)");
    let names: Vec<String> = PACKAGES.iter().chain([&DUCKDB_SQLITE]).map(|name| format!("\"{name}\"")).collect();
    println!("cargo::rustc-check-cfg=cfg(without_python, values({}))", names.join(", "));
    println!("cargo::rerun-if-changed=build.rs");
    let url = variable("BARKEEP_TEST_POSTGRES_URL").is_some();
    let postgres_required = is_required("BARKEEP_REQUIRE_POSTGRES");
    let programs = programs();
    if !programs && !postgres_required {
        println!("cargo::rustc-cfg=without_initdb");
        if !url {
            println!("cargo::rustc-cfg=without_postgres");
        }
    }
    if variable("BARKEEP_TEST_TIMESCALE_URL").is_none() && !is_required("BARKEEP_REQUIRE_TIMESCALE") {
        println!("cargo::rustc-cfg=without_timescale");
    }
    if variable("BARKEEP_TEST_CITUS_URL").is_none() && !is_required("BARKEEP_REQUIRE_CITUS") {
        println!("cargo::rustc-cfg=without_citus");
    }
    let pooler_required = is_required("BARKEEP_REQUIRE_PGBOUNCER");
    if !(program("pgbouncer") && (programs || url)) && !pooler_required {
        println!("cargo::rustc-cfg=without_pgbouncer");
    }
    if !is_required("BARKEEP_REQUIRE_SPACES") {
        let spaces = spaces() && (programs || url);
        if !spaces {
            println!("cargo::rustc-cfg=without_spaces");
        }
        if !(spaces && program("faketime")) {
            println!("cargo::rustc-cfg=without_faketime");
        }
    }
    for (cfg, programs, required) in [
        ("without_prometheus", &["prometheus", "promtool"][..], "BARKEEP_REQUIRE_PROMETHEUS"),
        ("without_systemd", &["systemd-analyze"], "BARKEEP_REQUIRE_SYSTEMD"),
        ("without_zsh", &["zsh"], "BARKEEP_REQUIRE_SHELLS"),
        ("without_fish", &["fish"], "BARKEEP_REQUIRE_SHELLS"),
        (
            "without_openapi_client",
            &["openapi-python-client", "openapi-spec-validator"],
            "BARKEEP_REQUIRE_OPENAPI_CLIENT",
        ),
    ] {
        let here = programs.iter().all(|name| program(name));
        if !here && !is_required(required) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
    let packages = packages();
    for name in PACKAGES.iter().chain([&DUCKDB_SQLITE]).filter(|name| !packages.iter().any(|found| found == *name)) {
        if !is_required("BARKEEP_REQUIRE_PYTHON") {
            println!("cargo::rustc-cfg=without_python=\"{name}\"");
        }
    }
    let data_required = is_required("BARKEEP_REQUIRE_DATA");
    if !data() && !data_required {
        println!("cargo::rustc-cfg=without_data");
    }
}

#[allow(clippy::disallowed_methods, reason = "a build script is told by the environment")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    println!("cargo::rerun-if-env-changed={name}");
    var_os(name)
}

fn is_required(name: &str) -> bool {
    variable(name).is_some_and(|value| value == "1")
}

/// Whether a server can be started here.
fn programs() -> bool {
    let path = variable("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = split_paths(&path).filter(|dir| dir.is_absolute()).collect();
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    dirs.extend(versions.map(|version| version.path().join("bin")));
    let both = |dir: &PathBuf| [dir.join("initdb"), dir.join("postgres")];
    let found = dirs.iter().map(both).find(|programs| programs.iter().all(|program| program.is_file()));
    match &found {
        Some(programs) => programs.iter().for_each(|program| watch(program)),
        // Where they would come to. A file that does not exist cannot be watched: cargo would run this every time.
        None => dirs.iter().for_each(|dir| watch(dir)),
    }
    found.is_some()
}

/// Whether a process can be given a host name and process ids of its own here.
fn spaces() -> bool {
    let tried =
        Command::new("unshare").args(["--uts", "--pid", "--mount", "--fork", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// Whether a program is in `PATH`.
fn program(name: &str) -> bool {
    let path = variable("PATH").unwrap_or_default();
    let mut places = split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
    let found = places.find(|program| program.is_file());
    if let Some(program) = &found {
        watch(program);
    }
    found.is_some()
}

/// The packages that are installed, looked for without loading them.
fn packages() -> Vec<String> {
    variable("PATH");
    variable("PYTHONPATH");
    let look = "import importlib.util as u, sys; print(' '.join(n for n in sys.argv[1:] if u.find_spec(n)))";
    let answer = std::process::Command::new("python3").args(["-c", look]).args(PACKAGES).output();
    let names = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default();
    let mut names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    let load = std::process::Command::new("python3").args(["-c", "import duckdb; duckdb.sql('LOAD sqlite')"]).output();
    if load.is_ok_and(|answer| answer.status.success()) {
        names.push(DUCKDB_SQLITE.to_owned());
    }
    names
}

/// Whether the recorded data are here. Data that come later to a place that did not exist are seen once the variable
/// names it.
fn data() -> bool {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let dir = variable("BARKEEP_TEST_DATA").map_or_else(default, PathBuf::from);
    let real = dir.join("real");
    watch(&real);
    real.is_dir()
}

fn watch(path: &Path) {
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}
