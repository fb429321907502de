//! What health says of a server, to wait for: no sleeping, no asking again.

use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

use super::server::TestServer;

impl TestServer {
    pub async fn is_serving(&self, service: &str) -> bool {
        let mut health = HealthClient::new(self.channel.clone());
        let reply = health.check(of(service)).await.unwrap().into_inner();
        reply.status() == ServingStatus::Serving
    }

    pub async fn wait_until_serving(&self) {
        self.wait_for(ServingStatus::Serving).await;
    }

    pub async fn wait_until_not_serving(&self) {
        self.wait_for(ServingStatus::NotServing).await;
    }

    /// The states of the whole server, from the present one on.
    pub async fn watch_health(&self) -> tonic::Streaming<HealthCheckResponse> {
        let mut health = HealthClient::new(self.channel.clone());
        health.watch(of("")).await.unwrap().into_inner()
    }

    async fn wait_for(&self, wanted: ServingStatus) {
        let mut states = self.watch_health().await;
        while let Some(state) = states.message().await.unwrap() {
            if state.status() == wanted {
                return;
            }
        }
        panic!("health ended before it was {wanted:?}");
    }
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}
