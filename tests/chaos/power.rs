//! Power loss: an ext4 of its own is shut down in the middle of a run, as `EXT4_IOC_SHUTDOWN` does without flushing its
//! journal. What was not synced is gone, and the file system recovers at the next mount. The disk itself keeps what it
//! was sent: a drive that lies about its cache is not tried here. Only root may do this.

use std::time::Duration;

use sqlx::{Connection as _, SqliteConnection};

use crate::disk::{Mount, system};
use crate::world::{Tally, World, dice, report, setting};

/// The request has no place in safe Rust.
const SHUTDOWN: &str = "import fcntl,os,struct,sys\n\
                        fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: mounts, as root, and loses BARKEEP_CHAOS_POWER file systems"]
async fn power_losses() {
    let wanted = setting("POWER", 8) as usize;
    let mut dice = dice("power losses");
    let (mut losses, mut rounds, mut tally, mut seen_in_all) = (0, 0, Tally::default(), 0);
    while losses < wanted {
        let dir = tempfile::tempdir().unwrap();
        let (image, at) = (dir.path().join("disk.img"), dir.path().join("disk"));
        std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        system("mkfs.ext4", &["-q", image.to_str().unwrap()]);
        let plug = || Mount::new(&at, &["-o", "loop", image.to_str().unwrap()]);
        let mut disk = Some(plug());
        let world = World::at(&at.join("bars.db"), Duration::from_millis(15)).await;
        let mut here = 0;
        while losses < wanted && here < 10 {
            let seen = world.bench.sim.log().len();
            let mut child = world.spawn();
            let moment = async {
                if dice.u8(..5) > 0 {
                    world.bench.until_asked(seen + 1).await;
                }
                tokio::time::sleep(Duration::from_micros(dice.u64(..900_000))).await;
            };
            let ended = tokio::select! {
                status = child.wait() => Some(status.unwrap()),
                () = moment => None,
            };
            if let Some(status) = ended {
                if !status.success() {
                    world.show_log();
                    tally.unended += 1;
                }
                break;
            }
            // What another process sees is promised to stay.
            let promised = pages(&world).await;
            system("python3", &["-c", SHUTDOWN, at.to_str().unwrap()]);
            child.kill().await.unwrap();
            drop(disk.take());
            disk = Some(plug());
            let kept = pages(&world).await;
            tally.lost += promised.saturating_sub(kept);
            seen_in_all += promised;
            losses += 1;
            here += 1;
            tally += world.judge_unfinished().await;
        }
        tally += world.settle().await;
        tally += world.judge_finished(here).await;
        rounds += 1;
        world.end().await;
    }
    assert!(seen_in_all > 0, "nothing was promised; nothing was shown");
    report(&format!("power losses: {losses} in {rounds} backfills, {seen_in_all} promised pages counted again"), tally);
}

/// Committed pages, 0 while there is no database.
async fn pages(world: &World) -> usize {
    let url = format!("{}?mode=ro", world.bench.database.url());
    let Ok(mut db) = SqliteConnection::connect(&url).await else { return 0 };
    let counted = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM vendor_requests").fetch_one(&mut db).await;
    // Closed before the file system is taken away.
    db.close().await.unwrap();
    counted.map_or(0, |n| n as usize)
}
