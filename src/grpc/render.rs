//! From the words of the domain to the protocol's messages.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use prost_types::Timestamp;

use super::proto::{google::r#type::Date, v1};
use crate::{
    app::{publication::Proposal, view::EnrollmentView},
    domain::{
        code::CodeSource,
        code_pool::{CodeLoad, CodeLoadState, CodePool},
        cohort::{Cohort, CohortState, CohortVersion, Load, LoadState, RejectedRow},
        contact::MaskedContact,
        data_element::{DataElement, DataElements},
        eligibility::{Eligibility, Verdict},
        enrollment::{CancelReason, RejectReason, Rejection, Revocation, RevokeReason, Status},
        list_digest::ListDigest,
        name::CohortName,
        offer::{Offer, OfferState},
        request::Etag,
        term::{Term, TermDates},
    },
};

fn date(date: NaiveDate) -> Date {
    // A month and a day always fit.
    Date {
        year: date.year(),
        month: i32::try_from(date.month()).unwrap_or_default(),
        day: i32::try_from(date.day()).unwrap_or_default(),
    }
}

fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

fn etag(revision: i64) -> String {
    Etag::of(revision).as_str().to_owned()
}

pub(super) fn eligibility(eligibility: Eligibility) -> v1::Eligibility {
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
    };
    let verdict = match eligibility.verdict {
        Verdict::Eligible { covered_through } => {
            reply.covered_through_date = covered_through.map(date);
            V::Eligible
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

/// The same as a provider sees it, which need not know how to reach the person, or what was exposed.
pub(super) fn enrollment_for_provider(view: EnrollmentView) -> v1::Enrollment {
    v1::Enrollment {
        contact: None,
        exposed_data_elements: Vec::new(),
        cohorts: Vec::new(),
        cohorts_retracted: false,
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

pub(super) fn enrollment(view: EnrollmentView) -> v1::Enrollment {
    use v1::enrollment::{CancelReason as R, State as S};

    let enrollment = view.enrollment;
    let cancellation = view.status.cancellation();
    let rejection = view.status.rejection();
    let revocation = view.status.revocation();
    let state = match view.status {
        Status::Pending => S::Pending,
        Status::Active { .. } => S::Active,
        Status::Expired { .. } => S::Expired,
        Status::Lapsed => S::Lapsed,
        Status::Rejected(_) => S::Rejected,
        Status::Cancelled(_) => S::Cancelled,
        Status::Revoked(_) => S::Revoked,
    };
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
        state: state.into(),
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
        cohorts: enrollment
            .cohorts
            .into_iter()
            .map(|cohort| {
                let parent = enrollment.name.parent.clone();
                CohortName { parent, cohort }.to_string()
            })
            .collect(),
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
    }
}

fn code_source(source: CodeSource) -> v1::CodeSource {
    match source {
        CodeSource::Minted => v1::CodeSource::Minted,
        CodeSource::Pool => v1::CodeSource::Pool,
        CodeSource::None => v1::CodeSource::None,
    }
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

pub(super) fn offer(offer: Offer) -> v1::Offer {
    use v1::offer::State as S;

    let details = offer.details;
    let state = match offer.state {
        OfferState::Draft => S::Draft,
        OfferState::Open => S::Open,
        OfferState::Paused => S::Paused,
        OfferState::Closed => S::Closed,
    };
    v1::Offer {
        name: offer.name.to_string(),
        state: state.into(),
        term: Some(term(details.term, details.short_term_acknowledged)),
        display_name: details.display_name,
        provider: details.provider,
        time_zone: details.time_zone.name().to_owned(),
        enroll_from_date: Some(date(details.window.enroll_from)),
        enroll_by_date: Some(date(details.window.enroll_by)),
        cohorts_complete: details.cohorts_complete,
        terms_version: details.terms_version,
        activation_window_days: details.activation_window.get().into(),
        reinstatement_window_days: details.reinstatement_window.get().into(),
        create_time: Some(timestamp(offer.create_time)),
        update_time: Some(timestamp(offer.update_time)),
        etag: etag(offer.revision),
        code_source: code_source(details.code_source).into(),
    }
}

fn term(term: Term, short_term_acknowledged: bool) -> v1::Term {
    use v1::term::Anchor;

    let (anchor, months, fixed_end) = match term {
        Term::Enrollment { months } => (Anchor::Enrollment, months, None),
        Term::Activation { months } => (Anchor::Activation, months, None),
        Term::FixedEnd { end } => (Anchor::FixedEnd, 0, Some(end)),
    };
    v1::Term {
        anchor: anchor.into(),
        months: i32::try_from(months).unwrap_or_default(),
        fixed_end_date: fixed_end.map(date),
        short_term_acknowledged,
    }
}

pub(super) fn cohort(cohort: Cohort) -> v1::Cohort {
    use v1::cohort::State as S;

    let state = match cohort.state {
        CohortState::Draft => S::Draft,
        CohortState::Published => S::Published,
        CohortState::Retracted => S::Retracted,
    };
    v1::Cohort {
        name: cohort.name.to_string(),
        display_name: cohort.display_name,
        state: state.into(),
        data_elements: data_elements(&cohort.data_elements),
        person_count: cohort.published.people,
        identifier_count: cohort.published.identifiers,
        publish_time: cohort.publish_time.map(timestamp),
        retract_time: cohort.retract_time.map(timestamp),
        create_time: Some(timestamp(cohort.create_time)),
        update_time: Some(timestamp(cohort.update_time)),
        etag: etag(cohort.revision),
        digest: list_digest(cohort.digest),
        version: cohort.version,
    }
}

pub(super) fn cohort_version(version: CohortVersion) -> v1::CohortVersion {
    v1::CohortVersion {
        name: CohortVersion::name(&version.cohort, version.number),
        version: version.number,
        loads: version.loads.iter().map(ToString::to_string).collect(),
        person_count: version.counts.people,
        identifier_count: version.counts.identifiers,
        digest: list_digest(version.digest),
        publisher: version.publisher,
        publish_time: Some(timestamp(version.publish_time)),
    }
}

pub(super) fn publication_preview(proposal: &Proposal) -> v1::PublicationPreview {
    let comparison = &proposal.comparison;
    v1::PublicationPreview {
        loads: proposal.load_names().map(ToString::to_string).collect(),
        person_count: comparison.listed.people,
        identifier_count: comparison.listed.identifiers,
        digest: list_digest(proposal.digest()),
        newly_eligible_count: comparison.newly_eligible,
        also_listed_count: comparison.also_listed,
        enrolled_count: comparison.enrolled,
        dropped_count: comparison.dropped,
        dropped_share: comparison.dropped_share(),
        etag: etag(proposal.cohort.revision),
    }
}

fn list_digest(digest: Option<ListDigest>) -> String {
    digest.map(|digest| digest.to_string()).unwrap_or_default()
}

pub(super) fn load(load: Load) -> v1::Load {
    use v1::load::State as S;

    let state = match load.state {
        LoadState::Receiving => S::Receiving,
        LoadState::Finished => S::Finished,
        LoadState::Published => S::Published,
        LoadState::Discarded => S::Discarded,
        LoadState::Withdrawn => S::Withdrawn,
    };
    let rows_per_second = load.rows_per_second();
    v1::Load {
        name: load.name.to_string(),
        state: state.into(),
        source_name: load.source.name,
        source_sha256: load.source.sha256,
        loader: load.loader,
        last_chunk: load.progress.last_chunk,
        row_count: load.progress.rows,
        identifier_count: load.progress.identifiers,
        duplicate_count: load.progress.duplicates,
        rejected_count: load.progress.rejected,
        rejected_rows: Vec::new(),
        byte_count: load.progress.bytes,
        rows_per_second,
        digest: list_digest(load.progress.digest),
        create_time: Some(timestamp(load.create_time)),
        update_time: Some(timestamp(load.update_time)),
    }
}

pub(super) fn code_load(load: CodeLoad) -> v1::CodeLoad {
    use v1::code_load::State as S;

    let state = match load.state {
        CodeLoadState::Receiving => S::Receiving,
        CodeLoadState::Finished => S::Finished,
    };
    v1::CodeLoad {
        name: load.name.to_string(),
        state: state.into(),
        source_name: load.source.name,
        source_sha256: load.source.sha256,
        loader: load.loader,
        row_count: load.rows,
        rejected_count: load.rejected,
        create_time: Some(timestamp(load.create_time)),
        update_time: Some(timestamp(load.update_time)),
    }
}

pub(super) fn code_pool(pool: &CodePool) -> v1::CodePool {
    v1::CodePool {
        name: pool.name.to_string(),
        loaded_count: pool.counts.loaded,
        assigned_count: pool.counts.assigned,
        void_count: pool.void,
        left_count: pool.counts.left(),
        low_count: pool.counts.low_mark,
        assigned_last_day_count: pool.rate.map_or(0, |rate| rate.codes),
        days_left: pool.days_left(),
    }
}

/// Rows that were not stored.
pub(super) fn rejected_rows(rows: Vec<RejectedRow>) -> Vec<v1::RejectedRow> {
    let rows = rows.into_iter();
    rows.map(|RejectedRow { row, field, rule }| v1::RejectedRow { row, field, rule })
        .collect()
}

fn data_elements(elements: &DataElements) -> Vec<i32> {
    elements
        .iter()
        .map(|element| {
            let element = match element {
                DataElement::Name => v1::DataElement::Name,
                DataElement::Address => v1::DataElement::Address,
                DataElement::DateOfBirth => v1::DataElement::DateOfBirth,
                DataElement::Ssn => v1::DataElement::Ssn,
                DataElement::DriversLicense => v1::DataElement::DriversLicense,
                DataElement::PhoneNumber => v1::DataElement::PhoneNumber,
                DataElement::Email => v1::DataElement::Email,
                DataElement::AccountPin => v1::DataElement::AccountPin,
                DataElement::Imei => v1::DataElement::Imei,
                DataElement::Imsi => v1::DataElement::Imsi,
                DataElement::FinancialAccount => v1::DataElement::FinancialAccount,
                DataElement::Health => v1::DataElement::Health,
            };
            element.into()
        })
        .collect()
}
