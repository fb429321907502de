//! Enrollments on SQLite without the service: the statements of one, in one transaction each, on a copy
//! of its file. What sharing of commits has to beat.

use std::{
    path::Path,
    str::FromStr,
    time::{Duration, Instant},
};

use enrollment::{
    clock::{Clock, Random},
    crypto::digest::Digester,
};
use sea_orm::sqlx::{
    Connection, Executor, SqliteConnection, query, query_as,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use crate::stand::{Result, company::member};

const LISTED: &str = "\
    SELECT m.person, c.id, c.offer_id, c.data_elements FROM loads l \
    CROSS JOIN listed_members m ON m.load_id = l.id AND m.digest = ?1 \
    JOIN cohorts c ON c.id = l.cohort_id AND c.state = 'PUBLISHED' \
    WHERE l.publish_time IS NOT NULL AND NOT EXISTS (SELECT 1 FROM enrollment_claims k \
        WHERE k.offer_id = c.offer_id AND k.person = m.person AND k.live)";

/// `?1` enrollment, `?2` offer, `?3` person, `?4` cohort, `?5` what was exposed, `?6` the time, `?7` the
/// request, `?8` the code's digest: rows of the sizes of the service's.
const ROWS: [&str; 6] = [
    "INSERT INTO enrollments (id, offer_id, state, enroll_time, activate_by_date, term_start_date, \
     term_end_date, terms_version, exposed, contact, revision, update_time) \
     VALUES (?1, ?2, 'PENDING', ?6, '2027-01-01', '2026-01-01', '2028-01-01', '2021-08', ?5, \
     zeroblob(107), 1, ?6)",
    "INSERT INTO enrollment_cohorts (enrollment_id, cohort_id) VALUES (?1, ?4)",
    "INSERT INTO enrollment_claims (enrollment_id, person, offer_id, live) VALUES (?1, ?3, ?2, 1)",
    "INSERT INTO activation_codes (digest, enrollment_id, sealed, assign_time) \
     VALUES (?8, ?1, zeroblob(76), ?6)",
    "INSERT INTO events (id, time, type, actor, resource, request_id) \
     VALUES (?1, ?6, 'ENROLLED', 'bench-app', 'offers/carrier-2021/enrollments/' || hex(?1), ?7)",
    "INSERT INTO requests (caller, request_id, fingerprint, result, create_time) \
     VALUES ('bench-app', ?7, zeroblob(32), (SELECT result FROM requests LIMIT 1), ?6)",
];

/// A copy of the service's database.
pub struct ByHand {
    connection: SqliteConnection,
    digester: Digester,
    /// Enrolls people from the last one on, in the copy alone.
    next: u64,
}

impl ByHand {
    /// Copies the file, which may be in use.
    pub async fn copy(from: &Path, to: &Path, digester: Digester, people: u64) -> Result<Self> {
        let options =
            |path: &Path| SqliteConnectOptions::from_str(&format!("sqlite://{}", path.display()));
        let mut original = SqliteConnection::connect_with(&options(from)?).await?;
        query("VACUUM INTO ?1")
            .bind(to.display().to_string())
            .execute(&mut original)
            .await?;
        original.close().await?;
        let options = options(to)?
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("cache_size", "-16384")
            .pragma("wal_autocheckpoint", "8192");
        Ok(Self {
            connection: SqliteConnection::connect_with(&options).await?,
            digester,
            next: people,
        })
    }

    /// Enrolls one after the other for so long; gives how many per second.
    pub async fn enroll_for(&mut self, time: Duration) -> Result<f64> {
        let begun = Instant::now();
        let mut enrolled = 0.0;
        while begun.elapsed() < time {
            self.next = self.next.checked_sub(1).ok_or("nobody is left")?;
            let person = member(&self.digester, self.next)?.person;
            self.enroll(Uuid::from_bytes(person.0)).await?;
            enrolled += 1.0;
        }
        Ok(enrolled / begun.elapsed().as_secs_f64())
    }

    async fn enroll(&mut self, digest: Uuid) -> Result<()> {
        let now = Clock::system().now();
        let id = Random.uuid(now)?;
        let request = Random.uuid(now)?;
        let code = Uuid::from_bytes(Random.bytes()?);
        self.connection.execute("BEGIN IMMEDIATE").await?;
        let (person, cohort, offer, exposed): (Uuid, i64, i64, String) = query_as(LISTED)
            .bind(digest)
            .fetch_one(&mut self.connection)
            .await?;
        for row in ROWS {
            query(row)
                .bind(id)
                .bind(offer)
                .bind(person)
                .bind(cohort)
                .bind(&exposed)
                .bind(now)
                .bind(request)
                .bind(code)
                .execute(&mut self.connection)
                .await?;
        }
        self.connection.execute("COMMIT").await?;
        Ok(())
    }
}
