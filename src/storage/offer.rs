//! Offers, and what they said at any time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement, TryInsertResult,
};

use super::{
    Error, Row,
    entity::{offer, offer_revision},
    row::{at_revision, from_json, from_name, to_json},
};
use crate::domain::{
    name::{OfferName, ResourceId},
    offer::{Offer, OfferState},
    page::{Page, PageOf},
};

/// The offer of this name.
pub async fn find(
    db: &impl ConnectionTrait,
    name: &OfferName,
) -> Result<Option<Row<Offer>>, Error> {
    let found = by_name(name).one(db).await?;
    found.map(to_offer).transpose()
}

/// The offer of this name, which nobody else changes until the transaction ends.
pub async fn find_for_update(
    db: &impl ConnectionTrait,
    name: &OfferName,
) -> Result<Option<Row<Offer>>, Error> {
    let found = by_name(name).lock_exclusive().one(db).await?;
    found.map(to_offer).transpose()
}

/// The offer of this name as it was at a time; `None` also when it did not exist yet.
pub async fn find_as_of(
    db: &impl ConnectionTrait,
    name: &OfferName,
    time: DateTime<Utc>,
) -> Result<Option<Row<Offer>>, Error> {
    let Some(mut row) = find(db, name).await? else {
        return Ok(None);
    };
    let then = offer_revision::Entity::find()
        .filter(offer_revision::Column::OfferId.eq(row.id))
        .filter(offer_revision::Column::ValidFrom.lte(time))
        .order_by_desc(offer_revision::Column::Revision)
        .one(db)
        .await?;
    let Some(then) = then else {
        return Ok(None);
    };
    row.value.state = from_name("offer_revisions.state", then.state)?;
    row.value.details = from_json("offer_revisions.details", then.details)?;
    row.value.revision = then.revision;
    row.value.update_time = then.valid_from;
    Ok(Some(row))
}

/// A page of all offers.
pub async fn list(db: &impl ConnectionTrait, page: &PageOf) -> Result<Page<Offer>, Error> {
    let mut query = offer::Entity::find()
        .order_by_asc(offer::Column::Slug)
        .limit(page.size.saturating_add(1));
    if let Some(after) = &page.after {
        query = query.filter(offer::Column::Slug.gt(after));
    }
    let rows = query.all(db).await?;
    let offers = rows
        .into_iter()
        .map(|row| to_offer(row).map(|row| row.value))
        .collect::<Result<_, _>>()?;
    Ok(Page::cut(offers, page.size))
}

/// Adds an offer; gives false when its name is taken.
pub async fn insert(db: &impl ConnectionTrait, offer: &Offer) -> Result<bool, Error> {
    let row = offer::ActiveModel {
        id: NotSet,
        slug: Set(offer.name.offer.to_string()),
        state: Set(offer.state.name().to_owned()),
        details: Set(to_json("offers.details", &offer.details)?),
        revision: Set(offer.revision),
        catalogue_version: NotSet,
        first_offer_id: NotSet,
        succeed_time: NotSet,
        successor: NotSet,
        create_time: Set(offer.create_time),
        update_time: Set(offer.update_time),
    };
    let inserted = offer::Entity::insert(row)
        .on_conflict_do_nothing_on([offer::Column::Slug])
        .exec(db)
        .await?;
    match inserted {
        TryInsertResult::Inserted(inserted) => {
            insert_revision(db, inserted.last_insert_id, offer).await?;
            Ok(true)
        }
        TryInsertResult::Conflicted | TryInsertResult::Empty => Ok(false),
    }
}

/// Replaces an offer by its next revision.
pub async fn update(db: &impl ConnectionTrait, id: i64, offer: &Offer) -> Result<(), Error> {
    let successor = offer.successor.as_ref().map(ToString::to_string);
    let row = offer::ActiveModel {
        state: Set(offer.state.name().to_owned()),
        successor: Set(successor),
        details: Set(to_json("offers.details", &offer.details)?),
        revision: Set(offer.revision),
        update_time: Set(offer.update_time),
        ..offer::ActiveModel::default()
    };
    let updated = offer::Entity::update_many()
        .set(row)
        .filter(offer::Column::Id.eq(id))
        .filter(offer::Column::Revision.eq(offer.revision - 1))
        .exec(db)
        .await?;
    at_revision(updated.rows_affected)?;
    insert_revision(db, id, offer).await
}

