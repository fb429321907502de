//! Leases: one process at a time does a thing, wherever it runs.

use sea_orm::sqlx::{self, Connection, PgConnection};

use super::{Error, Store, connect::LaneOptions};

/// Leases of this service, among all advisory locks of the database.
const SPACE: i32 = 0x1DE7_0C06;

/// That nobody else does it. Ends when it is dropped, or with its connection.
#[derive(Debug)]
pub struct Lease(#[expect(dead_code, reason = "it is held")] Option<PgConnection>);

impl Store {
    /// Takes the lease of this name; `None` when another process has it. On SQLite nobody else is there.
    pub async fn lease(&self, name: &str) -> Result<Option<Lease>, Error> {
        let LaneOptions::Postgres(options) = &self.lanes else {
            return Ok(Some(Lease(None)));
        };
        let connected = PgConnection::connect_with(options).await;
        let mut connection = connected.map_err(|error| Error::from(&error))?;
        let is_free = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, hashtext($2))")
            .bind(SPACE)
            .bind(name)
            .fetch_one(&mut connection)
            .await
            .map_err(|error| Error::from(&error))?;
        Ok(if is_free {
            Some(Lease(Some(connection)))
        } else {
            None
        })
    }
}
