//! The one mapping of errors to the protocol: canonical code, exactly one ErrorInfo, and the details
//! that the code calls for. What went wrong inside is written to the log here, once, and not sent.

mod reply;

use tonic::{Code, Status};
use tonic_types::FieldViolation;

use reply::Reply;

use super::proto::v1::ErrorReason;
use crate::{
    app::{
        Error,
        error::{Conflict, DatabaseError, Overload, Precondition, ProviderRefusal, TokenFault},
    },
    domain::{cohort::Comparison, violation::Violation},
};

/// Violations that are listed: details travel in a header, and clients take 16 KiB of headers or
/// less. No request for one person has more; a batch or a chunk with a wrong column can.
const MAX_VIOLATIONS: usize = 50;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid(violations),
            Error::Unauthenticated(fault) => unauthenticated(fault),
            Error::ScopeMissing(scopes) => Reply::new(
                Code::PermissionDenied,
                ErrorReason::ScopeMissing,
                "the token carries none of the scopes that this call needs",
            )
            .with("scopes", scopes.join(" "))
            .send(),
            Error::NotFound { kind, name } => not_found(kind, name),
            Error::Exists(conflict) => exists(conflict),
            Error::EtagMismatch(name) => Reply::new(
                Code::Aborted,
                ErrorReason::EtagMismatch,
                "the etag is not the resource's present one: read it again, then decide",
            )
            .about("", &name)
            .send(),
            Error::Precondition(precondition) => failed_precondition(precondition),
            Error::Overloaded(Overload::Calls) => Reply::new(
                Code::ResourceExhausted,
                ErrorReason::TooManyCalls,
                "too many calls at once",
            )
            .retry()
            .send(),
            Error::Overloaded(Overload::Counts) => Reply::new(
                Code::ResourceExhausted,
                ErrorReason::TooManyCalls,
                "another list is being counted",
            )
            .retry()
            .send(),
            Error::Overloaded(Overload::Deadline) => Reply::new(
                Code::DeadlineExceeded,
                ErrorReason::Deadline,
                "the deadline left too little time: repeat it, with the same request_id if it has one",
            )
            .send(),
            Error::Storage(error) => database(&error),
            Error::Fault(what) => fault(what),
        }
    }
}

/// A status that tonic itself made, as this API says it: its codec calls bytes that are no message
/// INTERNAL, and has no reasons.
pub(super) fn from_protocol(status: &Status, max_message_bytes: Option<usize>) -> Status {
    match status.code() {
        Code::Internal => Reply::new(
            Code::InvalidArgument,
            ErrorReason::MalformedMessage,
            "the bytes are no message of the request's type",
        ),
        Code::OutOfRange | Code::ResourceExhausted => Reply::new(
            Code::InvalidArgument,
            ErrorReason::MessageTooLarge,
            "the message is larger than this method takes",
        )
        .with_max_bytes(max_message_bytes),
        Code::Unimplemented => Reply::new(
            Code::Unimplemented,
            ErrorReason::MethodUnknown,
            "there is no such method, or it cannot take the message's compression",
        ),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => Reply::new(
            status.code(),
            ErrorReason::Protocol,
            "the protocol's own layer ended the call",
        ),
    }
    .send()
}

fn invalid(violations: Vec<Violation>) -> Status {
    let first = violations
        .first()
        .map(|violation| format!("{}: {}", violation.field, violation.rule))
        .unwrap_or_default();
    let text = match violations.len() {
        0 | 1 => first,
        count => format!("{first} (and {} more)", count - 1),
    };
    let count = violations.len();
    let violations = violations
        .into_iter()
        .take(MAX_VIOLATIONS)
        .map(|violation| FieldViolation::new(violation.field, violation.rule.0))
        .collect::<Vec<_>>();
    let mut reply = Reply::new(Code::InvalidArgument, ErrorReason::InvalidField, text)
        .with("violations", count.to_string());
    reply.details.set_bad_request(violations);
    reply.send()
}

fn unauthenticated(fault: TokenFault) -> Status {
    let (reason, text) = match fault {
        TokenFault::Missing => (
            ErrorReason::TokenMissing,
            "send a token: authorization: Bearer …",
        ),
        TokenFault::Invalid => (ErrorReason::TokenInvalid, "the token is not accepted"),
        TokenFault::Expired => (ErrorReason::TokenExpired, "the token has expired"),
    };
    Reply::new(Code::Unauthenticated, reason, text).send()
}

