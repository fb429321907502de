//! A server in this process, on a port of its own, with a clock that tests set.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use enrollment::{
    app::{App, Freshness},
    clock::{Clock, Random},
    config::{Auth, Server as Settings},
    crypto::{Keys, digest::Digester, keyring::Keyring, seal::Sealer},
    grpc::proto::v1::{
        activation_code_service_client::ActivationCodeServiceClient,
        cohort_service_client::CohortServiceClient,
        enrollment_admin_service_client::EnrollmentAdminServiceClient,
        enrollment_service_client::EnrollmentServiceClient,
        offer_service_client::OfferServiceClient, provider_service_client::ProviderServiceClient,
    },
    server::{Server, ServerError},
    storage::{self, Store},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::token::{self, Signer};

/// A running server. Stops when it is dropped; `stop` waits for it.
pub struct TestServer {
    pub address: SocketAddr,
    pub channel: Channel,
    pub signer: Signer,
    pub clock: TestClock,
    /// What the server serves, for what runs by itself.
    pub app: App,
    stop: CancellationToken,
    running: Option<JoinHandle<Result<(), ServerError>>>,
}

/// What a server is started with.
pub struct Start {
    pub settings: Settings,
    pub keys: Keys,
    pub signer: Signer,
    pub clock: TestClock,
    /// A file with the signer's key, to be followed.
    pub jwks_file: Option<PathBuf>,
    pub freshness: Freshness,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            settings: settings(),
            keys: keys(),
            signer: Signer::new(),
            clock: TestClock::at("2021-09-01T12:00:00Z"),
            jwks_file: None,
            freshness: Freshness::ALWAYS_ASK,
        }
    }
}

pub type Client<S> = InterceptedService<Channel, WithToken<S>>;

impl TestServer {
    /// A server over this database that is ready.
    pub async fn start(database: &storage::Database) -> Self {
        Self::start_with(database, Start::default()).await
    }

    pub async fn start_with(database: &storage::Database, start: Start) -> Self {
        let server = Self::start_unready(database, start).await;
        server.wait_until_serving().await;
        server
    }

    /// A server that may never be ready.
    pub async fn start_unready(database: &storage::Database, start: Start) -> Self {
        let Start {
            settings,
            keys,
            signer,
            clock,
            jwks_file,
            freshness,
        } = start;
        let store = Store::connect(database, false).await.unwrap();
        let app = App::new(store, keys, clock.clock(), Random, freshness);
        let auth = Auth {
            jwks_file,
            ..token::auth(signer.jwks.clone())
        };
        let server = Server::bind(&settings, &auth, app.clone(), clock.clock())
            .await
            .unwrap();
        let address = server.address().unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(server.serve(stop.clone().cancelled_owned()));
        let channel = Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy();
        Self {
            address,
            channel,
            signer,
            clock,
            app,
            stop,
            running: Some(running),
        }
    }

    /// Stops the server in order, and gives how it ended.
    pub async fn stop(mut self) -> Result<(), ServerError> {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap()
    }

    /// Tells the server to stop, and lets the test go on.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the server to end by itself or by `begin_stop`.
    pub async fn ended(mut self) -> Result<(), ServerError> {
        self.running.take().unwrap().await.unwrap()
    }

    pub fn enrollments(&self) -> EnrollmentServiceClient<Client<&'static str>> {
        EnrollmentServiceClient::with_interceptor(self.channel.clone(), self.bearer("app"))
    }

    /// The same service as an operator sees it.
    pub fn enrollments_for_operators(&self) -> EnrollmentServiceClient<Client<&'static str>> {
        EnrollmentServiceClient::with_interceptor(self.channel.clone(), self.bearer("operator"))
    }

    pub fn offers(&self) -> OfferServiceClient<Client<&'static str>> {
        OfferServiceClient::with_interceptor(self.channel.clone(), self.bearer("operator"))
    }

    pub fn cohorts(&self) -> CohortServiceClient<Client<&'static str>> {
        CohortServiceClient::with_interceptor(self.channel.clone(), self.bearer("operator"))
    }

    pub fn provider(&self) -> ProviderServiceClient<Client<&'static str>> {
        ProviderServiceClient::with_interceptor(self.channel.clone(), self.bearer("provider"))
    }

    pub fn admin(&self) -> EnrollmentAdminServiceClient<Client<&'static str>> {
        EnrollmentAdminServiceClient::with_interceptor(
            self.channel.clone(),
            self.bearer("operator"),
        )
    }

    pub fn codes(&self) -> ActivationCodeServiceClient<Client<&'static str>> {
        ActivationCodeServiceClient::with_interceptor(self.channel.clone(), self.bearer("operator"))
    }

    /// The app's service for another of its callers.
    pub fn enrollments_of(&self, subject: &str) -> EnrollmentServiceClient<Client<&'static str>> {
        let token = WithToken {
            token: self.signer.token_of(subject, "app"),
            _scope: "app",
        };
        EnrollmentServiceClient::with_interceptor(self.channel.clone(), token)
    }

    pub fn bearer(&self, scope: &'static str) -> WithToken<&'static str> {
        WithToken {
            token: self.signer.token(scope),
            _scope: scope,
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Puts a token on each call.
#[derive(Clone)]
pub struct WithToken<S> {
    token: String,
    _scope: S,
}

impl<S: Clone> Interceptor for WithToken<S> {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = MetadataValue::try_from(format!("Bearer {}", self.token)).unwrap();
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

/// A clock that stands still until a test moves it.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<DateTime<Utc>>>);

impl TestClock {
    pub fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(time.parse().unwrap())))
    }

    pub fn set(&self, time: &str) {
        *self.0.lock().unwrap() = time.parse().unwrap();
    }

    pub fn clock(&self) -> Clock {
        let time = self.0.clone();
        Clock::showing(move || *time.lock().unwrap())
    }
}

pub fn settings() -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        drain: Duration::from_secs(5),
        max_in_flight: 512,
        default_deadline: Duration::from_secs(20),
        open_reflection: false,
        // Tests settle when they want to.
        settle: Duration::from_hours(1),
    }
}

/// New keys.
pub fn keys() -> Keys {
    let keyring = || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = Keyring::generate("test", Random).unwrap();
        std::fs::write(file.path(), text.as_bytes()).unwrap();
        Keyring::read(file.path()).unwrap()
    };
    Keys {
        digester: Digester::new(keyring().first()),
        sealer: Sealer::new(keyring(), Random),
    }
}
