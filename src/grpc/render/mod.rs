//! From the words of the domain to the protocol's messages.

mod enrollment;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use prost_types::Timestamp;

pub(super) use self::enrollment::{eligibility, enrollment, enrollment_for_provider, findings};
use super::proto::{google::r#type::Date, v1};
use crate::{
    app::publication::Proposal,
    domain::{
        code::CodeSource,
        code_pool::{CodeLoad, CodeLoadState, CodePool},
        cohort::{Cohort, CohortState, CohortVersion, Load, LoadState, RejectedRow},
        data_element::{DataElement, DataElements},
        job::{Job, JobState, JobWork},
        list_digest::ListDigest,
        name::CohortName,
        offer::{Offer, OfferState, Overlap},
        request::Etag,
        term::Term,
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

fn code_source(source: CodeSource) -> v1::CodeSource {
    match source {
        CodeSource::Minted => v1::CodeSource::Minted,
        CodeSource::Pool => v1::CodeSource::Pool,
        CodeSource::None => v1::CodeSource::None,
    }
}

fn overlap(overlap: Overlap) -> v1::offer::Overlap {
    match overlap {
        Overlap::Allow => v1::offer::Overlap::Allow,
        Overlap::Refuse => v1::offer::Overlap::Refuse,
        Overlap::StartAfter => v1::offer::Overlap::StartAfter,
    }
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
        overlap: overlap(details.overlap).into(),
        successor: offer
            .successor
            .map(|name| name.to_string())
            .unwrap_or_default(),
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

pub(super) fn job(job: Job) -> v1::Job {
    use v1::job::{State as S, Work};

    let state = match job.state {
        JobState::Running => S::Running,
        JobState::Done => S::Done,
    };
    let work = match job.work {
        JobWork::ExtendTerm { cohort, end } => {
            let parent = job.name.parent.clone();
            Work::ExtendTerm(v1::job::ExtendTerm {
                cohort: CohortName { parent, cohort }.to_string(),
                term_end_date: Some(date(end)),
            })
        }
        JobWork::MigrateOffer { successor } => Work::MigrateOffer(v1::job::MigrateOffer {
            successor: successor.to_string(),
        }),
    };
    v1::Job {
        name: job.name.to_string(),
        state: state.into(),
        work: Some(work),
        requester: job.requester,
        total_count: job.progress.total,
        passed_count: job.progress.passed,
        changed_count: job.progress.changed,
        create_time: Some(timestamp(job.create_time)),
        update_time: Some(timestamp(job.update_time)),
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