fn not_found(kind: &'static str, name: Option<String>) -> Status {
    match name {
        Some(name) => Reply::new(
            Code::NotFound,
            ErrorReason::ResourceNotFound,
            format!("{name} does not exist"),
        )
        .about(kind, &name),
        None => Reply::new(
            Code::NotFound,
            ErrorReason::EnrollmentNotFound,
            "no enrollment of this offer is found by this",
        )
        .about(kind, ""),
    }
    .send()
}

fn exists(conflict: Conflict) -> Status {
    let already = Code::AlreadyExists;
    match conflict {
        Conflict::Resource { kind, name } => {
            let text = format!("{name} exists");
            Reply::new(already, ErrorReason::ResourceExists, text).about(kind, &name)
        }
        Conflict::Enrollment(name) => {
            let text = "the person has a live enrollment";
            Reply::new(already, ErrorReason::AlreadyEnrolled, text)
                .about("Enrollment", &name.to_string())
        }
        Conflict::RequestId => Reply::new(
            already,
            ErrorReason::RequestIdReused,
            "the request_id was used for another call or other content",
        ),
    }
    .send()
}

fn provider_refused(name: &str, refusal: ProviderRefusal) -> Reply {
    let reply = |reason, text: &str| Reply::new(Code::FailedPrecondition, reason, text);
    let reply = match refusal {
        ProviderRefusal::CodeVoid => reply(
            ErrorReason::CodeVoid,
            "another activation code has taken the place of this one",
        ),
        ProviderRefusal::CodeRanOut(activate_by) => reply(
            ErrorReason::ActivationWindowOver,
            "the membership began after the code had run out",
        )
        .with("activate_by_date", activate_by.to_string()),
        ProviderRefusal::Contradiction(on_record) => {
            let text = format!("something else is on record: {on_record}");
            reply(ErrorReason::ProviderContradiction, &text).with("on_record", on_record)
        }
    };
    reply.failed(name)
}

fn drops_people(comparison: &Comparison) -> Reply {
    let Comparison {
        dropped, current, ..
    } = comparison;
    let text = format!(
        "{dropped} of the {current} people on the published list would be dropped, or lose an identifier"
    );
    let reason = ErrorReason::CohortDropsPeople;
    Reply::new(Code::FailedPrecondition, reason, text)
        .with("dropped_count", dropped.to_string())
        .with("dropped_share", comparison.dropped_share().to_string())
}

fn migrated(successor: String) -> Reply {
    let text = format!("its enrollments go on in {successor}");
    Reply::new(Code::FailedPrecondition, ErrorReason::OfferMigrated, text)
        .with("successor", successor)
}

fn unfit(name: &str, rule: &str) -> Reply {
    let text = format!("enrollments cannot go on in {name}: {rule}");
    Reply::new(Code::FailedPrecondition, ErrorReason::SuccessorUnfit, text)
}

