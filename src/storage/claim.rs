//! Claims: which person an enrollment is for. The unique index over the live ones is what keeps a
//! person to one enrollment per offer, and in all offers that succeed each other, whoever races.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Error, enrollment, entity::enrollment_claim, member::uuid_of, row::IN_LIST};
use crate::domain::{enrollment::Enrollment, name::OfferName, person::PersonKey};

/// How often somebody may be moved under a look before it gives up.
const LOOKS: u32 = 6;

/// That an enrollment is, or was, for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The person.
    pub person: PersonKey,
    /// Id of the enrollment.
    pub enrollment: Uuid,
}

/// All claims on these people, of this and of earlier times, that are made in the names of these offers, the first ones
/// of their successions; and the enrollments that claim them, without their cohorts, of these offers.
pub async fn of_people(
    db: &impl ConnectionTrait,
    firsts: &[i64],
    offers: &BTreeMap<i64, OfferName>,
    people: &BTreeSet<PersonKey>,
) -> Result<(Vec<Claim>, Vec<Enrollment>), Error> {
    for _ in 0..LOOKS {
        let claims = claims_on(db, firsts, people).await?;
        let ids = claims.iter().map(|claim| claim.enrollment);
        let ids = ids.collect::<BTreeSet<_>>();
        let asked = ids.iter().copied().collect::<Vec<_>>();
        let enrollments = enrollment::find_many(db, offers, &asked).await?;
        let mut moved_to = enrollments
            .iter()
            .filter_map(|one| one.migrated_to.as_ref());
        // Whoever was moved between the two is looked for again.
        if moved_to.all(|to| ids.contains(&to.enrollment)) {
            return Ok((claims, enrollments));
        }
    }
    Err(Error::Contention)
}

async fn claims_on(
    db: &impl ConnectionTrait,
    firsts: &[i64],
    people: &BTreeSet<PersonKey>,
) -> Result<Vec<Claim>, Error> {
    let people = people.iter().map(|person| uuid_of(person.0));
    let people = people.collect::<Vec<_>>();
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
