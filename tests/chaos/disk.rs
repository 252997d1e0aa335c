//! A full disk: file systems in memory of many sizes, each too small for what is asked. Only root may mount one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::bench::configure;
use crate::world::{ARGS, Tally, World, dice, report, setting};

/// A file system that goes with its last user.
pub struct Mount(pub PathBuf);

impl Mount {
    pub fn new(at: &Path, args: &[&str]) -> Self {
        std::fs::create_dir_all(at).unwrap();
        system("mount", &[args, &[at.to_str().unwrap()]].concat());
        Self(at.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

pub fn system(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(
        output.status.success(),
        "{program} {args:?}, which only root may: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Bytes of everything in a directory.
fn bytes_in(dir: &Path) -> u64 {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().map_or(0, |meta| meta.len())).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: mounts, as root, BARKEEP_CHAOS_SIZES file systems"]
async fn full_disks() {
    let sizes = setting("SIZES", 6);
    let mut dice = dice("full disks");
    let room = {
        let world = World::new(None, Duration::ZERO).await;
        assert_eq!(world.settle().await, Tally::default());
        bytes_in(world.bench.dir.path()) / 1024
    };
    let (mut tally, mut told, mut waited, mut fitted, mut longest) = (Tally::default(), 0, 0, 0, Duration::ZERO);
    for n in 0..sizes {
        // From too small for the schema to just too small.
        let size = 64 + (room * 95 / 100) * n / sizes;
        let dir = tempfile::tempdir().unwrap();
        let mount = Mount::new(&dir.path().join("disk"), &["-t", "tmpfs", "-o", &format!("size={size}k"), "tmpfs"]);
        let world = World::at(&mount.0.join("bars.db"), Duration::ZERO).await;
        // Every other disk gets room while it is waited for; the others are given up.
        let grows = dice.bool();
        let patience = if grows { "60s" } else { "1s" };
        configure(&world.bench, &format!("backfill:\n  database_patience: {patience}\n"));
        let begun = Instant::now();
        let mut command = world.bench.command(&["backfill", "--json"]);
        command.args(ARGS).arg("--log-file").arg(world.bench.dir.path().join("chaos.log"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let grow = || system("mount", &["-o", "remount,size=256m", mount.0.to_str().unwrap()]);
        let code = if grows {
            tokio::select! {
                status = child.wait() => status.unwrap().code(),
                () = tokio::time::sleep(Duration::from_millis(dice.u64(2_000..5_000))) => {
                    waited += 1;
                    grow();
                    child.wait().await.unwrap().code()
                }
            }
        } else {
            tokio::time::timeout(Duration::from_mins(1), child.wait()).await.ok().and_then(|s| s.unwrap().code())
        };
        longest = longest.max(begun.elapsed());
        let said = child.wait_with_output().await.map(|o| String::from_utf8_lossy(&o.stderr).into_owned()).unwrap();
        match code {
            Some(0) => fitted += 1,
            Some(4) if said.contains("disk is full") => told += 1,
            other => {
                eprintln!("a disk of {size} KiB ends with {other:?}: {said}");
                tally.unended += 1;
            }
        }
        grow();
        tally += world.judge_unfinished().await;
        tally += world.settle().await;
        tally += world.judge_finished(1).await;
        world.end().await;
    }
    assert!(told > 0, "no disk was full; nothing was shown");
    let longest = longest.as_secs_f64();
    report(
        &format!(
            "full disks: {sizes} sizes up to {room} KiB, {told} told and given up, {waited} given room in time, {fitted} ended \
             well, longest run {longest:.1} s"
        ),
        tally,
    );
}
