//! Who asks, and how a retry of theirs is known again.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{name::hyphenated_uuid, violation::Rule};

/// The authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The subject of their token: the actor that events name.
    pub subject: String,
    /// What they may do.
    pub scopes: BTreeSet<String>,
}

impl Caller {
    /// Whether the caller's token carries this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }
}

/// The caller's own id of one change (AIP-155): the same id with the same content is a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub Uuid);

impl RequestId {
    /// Parses a UUID of 36 characters that is not all zeros.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        match hyphenated_uuid(text) {
            Some(uuid) if !uuid.is_nil() => Ok(Self(uuid)),
            Some(_) | None => Err(Rule("must be a UUID of 36 characters, not all zeros")),
        }
    }
}

/// The state of a resource that a caller has seen (AIP-154).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// Parses an etag as a caller sends it: empty means "whatever it is now".
    pub fn parse(text: &str) -> Result<Option<Self>, Rule> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > 64 || text.chars().any(char::is_control) {
            return Err(Rule("must be an etag that this service has given"));
        }
        Ok(Some(Self(text.to_owned())))
    }

    /// The etag of a resource at a revision.
    pub fn of(revision: i64) -> Self {
        Self(format!("r{revision}"))
    }

    /// The etag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
