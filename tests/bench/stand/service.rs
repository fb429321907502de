//! The service as it is released, in a process of its own, with settings, keys and tokens as an
//! operator would lay them out.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use enrollment::{
    clock::Random,
    config::read_digester,
    crypto::{digest::Digester, keyring::Keyring, signing},
};
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{
    Result,
    kept::{Kept, printed},
};

const SIGNING_KEY: &str = "bench-signing";
const ISSUER: &str = "https://issuer.test";
/// Longer than any benchmark.
const TOKEN_SECONDS: u32 = 24 * 3_600;
/// One line when it listens, which says where; nothing for a call.
const LOG: &str = "warn,enrollment::cli::serve=info";

/// A service that runs.
pub struct Service {
    process: Kept,
    folder: TempDir,
    /// Where it listens.
    pub address: SocketAddr,
    /// A connection to it, for all but the measuring.
    pub channel: Channel,
    /// A token of the scope `app`.
    pub app: String,
    /// A token of the scope `operator`.
    pub operator: String,
}

impl Service {
    /// Installs it in a new folder in `within`, with this database, whose URL may name that folder as
    /// `{folder}`; makes the tables, and serves.
    pub async fn start(within: &Path, database: &str) -> Result<Self> {
        let folder = TempDir::with_prefix_in("enrollment-bench-", within)?;
        let path = folder.path().display().to_string();
        install(folder.path(), &database.replace("{folder}", &path))?;
        let settings = folder.path().join("enrollment.toml");
        let verb = |verb: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_enrollment"));
            command.arg(verb).arg("--config").arg(&settings);
            command
        };
        printed(&mut verb("migrate"))?;
        let mut process = Kept::start(verb("serve").stderr(Stdio::piped()), folder.path())?;
        let address = listening(&mut process)?;
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .connect()
            .await?;
        until_serving(channel.clone()).await?;
        let app = token(folder.path(), "app")?;
        let operator = token(folder.path(), "operator")?;
        Ok(Self {
            process,
            folder,
            address,
            channel,
            app,
            operator,
        })
    }

    /// Id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Makes digests as the service does.
    pub fn digester(&self) -> Result<Digester> {
        Ok(read_digester(&self.file("digest.json"))?)
    }

    /// A file of its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn install(folder: &Path, database: &str) -> Result<()> {
    let pair = signing::generate(SIGNING_KEY, Random)?;
    let path = folder.display();
    let settings = format!(
        "[server]\nlisten = '127.0.0.1:0'\n\
         [database]\nurl = '{database}'\n\
         [keys]\ndigest_key_file = '{path}/digest.json'\nsealing_keys_file = '{path}/sealing.json'\n\
         [auth]\nissuer = '{ISSUER}'\njwks_file = '{path}/jwks.json'\n\
         max_token_lifetime_seconds = {TOKEN_SECONDS}\n\
         [log]\nfilter = '{LOG}'\n"
    );
    let write = |file: &str, text: &str| fs::write(folder.join(file), text);
    write("digest.json", &Keyring::generate("digest", Random)?)?;
    write("sealing.json", &Keyring::generate("sealing", Random)?)?;
    write("signing.pem", &pair.private_pem)?;
    write("jwks.json", &pair.public_jwks)?;
    Ok(write("enrollment.toml", &settings)?)
}

fn token(folder: &Path, scope: &str) -> Result<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enrollment"));
    command
        .args(["token", "--key-id", SIGNING_KEY, "--issuer", ISSUER])
        .args(["--subject", &format!("bench-{scope}"), "--scope", scope])
        .args(["--lifetime", &TOKEN_SECONDS.to_string()])
        .arg("--key")
        .arg(folder.join("signing.pem"));
    Ok(printed(&mut command)?.trim().to_owned())
}

/// Where it listens, by its log; the rest of the log is passed on.
fn listening(process: &mut Kept) -> Result<SocketAddr> {
    let mut log = process.errors()?;
    for line in log.by_ref() {
        let line = line?;
        let event = serde_json::from_str::<Value>(&line).unwrap_or_default();
        if let Some(address) = event.get("address").and_then(Value::as_str) {
            let address = address.parse()?;
            thread::spawn(move || {
                for line in log.map_while(std::io::Result::ok) {
                    eprintln!("{line}");
                }
            });
            return Ok(address);
        }
        eprintln!("{line}");
    }
    Err("the service does not start".into())
}

async fn until_serving(channel: Channel) -> Result<()> {
    let request = HealthCheckRequest::default();
    let mut states = HealthClient::new(channel)
        .watch(request)
        .await?
        .into_inner();
    while let Some(state) = states.message().await? {
        if state.status() == ServingStatus::Serving {
            return Ok(());
        }
    }
    Err("the service ended before it served".into())
}
