// Included by the suites that look at a PostgreSQL journal through several roles.

use audit_store::{JournalOptions, JournalRole, OpenError, PgJournal, RolesSql};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool};
use test_support::{TestDatabase, TestPg};

/// A database with a journal, its owner, who is no superuser, and a login for each kind of role.
pub(crate) struct Cast {
    /// Dropped before the roles, which own and may do things in it.
    db: Option<TestPg>,
    pub(crate) owner: String,
    pub(crate) appender: String,
    pub(crate) auditor: String,
    pub(crate) custodian: String,
}

impl Cast {
    /// The roles and an empty database; the journal is for the test to make, as the owner.
    pub(crate) async fn new() -> Self {
        let db = TestPg::fresh().await;
        let [owner, appender, auditor, custodian] =
            ["owner", "appender", "auditor", "custodian"].map(TestPg::unique);
        let cast = Self { db: Some(db), owner, appender, auditor, custodian };
        for role in [&cast.owner, &cast.appender, &cast.auditor, &cast.custodian] {
            cast.as_superuser(&format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'")).await;
        }
        let name = cast.db().name();
        cast.as_superuser(&format!("GRANT CREATE ON DATABASE {name} TO {}", cast.owner)).await;
        cast
    }

    /// As [`new`](Self::new), with a journal in the default schema and what each role is granted.
    pub(crate) async fn with_journal(options: &JournalOptions) -> Self {
        let cast = Self::new().await;
        let url = cast.url(&cast.owner);
        PgJournal::create(&url, options).await.unwrap().close().await;
        cast.grant("audit").await;
        cast
    }

    pub(crate) async fn grant(&self, schema: &str) {
        for (role, name) in [
            (JournalRole::Appender, &self.appender),
            (JournalRole::Auditor, &self.auditor),
            (JournalRole::Custodian, &self.custodian),
        ] {
            let sql = RolesSql::new(schema, role, name).unwrap().to_string();
            self.as_superuser(&sql).await;
        }
    }

    pub(crate) fn db(&self) -> &TestPg {
        self.db.as_ref().unwrap()
    }

    pub(crate) fn db_url(&self) -> String {
        self.db().url()
    }

    pub(crate) fn url(&self, role: &str) -> String {
        self.db().url_as(role, "secret")
    }

    pub(crate) async fn open(
        &self,
        role: &str,
        options: &JournalOptions,
    ) -> Result<PgJournal, OpenError> {
        PgJournal::open(&self.url(role), options).await
    }

    /// One connection of that role.
    pub(crate) async fn pool(&self, role: &str) -> PgPool {
        PgPoolOptions::new().max_connections(1).connect(&self.url(role)).await.unwrap()
    }

    pub(crate) async fn as_superuser(&self, sql: &str) {
        let pool = self.db().pool(1).await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        self.db = None;
        let roles = [&self.owner, &self.appender, &self.auditor, &self.custodian].map(Clone::clone);
        let _left_behind = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                use sqlx::Connection;
                let url = test_support::postgres_url();
                let mut conn = PgConnection::connect(url).await.unwrap();
                for role in roles {
                    let sql = format!("DROP ROLE IF EXISTS {role}");
                    let _gone = conn.execute(AssertSqlSafe(sql)).await;
                }
            });
        })
        .join();
    }
}
