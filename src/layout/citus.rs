//! What Citus needs to hold the tables.

use barkeep_sql::conn::Conn;
use barkeep_sql::field::{collect, column};
use barkeep_sql::layout::has_extension;
use barkeep_store::Result;

/// Why the tables of this database cannot be distributed.
pub(crate) async fn obstacle(conn: &mut Conn<'_>) -> Result<Option<String>> {
    const NODES: &str = "SELECT (SELECT MAX(groupid)::bigint FROM pg_dist_local_group),
        COUNT(CASE WHEN groupid = 0 THEN 1 END), COUNT(CASE WHEN groupid <> 0 THEN 1 END) FROM pg_dist_node";
    if !has_extension(conn, "citus").await? {
        return Ok(Some(
            "Citus is not installed in this database; have an administrator run: CREATE EXTENSION citus".into(),
        ));
    }
    let owned = conn.counted("SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()");
    if column::<bool>(&owned.await?)?.first() != Some(&true) {
        return Ok(Some("settings of the database are changed for Citus; connect as a role that owns it".into()));
    }
    let found = collect(&conn.counted(NODES).await?, |f| Ok((f.next::<i64>()?, f.next::<i64>()?, f.next::<i64>()?)))?;
    Ok(match found.first() {
        Some((1.., ..)) => Some("this is a worker node of Citus; name its coordinator in the database URL".into()),
        // Alone, the coordinator adds itself. Among workers it needs the name that they reach it by.
        Some((_, 0, 1..)) => Some(
            "the Citus coordinator is not registered as a node; have an administrator run on it: \
             SELECT citus_set_coordinator_host('HOST', PORT)"
                .into(),
        ),
        _ => None,
    })
}