/// The first offer of the succession that an offer belongs to.
pub(super) fn first_of(row: &offer::Model) -> i64 {
    row.first_offer_id.unwrap_or(row.id)
}

/// The first offer of an offer's succession, and all of them, by their keys; as of a time.
pub async fn succession_as_of(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    time: DateTime<Utc>,
) -> Result<(i64, BTreeMap<i64, OfferName>), Error> {
    let row = by_name(&offer.value.name).one(db).await?;
    let joined = row.filter(|row| row.succeed_time.is_none_or(|joined| joined <= time));
    match joined {
        Some(row) => {
            let first = first_of(&row);
            Ok((first, names_in_succession(db, first).await?))
        }
        None => Ok((
            offer.id,
            BTreeMap::from([(offer.id, offer.value.name.clone())]),
        )),
    }
}

/// Whether enrollments of another offer go on in this one, or its own in another.
pub async fn is_in_succession(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
) -> Result<bool, Error> {
    let (_, offers) = succession_as_of(db, offer, DateTime::<Utc>::MAX_UTC).await?;
    Ok(offers.len() > 1)
}

/// The offers of a succession, by their keys.
pub(super) async fn names_in_succession(
    db: &impl ConnectionTrait,
    first: i64,
) -> Result<BTreeMap<i64, OfferName>, Error> {
    let rows = offer::Entity::find()
        .select_only()
        .columns([offer::Column::Id, offer::Column::Slug])
        .filter(
            Condition::any()
                .add(offer::Column::Id.eq(first))
                .add(offer::Column::FirstOfferId.eq(first)),
        )
        .into_tuple::<(i64, String)>()
        .all(db)
        .await?;
    let names = rows.into_iter().map(|(id, slug)| {
        let offer = ResourceId::parse(&slug).map_err(|_| Error::unreadable("offers.slug"))?;
        Ok((id, OfferName { offer }))
    });
    names.collect()
}

/// Puts an offer behind another, whose succession it is part of from then on; gives false when it stands behind one
/// already.
pub async fn succeed(
    db: &impl ConnectionTrait,
    successor: &Row<Offer>,
    offer: &Row<Offer>,
    time: DateTime<Utc>,
) -> Result<bool, Error> {
    // A succession begins with an offer that succeeds none.
    const SUCCEED: &str = "\
        UPDATE offers SET succeed_time = $3, first_offer_id = \
          (SELECT coalesce(first_offer_id, id) FROM offers WHERE id = $2) \
        WHERE id = $1 AND first_offer_id IS NULL";
    // All of them know others now: their catalogues are new.
    const RENEW: &str = "\
        UPDATE offers SET catalogue_version = catalogue_version \
        WHERE coalesce(first_offer_id, id) = (SELECT coalesce(first_offer_id, id) FROM offers WHERE id = $1)";
    let backend = db.get_database_backend();
    let values = [successor.id.into(), offer.id.into(), time.into()];
    let succeed = Statement::from_sql_and_values(backend, SUCCEED, values);
    if db.execute_raw(succeed).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let renew = Statement::from_sql_and_values(backend, RENEW, [offer.id.into()]);
    db.execute_raw(renew).await?;
    Ok(true)
}

async fn insert_revision(db: &impl ConnectionTrait, id: i64, offer: &Offer) -> Result<(), Error> {
    let row = offer_revision::ActiveModel {
        offer_id: Set(id),
        revision: Set(offer.revision),
        state: Set(offer.state.name().to_owned()),
        details: Set(to_json("offer_revisions.details", &offer.details)?),
        valid_from: Set(offer.update_time),
    };
    offer_revision::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

pub(super) fn by_name(name: &OfferName) -> sea_orm::Select<offer::Entity> {
    offer::Entity::find().filter(offer::Column::Slug.eq(name.offer.as_str()))
}

pub(super) fn to_offer(row: offer::Model) -> Result<Row<Offer>, Error> {
    let slug = ResourceId::parse(&row.slug).map_err(|_| Error::unreadable("offers.slug"))?;
    let successor = row.successor.as_deref().map(OfferName::parse);
    Ok(Row {
        id: row.id,
        value: Offer {
            name: OfferName { offer: slug },
            state: from_name::<OfferState>("offers.state", row.state)?,
            details: from_json("offers.details", row.details)?,
            successor: successor
                .transpose()
                .map_err(|_| Error::unreadable("offers.successor"))?,
            revision: row.revision,
            create_time: row.create_time,
            update_time: row.update_time,
        },
    })
}
