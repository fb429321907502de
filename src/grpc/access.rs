//! Who may call what: read from the options on the rpcs, and nobody by default.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::{DescriptorPool, MethodDescriptor};

use super::proto::DESCRIPTOR;

/// Full name of the option that names an rpc's scopes.
const OPTION: &str = "identityprotection.enrollment.v1.any_scope";

/// The protocol's own methods.
const PROTOCOL: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The scope that may see the API's own description.
const REFLECTION_SCOPE: &str = "operator";

/// Who may call one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Open,
    /// Whoever carries one of these scopes. Nobody, when there is none.
    AnyOf(Vec<String>),
}

/// Who may call each method.
#[derive(Debug, Clone)]
pub struct AccessList {
    methods: HashMap<Arc<str>, Access>,
    reflection: Access,
    unknown: Arc<str>,
}

/// The descriptor that is built in cannot be read. A fault of the build.
#[derive(Debug, thiserror::Error)]
#[error("the built-in descriptor cannot be read")]
pub struct BrokenDescriptor;

impl AccessList {
    /// Reads the descriptor.
    pub fn from_descriptor(open_reflection: bool) -> Result<Self, BrokenDescriptor> {
        let pool = DescriptorPool::decode(DESCRIPTOR).map_err(|_| BrokenDescriptor)?;
        let option = pool.get_extension_by_name(OPTION).ok_or(BrokenDescriptor)?;
        let scopes = |method: &MethodDescriptor| {
            let named = method.options();
            let named = named.get_extension(&option);
            let scopes = named.as_list().unwrap_or_default().iter();
            scopes
                .filter_map(|scope| scope.as_str().map(str::to_owned))
                .collect()
        };
        let methods = pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .map(|method| {
                let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
                (path.into(), Access::AnyOf(scopes(&method)))
            })
            .collect();
        let reflection = if open_reflection {
            Access::Open
        } else {
            Access::AnyOf(vec![REFLECTION_SCOPE.to_owned()])
        };
        Ok(Self {
            methods,
            reflection,
            unknown: "unknown".into(),
        })
    }

    /// Who may call the method at this path; nobody, where nothing says so.
    pub fn of(&self, path: &str) -> &Access {
        const NOBODY: &Access = &Access::AnyOf(Vec::new());
        if path.starts_with("/grpc.health.v1.Health/") {
            &Access::Open
        } else if path.starts_with("/grpc.reflection.v1.ServerReflection/")
            || path.starts_with("/grpc.reflection.v1alpha.ServerReflection/")
        {
            &self.reflection
        } else {
            self.methods.get(path).unwrap_or(NOBODY)
        }
    }

    /// The path, if it is a method's: what anybody else may have written into one belongs neither
    /// into the log nor into a metric.
    pub fn label(&self, path: &str) -> Arc<str> {
        match self.methods.get_key_value(path) {
            Some((known, _)) => known.clone(),
            None if PROTOCOL.contains(&path) => path.into(),
            None => self.unknown.clone(),
        }
    }

    /// Whether there is such a method, here or among the protocol's own.
    pub fn knows(&self, path: &str) -> bool {
        self.methods.contains_key(path) || PROTOCOL.contains(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_names_at_least_one_scope() {
        let list = AccessList::from_descriptor(false).unwrap();
        assert!(list.methods.len() >= 23);
        for (path, access) in &list.methods {
            assert_ne!(*access, Access::AnyOf(vec![]), "{path}");
        }
    }

    #[test]
    fn what_is_not_in_the_descriptor_is_for_nobody() {
        let list = AccessList::from_descriptor(false).unwrap();
        assert_eq!(*list.of("/x.Y/Z"), Access::AnyOf(vec![]));
        assert_eq!(*list.of("/grpc.health.v1.Health/Check"), Access::Open);
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        assert_eq!(*list.of(reflection), Access::AnyOf(vec!["operator".into()]));
        let open = AccessList::from_descriptor(true).unwrap();
        assert_eq!(*open.of(reflection), Access::Open);
    }
}