fn failed_precondition(precondition: Precondition) -> Status {
    let reply = |reason, text: &str| Reply::new(Code::FailedPrecondition, reason, text);
    match precondition {
        Precondition::NotListed => {
            reply(ErrorReason::NotListed, "the person is on no list").failed("person")
        }
        Precondition::Undetermined => reply(
            ErrorReason::EligibilityUndetermined,
            "the person is on no list yet, and lists are still to come",
        )
        .failed("person"),
        Precondition::NotYetOpen => {
            reply(ErrorReason::OfferNotYetOpen, "enrolling has not begun").failed("offer")
        }
        Precondition::Closed => {
            reply(ErrorReason::OfferClosed, "enrolling is over").failed("offer")
        }
        Precondition::Paused => {
            reply(ErrorReason::OfferPaused, "enrolling is paused").failed("offer")
        }
        Precondition::CoveredElsewhere(name) => {
            reply(ErrorReason::CoveredElsewhere, "another offer covers the person")
                .with("enrollment", name)
                .failed("person")
        }
        Precondition::TermsVersion { current } => reply(
            ErrorReason::TermsVersionMismatch,
            "the person must accept the offer's present terms_version",
        )
        .with("terms_version", current)
        .failed("terms_version"),
        Precondition::State { name, state } => {
            let text = format!("{name} is {state}, which does not allow this");
            reply(ErrorReason::StateForbids, &text)
                .with("state", state)
                .failed(&name)
        }
        Precondition::ReinstatementPeriodOver(name) => reply(
            ErrorReason::ReinstatementPeriodOver,
            "the period in which it could be reinstated is over",
        )
        .failed(&name),
        Precondition::Provider { name, refusal } => provider_refused(&name, refusal),
        Precondition::CutsOff { name, enroll_by } => reply(
            ErrorReason::EnrollByCutsOff,
            "people who have not enrolled yet would be cut off: set allow_earlier_enroll_by_date if that is wanted",
        )
        .with("enroll_by_date", enroll_by.to_string())
        .failed(&name),
        Precondition::OfferMigrated { name, successor } => migrated(successor).failed(&name),
        Precondition::SuccessorUnfit { name, rule } => unfit(&name, rule).failed(&name),
        Precondition::CodePoolEmpty(name) => reply(
            ErrorReason::CodePoolEmpty,
            "the offer's pool has no code left; nothing was done",
        )
        .failed(&name),
        Precondition::NoActivationCode(name) => reply(
            ErrorReason::NoActivationCode,
            "there are no activation codes: the provider enrolls its members by itself",
        )
        .failed(&name),
        Precondition::ShortTerm => reply(
            ErrorReason::ShortTermNotAcknowledged,
            "a person can get less than 24 months: set term.short_term_acknowledged if that is wanted",
        )
        .failed("offer.term"),
        Precondition::CohortEmpty(name) => {
            reply(ErrorReason::CohortEmpty, "the cohort has no finished load").failed(&name)
        }
        Precondition::CohortCount { name, actual } => {
            let text = format!("the cohort has {actual} people");
            reply(ErrorReason::CohortCountMismatch, &text)
                .with("person_count", actual.to_string())
                .failed(&name)
        }
        Precondition::CohortDigest { name, actual } => {
            let actual = actual.map(|digest| digest.to_string()).unwrap_or_default();
            let text = "the cohort's lists have another digest";
            reply(ErrorReason::CohortDigestMismatch, text)
                .with("digest", actual)
                .failed(&name)
        }
        Precondition::CohortDropsPeople { name, comparison } => {
            drops_people(&comparison).failed(&name)
        }
        Precondition::DigestKey(own) => reply(
            ErrorReason::DigestKeyMismatch,
            "the list was hashed with another digest key than the service's",
        )
        .with("digest_key", own)
        .failed("header.digest_key"),
        Precondition::LoadOutOfStep { name, rule } => {
            reply(ErrorReason::LoadOutOfStep, rule).failed(&name)
        }
        Precondition::LoadInProgress(name) => {
            let text = format!("{name} is not finished");
            reply(ErrorReason::LoadInProgress, &text).failed(&name)
        }
    }
    .send()
}

fn database(error: &DatabaseError) -> Status {
    match error {
        DatabaseError::Unavailable
        | DatabaseError::Locked
        | DatabaseError::Contention
        | DatabaseError::LiveClaimTaken => {
            tracing::warn!(%error, "the database is not available");
            Reply::new(
                Code::Unavailable,
                ErrorReason::DatabaseUnavailable,
                "the database is not available; nothing was done",
            )
            .retry()
            .send()
        }
        DatabaseError::OutcomeUnknown => {
            tracing::error!(%error, "unknown commit");
            Reply::new(
                Code::Unavailable,
                ErrorReason::OutcomeUnknown,
                "it is not known whether this was done: repeat it, with the same request_id if it has one",
            )
            .retry()
            .send()
        }
        DatabaseError::Fault(_) => {
            tracing::error!(%error, "fault");
            internal()
        }
    }
}

fn fault(what: &'static str) -> Status {
    tracing::error!(what, "fault");
    internal()
}

/// What a caller is told of a fault: nothing but where to look for it.
pub(super) fn internal() -> Status {
    Reply::new(
        Code::Internal,
        ErrorReason::Internal,
        "a fault of this service; its log has the request id of this reply",
    )
    .send()
}
