//! A PostgreSQL server for the tests of this process: the one that `ENROLLMENT_TEST_POSTGRES_URL`
//! names, else one started from the installed binaries. Where there is neither, tests say so, and
//! fail if `ENROLLMENT_TEST_REQUIRE_POSTGRES` is set.

use std::{env, io::Write, path::PathBuf, sync::OnceLock};

use super::postgres_server::{PostgresServer, installed};

/// It keeps nothing, so it need not be durable.
const OPTIONS: &str = "-c fsync=off -c max_connections=300";

/// How to reach the server's database of this name; `None` where there is no server.
pub fn url(database: &str) -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let server = given().or_else(start);
        if server.is_none() {
            say_that_it_cannot_run();
        }
        server
    });
    server.as_ref().map(|server| match server {
        Server::Given(url) => {
            let mut url = url::Url::parse(url).expect("ENROLLMENT_TEST_POSTGRES_URL is a URL");
            url.set_path(database);
            url.to_string()
        }
        Server::Started(server) => {
            let socket = server.socket.display();
            format!("postgres:///{database}?host={socket}&user=postgres")
        }
    })
}

/// The folder of the socket of a server that was started here.
pub fn socket() -> Option<PathBuf> {
    let url = url::Url::parse(&url("postgres")?).ok()?;
    let host = url.query_pairs().find(|(key, _)| key == "host")?.1;
    Some(PathBuf::from(host.into_owned()))
}

enum Server {
    Given(String),
    Started(PostgresServer),
}

fn given() -> Option<Server> {
    env::var("ENROLLMENT_TEST_POSTGRES_URL")
        .ok()
        .map(Server::Given)
}

fn start() -> Option<Server> {
    let server = PostgresServer::start(&installed()?, OPTIONS, &env::temp_dir()).ok()?;
    Some(Server::Started(server))
}

/// Straight to standard error, which the test harness does not hold back.
fn say_that_it_cannot_run() {
    let message = "NOT RUN on PostgreSQL: its binaries are not installed and \
                   ENROLLMENT_TEST_POSTGRES_URL is not set\n";
    let _ = std::io::stderr().write_all(message.as_bytes());
    assert!(
        env::var_os("ENROLLMENT_TEST_REQUIRE_POSTGRES").is_none(),
        "{message}"
    );
}
