//! Many callers at the same moment, each with a connection of its own.

use std::{future::Future, sync::Arc};

use enrollment::grpc::proto::v1::enrollment_service_client::EnrollmentServiceClient;
use tokio::sync::Barrier;
use tonic::transport::{Channel, Endpoint};

use super::{
    company,
    server::{Client, TestServer},
};

pub type AppClient = EnrollmentServiceClient<Client<&'static str>>;

impl TestServer {
    /// The app's backend, on so many connections. Each has asked something, so that the server's
    /// connections to the database are open too, and nobody is done before the others begin.
    pub async fn apps(&self, count: usize) -> Vec<AppClient> {
        let mut apps = Vec::new();
        for _ in 0..count {
            let channel = self.connection().await;
            apps.push(EnrollmentServiceClient::with_interceptor(
                channel,
                self.bearer("app"),
            ));
        }
        let warm = apps.iter().cloned().map(|mut app| async move {
            let request = company::check(company::customer("nobody"));
            app.check_eligibility(request).await.unwrap();
        });
        at_once(warm).await;
        apps
    }

    /// A connection that nobody else uses.
    pub async fn connection(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }
}

/// What each gives when all are let go at once.
pub async fn at_once<T, F>(deeds: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let deeds = deeds.into_iter().collect::<Vec<_>>();
    let start = Arc::new(Barrier::new(deeds.len()));
    let tasks = deeds
        .into_iter()
        .map(|deed| {
            let start = start.clone();
            tokio::spawn(async move {
                start.wait().await;
                deed.await
            })
        })
        .collect::<Vec<_>>();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
