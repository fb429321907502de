//! Finding what a command names, or saying that it is not there; and that it is what the caller saw.

use super::Error;
use crate::{
    domain::{
        cohort::Cohort,
        name::{CohortName, EnrollmentName, OfferName},
        offer::Offer,
        request::Etag,
    },
    storage::{
        ConnectionTrait, Row, Transaction, cohort,
        enrollment::{self, StoredEnrollment},
        offer,
    },
};

/// The offer of this name.
pub(super) async fn offer(
    db: &impl ConnectionTrait,
    name: &OfferName,
) -> Result<Row<Offer>, Error> {
    offer::find(db, name)
        .await?
        .ok_or_else(|| Error::not_found("Offer", name))
}

/// The offer of this name as the caller has seen it, which nobody else changes until the
/// transaction ends.
pub(super) async fn offer_to_change(
    transaction: &Transaction,
    name: &OfferName,
    etag: Option<&Etag>,
) -> Result<Row<Offer>, Error> {
    let row = offer::find_for_update(transaction, name)
        .await?
        .ok_or_else(|| Error::not_found("Offer", name))?;
    refuse_other_revision(etag, row.value.revision, name)?;
    Ok(row)
}

/// The cohort of this name.
pub(super) async fn cohort(
    db: &impl ConnectionTrait,
    name: &CohortName,
) -> Result<Row<Cohort>, Error> {
    let missing = || Error::not_found("Cohort", name);
    let offer = offer::find(db, &name.parent).await?.ok_or_else(missing)?;
    cohort::find(db, &offer, &name.cohort)
        .await?
        .ok_or_else(missing)
}

/// The cohort of this name as the caller has seen it, which nobody else changes until the
/// transaction ends.
pub(super) async fn cohort_to_change(
    transaction: &Transaction,
    name: &CohortName,
    etag: Option<&Etag>,
) -> Result<Row<Cohort>, Error> {
    let missing = || Error::not_found("Cohort", name);
    let offer = offer::find(transaction, &name.parent)
        .await?
        .ok_or_else(missing)?;
    let row = cohort::find_for_update(transaction, &offer, &name.cohort)
        .await?
        .ok_or_else(missing)?;
    refuse_other_revision(etag, row.value.revision, name)?;
    Ok(row)
}

/// The enrollment of this name, in an offer that was found.
pub(super) async fn enrollment(
    db: &impl ConnectionTrait,
    name: &EnrollmentName,
) -> Result<(Row<Offer>, StoredEnrollment), Error> {
    let missing = || Error::not_found("Enrollment", name);
    let offer = offer::find(db, &name.parent).await?.ok_or_else(missing)?;
    let stored = enrollment::find(db, &offer, name.enrollment)
        .await?
        .ok_or_else(missing)?;
    Ok((offer, stored))
}

/// Fails unless this revision is the one that the caller has seen.
pub(super) fn refuse_other_revision(
    etag: Option<&Etag>,
    revision: i64,
    name: &impl ToString,
) -> Result<(), Error> {
    match etag {
        Some(etag) if *etag != Etag::of(revision) => Err(Error::EtagMismatch(name.to_string())),
        Some(_) | None => Ok(()),
    }
}
