//! A PostgreSQL server that keeps what it is given: durable, with room so that checkpoints do not
//! decide.

use std::{path::Path, process::Command};

use super::{
    Result,
    kept::printed,
    postgres_server::{PostgresServer, installed},
    processes,
};

const OPTIONS: &str = "-c fsync=on -c synchronous_commit=on -c full_page_writes=on \
    -c shared_buffers=512MB -c max_wal_size=4GB -c checkpoint_timeout=30min -c max_connections=200";

/// How to reach it; `{socket}` is the folder of its socket.
const URL: &str = "postgres:///postgres?host={socket}&user=postgres";

/// A server that runs.
pub struct Postgres {
    server: PostgresServer,
    path: String,
    /// Id of its first process, the parent of all others.
    pub id: u32,
}

impl Postgres {
    /// Starts one, if it is installed.
    pub fn start(folder: &Path) -> Result<Option<Self>> {
        let Some(path) = installed() else {
            return Ok(None);
        };
        let server = PostgresServer::start(&path, OPTIONS, folder)?;
        let mut postgres = Self {
            server,
            path,
            id: 0,
        };
        let id = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)";
        postgres.id = postgres.query(id)?.parse()?;
        Ok(Some(postgres))
    }

    /// Where the service finds it.
    pub fn url(&self) -> String {
        URL.replace("{socket}", &self.server.socket.display().to_string())
    }

    /// Its version, and in what pages it has its memory: large ones are quicker to find.
    pub fn description(&self) -> Result<String> {
        let version = self.query("SHOW server_version")?;
        let pages = match processes::largest_page_kib(self.id) {
            Ok(kib) => format!("{kib} KiB"),
            // Not everybody may ask about another user's processes.
            Err(_) => "unknown size".to_owned(),
        };
        Ok(format!("{version}, its buffers in pages of {pages}"))
    }

    /// What a statement gives, as text.
    pub fn query(&self, sql: &str) -> Result<String> {
        let mut psql = self.program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        Ok(printed(&mut psql)?.trim().to_owned())
    }

    /// Does what autovacuum and a checkpoint would else do in the midst of what is measured.
    pub fn settle(&self) -> Result<()> {
        self.query("VACUUM ANALYZE")?;
        self.query("CHECKPOINT")?;
        Ok(())
    }

    /// One of its programs, told where it is.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .env("PATH", &self.path)
            .env("PGHOST", &self.server.socket)
            .env("PGUSER", "postgres")
            .env("PGDATABASE", "postgres");
        command
    }
}

/// Fails where the benchmark has to run on PostgreSQL.
pub fn say_that_it_is_missing() -> Result<()> {
    let message = "NOT RUN on PostgreSQL: its binaries are not installed";
    if std::env::var_os("ENROLLMENT_TEST_REQUIRE_POSTGRES").is_some() {
        return Err(message.into());
    }
    eprintln!("{message}");
    Ok(())
}
