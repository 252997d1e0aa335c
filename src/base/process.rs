//! Which process runs an execution, so that a later start can tell a dead owner from a live one.
//!
//! The mark is `host:pid:start`, where `start` is the kernel's start time of the process: a process id alone is reused.

use std::path::Path;
use std::sync::LazyLock;

use uuid::Uuid;

/// What marks of workers begin with.
const WORKER: &str = "worker:";

/// This process among those that share a database, whatever hosts and process ids say.
#[must_use]
pub fn worker() -> Uuid {
    static WORKER_ID: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);
    *WORKER_ID
}

/// The mark of a worker; whether it lives is told by its heartbeat alone.
#[must_use]
pub fn worker_mark(id: Uuid) -> String {
    format!("{WORKER}{id}")
}

/// The worker that a mark names; `None` for the mark of a process.
#[must_use]
pub fn worker_of(mark: &str) -> Option<Uuid> {
    mark.strip_prefix(WORKER)?.parse().ok()
}

/// The mark of this process.
#[must_use]
pub fn mark() -> String {
    let pid = std::process::id();
    format!("{}:{pid}:{}", host(), start_of(pid).unwrap_or_default())
}

/// Whether the process behind a mark certainly no longer runs. A mark of another host is never certain, nor is
/// that of a worker.
#[must_use]
pub fn is_dead(mark: &str) -> bool {
    if worker_of(mark).is_some() {
        return false;
    }
    let mut parts = mark.rsplitn(3, ':');
    let (Some(start), Some(pid), Some(owner_host)) = (parts.next(), parts.next(), parts.next()) else {
        return true;
    };
    let Ok(pid) = pid.parse::<u32>() else { return true };
    if owner_host != host() || !Path::new("/proc/self/stat").exists() {
        return false;
    }
    start_of(pid).is_none_or(|now| now != start)
}

/// What proves to others of this machine that this process has ended: its start of the machine, its space of process
/// ids, its id and when it began. Absent where `/proc` does not tell, or tells of another space.
#[must_use]
pub fn birth() -> Option<String> {
    let pid = std::process::id();
    let (_, start) = stat_of(pid)?;
    Some(format!("{}:{pid}:{start}", space()?))
}

/// Whether the process of this birth has certainly ended. Of another machine, another start of this one or another space
/// of process ids nothing is certain.
#[must_use]
pub fn has_ended(birth: &str) -> bool {
    let mut parts = birth.rsplitn(3, ':');
    let (Some(start), Some(pid), Some(place)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    if space().as_deref() != Some(place) {
        return false;
    }
    match stat_of(pid) {
        Some((state, now)) => state == "Z" || now != start,
        // Hidden from us, or gone.
        None => !exists(pid),
    }
}

/// The start of this machine and this process's space of process ids, where `/proc` shows that space.
fn space() -> Option<String> {
    let own = std::fs::read_link("/proc/self").ok()?;
    if own.to_str()?.parse::<u32>().ok()? != std::process::id() {
        return None;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}:{}", boot.trim(), space.to_str()?))
}

#[cfg(target_os = "linux")]
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_none_or(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(target_os = "linux"))]
const fn exists(_: u32) -> bool {
    true
}

/// The name of this machine, without colons.
#[must_use]
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.replace(':', "_") }
}

/// When a process began; a zombie counts as gone.
fn start_of(pid: u32) -> Option<String> {
    stat_of(pid).filter(|(state, _)| state != "Z").map(|(_, start)| start)
}

/// Fields 3 and 22 of `/proc/PID/stat` (proc(5)): state, and start time in clock ticks since boot. The name in field 2 may
/// hold spaces and parentheses, so fields are counted from its last `)`.
fn stat_of(pid: u32) -> Option<(String, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.to_owned();
    Some((state, fields.nth(18)?.to_owned()))
}

/// Keeps what the process knows out of core files and away from debuggers of the same user: its memory holds the vendor's
/// key. A system that cannot do so still limits core files by its own settings.
pub fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        assert!(!is_dead(&mark()));
    }

    #[test]
    fn a_reused_process_id_is_another_process() {
        let mine = mark();
        let reused = format!("{}:1", mine.rsplit_once(':').unwrap().0);
        assert!(is_dead(&reused));
    }

    #[test]
    fn a_process_that_ended_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(is_dead(&format!("{}:{pid}:0", host())));
        assert!(is_dead("nonsense"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_birth_proves_the_death_of_its_own_process_alone() {
        let mine = birth().unwrap();
        assert!(!has_ended(&mine));
        let (place, _) = mine.rsplit_once(':').and_then(|(rest, _)| rest.rsplit_once(':')).unwrap();
        assert!(has_ended(&format!("{place}:{}:1", std::process::id())), "the id belongs to another process now");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let (pid, born) = (child.id(), stat_of(child.id()).unwrap().1);
        child.wait().unwrap();
        assert!(has_ended(&format!("{place}:{pid}:{born}")));
        assert!(!has_ended(&format!("another-start:pid:[1]:{pid}:{born}")), "what is elsewhere is not known");
        assert!(!has_ended("nonsense"));
    }

    #[test]
    fn another_host_is_never_certain() {
        assert!(!is_dead("elsewhere:1:1"));
    }
}
