//! The only place where things are plugged together: the layers in their order, the services, the
//! start and the stop.
//!
//! Start: everything is `NOT_SERVING`, then the port is bound, then health follows the database. Stop:
//! `NOT_SERVING`, no new connections, what runs is finished, but not for longer than the drain's bound.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server as Transport, server::TcpIncoming};

use crate::{
    app::{App, KeyCheckError},
    clock::{Clock, NoRandomness, Random},
    config::{Auth, Server as Settings},
    grpc::{
        access::{AccessList, BrokenDescriptor},
        activation_code_service::{self, ActivationCodes},
        auth::{Authenticator, UnfitKeys},
        cohort_service::{self, Cohorts},
        enrollment_admin_service::{self, EnrollmentAdmin},
        enrollment_service::{self, Enrollments},
        health::HealthState,
        layers::{Layered, Layers, auth::Gate, request_id::CallIds},
        offer_service::{self, Offers},
        proto::v1::{
            activation_code_service_server::ActivationCodeServiceServer,
            cohort_service_server::CohortServiceServer,
            enrollment_admin_service_server::EnrollmentAdminServiceServer,
            enrollment_service_server::EnrollmentServiceServer,
            offer_service_server::OfferServiceServer,
            provider_service_server::ProviderServiceServer,
        },
        provider_service::{self, Provider},
        reflection,
        services::Services,
    },
    jobs,
};

/// Streams at once on one connection; more wait.
const STREAMS: u32 = 256;

/// Resets by a client's errors after which its connection is closed (the "rapid reset" attack).
const RESETS: usize = 1_024;

/// Bytes of all headers of a call.
const HEADERS: u32 = 16 * 1024;

/// Connections are renewed after this time, a tenth more or less, so that new replicas get some.
const CONNECTION_AGE: Duration = Duration::from_mins(30);

/// Bytes that may be on the way to a call: most of a chunk of a list. With the 64 KiB that HTTP/2 begins with, a
/// chunk waits four times until it is told to go on.
const STREAM_WINDOW: u32 = 256 * 1024;

/// The same to all calls of a connection.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How long the last transactions may take once the last call has ended.
const LAST_COMMITS: Duration = Duration::from_secs(5);

/// Why the server cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The descriptor that is built in.
    #[error(transparent)]
    Descriptor(#[from] BrokenDescriptor),
    /// Reflection, from the same descriptor.
    #[error("the built-in descriptor does not serve reflection")]
    Reflection,
    /// The keys that verify tokens.
    #[error(transparent)]
    Auth(#[from] UnfitKeys),
    /// The keys of the database.
    #[error(transparent)]
    Keys(#[from] KeyCheckError),
    /// Randomness, for the ids of calls.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The port.
    #[error("server.listen: cannot be bound ({0})")]
    Bind(io::ErrorKind),
    /// The transport.
    #[error("the transport failed")]
    Transport,
}

/// A server with its port bound, before it serves.
pub struct Server {
    listener: TcpListener,
    app: App,
    authenticator: Arc<Authenticator>,
    health: HealthState,
    service: Layered,
    drain: Duration,
    settle: Duration,
}

impl Server {
    /// Puts everything together and binds the port.
    pub async fn bind(
        settings: &Settings,
        credentials: &Auth,
        app: App,
        clock: Clock,
    ) -> Result<Self, ServerError> {
        let authenticator = Arc::new(Authenticator::new(credentials)?);
        let gate = Gate {
            access: AccessList::from_descriptor(settings.open_reflection)?,
            authenticator: authenticator.clone(),
        };
        let health = HealthState::not_serving().await;
        let services = services(&app, &health)?;
        let layers = Layers {
            ids: CallIds::new(clock)?,
            places: Arc::new(Semaphore::new(settings.max_in_flight)),
            default_deadline: settings.default_deadline,
            gate,
            app: app.clone(),
        };
        let listener = TcpListener::bind(settings.listen)
            .await
            .map_err(|error| ServerError::Bind(error.kind()))?;
        Ok(Self {
            listener,
            app,
            authenticator,
            health,
            service: Layered::new(layers, services),
            drain: settings.drain,
            settle: settings.settle,
        })
    }

    /// Where it listens: the port that was given, if port 0 was asked for.
    pub fn address(&self) -> Result<SocketAddr, ServerError> {
        self.listener
            .local_addr()
            .map_err(|error| ServerError::Bind(error.kind()))
    }

    /// Serves until `stop`, then drains.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let stopping = CancellationToken::new();
        let transport = transport().serve_with_incoming_shutdown(
            self.service,
            // Replies are small: none must wait for another to fill a packet.
            TcpIncoming::from(self.listener).with_nodelay(Some(true)),
            stopping.clone().cancelled_owned(),
        );
        let mut transport = std::pin::pin!(transport);
        let outcome = tokio::select! {
            followed = self.health.follow(&self.app, stop) => followed.map_err(ServerError::from),
            never = self.authenticator.follow() => match never {},
            never = jobs::settle(&self.app, self.settle) => match never {},
            never = jobs::carry_on(&self.app) => match never {},
            never = jobs::show_codes_left(&self.app) => match never {},
            _ = &mut transport => return Err(ServerError::Transport),
        };
        stopping.cancel();
        let finish = async {
            let _ = transport.await;
        };
        if timeout(self.drain, finish).await.is_err() {
            tracing::warn!("the drain took too long: connections that are left are cut");
        }
        if timeout(LAST_COMMITS, self.app.store().drain())
            .await
            .is_err()
        {
            tracing::warn!("a transaction took too long: the database ends it");
        }
        outcome
    }
}

fn services(app: &App, health: &HealthState) -> Result<Services, ServerError> {
    let (reflection_v1, reflection_v1alpha) =
        reflection::services().map_err(|_| ServerError::Reflection)?;
    let enrollments = EnrollmentServiceServer::new(Enrollments(app.clone()))
        .max_decoding_message_size(enrollment_service::MAX_MESSAGE_BYTES);
    let offers = OfferServiceServer::new(Offers(app.clone()))
        .max_decoding_message_size(offer_service::MAX_MESSAGE_BYTES);
    let cohorts = CohortServiceServer::new(Cohorts(app.clone()))
        .max_decoding_message_size(cohort_service::MAX_MESSAGE_BYTES);
    let codes = ActivationCodeServiceServer::new(ActivationCodes(app.clone()))
        .max_decoding_message_size(activation_code_service::MAX_MESSAGE_BYTES);
    let admin = EnrollmentAdminServiceServer::new(EnrollmentAdmin(app.clone()))
        .max_decoding_message_size(enrollment_admin_service::MAX_MESSAGE_BYTES);
    let provider = ProviderServiceServer::new(Provider(app.clone()))
        .max_decoding_message_size(provider_service::MAX_MESSAGE_BYTES);
    Ok(Services::default()
        .with(enrollments)
        .with(offers)
        .with(cohorts)
        .with(codes)
        .with(admin)
        .with(provider)
        .with(health.service())
        .with(reflection_v1)
        .with(reflection_v1alpha))
}

/// tonic leaves these open; an open port must not.
fn transport() -> Transport {
    let tenth = CONNECTION_AGE / 10;
    let [part] = Random.bytes::<1>().unwrap_or([128]);
    let age = CONNECTION_AGE * 9 / 10 + tenth * 2 * u32::from(part) / 255;
    Transport::builder()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_local_error_reset_streams(Some(RESETS))
        .http2_max_header_list_size(HEADERS)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_connection_age(age)
}
