//! Nobody gets in without a token that carries a scope of the method; what no option opens is closed.

use std::{future::Future, sync::Arc};

use http::header::AUTHORIZATION;

use super::refuse;
use crate::{
    app::Error,
    grpc::{
        access::{Access, AccessList, Method},
        auth::Authenticator,
        services::{Request, Response},
    },
};

/// What the layer decides with.
#[derive(Debug)]
pub struct Gate {
    /// Who may call what.
    pub access: AccessList,
    /// Who calls.
    pub authenticator: Arc<Authenticator>,
}

/// Lets the call in, with its caller, or refuses it.
pub async fn auth<F: Future<Output = Response>>(
    gate: &Gate,
    method: &Method,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let scopes = match &method.access {
        Access::Open => return next(request).await,
        Access::AnyOf(scopes) => scopes,
    };
    let header = request.headers().get(AUTHORIZATION);
    let header = header.map(|value| str::from_utf8(value.as_bytes()).unwrap_or_default());
    let caller = match gate.authenticator.caller(header) {
        Ok(caller) => caller,
        Err(error) => return refuse(error),
    };
    // A known caller may be told that a method does not exist.
    if method.exists && !scopes.iter().any(|scope| caller.has_scope(scope)) {
        return refuse(Error::ScopeMissing(scopes.clone()));
    }
    request.extensions_mut().insert(caller);
    next(request).await
}
