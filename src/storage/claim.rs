//! Claims: which person an enrollment is for. The unique index over the live ones is what keeps a
//! person to one enrollment per offer, whoever races.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, TryInsertResult,
};
use uuid::Uuid;

use super::{Error, Row, entity::enrollment_claim, member::uuid_of, row::IN_LIST};
use crate::domain::{offer::Offer, person::PersonKey};

/// That an enrollment is, or was, for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The person.
    pub person: PersonKey,
    /// Id of the enrollment.
    pub enrollment: Uuid,
    /// Whether the enrollment holds the person's one place, by what is stored.
    pub live: bool,
}

/// All claims on these people in this offer, live or not.
pub async fn of_people(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    people: impl IntoIterator<Item = PersonKey>,
) -> Result<Vec<Claim>, Error> {
    let people = people
        .into_iter()
        .map(|person| uuid_of(person.0))
        .collect::<Vec<_>>();
    let mut claims = Vec::new();
    for people in people.chunks(IN_LIST) {
        let rows = enrollment_claim::Entity::find()
            .filter(enrollment_claim::Column::OfferId.eq(offer.id))
            .filter(enrollment_claim::Column::Person.is_in(people.iter().copied()))
            .all(db)
            .await?;
        claims.extend(rows.into_iter().map(to_claim));
    }
    Ok(claims)
}

/// All claims of one enrollment.
pub async fn of_enrollment(
    db: &impl ConnectionTrait,
    enrollment: Uuid,
) -> Result<Vec<Claim>, Error> {
    let rows = enrollment_claim::Entity::find()
        .filter(enrollment_claim::Column::EnrollmentId.eq(enrollment))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(to_claim).collect())
}

/// Claims people for an enrollment; gives false, and claims not all of them, when one has another
/// live enrollment. `people` must be in order, so that two that want the same people do not wait for
/// each other.
pub async fn take(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    enrollment: Uuid,
    people: &std::collections::BTreeSet<PersonKey>,
) -> Result<bool, Error> {
    let rows = people.iter().map(|person| enrollment_claim::ActiveModel {
        enrollment_id: Set(enrollment),
        person: Set(uuid_of(person.0)),
        offer_id: Set(offer.id),
        live: Set(true),
    });
    let inserted = enrollment_claim::Entity::insert_many(rows)
        .on_conflict_do_nothing()
        .exec_without_returning(db)
        .await?;
    Ok(match inserted {
        TryInsertResult::Inserted(rows) => usize::try_from(rows) == Ok(people.len()),
        TryInsertResult::Conflicted | TryInsertResult::Empty => false,
    })
}

/// Frees the people of an enrollment that is no longer live.
pub async fn release(db: &impl ConnectionTrait, enrollment: Uuid) -> Result<(), Error> {
    set_live(db, enrollment, false).await
}

/// Claims the people of an enrollment again. Fails with [`Error::LiveClaimTaken`] when one of them
/// has another live enrollment.
pub async fn retake(db: &impl ConnectionTrait, enrollment: Uuid) -> Result<(), Error> {
    set_live(db, enrollment, true).await
}

async fn set_live(db: &impl ConnectionTrait, enrollment: Uuid, live: bool) -> Result<(), Error> {
    let row = enrollment_claim::ActiveModel {
        live: Set(live),
        ..enrollment_claim::ActiveModel::default()
    };
    let updated = enrollment_claim::Entity::update_many()
        .set(row)
        .filter(enrollment_claim::Column::EnrollmentId.eq(enrollment))
        .exec(db)
        .await?;
    if updated.rows_affected == 0 {
        return Err(Error::affected("update enrollment_claims"));
    }
    Ok(())
}

fn to_claim(row: enrollment_claim::Model) -> Claim {
    Claim {
        person: PersonKey(row.person.into_bytes()),
        enrollment: row.enrollment_id,
        live: row.live,
    }
}
