//! What is written down of every change: who, what, when, why; never a value that names a person.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::request::RequestId;

/// What happened. The names are what the log keeps: never rename one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// An offer was created.
    OfferCreated,
    /// An offer's details were changed.
    OfferUpdated,
    /// An offer was opened.
    OfferOpened,
    /// An offer was paused.
    OfferPaused,
    /// An offer was closed.
    OfferClosed,
    /// A cohort was created.
    CohortCreated,
    /// A cohort's name or data elements were changed.
    CohortUpdated,
    /// A cohort, or more of it, was published.
    CohortPublished,
    /// A cohort was retracted.
    CohortRetracted,
    /// A load was begun.
    LoadStarted,
    /// A load was finished.
    LoadFinished,
    /// A load was discarded.
    LoadDiscarded,
    /// A person enrolled.
    Enrolled,
    /// A person's activation code was shown again.
    ActivationCodeShown,
    /// A person's activation code was replaced by another, and is void.
    ActivationCodeReplaced,
    /// Activation codes begin to come into an offer's pool.
    CodeLoadStarted,
    /// All of them are there.
    CodeLoadFinished,
    /// Few codes are left in an offer's pool.
    CodePoolLow,
    /// None are left in it.
    CodePoolEmpty,
    /// The provider's membership began.
    EnrollmentActivated,
    /// The provider refused the person.
    EnrollmentRejected,
    /// The company ended an enrollment.
    EnrollmentRevoked,
    /// A term got a later end.
    TermExtended,
    /// The terms of a cohort begin to get a later end.
    CohortTermExtensionStarted,
    /// All of them have got it.
    CohortTermExtensionFinished,
    /// An offer's enrollments begin to move to another offer.
    OfferMigrationStarted,
    /// All of them have moved.
    OfferMigrationFinished,
    /// A person cancelled, here or at the provider's.
    EnrollmentCancelled,
    /// A cancelled enrollment was made live again.
    EnrollmentReinstated,
    /// A code ran out unused.
    EnrollmentLapsed,
    /// A term reached its end.
    EnrollmentExpired,
    /// An enrollment goes on in another offer.
    EnrollmentMigrated,
    /// The enrollment as which it goes on has begun.
    EnrollmentTakenOver,
}

impl EventType {
    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::OfferCreated => "OFFER_CREATED",
            Self::OfferUpdated => "OFFER_UPDATED",
            Self::OfferOpened => "OFFER_OPENED",
            Self::OfferPaused => "OFFER_PAUSED",
            Self::OfferClosed => "OFFER_CLOSED",
            Self::CohortCreated => "COHORT_CREATED",
            Self::CohortUpdated => "COHORT_UPDATED",
            Self::CohortPublished => "COHORT_PUBLISHED",
            Self::CohortRetracted => "COHORT_RETRACTED",
            Self::LoadStarted => "LOAD_STARTED",
            Self::LoadFinished => "LOAD_FINISHED",
            Self::LoadDiscarded => "LOAD_DISCARDED",
            Self::Enrolled => "ENROLLED",
            Self::ActivationCodeShown => "ACTIVATION_CODE_SHOWN",
            Self::ActivationCodeReplaced => "ACTIVATION_CODE_REPLACED",
            Self::CodeLoadStarted => "CODE_LOAD_STARTED",
            Self::CodeLoadFinished => "CODE_LOAD_FINISHED",
            Self::CodePoolLow => "CODE_POOL_LOW",
            Self::CodePoolEmpty => "CODE_POOL_EMPTY",
            Self::EnrollmentActivated => "ENROLLMENT_ACTIVATED",
            Self::EnrollmentRejected => "ENROLLMENT_REJECTED",
            Self::EnrollmentRevoked => "ENROLLMENT_REVOKED",
            Self::TermExtended => "TERM_EXTENDED",
            Self::CohortTermExtensionStarted => "COHORT_TERM_EXTENSION_STARTED",
            Self::CohortTermExtensionFinished => "COHORT_TERM_EXTENSION_FINISHED",
            Self::OfferMigrationStarted => "OFFER_MIGRATION_STARTED",
            Self::OfferMigrationFinished => "OFFER_MIGRATION_FINISHED",
            Self::EnrollmentCancelled => "ENROLLMENT_CANCELLED",
            Self::EnrollmentReinstated => "ENROLLMENT_REINSTATED",
            Self::EnrollmentLapsed => "ENROLLMENT_LAPSED",
            Self::EnrollmentExpired => "ENROLLMENT_EXPIRED",
            Self::EnrollmentMigrated => "ENROLLMENT_MIGRATED",
            Self::EnrollmentTakenOver => "ENROLLMENT_TAKEN_OVER",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its own id.
    pub id: Uuid,
    /// When it happened, by the clock of whoever wrote it.
    pub time: DateTime<Utc>,
    /// What happened.
    pub event_type: EventType,
    /// The subject of the caller's token, or the service itself.
    pub actor: String,
    /// The name of what was changed.
    pub resource: String,
    /// Why, where the caller said so.
    pub reason: Option<String>,
    /// The caller's id of the change.
    pub request_id: Option<RequestId>,
    /// Counts and settings that the change brought; never of a person.
    pub details: Option<serde_json::Value>,
}
