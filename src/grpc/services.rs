//! The services of the port, and which of them a call is for.
//!
//! A path is `/service/method`. A router of the general kind would box a call, and copy itself, at
//! each of its steps: with nine services, one comparison after the other is all it takes.

use std::convert::Infallible;

use futures_util::future::BoxFuture;
use tonic::{Status, body::Body, server::NamedService};
use tower_service::Service;

/// A call, as the transport hands it over.
pub type Incoming = http::Request<Body>;

/// The same on its way to a service. Boxed: each layer hands it on, and keeps room for it twice.
pub type Request = Box<Incoming>;

/// The reply, as the transport takes it.
pub type Response = http::Response<Body>;

/// What a generated server makes of a call.
type Reply = BoxFuture<'static, Result<Response, Infallible>>;

/// All services, by name.
#[derive(Default)]
pub struct Services {
    by_name: Vec<(&'static str, Box<dyn Handle>)>,
}

impl Services {
    /// Adds a generated server.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Incoming, Response = Response, Error = Infallible, Future = Reply>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        self.by_name.push((S::NAME, Box::new(service)));
        self
    }

    /// Has the call answered by the service that its path names.
    pub async fn call(&self, request: Request) -> Response {
        let path = request.uri().path();
        let name = path.split('/').nth(1).unwrap_or_default();
        let service = self.by_name.iter().find(|(known, _)| *known == name);
        match service.map(|(_, service)| service.handle(request)) {
            Some(reply) => match reply.await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            None => Status::unimplemented("").into_http(),
        }
    }
}

/// A generated server, whichever it is.
trait Handle: Send + Sync {
    fn handle(&self, request: Request) -> Reply;
}

impl<S> Handle for S
where
    S: Service<Incoming, Response = Response, Error = Infallible, Future = Reply>,
    S: Clone + Send + Sync,
{
    /// Generated servers are always ready.
    fn handle(&self, request: Request) -> Reply {
        self.clone().call(*request)
    }
}
