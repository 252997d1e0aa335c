//! What Linux counts of a process.

/// User and system time in hundredths of a second, from a `/proc/PID/stat`; 0 where there is none.
pub(crate) fn cpu_ticks(stat: &str) -> u64 {
    fields(stat).into_iter().skip(11).take(2).sum()
}

/// The numbers after the name in a `/proc/PID/stat`; the state is a letter and counts as 0.
pub(crate) fn fields(stat: &str) -> Vec<u64> {
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().map(|n| n.parse().unwrap_or(0)).collect()
}
