//! SIGKILL at the N-th call of the system that writes, syncs or speaks, by strace's injection: the instants a random
//! clock seldom hits.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::world::{Tally, World, dice, report, setting};

/// The calls by which something leaves the process, and how often a run makes each, about.
const CALLS: [(&str, u64); 8] = [
    ("pwrite64", 1_500),
    ("fdatasync", 60),
    ("write", 400),
    ("sendto", 300),
    ("openat", 120),
    ("ftruncate", 4),
    ("unlink", 3),
    ("fcntl", 600),
];

/// The same command under another program.
pub fn under(wrapper: &[&str], command: &Command) -> Command {
    let inner = command.as_std();
    let mut outer = Command::new(wrapper[0]);
    outer.args(&wrapper[1..]).arg(inner.get_program()).args(inner.get_args()).env_clear();
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(dir) = inner.get_current_dir() {
        outer.current_dir(dir);
    }
    outer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    outer
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: needs strace; BARKEEP_CHAOS_CALLS kills take minutes"]
async fn kills_at_a_call() {
    let wanted = setting("CALLS", 16);
    let mut dice = dice("kills at a call");
    let (mut kills, mut spared, mut rounds, mut tally) = (0, 0, 0, Tally::default());
    let mut by_call = std::collections::BTreeMap::<&str, u64>::new();
    while kills < wanted {
        let world = World::new(None, Duration::ZERO).await;
        let mut here = 0;
        // A run that is killed late leaves little to do; begin anew after some.
        while kills < wanted && here < 4 {
            let (call, most) = CALLS[(kills + spared) as usize % CALLS.len()];
            // Small numbers as often as large ones.
            let nth = ((most as f64).powf(dice.f64())) as u64;
            let traced = format!("trace={call}");
            let inject = format!("inject={call}:signal=KILL:when={nth}");
            let mut run =
                under(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &traced, "-e", &inject], &world.backfill());
            let status = tokio::time::timeout(Duration::from_mins(3), run.status()).await.ok().map(Result::unwrap);
            match status.map(|s| (s.success(), s.code())) {
                // strace dies as its child did.
                Some((false, None | Some(137))) => {
                    kills += 1;
                    here += 1;
                    *by_call.entry(call).or_default() += 1;
                }
                // Fewer calls were made than that.
                Some((true, _)) => {
                    spared += 1;
                    here += 1;
                }
                other => {
                    eprintln!("killed at {call} {nth}: {other:?}");
                    world.show_log();
                    tally.unended += 1;
                    here += 1;
                }
            }
            assert!(spared <= 20 + 2 * wanted, "hardly a run is killed");
            tally += world.judge_unfinished().await;
        }
        tally += world.settle().await;
        tally += world.judge_finished(here).await;
        rounds += 1;
        world.end().await;
    }
    let calls: Vec<String> = by_call.iter().map(|(call, n)| format!("{call} {n}")).collect();
    report(
        &format!("kills at a call: {kills} ({}) in {rounds} backfills, {spared} ended before", calls.join(", ")),
        tally,
    );
}
