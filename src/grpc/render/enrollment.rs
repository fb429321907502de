//! What is told of people: whether they are eligible, and how their enrollments stand.

use chrono::{DateTime, Utc};

use super::{code_source, data_elements, date, etag, overlap, timestamp};
use crate::{
    app::{
        reconcile_members::{Finding, FindingKind, Totals},
        view::EnrollmentView,
    },
    domain::{
        contact::MaskedContact,
        eligibility::{Eligibility, Verdict},
        enrollment::{
            CancelReason, Enrollment, RejectReason, Rejection, Revocation, RevokeReason, Status,
        },
        name::{CohortName, EnrollmentName},
        term::TermDates,
    },
    grpc::proto::v1,
};

pub(in crate::grpc) fn eligibility(eligibility: Eligibility) -> v1::Eligibility {
    use v1::eligibility::Verdict as V;

    let mut reply = v1::Eligibility {
        verdict: V::Unspecified.into(),
        exposed_data_elements: data_elements(&eligibility.exposed),
        enroll_by_date: eligibility.offered.map(|offered| date(offered.enroll_by)),
        term_months: eligibility
            .offered
            .and_then(|offered| offered.term_months)
            .and_then(|months| i32::try_from(months).ok())
            .unwrap_or_default(),
        covered_through_date: None,
        enrollment: String::new(),
        check_time: Some(timestamp(eligibility.check_time)),
        overlap: eligibility
            .offered
            .map_or(v1::offer::Overlap::Unspecified, |offered| {
                overlap(offered.overlap)
            })
            .into(),
        other_enrollment: String::new(),
        cover_start_date: None,
    };
    let verdict = match eligibility.verdict {
        Verdict::Eligible {
            cover_start,
            covered_through,
            after,
        } => {
            reply.cover_start_date = Some(date(cover_start));
            reply.covered_through_date = covered_through.map(date);
            reply.other_enrollment = name(after.as_ref());
            V::Eligible
        }
        Verdict::CoveredElsewhere(other) => {
            reply.other_enrollment = other.to_string();
            V::CoveredElsewhere
        }
        Verdict::AlreadyEnrolled(name) => {
            reply.enrollment = name.to_string();
            V::AlreadyEnrolled
        }
        Verdict::NotListed => V::NotListed,
        Verdict::Undetermined => V::Undetermined,
        Verdict::NotYetOpen => V::NotYetOpen,
        Verdict::Closed => V::Closed,
        Verdict::Paused => V::Paused,
    };
    reply.verdict = verdict.into();
    reply
}

/// The same as a provider sees it, which need not know how to reach the person, what was exposed, or who covers them
/// before or after.
pub(in crate::grpc) fn enrollment_for_provider(view: EnrollmentView) -> v1::Enrollment {
    v1::Enrollment {
        contact: None,
        exposed_data_elements: Vec::new(),
        cohorts: Vec::new(),
        cohorts_retracted: false,
        migrated_to: String::new(),
        migrated_from: String::new(),
        ..enrollment(view)
    }
}

fn reject_reason(rejection: Rejection) -> v1::enrollment::RejectReason {
    use v1::enrollment::RejectReason as R;

    match rejection.reason {
        RejectReason::IdentityNotVerified => R::IdentityNotVerified,
        RejectReason::AlreadyMember => R::AlreadyMember,
        RejectReason::NotServed => R::NotServed,
        RejectReason::CodeNotAccepted => R::CodeNotAccepted,
        RejectReason::Other => R::Other,
    }
}

fn revoke_reason(revocation: Revocation) -> v1::enrollment::RevokeReason {
    use v1::enrollment::RevokeReason as R;

    match revocation.reason {
        RevokeReason::Fraud => R::Fraud,
        RevokeReason::Duplicate => R::Duplicate,
        RevokeReason::Error => R::Error,
        RevokeReason::Other => R::Other,
    }
}

