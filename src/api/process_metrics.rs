//! The metrics that every process has, under the names that Prometheus' own clients give them.

use std::fs;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Read from `/proc` at each scrape; zero where there is none.
#[derive(Debug, Default)]
pub(super) struct ProcessMetrics {
    resident: Gauge,
    virtual_size: Gauge,
    files: Gauge,
    most_files: Gauge,
    threads: Gauge,
    started: Gauge<f64, AtomicU64>,
    cpu: Counter<f64, AtomicU64>,
}

impl ProcessMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("process_resident_memory_bytes", "Resident memory size in bytes", self.resident.clone());
        r.register("process_virtual_memory_bytes", "Virtual memory size in bytes", self.virtual_size.clone());
        r.register("process_open_fds", "Open file descriptors", self.files.clone());
        r.register("process_max_fds", "Most file descriptors that may be open", self.most_files.clone());
        r.register("process_threads", "Threads of the process", self.threads.clone());
        r.register(
            "process_start_time_seconds",
            "Start time of the process since the Unix epoch in seconds",
            self.started.clone(),
        );
        r.register("process_cpu_seconds", "User and system CPU time spent in seconds", self.cpu.clone());
    }

    pub(super) fn read(&self) {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let page = rustix::param::page_size() as i64;
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let mut sizes = statm.split(' ').map(|n| n.parse::<i64>().unwrap_or(0) * page);
        self.virtual_size.set(sizes.next().unwrap_or(0));
        self.resident.set(sizes.next().unwrap_or(0));
        self.files.set(fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as i64 - 1));
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        self.most_files.set(most.and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX));
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // Fields from the third on; the second, the name, may hold spaces (proc(5)).
        let fields: Vec<f64> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().skip(1).map(|f| f.parse().unwrap_or(0.0)).collect())
            .unwrap_or_default();
        let field = |number: usize| fields.get(number - 4).copied().unwrap_or(0.0);
        self.threads.set(field(20) as i64);
        let spent = (field(14) + field(15)) / ticks;
        self.cpu.inc_by((spent - self.cpu.get()).max(0.0));
        let system = fs::read_to_string("/proc/stat").unwrap_or_default();
        let boot = system.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
        self.started.set(boot.map_or(0.0, |boot| boot + field(22) / ticks));
    }
}
