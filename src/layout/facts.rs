//! What the server says of a table that is to be made anew: what belongs to it and must not be lost, and what is in the way.

use barkeep_sql::conn::Conn;
use barkeep_sql::field::{collect, column};
use barkeep_store::Result;

/// What a table has besides its rows.
pub(crate) struct TableFacts {
    pub(crate) columns: Vec<String>,
    /// Quoted; `None` when it is the role that asks.
    pub(crate) owner: Option<String>,
    pub(crate) grants: Vec<String>,
    /// `autovacuum_vacuum_scale_factor=0.01`: what somebody has set.
    pub(crate) settings: Vec<String>,
    /// Indexes beside the keys, as statements.
    pub(crate) indexes: Vec<String>,
    /// Primary and unique keys, name and definition.
    pub(crate) keys: Vec<(String, String)>,
    /// Foreign keys, likewise.
    pub(crate) foreign: Vec<(String, String)>,
    /// The column that numbers its rows, and the sequence it takes the numbers from.
    pub(crate) numbered: Option<(String, String)>,
}

/// A view over the tables.
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) options: String,
    pub(crate) query: String,
    /// Rights, owner and comment, as statements, where it is not only replaced.
    pub(crate) own: Vec<String>,
}

pub(crate) struct Facts {
    pub(crate) tables: Vec<(&'static str, TableFacts)>,
    pub(crate) views: Vec<View>,
    /// Views are on every node of Citus, and none of them takes over tables that are on one.
    pub(crate) drops_views: bool,
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

async fn constraints(conn: &mut Conn<'_>, table: &str, kinds: &str) -> Result<Vec<(String, String)>> {
    let asked = format!(
        "SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
         WHERE conrelid = '{table}'::regclass AND contype IN ({kinds}) ORDER BY contype, conname"
    );
    collect(&conn.counted(&asked).await?, |f| Ok((f.next()?, f.next()?)))
}

/// The rights of others to a table or a view.
async fn grants(conn: &mut Conn<'_>, name: &str) -> Result<Vec<String>> {
    let asked = format!(
        "SELECT 'GRANT ' || string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) || ' ON {name} TO '
             || CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
             || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
         FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
         WHERE c.oid = '{name}'::regclass AND a.grantee <> c.relowner GROUP BY a.grantee, a.is_grantable ORDER BY 1"
    );
    texts(conn, &asked).await
}

async fn of_view(conn: &mut Conn<'_>, name: &str) -> Result<Vec<String>> {
    let more = format!(
        "SELECT 'ALTER VIEW {name} OWNER TO ' || quote_ident(pg_get_userbyid(relowner)) FROM pg_class
             WHERE oid = '{name}'::regclass AND pg_get_userbyid(relowner) <> current_user
         UNION ALL SELECT 'COMMENT ON VIEW {name} IS ' || quote_literal(obj_description('{name}'::regclass, 'pg_class'))
             WHERE obj_description('{name}'::regclass, 'pg_class') IS NOT NULL"
    );
    let mut own = texts(conn, &more).await?;
    own.extend(grants(conn, name).await?);
    Ok(own)
}

async fn of_table(conn: &mut Conn<'_>, table: &str) -> Result<TableFacts> {
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
    let numbered = format!(
        "SELECT quote_ident(attname), pg_get_serial_sequence('{table}', attname) FROM pg_attribute
         WHERE attrelid = '{table}'::regclass AND attidentity <> '' AND NOT attisdropped"
    );
    let numbered = collect(&conn.counted(&numbered).await?, |f| Ok((f.next()?, f.next()?)))?;
    Ok(TableFacts {
        columns: columns(conn, table).await?,
        owner: texts(conn, &owner).await?.pop(),
        grants: grants(conn, table).await?,
        settings: texts(conn, &settings).await?,
        indexes: texts(conn, &indexes).await?,
        keys: constraints(conn, table, "'p', 'u'").await?,
        foreign: constraints(conn, table, "'f'").await?,
        numbered: numbered.into_iter().next(),
    })
}

/// Everything that a rebuild of these tables must know, and whether their views are made anew as well.
pub(crate) async fn facts(conn: &mut Conn<'_>, names: &[&'static str], drops_views: bool) -> Result<Facts> {
    const OWN: &str = "SELECT quote_ident(datname) FROM pg_database WHERE datname = current_database()
        AND pg_has_role(datdba, 'USAGE')";
    let listed = names.iter().map(|name| format!("('{name}'::regclass)")).collect::<Vec<_>>().join(", ");
    // By the rule that belongs to a view, in the order they were made: one may be over another.
    let views = format!(
        "SELECT v.oid::regclass::text, v.relkind::text, pg_get_viewdef(v.oid),
            COALESCE(' WITH (' || array_to_string(v.reloptions, ', ') || ')', ''),
            EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = v.oid)
                OR EXISTS (SELECT 1 FROM pg_rewrite WHERE ev_class = v.oid AND rulename <> '_RETURN')
                OR EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = v.oid AND attacl IS NOT NULL)
        FROM pg_class AS v WHERE v.oid IN (SELECT r.ev_class FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid
            WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND r.ev_class <> d.refobjid
                AND d.refobjid IN (VALUES {listed})) ORDER BY v.oid"
    );
    let obstacles = format!(
        "WITH large (id) AS (VALUES {listed})
        SELECT 'the foreign key ' || conname || ' of ' || conrelid::regclass FROM pg_constraint
            WHERE contype = 'f' AND (confrelid IN (SELECT id FROM large)) <> (conrelid IN (SELECT id FROM large))
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
            WHERE classid = 'pg_proc'::regclass AND refclassid = 'pg_class'::regclass AND refobjid IN (SELECT id FROM large)"
    );
    let mut tables = Vec::new();
    for table in names {
        tables.push((*table, of_table(conn, table).await?));
    }
    let mut obstacles = texts(conn, &obstacles).await?;
    let found = collect(&conn.counted(&views).await?, |f| {
        let (name, kind): (String, String) = (f.next()?, f.next()?);
        let view = View { name, query: f.next()?, options: f.next()?, own: Vec::new() };
        Ok((kind, view, f.next::<bool>()?))
    })?;
    let mut views = Vec::new();
    for (kind, view, has_more) in found {
        if kind != "v" {
            obstacles.push(format!("the materialized view {}", view.name));
        } else if has_more && drops_views {
            obstacles.push(format!("the rules, triggers or rights to columns of the view {}", view.name));
        } else {
            let own = of_view(conn, &view.name).await?;
            views.push(View { own, ..view });
        }
    }
    Ok(Facts { tables, views, drops_views, obstacles, own_database: texts(conn, OWN).await?.pop() })
}
