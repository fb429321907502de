//! What a command says to the committer: whom it must see, and what it makes of them. Must not know: which
//! commands share its turn, or how the turn is written.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Error, working_set::WorkingSet};
use crate::{
    domain::person::IdentifierDigest,
    storage::{code::KeptCode, enrollment::StoredEnrollment},
};

/// A command that changes an enrollment, or makes one.
pub(super) trait Deed: Send + Sync {
    /// Its name, as the API has it.
    fn name(&self) -> &'static str;

    /// Whom it must see.
    fn wants(&self) -> Wants<'_>;

    /// Whether its result shows the code; whoever repeats the request sees it again.
    fn shows_code(&self) -> bool {
        false
    }

    /// Decides, and says in the working set what changes. `now` is when the request was received,
    /// however often the turn is taken: one that came in time is in time. Fails before it changes
    /// anything.
    fn act(&self, set: &mut WorkingSet, now: DateTime<Utc>) -> Result<Done, Error>;
}

/// Whom a command must see.
pub(super) enum Wants<'a> {
    /// The people with these identifiers, and their enrollments.
    People(&'a [IdentifierDigest]),
    /// An enrollment, and those of the same people.
    Enrollment(Uuid),
}

/// What a command left behind.
#[derive(Debug, Clone)]
pub(super) struct Done {
    /// The enrollment.
    pub stored: StoredEnrollment,
    /// Its code, for the command that shows it, unless it comes out of the pool as the turn is written.
    pub code: Option<KeptCode>,
}

impl Done {
    /// For a command that shows no code.
    pub fn without_code(stored: StoredEnrollment) -> Self {
        Self { stored, code: None }
    }
}
