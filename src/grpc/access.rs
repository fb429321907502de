//! Who may call what: read from the options on the rpcs, and nobody by default.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::{DescriptorPool, MethodDescriptor};

use super::{layers::metrics::MethodSeries, proto::DESCRIPTOR};

/// Full name of the option that names an rpc's scopes.
const OPTION: &str = "identityprotection.enrollment.v1.any_scope";

/// The protocol's own methods.
const PROTOCOL: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// What the paths of health's methods begin with.
pub const HEALTH: &str = "/grpc.health.v1.Health/";

/// What the paths of reflection's methods begin with.
const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
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

/// A method, as a call finds it by its path.
#[derive(Debug, Clone)]
pub struct Method {
    /// Its path; "unknown" where there is no such method: what anybody may have written into a path belongs
    /// neither into the log nor into a metric.
    pub name: Arc<str>,
    /// Who may call it.
    pub access: Access,
    /// Whether there is such a method, here or among the protocol's own.
    pub exists: bool,
    /// How its calls end, counted.
    pub series: MethodSeries,
}

/// Who may call each method.
#[derive(Debug, Clone)]
pub struct AccessList {
    methods: HashMap<Arc<str>, Method>,
    /// For paths of no method: of a service that is the protocol's own, and of any other.
    health: Method,
    reflection: Method,
    unknown: Method,
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
        let own = pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .map(|method| {
                let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
                Method::existing(&path, Access::AnyOf(scopes(&method)))
            });
        let reflection = if open_reflection {
            Access::Open
        } else {
            Access::AnyOf(vec![REFLECTION_SCOPE.to_owned()])
        };
        let mut list = Self {
            methods: own.map(|method| (method.name.clone(), method)).collect(),
            health: Method::unknown(Access::Open),
            reflection: Method::unknown(reflection),
            unknown: Method::unknown(Access::AnyOf(Vec::new())),
        };
        for path in PROTOCOL {
            let method = Method::existing(path, list.method(path).access.clone());
            list.methods.insert(method.name.clone(), method);
        }
        Ok(list)
    }

    /// The method at this path; one that is for nobody, where nothing says otherwise.
    pub fn method(&self, path: &str) -> &Method {
        self.methods.get(path).unwrap_or_else(|| {
            if path.starts_with(HEALTH) {
                &self.health
            } else if REFLECTION.iter().any(|prefix| path.starts_with(prefix)) {
                &self.reflection
            } else {
                &self.unknown
            }
        })
    }
}

impl Method {
    fn existing(path: &str, access: Access) -> Self {
        Self {
            name: path.into(),
            access,
            exists: true,
            series: MethodSeries::default(),
        }
    }

    fn unknown(access: Access) -> Self {
        Self {
            name: "unknown".into(),
            access,
            exists: false,
            series: MethodSeries::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_names_at_least_one_scope() {
        let list = AccessList::from_descriptor(false).unwrap();
        assert!(list.methods.len() >= 27);
        for (path, method) in &list.methods {
            assert_ne!(method.access, Access::AnyOf(vec![]), "{path}");
        }
    }

    #[test]
    fn what_is_not_in_the_descriptor_is_for_nobody() {
        let list = AccessList::from_descriptor(false).unwrap();
        let access = |list: &AccessList, path| list.method(path).access.clone();
        assert_eq!(access(&list, "/x.Y/Z"), Access::AnyOf(vec![]));
        assert_eq!(access(&list, "/grpc.health.v1.Health/Check"), Access::Open);
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        assert_eq!(
            access(&list, reflection),
            Access::AnyOf(vec!["operator".into()])
        );
        let open = AccessList::from_descriptor(true).unwrap();
        assert_eq!(access(&open, reflection), Access::Open);
    }

    #[test]
    fn a_path_of_no_method_is_not_named() {
        let list = AccessList::from_descriptor(true).unwrap();
        for (path, access) in [
            ("/x.Y/Z", Access::AnyOf(vec![])),
            ("/grpc.health.v1.Health/Jo", Access::Open),
            ("/grpc.reflection.v1.ServerReflection/Jo", Access::Open),
        ] {
            let method = list.method(path);
            assert_eq!((&*method.name, method.exists), ("unknown", false), "{path}");
            assert_eq!(method.access, access, "{path}");
        }
        for path in PROTOCOL {
            let method = list.method(path);
            assert_eq!((&*method.name, method.exists), (path, true));
        }
    }
}
