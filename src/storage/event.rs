//! The log: one row for every change, written with it.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};

use super::{Error, entity::event};
use crate::domain::event::{Event, EventType};

/// Writes an event.
pub async fn insert(db: &impl ConnectionTrait, event: &Event) -> Result<(), Error> {
    event::Entity::insert(to_model(event).into_active_model().reset_all())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The row of an event.
pub(super) fn to_model(event: &Event) -> event::Model {
    event::Model {
        id: event.id,
        time: event.time,
        event_type: event.event_type.name().to_owned(),
        actor: event.actor.clone(),
        resource: event.resource.clone(),
        reason: event.reason.clone(),
        request_id: event.request_id.map(|id| id.0),
        details: event.details.clone(),
    }
}

/// When this last happened to a resource.
pub async fn last_time(
    db: &impl ConnectionTrait,
    resource: &str,
    event_type: EventType,
) -> Result<Option<DateTime<Utc>>, Error> {
    let row = event::Entity::find()
        .filter(event::Column::Resource.eq(resource))
        .filter(event::Column::EventType.eq(event_type.name()))
        .order_by_desc(event::Column::Time)
        .one(db)
        .await?;
    Ok(row.map(|row| row.time))
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
