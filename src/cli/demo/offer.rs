//! What operators would do: create the offer, create, load and publish its cohorts, open it.

use chrono::{DateTime, Days, Utc};
use rayon::iter::IntoParallelIterator;

use super::{
    super::{Failure, progress},
    people::{COHORTS, DemoCohort},
};
use crate::{
    app::{
        App, Error,
        cohorts::NewCohort,
        error::Conflict,
        loads::{Chunk, ListedPerson},
        offers::{OfferMove, OfferPatch},
        publication::Chosen,
        publish_cohort::PublishCohort,
    },
    domain::{
        code::CodeSource,
        cohort::LoadSource,
        name::{CohortName, LoadName, OfferName, ResourceId},
        offer::{DayCount, OfferDetails, OfferState, Overlap, Window},
        request::Caller,
        term::Term,
    },
};

pub(super) const OFFER: &str = "offers/carrier-2021";
pub(super) const TERMS_VERSION: &str = "2021-08";
const LOAD_ID: &str = "demo";
const CHUNK_ROWS: u32 = 2_000;
const WINDOW_DAYS: u64 = 180;

/// Brings offer and cohorts to where they must be, from wherever they are.
pub(super) async fn prepare(app: &App, now: DateTime<Utc>) -> Result<(), Failure> {
    let name = OfferName::parse(OFFER).map_err(Failure::other)?;
    let operator = Caller {
        subject: "demo".to_owned(),
        scopes: ["operator".to_owned()].into(),
    };
    match app.get_offer(&name).await {
        Ok(offer) if offer.state != OfferState::Draft => return Ok(()),
        Ok(_) | Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(Failure::other(error)),
    }
    let details = details(now).ok_or_else(|| Failure::other("the calendar has ended"))?;
    unless_it_exists(app.create_offer(&operator, name.clone(), details).await)?;
    let bar = progress::of_rows(
        COHORTS.iter().map(|cohort| u64::from(cohort.size)).sum(),
        "people",
        "loading",
    );
    for cohort in &COHORTS {
        load(app, &operator, &name, cohort, |rows| bar.inc(rows)).await?;
    }
    bar.finish_and_clear();
    let complete = OfferPatch {
        cohorts_complete: Some(true),
        ..OfferPatch::default()
    };
    app.update_offer(&operator, name.clone(), None, complete)
        .await
        .map_err(Failure::other)?;
    app.move_offer(&operator, name, None, OfferMove::Open)
        .await
        .map_err(Failure::other)?;
    Ok(())
}

fn details(now: DateTime<Utc>) -> Option<OfferDetails> {
    let today = now
        .with_timezone(&chrono_tz::America::New_York)
        .date_naive();
    Some(OfferDetails {
        display_name: "Identity protection for customers of a carrier".to_owned(),
        provider: "A provider".to_owned(),
        term: Term::Enrollment { months: 24 },
        short_term_acknowledged: false,
        time_zone: chrono_tz::America::New_York,
        window: Window {
            enroll_from: today,
            enroll_by: today.checked_add_days(Days::new(WINDOW_DAYS))?,
        },
        cohorts_complete: false,
        terms_version: TERMS_VERSION.to_owned(),
        activation_window: DayCount::parse(0, 365).ok()?,
        reinstatement_window: DayCount::parse(0, 30).ok()?,
        code_source: CodeSource::Minted,
        overlap: Overlap::Allow,
    })
}

async fn load(
    app: &App,
    operator: &Caller,
    offer: &OfferName,
    cohort: &DemoCohort,
    advance: impl Fn(u64),
) -> Result<(), Failure> {
    let name = CohortName {
        parent: offer.clone(),
        cohort: ResourceId::parse(cohort.id).map_err(Failure::other)?,
    };
    let new = NewCohort {
        name: name.clone(),
        display_name: cohort.display_name.to_owned(),
        data_elements: cohort.data_elements(),
    };
    unless_it_exists(app.create_cohort(operator, new).await)?;
    let load = LoadName {
        parent: name.clone(),
        load: ResourceId::parse(LOAD_ID).map_err(Failure::other)?,
    };
    let source = LoadSource {
        name: "made up".to_owned(),
        sha256: "0".repeat(64),
    };
    app.begin_load(operator, load.clone(), source, None)
        .await
        .map_err(Failure::other)?;
    let mut number = 0;
    for first in (0..cohort.size).step_by(usize::try_from(CHUNK_ROWS).unwrap_or(1)) {
        number += 1;
        let rows = (first..cohort.size.min(first + CHUNK_ROWS))
            .map(|row| {
                let identifiers = cohort.person(row).map_err(Failure::other)?;
                Ok(Ok(ListedPerson::Plain {
                    identifiers,
                    person_id: None,
                }))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let people = u64::try_from(rows.len()).unwrap_or_default();
        let rows = app.hash_rows(rows.into_par_iter());
        // Nothing of it came over the wire.
        let chunk = Chunk {
            number,
            bytes: 0,
            rows,
        };
        app.add_chunk(operator, load.clone(), chunk)
            .await
            .map_err(Failure::other)?;
        advance(people);
    }
    app.finish_load(operator, load, number, Some(i64::from(cohort.size)))
        .await
        .map_err(Failure::other)?;
    let publication = PublishCohort {
        name,
        expected_people: Some(i64::from(cohort.size)),
        chosen: Chosen::AllFinished,
        expected_digest: None,
        max_dropped_share: 0.0,
        etag: None,
    };
    app.publish_cohort(operator, publication)
        .await
        .map_err(Failure::other)?;
    Ok(())
}

/// A run that was broken off has made it already.
fn unless_it_exists<T>(made: Result<T, Error>) -> Result<(), Failure> {
    match made {
        Ok(_) | Err(Error::Exists(Conflict::Resource { .. })) => Ok(()),
        Err(error) => Err(Failure::other(error)),
    }
}
