//! Citus: what grows with the bars lies on the nodes by series, what everybody looks things up in lies on each.

use crate::script::Step;

/// Every table that is moved, in the order that foreign keys allow.
pub(crate) const TABLES: [&str; 2] = ["bars", "features"];

pub(crate) fn distribute() -> Vec<Step> {
    let step = |table: &str, how: &str| {
        Step::long(
            format!("distributing {table}"),
            format!("SELECT create_distributed_table('{table}', 'series_id'{how})"),
        )
    };
    vec![step("bars", ""), step("features", ", colocate_with => 'bars'")]
}

pub(crate) fn gather() -> Vec<Step> {
    ["features", "bars"]
        .into_iter()
        .map(|table| Step::long(format!("gathering {table}"), format!("SELECT undistribute_table('{table}')")))
        .collect()
}
