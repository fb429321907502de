//! Who is covered by other offers than the one that asks. Only offers that mind it ask.
//!
//! Two of them could let a person in at once, each before it sees the other. So each counts the person up as it does,
//! from what it has seen: whoever comes second is told that others were faster, and looks again. An offer that does not
//! mind counts nobody: it is as if it had come second.
//!
//! Lists can know one person by different keys. Whoever is let in by identifiers that lead to several is all of them from
//! then on: that is kept, so that they are found by any of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, Statement,
};
use uuid::Uuid;

use super::{
    Error, Row,
    claim::{self, Claim},
    enrollment,
    entity::{offer, overlap_alias, overlap_turn},
    member::{self, uuid_of},
    offer::{first_of, to_offer},
    row::{IN_LIST, at_revision},
};
use crate::domain::{
    enrollment::Enrollment,
    name::OfferName,
    offer::Offer,
    person::{IdentifierDigest, PersonKey},
    term::Term,
};

/// What other offers have of some people.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// Whom their lists name by each identifier.
    pub listed: Vec<(IdentifierDigest, PersonKey)>,
    /// Pairs of keys of one person: who is the first one is the second one too.
    pub aliases: Vec<(PersonKey, PersonKey)>,
    /// The claims on all of these people there, of this and of earlier times.
    pub claims: Vec<Claim>,
    /// The enrollments that claim them.
    pub enrollments: Vec<OtherEnrollment>,
    /// How often those were let in who ever were.
    pub turns: BTreeMap<PersonKey, i64>,
}

/// An enrollment of another offer.
#[derive(Debug, Clone)]
pub struct OtherEnrollment {
    /// The enrollment, without its cohorts.
    pub enrollment: Enrollment,
    /// Its offer.
    pub offer: Offer,
    /// What the person was promised.
    pub promised: Vec<Term>,
}

/// What the offers outside an offer's succession have of whoever has these identifiers, and of these people; as far as
/// lists go, of those that were published until a time, or by now.
pub async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    digests: &[IdentifierDigest],
    people: impl IntoIterator<Item = PersonKey>,
    until: Option<DateTime<Utc>>,
) -> Result<Elsewhere, Error> {
    let listed = member::listed_elsewhere(db, offer, digests, until).await?;
    let people = people.into_iter();
    let mut people = people
        .chain(listed.iter().map(|(_, person)| *person))
        .collect::<BTreeSet<_>>();
    let (aliases, turns) = everywhere(db, &mut people).await?;
    let (firsts, offers) = others(db, offer).await?;
    let names = offers
        .iter()
        .map(|(id, offer)| (*id, offer.name.clone()))
        .collect::<BTreeMap<i64, OfferName>>();
    let (claims, found) = claim::of_people(db, &firsts, &names, &people).await?;
    let mut enrollments = Vec::with_capacity(found.len());
    for enrollment in found {
        let mut of = offers.values();
        let of = of.find(|offer| offer.name == enrollment.name.parent);
        enrollments.push(OtherEnrollment {
            offer: of.ok_or_else(|| Error::affected("find offer"))?.clone(),
            promised: enrollment::promised_terms(db, &enrollment).await?,
            enrollment,
        });
    }
    Ok(Elsewhere {
        listed,
        aliases,
        claims,
        enrollments,
        turns,
    })
}

/// What else these people are, for the lists of the offers that have let them in, and adds it to them; and how often
/// each was let in.
///
/// Turns are read before all that they count, and so is a key's turn before its aliases: whoever lets a person in counts
/// up both ends of each alias that is kept with it, so that one which was missed is noticed.
async fn everywhere(
    db: &impl ConnectionTrait,
    people: &mut BTreeSet<PersonKey>,
) -> Result<(Vec<(PersonKey, PersonKey)>, BTreeMap<PersonKey, i64>), Error> {
    let (mut aliases, mut turns) = (Vec::new(), BTreeMap::new());
    let mut new = people.clone();
    while !new.is_empty() {
        turns.append(&mut turns_of(db, &new).await?);
        let found = aliases_of(db, &new).await?;
        let keys = found.iter().map(|(person, _)| *person);
        new = keys.filter(|key| people.insert(*key)).collect();
        aliases.extend(found);
    }
    Ok((aliases, turns))
}

/// The pairs that have one of these people in them, each in both directions.
async fn aliases_of(
    db: &impl ConnectionTrait,
    people: &BTreeSet<PersonKey>,
) -> Result<Vec<(PersonKey, PersonKey)>, Error> {
    let keys = people.iter().map(|person| uuid_of(person.0));
    let keys = keys.collect::<Vec<_>>();
    let mut aliases = Vec::new();
    for keys in keys.chunks(IN_LIST / 2) {
        let known_by = overlap_alias::Column::Person.is_in(keys.iter().copied());
        let known_as = overlap_alias::Column::Alias.is_in(keys.iter().copied());
        let rows = overlap_alias::Entity::find()
            .filter(Condition::any().add(known_by).add(known_as))
            .all(db)
            .await?;
        for row in rows {
            let person = PersonKey(row.person.into_bytes());
            let alias = PersonKey(row.alias.into_bytes());
            aliases.extend([(person, alias), (alias, person)]);
        }
    }
    Ok(aliases)
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

/// Keeps that a person, in the name of whose succession's first offer they were let in, is also these.
pub(super) async fn add_aliases(
    db: &impl ConnectionTrait,
    aliases: Vec<overlap_alias::Model>,
) -> Result<(), Error> {
    for aliases in aliases.chunks(IN_LIST / 3) {
        let rows = aliases
            .iter()
            .cloned()
            .map(IntoActiveModel::into_active_model);
        overlap_alias::Entity::insert_many(rows)
            .on_conflict_do_nothing()
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}
