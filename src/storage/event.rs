//! The log: one row for every change, written with it.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

use super::{Error, entity::event};
use crate::domain::event::Event;

/// Writes an event.
pub async fn insert(db: &impl ConnectionTrait, event: &Event) -> Result<(), Error> {
    let row = event::ActiveModel {
        id: Set(event.id),
        time: Set(event.time),
        event_type: Set(event.event_type.name().to_owned()),
        actor: Set(event.actor.clone()),
        resource: Set(event.resource.clone()),
        reason: Set(event.reason.clone()),
        request_id: Set(event.request_id.map(|id| id.0)),
        details: Set(event.details.clone()),
    };
    event::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The names of all events of a resource up to a time, the latest first.
pub async fn names_until(
    db: &impl ConnectionTrait,
    resource: &str,
    time: DateTime<Utc>,
) -> Result<Vec<String>, Error> {
    let rows = event::Entity::find()
        .filter(event::Column::Resource.eq(resource))
        .filter(event::Column::Time.lte(time))
        .order_by_desc(event::Column::Time)
        .order_by_desc(event::Column::Id)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| row.event_type).collect())
}
