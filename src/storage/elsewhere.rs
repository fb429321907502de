//! Who is covered by other offers than the one that asks. Only offers that mind it ask.
//!
//! Two of them could let a person in at once, each before it sees the other. So each counts the person up as it does,
//! from what it has seen: whoever comes second is told that others were faster, and looks again. An offer that does not
//! mind counts nobody: it is as if it had come second.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Statement};
use uuid::Uuid;

use super::{
    Error, Row,
    claim::{self, Claim},
    entity::{offer, overlap_turn},
    member::{self, uuid_of},
    offer::{first_of, to_offer},
    row::{IN_LIST, at_revision},
};
use crate::domain::{
    enrollment::Enrollment,
    name::OfferName,
    offer::Offer,
    person::{IdentifierDigest, PersonKey},
};

/// What other offers have of some people.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// Whom their lists name by each identifier.
    pub listed: Vec<(IdentifierDigest, PersonKey)>,
    /// The claims on all of these people there, of this and of earlier times.
    pub claims: Vec<Claim>,
    /// The enrollments that claim them, without their cohorts, each with its offer.
    pub enrollments: Vec<(Enrollment, Offer)>,
    /// How often those were let in who ever were.
    pub turns: BTreeMap<PersonKey, i64>,
}

/// What the offers outside an offer's succession have of whoever has these identifiers, and of these people.
pub async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    digests: &[IdentifierDigest],
    people: impl IntoIterator<Item = PersonKey>,
) -> Result<Elsewhere, Error> {
    let (firsts, offers) = others(db, offer).await?;
    if offers.is_empty() {
        return Ok(Elsewhere::default());
    }
    let listed = member::listed_elsewhere(db, offer, digests).await?;
    let people = people.into_iter();
    let people = people.chain(listed.iter().map(|(_, person)| *person));
    let people = people.collect::<BTreeSet<_>>();
    // Before what is counted: whoever is let in between the two is noticed.
    let turns = turns_of(db, &people).await?;
    let names = offers
        .iter()
        .map(|(id, offer)| (*id, offer.name.clone()))
        .collect::<BTreeMap<i64, OfferName>>();
    let (claims, found) = claim::of_people(db, &firsts, &names, &people).await?;
    let enrollments = found.into_iter().filter_map(|enrollment| {
        let mut of = offers.values();
        let offer = of
            .find(|offer| offer.name == enrollment.name.parent)?
            .clone();
        Some((enrollment, offer))
    });
    Ok(Elsewhere {
        listed,
        claims,
        enrollments: enrollments.collect(),
        turns,
    })
}

/// The first offers of all other successions, and all offers of these.
async fn others(
    db: &impl ConnectionTrait,
    own: &Row<Offer>,
) -> Result<(Vec<i64>, BTreeMap<i64, Offer>), Error> {
    let rows = offer::Entity::find().all(db).await?;
    let own = rows.iter().find(|row| row.id == own.id).map(first_of);
    let (mut firsts, mut offers) = (BTreeSet::new(), BTreeMap::new());
    for row in rows {
        if Some(first_of(&row)) != own {
            firsts.insert(first_of(&row));
            offers.insert(row.id, to_offer(row)?.value);
        }
    }
    Ok((firsts.into_iter().collect(), offers))
}

async fn turns_of(
    db: &impl ConnectionTrait,
    people: &BTreeSet<PersonKey>,
) -> Result<BTreeMap<PersonKey, i64>, Error> {
    let people = people.iter().map(|person| uuid_of(person.0));
    let people = people.collect::<Vec<_>>();
    let mut turns = BTreeMap::new();
    for people in people.chunks(IN_LIST) {
        let rows = overlap_turn::Entity::find()
            .select_only()
            .columns([overlap_turn::Column::Person, overlap_turn::Column::Turn])
            .filter(overlap_turn::Column::Person.is_in(people.iter().copied()))
            .into_tuple::<(Uuid, i64)>()
            .all(db)
            .await?;
        let rows = rows.into_iter();
        turns.extend(rows.map(|(person, turn)| (PersonKey(person.into_bytes()), turn)));
    }
    Ok(turns)
}

/// Counts a person up to this turn, unless somebody else has let them in since.
pub(super) async fn count_up(
    db: &impl ConnectionTrait,
    person: Uuid,
    turn: i64,
) -> Result<(), Error> {
    const COUNT_UP: &str = "\
        INSERT INTO overlap_turns (person, turn) VALUES ($1, $2) \
        ON CONFLICT (person) DO UPDATE SET turn = excluded.turn WHERE turn = excluded.turn - 1";
    let values = [person.into(), turn.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), COUNT_UP, values);
    at_revision(db.execute_raw(statement).await?.rows_affected())
}
