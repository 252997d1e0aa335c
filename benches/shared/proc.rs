//! What Linux counts of a process.

/// User and system time in hundredths of a second, from a `/proc/PID/stat`; 0 where there is none.
pub(crate) fn cpu_ticks(stat: &str) -> u64 {
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
}
