//! Every rpc of the API, from its descriptor: a test that walks them finds a new one by itself.

use std::collections::BTreeSet;

use enrollment::grpc::proto::DESCRIPTOR;
use prost_reflect::{DescriptorPool, MethodDescriptor, Value};

/// All scopes there are.
pub const SCOPES: [&str; 4] = ["app", "operator", "provider", "auditor"];

pub fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTOR).unwrap()
}

pub fn all() -> Vec<MethodDescriptor> {
    let services = pool().services().collect::<Vec<_>>();
    let methods = services
        .iter()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect::<Vec<_>>();
    assert!(methods.len() >= 29, "the descriptor has lost rpcs");
    methods
}

pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The scopes that the rpc's own option names.
pub fn scopes(method: &MethodDescriptor) -> BTreeSet<String> {
    let option = pool()
        .get_extension_by_name("identityprotection.enrollment.v1.any_scope")
        .unwrap();
    let Value::List(scopes) = method.options().get_extension(&option).into_owned() else {
        panic!("any_scope is no list");
    };
    scopes
        .iter()
        .map(|scope| scope.as_str().unwrap().to_owned())
        .collect()
}
