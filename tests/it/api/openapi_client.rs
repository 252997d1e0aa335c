//! The `OpenAPI` document as others use it: a validator takes it, and a client is generated from it without a change and
//! used against the service.

use std::process::{Command, Output};

use barkeep::sim::SimConfig;

use crate::support::api::Served;
use crate::support::bench::{Bench, configure};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Where a program of the `PATH` is; programs of a Python environment have its interpreter beside them.
fn python_of(program: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dir = std::env::split_paths(&path).find(|dir| dir.join(program).is_file()).expect(program);
    dir.join("python3")
}

async fn key(bench: &Bench, name: &str, role: &str) -> String {
    let output = bench.run(&["keys", "create", name, "--role", role]).await;
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(
    without_openapi_client,
    ignore = "needs openapi-spec-validator and openapi-python-client: pip install both, with ruff"
)]
async fn a_client_is_generated_and_used() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    configure(&bench, "backfill:\n  history: 3d\n");
    let (reader, operator) = (key(&bench, "reader", "read").await, key(&bench, "operator", "operate").await);
    let served = Served::start(&bench).await;
    let dir = bench.dir.path().join("openapi");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("openapi.json"), served.get("/openapi.json").await.text()).unwrap();
    let valid = Command::new("openapi-spec-validator").arg("openapi.json").current_dir(&dir).output().unwrap();
    assert!(valid.status.success(), "{}", said(&valid));
    let generated = Command::new("openapi-python-client")
        .args(["generate", "--path", "openapi.json", "--output-path", "client", "--fail-on-warning"])
        .current_dir(&dir)
        .output()
        .unwrap();
    assert!(generated.status.success(), "{}", said(&generated));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi/use_client.py");
    let url = format!("http://{}", served.addr);
    let used = tokio::task::spawn_blocking(move || {
        let mut python = Command::new(python_of("openapi-python-client"));
        python.arg(script).arg(dir.join("client")).args([&url, &reader, &operator]).output().unwrap()
    });
    let used = used.await.unwrap();
    assert!(used.status.success(), "{}", said(&used));
    assert_eq!(served.stop().await, 0);
}
