//! Claims: which person an enrollment is for. The unique index over the live ones is what keeps a
//! person to one enrollment per offer, whoever races.

use std::collections::BTreeSet;

use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Error, Row, entity::enrollment_claim, member::uuid_of, offer, row::IN_LIST};
use crate::domain::{offer::Offer, person::PersonKey};

/// That an enrollment is, or was, for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The person.
    pub person: PersonKey,
    /// Id of the enrollment.
    pub enrollment: Uuid,
}

/// All claims on these people in this offer's succession, of this and of earlier times.
pub async fn of_people(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    people: impl IntoIterator<Item = PersonKey>,
) -> Result<Vec<Claim>, Error> {
    let row = offer::by_name(&offer.value.name).one(db).await?;
    let first = row.as_ref().map_or(offer.id, offer::first_of);
    in_offers(db, &BTreeSet::from([first]), people).await
}

/// All claims on these people that are made in the names of these offers, the first ones of their successions.
pub(super) async fn in_offers(
    db: &impl ConnectionTrait,
    firsts: &BTreeSet<i64>,
    people: impl IntoIterator<Item = PersonKey>,
) -> Result<Vec<Claim>, Error> {
    let people = people
        .into_iter()
        .map(|person| uuid_of(person.0))
        .collect::<Vec<_>>();
    let mut claims = Vec::new();
    for people in people.chunks(IN_LIST) {
        let rows = enrollment_claim::Entity::find()
            .filter(enrollment_claim::Column::OfferId.is_in(firsts.iter().copied()))
            .filter(enrollment_claim::Column::Person.is_in(people.iter().copied()))
            .all(db)
            .await?;
        claims.extend(rows.into_iter().map(to_claim));
    }
    Ok(claims)
}

/// Says of the claims of these enrollments whether they are live.
pub(super) async fn set_live(
    db: &impl ConnectionTrait,
    enrollments: Vec<Uuid>,
    live: bool,
) -> Result<(), Error> {
    if enrollments.is_empty() {
        return Ok(());
    }
    let row = enrollment_claim::ActiveModel {
        live: Set(live),
        ..enrollment_claim::ActiveModel::default()
    };
    enrollment_claim::Entity::update_many()
        .set(row)
        .filter(enrollment_claim::Column::EnrollmentId.is_in(enrollments))
        .exec(db)
        .await?;
    Ok(())
}

fn to_claim(row: enrollment_claim::Model) -> Claim {
    Claim {
        person: PersonKey(row.person.into_bytes()),
        enrollment: row.enrollment_id,
    }
}
