//! What goes wrong in the demo, one thing after the other, and announced: whoever looks must not take it for a fault.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::work::dashboard::Opened;
use barkeep_base::clock::Clock;
use barkeep_service::handle::{EngineCommand, Handle};
use barkeep_sim::{FaultKind, FaultRule, Script, ScriptEvent, Sim};
use barkeep_store::sqlite::hold;

/// Who gives the demo's orders, as the audit shows it.
pub(super) const BY: &str = "demo";

/// Before the first one, and between one and the next.
const CALM: Duration = Duration::from_secs(16);

/// Until something else happens although the vendor is late.
const LATE_ALONE: Duration = Duration::from_secs(24);
/// After the last one, so that everything can recover.
const RECOVERY: Duration = Duration::from_secs(45);

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incident {
    /// Every answer is a 503.
    Storm,
    /// No bar is newer than the moment it begins. It goes on while the next ones happen: one minute without a bar is
    /// believed, two are not.
    Late,
    /// One bar cannot be.
    BadBar,
    /// The key is refused, then accepted again.
    KeyRefused,
    /// Another connection holds the write lock of the database.
    Locked,
}

impl Incident {
    pub(super) const ORDER: [Self; 5] = [Self::Storm, Self::Late, Self::BadBar, Self::KeyRefused, Self::Locked];

    pub(super) const fn lasts(self) -> Duration {
        Duration::from_secs(match self {
            Self::Storm => 20,
            Self::Late => 240,
            Self::BadBar => 10,
            Self::KeyRefused => 15,
            Self::Locked => 14,
        })
    }

    /// What is said when it begins.
    pub(super) fn begins(self) -> String {
        let seconds = self.lasts().as_secs();
        match self {
            Self::Storm => format!("demo: the vendor answers 503 for {seconds} s"),
            Self::Late => format!("demo: the vendor publishes no new bars for {seconds} s"),
            Self::BadBar => "demo: the vendor sends impossible bars (high below low); barkeep quarantines them".into(),
            Self::KeyRefused => format!("demo: the vendor refuses the API key for {seconds} s"),
            Self::Locked => format!("demo: another program locks the database for {seconds} s"),
        }
    }

    /// What is said when it is over.
    pub(super) const fn ends(self) -> &'static str {
        match self {
            Self::Storm => "demo: the vendor answers again",
            Self::Late => "demo: the vendor publishes new bars again",
            Self::BadBar => "demo: the vendor's bars are valid again; look at the quarantine on screen 7",
            Self::KeyRefused => {
                "demo: the key is accepted again, and the demo resumes the engine (your key would be p)"
            }
            Self::Locked => "demo: the database is free again",
        }
    }
}

/// What the incidents happen to.
pub(super) struct DemoTargets {
    pub(super) vendor: Arc<Sim>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) database: PathBuf,
    /// The ticker whose bars cannot be.
    pub(super) bad_ticker: String,
}

impl DemoTargets {
    /// Goes through all incidents again and again, until the engine is to stop.
    pub(super) async fn play(&self, (handle, stopping): Opened) {
        let acts = async {
            sleep(CALM / 2).await;
            loop {
                self.round(&handle).await;
                announce("demo: everything recovers; then the demo starts over", false);
                sleep(RECOVERY).await;
            }
        };
        tokio::select! {
            () = acts => {}
            () = stopping.cancelled() => {}
        }
    }

    /// All of them once.
    async fn round(&self, handle: &Handle) {
        // They end by themselves, at the time they name.
        let mut script = Script::default();
        let mut later = JoinSet::new();
        for incident in Incident::ORDER {
            announce(&incident.begins(), true);
            let Script { events, faults } = self.script(incident);
            script.events.extend(events);
            script.faults.extend(faults);
            if let Err(e) = self.vendor.set_script(script.clone()) {
                tracing::warn!(error = %e, "the simulated vendor does not accept the demo's script");
            }
            match incident {
                Incident::Late => {
                    later.spawn(async move {
                        sleep(incident.lasts()).await;
                        announce(incident.ends(), false);
                    });
                    sleep(LATE_ALONE).await;
                }
                Incident::Locked => self.lock(incident.lasts()).await,
                _ => sleep(incident.lasts()).await,
            }
            if incident == Incident::KeyRefused {
                resume(handle).await;
            }
            if incident != Incident::Late {
                announce(incident.ends(), false);
            }
            sleep(CALM).await;
        }
        while later.join_next().await.is_some() {}
    }

