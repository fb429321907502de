//! Nobody gets in without a token that carries a scope of the method; what no option opens is closed.

use std::sync::Arc;

use axum::{extract::Request, http::header::AUTHORIZATION, middleware::Next, response::Response};

use super::refuse;
use crate::{
    app::Error,
    grpc::{
        access::{Access, AccessList},
        auth::Verifier,
    },
};

/// What the layer decides with.
#[derive(Debug)]
pub struct Gate {
    /// Who may call what.
    pub access: Arc<AccessList>,
    /// Who calls.
    pub verifier: Verifier,
}

/// Lets the call in, with its caller, or refuses it.
pub async fn auth(gate: Arc<Gate>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let scopes = match gate.access.of(path) {
        Access::Open => return next.run(request).await,
        Access::AnyOf(scopes) => scopes,
    };
    let exists = gate.access.knows(path);
    let header = request.headers().get(AUTHORIZATION);
    let header = header.map(|value| value.to_str().unwrap_or_default());
    let caller = match gate.verifier.caller(header) {
        Ok(caller) => caller,
        Err(error) => return refuse(error),
    };
    // A known caller may be told that a method does not exist.
    if exists && !scopes.iter().any(|scope| caller.has_scope(scope)) {
        return refuse(Error::ScopeMissing(scopes));
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}
