//! Loads of codes: how far each transfer into a pool got.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
};

use super::{
    Error, Row,
    entity::code_load,
    row::{exactly_one, from_name},
};
use crate::domain::{
    code_pool::CodeLoad,
    cohort::LoadSource,
    name::{CodeLoadName, CodePoolName, ResourceId},
    offer::Offer,
};

/// A load into the pool of this offer.
pub async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    id: &ResourceId,
) -> Result<Option<Row<CodeLoad>>, Error> {
    let found = code_load::Entity::find()
        .filter(code_load::Column::OfferId.eq(offer.id))
        .filter(code_load::Column::Slug.eq(id.as_str()))
        .one(db)
        .await?;
    found.map(|row| to_load(row, offer)).transpose()
}

/// Adds a load to the pool of this offer, and gives its key.
pub async fn insert(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    load: &CodeLoad,
) -> Result<i64, Error> {
    let row = code_load::ActiveModel {
        id: NotSet,
        offer_id: Set(offer.id),
        slug: Set(load.name.load.to_string()),
        source_name: Set(load.source.name.clone()),
        source_sha256: Set(load.source.sha256.clone()),
        loader: Set(load.loader.clone()),
        create_time: Set(load.create_time),
        ..progress(load)
    };
    let inserted = code_load::Entity::insert(row).exec(db).await?;
    Ok(inserted.last_insert_id)
}

/// Writes how far a load got.
pub async fn update(db: &impl ConnectionTrait, id: i64, load: &CodeLoad) -> Result<(), Error> {
    let updated = code_load::Entity::update_many()
        .set(progress(load))
        .filter(code_load::Column::Id.eq(id))
        .exec(db)
        .await?;
    exactly_one(updated.rows_affected, "update code_loads")
}

fn progress(load: &CodeLoad) -> code_load::ActiveModel {
    code_load::ActiveModel {
        state: Set(load.state.name().to_owned()),
        row_count: Set(load.rows),
        rejected_count: Set(load.rejected),
        update_time: Set(load.update_time),
        ..code_load::ActiveModel::default()
    }
}

fn to_load(row: code_load::Model, offer: &Row<Offer>) -> Result<Row<CodeLoad>, Error> {
    let load = ResourceId::parse(&row.slug).map_err(|_| Error::unreadable("code_loads.slug"))?;
    Ok(Row {
        id: row.id,
        value: CodeLoad {
            name: CodeLoadName {
                parent: CodePoolName(offer.value.name.clone()),
                load,
            },
            state: from_name("code_loads.state", row.state)?,
            source: LoadSource {
                name: row.source_name,
                sha256: row.source_sha256,
            },
            loader: row.loader,
            rows: row.row_count,
            rejected: row.rejected_count,
            create_time: row.create_time,
            update_time: row.update_time,
        },
    })
}