    /// Keeps everyone else from writing to the database.
    async fn lock(&self, time: Duration) {
        match hold(&self.database).await {
            Ok(lock) => {
                sleep(time).await;
                lock.release().await;
            }
            Err(e) => tracing::warn!(error = %e, "the demo cannot lock its database"),
        }
    }

    /// What the simulated vendor is told.
    fn script(&self, incident: Incident) -> Script {
        let now = self.clock.now();
        let until = now + i64::try_from(incident.lasts().as_millis()).unwrap_or(0);
        let fault = |kind| FaultRule::new(kind).between(now, until);
        let (events, faults) = match incident {
            Incident::Storm => (vec![], vec![fault(FaultKind::Status503)]),
            Incident::Late => {
                let late =
                    ScriptEvent::LateUntil { ticker: "*".into(), bars_from: now.into(), published_at: until.into() };
                (vec![late], vec![])
            }
            Incident::BadBar => (vec![], vec![fault(FaultKind::BrokenOhlc).on(&self.bad_ticker).times(3)]),
            Incident::KeyRefused => (vec![], vec![fault(FaultKind::Status401)]),
            Incident::Locked => (vec![], vec![]),
        };
        Script { events, faults }
    }
}

/// Resumes an engine that was stopped by the refused key; one that the operator paused stays so.
async fn resume(handle: &Handle) {
    let live = handle.live();
    if live.key_refused.is_some() && live.paused.as_ref().is_some_and(|pause| pause.by == "barkeep") {
        // The engine may be stopping.
        let _ = handle.order(EngineCommand::Resume, BY).await;
    }
}

/// Says it in the log; the dashboard shows what comes from here as a message too.
fn announce(text: &str, trouble: bool) {
    if trouble {
        tracing::warn!(target: "barkeep_demo", "{text}");
    } else {
        tracing::info!(target: "barkeep_demo", "{text}");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::super::pace;
    use super::*;
    use barkeep_base::clock::SystemClock;
    use barkeep_sim::SimConfig;

    async fn stage() -> DemoTargets {
        let port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let vendor = Sim::start(port, SimConfig::default(), Arc::new(SystemClock)).await.unwrap();
        DemoTargets {
            vendor: Arc::new(vendor),
            clock: Arc::new(SystemClock),
            database: PathBuf::new(),
            bad_ticker: "X:ETHUSD".into(),
        }
    }

    #[test]
    fn a_late_vendor_is_late_for_long_enough_to_be_seen() {
        let seconds = Duration::from_secs;
        // The minute in which it begins still comes; two settled ones without a bar are not believed; then the schedule
        // has to come by, and it has to be looked at for a while.
        let judged = seconds(60) + seconds(120) + pace::SETTLE + seconds(15);
        assert!(judged + seconds(30) <= Incident::Late.lasts(), "{judged:?}");
    }

    #[tokio::test]
    async fn the_vendor_takes_the_script_of_each_and_it_ends_by_itself() {
        let stage = stage().await;
        for incident in Incident::ORDER {
            let before = stage.clock.now();
            let script = stage.script(incident);
            stage.vendor.set_script(script.clone()).unwrap();
            assert_eq!(script == Script::default(), incident == Incident::Locked, "{incident:?}");
            for rule in &script.faults {
                assert!(rule.since >= Some(before) && rule.until <= Some(stage.clock.now() + 250_000), "{rule:?}");
            }
            let said = incident.begins() + incident.ends();
            assert_eq!(said.matches("demo: ").count(), 2, "{said}");
        }
        let alone = |incident: Incident| incident.lasts().min(LATE_ALONE) + CALM;
        let round: Duration = Incident::ORDER.into_iter().map(alone).sum();
        let each = round / u32::try_from(Incident::ORDER.len()).unwrap();
        assert!((28..=45).contains(&each.as_secs()), "one every {each:?}");
    }
}
