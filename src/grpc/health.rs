//! Health v1: `""` and each service follow the database; `liveness` never looks at it.
//!
//! Everything is `NOT_SERVING` before the port is bound; the library would begin with `SERVING`.

use std::{future::Future, time::Duration};

use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::server::NamedService;
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::{HealthReporter, HealthService},
};

use super::proto::v1::{
    activation_code_service_server::ActivationCodeServiceServer,
    cohort_service_server::CohortServiceServer,
    enrollment_admin_service_server::EnrollmentAdminServiceServer,
    enrollment_service_server::EnrollmentServiceServer, offer_service_server::OfferServiceServer,
    provider_service_server::ProviderServiceServer,
};
use crate::app::{App, KeyCheckError, readiness::NotReady};

/// What says only that the process runs.
const LIVENESS: &str = "liveness";

/// What follows the database.
const SERVICES: [&str; 7] = [
    "",
    <EnrollmentServiceServer<()> as NamedService>::NAME,
    <OfferServiceServer<()> as NamedService>::NAME,
    <CohortServiceServer<()> as NamedService>::NAME,
    <ActivationCodeServiceServer<()> as NamedService>::NAME,
    <EnrollmentAdminServiceServer<()> as NamedService>::NAME,
    <ProviderServiceServer<()> as NamedService>::NAME,
];

/// How often the database is asked, and how long it may take to answer.
const PERIOD: Duration = Duration::from_secs(2);

/// Tells of health.
#[derive(Debug, Clone)]
pub struct HealthState {
    reporter: HealthReporter,
}

impl HealthState {
    /// Alive, and not serving.
    pub async fn not_serving() -> Self {
        let state = Self {
            reporter: HealthReporter::new(),
        };
        state
            .reporter
            .set_service_status(LIVENESS, ServingStatus::Serving)
            .await;
        state.set(false).await;
        state
    }

    /// The service that tells.
    pub fn service(&self) -> HealthServer<impl Health + use<>> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    /// Follows the database until told to stop, and says so in the log when something changes. Fails
    /// when the keys are not those of the database: such a service must not go on.
    pub async fn follow(
        &self,
        app: &App,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), KeyCheckError> {
        let mut stop = std::pin::pin!(stop);
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Ability::Unknown;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stop => break,
            }
            let able = Ability::of(app).await?;
            if able != told {
                self.set(able == Ability::Able).await;
                able.tell();
                told = able;
            }
        }
        self.set(false).await;
        self.end_watches().await;
        tracing::info!("not serving any more");
        Ok(())
    }

    /// Ends the streams of those who watch, once they have been told: they would hold up the drain.
    async fn end_watches(&self) {
        let mut reporter = self.reporter.clone();
        for service in SERVICES {
            reporter.clear_service_status(service).await;
        }
    }

    async fn set(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

/// Whether calls can be answered, and if not, why.
#[derive(Debug, PartialEq, Eq)]
enum Ability {
    Unknown,
    Able,
    Unable(String),
}

impl Ability {
    async fn of(app: &App) -> Result<Self, KeyCheckError> {
        match timeout(PERIOD, app.readiness()).await {
            Ok(Ok(())) => Ok(Self::Able),
            Ok(Err(NotReady::Keys(wrong))) if wrong.is_final() => Err(wrong),
            Ok(Err(reason)) => Ok(Self::Unable(reason.to_string())),
            Err(_) => Ok(Self::Unable("the database took too long".to_owned())),
        }
    }

    fn tell(&self) {
        match self {
            Self::Able => tracing::info!("serving"),
            Self::Unable(reason) => tracing::warn!(%reason, "not serving"),
            Self::Unknown => {}
        }
    }
}
