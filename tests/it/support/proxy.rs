//! A proxy between the service and PostgreSQL that can be shut, and that can cut a connection after
//! the server has committed and before the service hears of it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use enrollment::storage;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
};

use super::{
    database::{TestDatabase, postgres_settings},
    postgres,
};

/// What says that something was committed (PostgreSQL's manual, "Message Formats"): the tag of COMMIT,
/// or that of an INSERT that was a transaction of its own, and then that the connection is in none.
const COMMITTED: &[u8] = b"COMMIT\0Z\0\0\0\x05I";
const INSERTED: &[u8] = b"INSERT 0 ";
const IDLE: &[u8] = b"Z\0\0\0\x05I";

/// What the proxy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Shut,
    /// The next commit reaches the server, but its answer is not handed back.
    CutAtCommit {
        then_shut: bool,
    },
}

/// A running proxy; it ends when it is dropped.
pub struct Proxy {
    pub settings: storage::Database,
    gate: Arc<watch::Sender<Gate>>,
    running: JoinHandle<()>,
}

#[derive(Clone)]
enum Upstream {
    Socket(PathBuf),
    Address(String),
}

impl Proxy {
    /// An open proxy before this PostgreSQL database.
    pub async fn before(database: &TestDatabase) -> Self {
        let storage::Database::Postgres { url, .. } = &database.settings else {
            panic!("the proxy stands before PostgreSQL only");
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = postgres_settings(&through(url, listener.local_addr().unwrap()));
        let gate = Arc::new(watch::Sender::new(Gate::Open));
        let running = tokio::spawn(accept(listener, upstream(url), gate.clone()));
        Self {
            settings,
            gate,
            running,
        }
    }

    pub fn open(&self) {
        self.gate.send_replace(Gate::Open);
    }

    /// Cuts all connections, and every new one.
    pub fn shut(&self) {
        self.gate.send_replace(Gate::Shut);
    }

    /// Cuts the connection of the next commit once the server has done it.
    pub fn cut_at_next_commit(&self) {
        self.gate
            .send_replace(Gate::CutAtCommit { then_shut: false });
    }

    /// The same, and the database stays out of reach.
    pub fn cut_at_next_commit_and_shut(&self) {
        self.gate
            .send_replace(Gate::CutAtCommit { then_shut: true });
    }

    /// Whether the commit that was waited for has come.
    pub fn has_cut(&self) -> bool {
        !matches!(*self.gate.borrow(), Gate::CutAtCommit { .. })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn through(url: &str, proxy: SocketAddr) -> String {
    let mut url = url::Url::parse(url).unwrap();
    let kept = url
        .query_pairs()
        .filter(|(key, _)| key != "host" && key != "sslmode")
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect::<Vec<_>>();
    url.set_host(Some(&proxy.ip().to_string())).unwrap();
    url.set_port(Some(proxy.port())).unwrap();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .append_pair("sslmode", "disable");
    url.to_string()
}

fn upstream(url: &str) -> Upstream {
    if let Some(folder) = postgres::socket() {
        return Upstream::Socket(folder.join(".s.PGSQL.5432"));
    }
    let url = url::Url::parse(url).unwrap();
    let host = url
        .host_str()
        .expect("a server without a socket has a host");
    Upstream::Address(format!("{host}:{}", url.port().unwrap_or(5432)))
}

async fn accept(listener: TcpListener, upstream: Upstream, gate: Arc<watch::Sender<Gate>>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        if *gate.borrow() == Gate::Shut {
            continue;
        }
        let gate = gate.clone();
        match upstream.clone() {
            Upstream::Socket(path) => {
                let server = UnixStream::connect(path).await.unwrap();
                tokio::spawn(relay(client, server, gate));
            }
            Upstream::Address(address) => {
                let server = TcpStream::connect(address).await.unwrap();
                tokio::spawn(relay(client, server, gate));
            }
        }
    }
}

/// Hands bytes on in both directions until one side ends or the gate says otherwise. A peer that
/// hangs up in the middle is a connection's end like any other.
async fn relay(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    gate: Arc<watch::Sender<Gate>>,
) {
    let mut changes = gate.subscribe();
    let (mut asked, mut answered) = ([0; 16_384], [0; 16_384]);
    loop {
        let handed_on = tokio::select! {
            () = shut(&mut changes) => return,
            read = client.read(&mut asked) => {
                let Some(bytes) = read.ok().and_then(|count| asked.get(..count)) else { return };
                // Looked at here too: a shut gate lets nothing through, however the race went.
                if bytes.is_empty() || *gate.borrow() == Gate::Shut {
                    return;
                }
                server.write_all(bytes).await
            }
            read = server.read(&mut answered) => {
                let Some(bytes) = read.ok().and_then(|count| answered.get(..count)) else { return };
                if bytes.is_empty() || (tells_of_commit(bytes) && is_to_be_cut(&gate)) {
                    return;
                }
                client.write_all(bytes).await
            }
        };
        if handed_on.is_err() {
            return;
        }
    }
}

async fn shut(changes: &mut watch::Receiver<Gate>) {
    let _ = changes.wait_for(|gate| *gate == Gate::Shut).await;
}

fn tells_of_commit(answer: &[u8]) -> bool {
    let holds = |words: &[u8]| answer.windows(words.len()).any(|window| window == words);
    holds(COMMITTED) || (holds(INSERTED) && holds(IDLE))
}

/// Whether this is the commit to be cut at: it is so once.
fn is_to_be_cut(gate: &watch::Sender<Gate>) -> bool {
    gate.send_if_modified(|gate| match *gate {
        Gate::CutAtCommit { then_shut } => {
            *gate = if then_shut { Gate::Shut } else { Gate::Open };
            true
        }
        Gate::Open | Gate::Shut => false,
    })
}