pub(in crate::grpc) fn enrollment(view: EnrollmentView) -> v1::Enrollment {
    use v1::enrollment::CancelReason as R;

    let enrollment = view.enrollment;
    let cohorts = cohorts(&enrollment);
    let cancellation = view.status.cancellation();
    let rejection = view.status.rejection();
    let revocation = view.status.revocation();
    let migration = view.status.migration();
    let cancel_reason = match cancellation.map(|cancellation| cancellation.reason) {
        None => R::Unspecified,
        Some(CancelReason::NotWanted) => R::NotWanted,
        Some(CancelReason::CoveredElsewhere) => R::CoveredElsewhere,
        Some(CancelReason::ProviderTerms) => R::ProviderTerms,
        Some(CancelReason::Mistake) => R::Mistake,
        Some(CancelReason::Other) => R::Other,
    };
    v1::Enrollment {
        name: enrollment.name.to_string(),
        state: state(view.status).into(),
        enroll_time: Some(timestamp(enrollment.enroll_time)),
        activate_time: view.status.activate_time().map(timestamp),
        activate_by_date: Some(date(enrollment.activate_by)),
        term_start_date: enrollment.term.map(|term| date(term.start)),
        term_end_date: enrollment.term.map(|term| date(term.end)),
        covered_through_date: enrollment.term.map(TermDates::covered_through).map(date),
        activation_code: view
            .code
            .map(|code| code.reveal().to_owned())
            .unwrap_or_default(),
        contact: contact(view.contact),
        terms_version: enrollment.terms_version,
        exposed_data_elements: data_elements(&enrollment.exposed),
        cohorts,
        cohorts_retracted: view.cohorts_retracted,
        cancel_time: cancellation.map(|cancellation| timestamp(cancellation.cancel_time)),
        cancel_reason: cancel_reason.into(),
        reinstate_by_date: cancellation.map(|cancellation| date(cancellation.reinstate_by)),
        update_time: Some(timestamp(enrollment.update_time)),
        etag: etag(enrollment.revision),
        reject_time: rejection.map(|rejection| timestamp(rejection.reject_time)),
        reject_reason: rejection
            .map_or(v1::enrollment::RejectReason::Unspecified, reject_reason)
            .into(),
        revoke_time: revocation.map(|revocation| timestamp(revocation.revoke_time)),
        revoke_reason: revocation
            .map_or(v1::enrollment::RevokeReason::Unspecified, revoke_reason)
            .into(),
        code_source: code_source(enrollment.code_source).into(),
        migrate_time: migration.map(|migration| timestamp(migration.migrate_time)),
        migrated_to: name(enrollment.migrated_to.as_ref()),
        migrated_from: name(enrollment.migrated_from.as_ref()),
        term_not_before_date: enrollment.term_not_before.map(date),
    }
}

fn cohorts(enrollment: &Enrollment) -> Vec<String> {
    let cohorts = enrollment.cohorts.iter().map(|cohort| CohortName {
        parent: enrollment.offer_of_cohorts().clone(),
        cohort: cohort.clone(),
    });
    cohorts.map(|cohort| cohort.to_string()).collect()
}

fn name(name: Option<&EnrollmentName>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

fn contact(contact: MaskedContact) -> Option<v1::Contact> {
    if contact == MaskedContact::default() {
        return None;
    }
    Some(v1::Contact {
        email: contact.email.unwrap_or_default(),
        phone_number: contact.phone_number.unwrap_or_default(),
    })
}

fn state(status: Status) -> v1::enrollment::State {
    use v1::enrollment::State as S;

    match status {
        Status::Pending => S::Pending,
        Status::Active { .. } => S::Active,
        Status::Expired { .. } => S::Expired,
        Status::Lapsed => S::Lapsed,
        Status::Rejected(_) => S::Rejected,
        Status::Cancelled(_) => S::Cancelled,
        Status::Revoked(_) => S::Revoked,
        Status::Migrated(_) => S::Migrated,
    }
}

pub(in crate::grpc) fn findings(
    found: Vec<Finding>,
    totals: Option<(Totals, DateTime<Utc>)>,
) -> v1::ReconcileMembersResponse {
    v1::ReconcileMembersResponse {
        findings: found.into_iter().map(finding).collect(),
        totals: totals.map(|(totals, time)| v1::MemberTotals {
            listed_count: totals.listed,
            active_count: totals.active,
            agreed_count: totals.agreed,
            missing_there_count: totals.missing_there,
            missing_here_count: totals.missing_here,
            not_active_count: totals.not_active,
            term_differs_count: totals.term_differs,
            reconcile_time: Some(timestamp(time)),
        }),
    }
}

fn finding(finding: Finding) -> v1::MemberFinding {
    use v1::{enrollment::State, member_finding::Kind as K};

    let kind = match finding.kind {
        FindingKind::MissingThere => K::MissingThere,
        FindingKind::MissingHere => K::MissingHere,
        FindingKind::NotActive => K::NotActive,
        FindingKind::TermDiffers => K::TermDiffers,
    };
    let own = finding.own;
    let term = own.as_ref().and_then(|own| own.term);
    v1::MemberFinding {
        enrollment: finding.name.to_string(),
        kind: kind.into(),
        state: own
            .map_or(State::Unspecified, |own| state(own.status))
            .into(),
        term_start_date: term.map(|term| date(term.start)),
        term_end_date: term.map(|term| date(term.end)),
    }
}
