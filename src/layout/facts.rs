//! What the server says of a table that is to be made anew: what belongs to it and must not be lost, and what is in the way.

use barkeep_sql::conn::Conn;
use barkeep_sql::field::{collect, column};
use barkeep_store::Result;

use crate::LARGE;

/// What a table has besides its rows.
pub(crate) struct TableFacts {
    pub(crate) columns: Vec<String>,
    /// Quoted; `None` when it is the role that asks.
    pub(crate) owner: Option<String>,
    pub(crate) grants: Vec<String>,
    /// `autovacuum_vacuum_scale_factor=0.01`: what somebody has set.
    pub(crate) settings: Vec<String>,
    /// Indexes beside the key, as statements.
    pub(crate) indexes: Vec<String>,
}

/// A view over the large tables.
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) options: String,
    pub(crate) query: String,
}

pub(crate) struct Facts {
    pub(crate) tables: Vec<(&'static str, TableFacts)>,
    pub(crate) views: Vec<View>,
    /// What cannot be taken along, in words.
    pub(crate) obstacles: Vec<String>,
    /// The database's name, when this role may change its settings.
    pub(crate) own_database: Option<String>,
}

async fn texts(conn: &mut Conn<'_>, sql: &str) -> Result<Vec<String>> {
    column(&conn.counted(sql).await?)
}

pub(crate) async fn columns(conn: &mut Conn<'_>, table: &str) -> Result<Vec<String>> {
    let asked = format!(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0
         AND NOT attisdropped ORDER BY attnum"
    );
    texts(conn, &asked).await
}

async fn of_table(conn: &mut Conn<'_>, table: &str) -> Result<TableFacts> {
    let grants = format!(
        "SELECT 'GRANT ' || string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) || ' ON {table} TO '
             || CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
             || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
         FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
         WHERE c.oid = '{table}'::regclass AND a.grantee <> c.relowner GROUP BY a.grantee, a.is_grantable ORDER BY 1"
    );
    // A partitioned table has no settings of its own, so those of a partition count.
    let settings = format!(
        "SELECT DISTINCT unnest(c.reloptions) FROM pg_class AS c WHERE c.relkind = 'r' AND c.reloptions IS NOT NULL
             AND (c.oid = '{table}'::regclass OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '{table}'::regclass))
         ORDER BY 1"
    );
    let indexes = format!(
        "SELECT replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') FROM pg_index AS i
         WHERE i.indrelid = '{table}'::regclass
             AND NOT EXISTS (SELECT 1 FROM pg_constraint AS k WHERE k.conindid = i.indexrelid) ORDER BY 1"
    );
    let owner = format!(
        "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = '{table}'::regclass
             AND pg_get_userbyid(relowner) <> current_user"
    );
    Ok(TableFacts {
        columns: columns(conn, table).await?,
        owner: texts(conn, &owner).await?.pop(),
        grants: texts(conn, &grants).await?,
        settings: texts(conn, &settings).await?,
        indexes: texts(conn, &indexes).await?,
    })
}

/// Everything that a rebuild must know.
pub(crate) async fn facts(conn: &mut Conn<'_>) -> Result<Facts> {
    // By the rule that belongs to a view.
    const VIEWS: &str = "SELECT DISTINCT v.oid::regclass::text, v.relkind::text, pg_get_viewdef(v.oid),
            COALESCE(' WITH (' || array_to_string(v.reloptions, ', ') || ')', '')
        FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid JOIN pg_class AS v ON v.oid = r.ev_class
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND v.oid <> d.refobjid
            AND d.refobjid IN ('bars'::regclass, 'feature_values'::regclass) ORDER BY 1";
    const OBSTACLES: &str = "WITH large (id) AS (VALUES ('bars'::regclass), ('feature_values'::regclass))
        SELECT 'the foreign key ' || conname || ' of ' || conrelid::regclass FROM pg_constraint
            WHERE contype = 'f' AND (confrelid IN (SELECT id FROM large) OR conrelid IN (SELECT id FROM large))
        UNION ALL SELECT 'the trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger
            WHERE tgrelid IN (SELECT id FROM large) AND NOT tgisinternal AND tgname <> 'ts_insert_blocker'
        UNION ALL SELECT 'the publication ' || p.pubname FROM pg_publication_rel AS t
            JOIN pg_publication AS p ON p.oid = t.prpubid WHERE t.prrelid IN (SELECT id FROM large)
        UNION ALL SELECT 'the policy ' || polname || ' on ' || polrelid::regclass FROM pg_policy
            WHERE polrelid IN (SELECT id FROM large)
        UNION ALL SELECT 'the statistics ' || stxname FROM pg_statistic_ext WHERE stxrelid IN (SELECT id FROM large)
        UNION ALL SELECT 'the rights to single columns of ' || attrelid::regclass FROM pg_attribute
            WHERE attrelid IN (SELECT id FROM large) AND attacl IS NOT NULL GROUP BY attrelid
        UNION ALL SELECT 'the function ' || objid::regprocedure FROM pg_depend
            WHERE classid = 'pg_proc'::regclass AND refclassid = 'pg_class'::regclass AND refobjid IN (SELECT id FROM large)";
    const OWN: &str = "SELECT quote_ident(datname) FROM pg_database WHERE datname = current_database()
        AND pg_has_role(datdba, 'USAGE')";
    let mut tables = Vec::new();
    for table in LARGE {
        tables.push((table, of_table(conn, table).await?));
    }
    let mut obstacles = texts(conn, OBSTACLES).await?;
    let found = collect(&conn.counted(VIEWS).await?, |f| {
        let (name, kind): (String, String) = (f.next()?, f.next()?);
        Ok((kind, View { name, query: f.next()?, options: f.next()? }))
    })?;
    let mut views = Vec::new();
    for (kind, view) in found {
        if kind == "v" {
            views.push(view);
        } else {
            obstacles.push(format!("the materialized view {}", view.name));
        }
    }
    Ok(Facts { tables, views, obstacles, own_database: texts(conn, OWN).await?.pop() })
}
