//! The rows of a list that were rejected: their numbers and the rules, never what stood in them.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

use super::{Error, entity::load_reject};
use crate::domain::cohort::RejectedRow;

/// Keeps these rejected rows of a load.
pub async fn insert(
    db: &impl ConnectionTrait,
    load_id: i64,
    rejected: &[RejectedRow],
) -> Result<(), Error> {
    if rejected.is_empty() {
        return Ok(());
    }
    let rows = rejected.iter().map(|rejected| load_reject::ActiveModel {
        load_id: Set(load_id),
        row: Set(rejected.row),
        field: Set(rejected.field.clone()),
        rule: Set(rejected.rule.clone()),
    });
    load_reject::Entity::insert_many(rows)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Takes away what is kept of a load's rejected rows.
pub async fn delete_of_load(db: &impl ConnectionTrait, load_id: i64) -> Result<(), Error> {
    load_reject::Entity::delete_many()
        .filter(load_reject::Column::LoadId.eq(load_id))
        .exec(db)
        .await?;
    Ok(())
}

/// What is kept of a load's rejected rows, in their order.
pub async fn of_load(db: &impl ConnectionTrait, load_id: i64) -> Result<Vec<RejectedRow>, Error> {
    let rows = load_reject::Entity::find()
        .filter(load_reject::Column::LoadId.eq(load_id))
        .order_by_asc(load_reject::Column::Row)
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| RejectedRow {
            row: row.row,
            field: row.field,
            rule: row.rule,
        })
        .collect())
}
