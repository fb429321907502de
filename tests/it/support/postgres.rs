//! A PostgreSQL server for the tests of this process: the one that `ENROLLMENT_TEST_POSTGRES_URL`
//! names, else one started from the installed binaries. Where there is neither, tests say so, and
//! fail if `ENROLLMENT_TEST_REQUIRE_POSTGRES` is set.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Starts a server, says where its socket is, and stops it once standard input is closed: that is,
/// when the tests' process ends, however it ends, or when it is told to. It keeps nothing, so it need
/// not be durable.
const SCRIPT: &str = r#"
set -eu
dir=$(mktemp -d)
end() {
    pg_ctl -D "$dir/data" -m immediate -s stop || true
    rm -rf "$dir"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
initdb -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 >/dev/null
pg_ctl -D "$dir/data" -w -s -l "$dir/log" \
    -o "-k $dir -c listen_addresses= -c fsync=off -c max_connections=300" start
echo "$dir"
cat >/dev/null || true
"#;

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
        Server::Started { socket } => {
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
    Started { socket: String },
}

fn given() -> Option<Server> {
    env::var("ENROLLMENT_TEST_POSTGRES_URL")
        .ok()
        .map(Server::Given)
}

fn start() -> Option<Server> {
    let path = binaries()?;
    let mut command = if is_root() {
        // The server refuses to run as root.
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh", "-c", SCRIPT]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]);
        command
    };
    let mut child = command
        .env("PATH", path)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut socket = String::new();
    BufReader::new(child.stdout.take()?)
        .read_line(&mut socket)
        .ok()?;
    // Its standard input stays open for as long as this process lives.
    std::mem::forget(child);
    let socket = socket.trim().to_owned();
    (!socket.is_empty()).then_some(Server::Started { socket })
}

/// A PATH on which the server's programs are, if they are installed.
fn binaries() -> Option<String> {
    let path = env::var("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).collect::<Vec<_>>();
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    let found = folders.iter().find(|folder| is_server(folder))?;
    Some(format!("{}:{path}", found.display()))
}

fn is_server(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
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
