//! A PostgreSQL server of one process, started from the installed binaries on a socket of its own. For
//! tests and benchmarks: it goes, with all that it keeps, when the process that started it ends.

use std::{
    env,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Starts a server, says where its socket is, and stops it once standard input is closed: that is,
/// when the process that started it ends, however it ends, or when it is told to.
const SCRIPT: &str = r#"
set -eu
dir=$(mktemp -d -p "$2")
end() {
    pg_ctl -D "$dir/data" -m immediate -s stop || true
    rm -rf "$dir"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
initdb -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 >/dev/null
pg_ctl -D "$dir/data" -w -s -l "$dir/log" -o "-k $dir -c listen_addresses= $1" start
echo "$dir"
cat >/dev/null || true
"#;

/// A server that runs.
pub struct PostgresServer {
    /// Its standard input keeps it running.
    script: Child,
    /// The folder of its socket; its data is in `data` beside it.
    pub socket: PathBuf,
}

impl PostgresServer {
    /// Starts one with these options of `postgres`, its data somewhere in `folder`. The user is
    /// `postgres` and needs no password.
    pub fn start(installed: &str, options: &str, folder: &Path) -> io::Result<Self> {
        let mut command = if is_root() {
            // The server refuses to run as root.
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut script = command
            .args(["-c", SCRIPT, "sh", options])
            .arg(folder)
            .env("PATH", installed)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut socket = String::new();
        if let Some(output) = script.stdout.take() {
            BufReader::new(output).read_line(&mut socket)?;
        }
        if socket.trim().is_empty() {
            return Err(io::Error::other("PostgreSQL does not start"));
        }
        let socket = PathBuf::from(socket.trim());
        Ok(Self { script, socket })
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // It cannot be told to anybody that it did not end well.
        let _ = self.script.wait();
    }
}

/// A PATH on which the server's programs are, if they are installed.
pub fn installed() -> Option<String> {
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
