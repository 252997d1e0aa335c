//! What goes wrong in the demo, one thing after the other, and announced: whoever looks must not take it for a fault.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::work::dashboard::Opened;
use barkeep_base::clock::Clock;
use barkeep_base::ts::MINUTE;
use barkeep_service::handle::{EngineCommand, Handle};
use barkeep_sim::{Event, FaultKind, FaultRule, Script, Sim};
use barkeep_store::sqlite::hold;

/// Who gives the demo's orders, as the audit shows it.
pub(super) const BY: &str = "demo";

/// Before the first one, and between one and the next.
const CALM: Duration = Duration::from_secs(16);

/// How far a late vendor is behind, minutes.
const BEHIND: i64 = 6;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incident {
    /// Every answer is a 503.
    Storm,
    /// Answers end some minutes ago, as from a copy that lags.
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
            Self::Late => 45,
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
            Self::Late => format!("demo: the vendor is {BEHIND} minutes behind for {seconds} s"),
            Self::BadBar => {
                "demo: the vendor sends bars that cannot be (high below low); barkeep keeps them apart".into()
            }
            Self::KeyRefused => format!("demo: the vendor refuses the API key for {seconds} s"),
            Self::Locked => format!("demo: another program locks the database for {seconds} s"),
        }
    }

    /// What is said when it is over.
    pub(super) const fn ends(self) -> &'static str {
        match self {
            Self::Storm => "demo: the vendor answers again",
            Self::Late => "demo: the vendor is up to date again",
            Self::BadBar => "demo: the vendor's bars are right again; look at the quarantine on screen 7",
            Self::KeyRefused => {
                "demo: the key is accepted again, and the demo resumes the engine (your key would be p)"
            }
            Self::Locked => "demo: the database is free again",
        }
    }
}

/// What the incidents happen to.
pub(super) struct Stage {
    pub(super) vendor: Arc<Sim>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) database: PathBuf,
    /// The ticker whose bars cannot be.
    pub(super) bad_ticker: String,
}

impl Stage {
    /// Goes through all incidents again and again, until the engine is to stop.
    pub(super) async fn play(&self, (handle, stopping): Opened) {
        let acts = async {
            sleep(CALM / 2).await;
            for incident in Incident::ORDER.into_iter().cycle() {
                announce(&incident.begins(), true);
                self.happen(incident, &handle).await;
                announce(incident.ends(), false);
                sleep(CALM).await;
            }
        };
        tokio::select! {
            () = acts => {}
            () = stopping.cancelled() => {}
        }
    }

    /// Lets one happen, and puts it right.
    async fn happen(&self, incident: Incident, handle: &Handle) {
        match incident {
            Incident::Locked => {
                match hold(&self.database).await {
                    Ok(lock) => {
                        sleep(incident.lasts()).await;
                        lock.release().await;
                    }
                    Err(e) => tracing::warn!(error = %e, "the demo cannot lock its database"),
                }
                return;
            }
            at_the_vendor => {
                if let Err(e) = self.vendor.set_script(self.script(at_the_vendor)) {
                    tracing::warn!(error = %e, "the simulated vendor does not take the demo's script");
                }
            }
        }
        sleep(incident.lasts()).await;
        // What it leaves in the vendor's book ends here.
        let _ = self.vendor.set_script(Script::default());
        if incident == Incident::KeyRefused {
            resume(handle).await;
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
                let bars_from = (now - BEHIND * MINUTE).into();
                let late = Event::LateUntil { ticker: "*".into(), bars_from, published_at: until.into() };
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

    use super::*;
    use barkeep_base::clock::SystemClock;
    use barkeep_sim::SimConfig;

    async fn stage() -> Stage {
        let port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let vendor = Sim::start(port, SimConfig::default(), Arc::new(SystemClock)).await.unwrap();
        Stage {
            vendor: Arc::new(vendor),
            clock: Arc::new(SystemClock),
            database: PathBuf::new(),
            bad_ticker: "X:ETHUSD".into(),
        }
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
                assert!(rule.since >= Some(before) && rule.until <= Some(stage.clock.now() + 75_000), "{rule:?}");
            }
            let said = incident.begins() + incident.ends();
            assert_eq!(said.matches("demo: ").count(), 2, "{said}");
        }
        let round: Duration = Incident::ORDER.into_iter().map(|incident| incident.lasts() + CALM).sum();
        let each = round / u32::try_from(Incident::ORDER.len()).unwrap();
        assert!((30..=45).contains(&each.as_secs()), "one every {each:?}");
    }
}
