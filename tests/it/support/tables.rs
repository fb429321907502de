//! What the tables hold, seen past the service.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr, ExecResult, Statement};
use tokio::time::timeout;
use uuid::Uuid;

use super::database::TestDatabase;

/// What an enrollment leaves behind: enrollments, claims, codes, requests, events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows(pub [i64; 5]);

impl TestDatabase {
    pub async fn execute(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let backend = self.inside.get_database_backend();
        let statement = Statement::from_string(backend, sql.to_owned());
        self.inside.execute_raw(statement).await
    }

    /// How many rows a table has.
    pub async fn rows(&self, table: &str) -> i64 {
        self.count(&format!("SELECT COUNT(*) FROM {table}")).await
    }

    /// How many events of a type the log has.
    pub async fn events(&self, event_type: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM events WHERE type = '{event_type}'");
        self.count(&sql).await
    }

    /// The types of the events of one thing, in the order in which they happened.
    pub async fn events_of(&self, resource: &str) -> Vec<String> {
        let backend = self.inside.get_database_backend();
        let sql = format!("SELECT type FROM events WHERE resource = '{resource}' ORDER BY time");
        let statement = Statement::from_string(backend, sql);
        let rows = self.inside.query_all_raw(statement).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    /// How many rows the tables have into which enrolling writes.
    pub async fn enrolling_rows(&self) -> Rows {
        Rows([
            self.rows("enrollments").await,
            self.rows("enrollment_claims").await,
            self.rows("activation_codes").await,
            self.rows("requests").await,
            self.rows("events").await,
        ])
    }

    /// Adds so many enrollments like the one that there is, of people on no list, who rest on the same cohorts.
    pub async fn multiply_enrollments(&self, count: u32) {
        const COLUMNS: &str = "offer_id, state, enroll_time, activate_by_date, activate_time, \
            term_start_date, term_end_date, code_source, terms_version, exposed, revision, update_time";
        let id = if self.is_postgres() {
            "gen_random_uuid()"
        } else {
            "randomblob(16)"
        };
        let sql = format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO enrollments (id, {COLUMNS}) SELECT {id}, {COLUMNS} FROM enrollments, n"
        );
        let claims = "INSERT INTO enrollment_claims (enrollment_id, person, offer_id, live) \
                      SELECT id, id, offer_id, state IN ('PENDING', 'ACTIVE') FROM enrollments \
                      WHERE id NOT IN (SELECT enrollment_id FROM enrollment_claims)";
        let cohorts = "INSERT INTO enrollment_cohorts (enrollment_id, cohort_id) \
                       SELECT e.id, c.cohort_id FROM enrollments e, enrollment_cohorts c \
                       WHERE e.id <> c.enrollment_id";
        for sql in [&sql, claims, cohorts] {
            self.execute(sql).await.unwrap();
        }
    }

    /// The names of all enrollments, in their order; all are this offer's.
    pub async fn enrollment_names(&self, offer: &str) -> Vec<String> {
        let backend = self.inside.get_database_backend();
        let statement = Statement::from_string(backend, "SELECT id FROM enrollments ORDER BY id");
        let rows = self.inside.query_all_raw(statement).await.unwrap();
        let ids = rows
            .iter()
            .map(|row| row.try_get_by_index::<Uuid>(0).unwrap());
        ids.map(|id| format!("{offer}/enrollments/{id}")).collect()
    }

    /// Claims that are live while their enrollment is not, or the other way round.
    pub async fn claims_that_disagree(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM enrollment_claims c \
                   JOIN enrollments e ON e.id = c.enrollment_id \
                   WHERE c.live <> (e.state IN ('PENDING', 'ACTIVE'))";
        self.count(sql).await
    }

    /// Waits until so many statements wait for a lock. PostgreSQL tells nobody of it but who asks.
    pub async fn wait_until_blocked(&self, statements: i64) {
        let blocked = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE wait_event_type = 'Lock' AND datname = current_database()";
        self.wait_for_count(blocked, statements).await;
    }

    /// Waits until nobody has a transaction open in which nothing runs.
    pub async fn wait_until_none_idles_in_transaction(&self) {
        let open = "SELECT COUNT(*) FROM pg_stat_activity \
                    WHERE state LIKE 'idle in transaction%' AND datname = current_database()";
        self.wait_for_count(open, 0).await;
    }

    async fn wait_for_count(&self, sql: &str, wanted: i64) {
        let counted = async { while self.count(sql).await != wanted {} };
        let counted = timeout(Duration::from_secs(10), counted).await;
        assert!(counted.is_ok(), "not {wanted}: {sql}");
    }

    /// The tables in which a text stands, in any column, as text or as bytes.
    pub async fn tables_with(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for table in self.tables().await {
            let condition = self.holds(&table, text).await;
            let sql = format!("SELECT COUNT(*) FROM {table} AS t WHERE {condition}");
            if self.count(&sql).await > 0 {
                found.push(table);
            }
        }
        found.sort();
        found
    }

    async fn holds(&self, table: &str, text: &str) -> String {
        let hex = hex::encode(text);
        if self.is_postgres() {
            // A row as text has its bytes in hexadecimal digits.
            return format!("t::text LIKE '%{text}%' OR t::text LIKE '%{hex}%'");
        }
        let columns = self
            .texts(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .await;
        let places = columns
            .iter()
            .map(|column| format!("instr(CAST({column} AS BLOB), X'{hex}') > 0"));
        places.collect::<Vec<_>>().join(" OR ")
    }

    /// Every table there is.
    pub async fn tables(&self) -> Vec<String> {
        let sql = if self.is_postgres() {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
        } else {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        };
        self.texts(sql).await
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let backend = self.inside.get_database_backend();
        let statement = Statement::from_string(backend, sql.to_owned());
        let rows = self.inside.query_all_raw(statement).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }
}
