//! What callers' request ids were used for, so that a retry gets the first result.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, TryInsertResult,
};

use super::{
    Error,
    entity::request,
    row::{exactly_one, from_json, to_json},
};
use crate::domain::{enrollment::Enrollment, request::RequestId};

/// A caller's use of a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asked.
    pub caller: String,
    /// Their id of the change.
    pub id: RequestId,
    /// Keyed digest of what was asked for.
    pub fingerprint: [u8; 32],
}

/// What was made of a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Keyed digest of what was asked for the first time.
    pub fingerprint: Vec<u8>,
    /// The first result.
    pub result: Enrollment,
}

/// Takes a request id; gives false when the caller has used it. Waits for whoever is using it.
pub async fn reserve(
    db: &impl ConnectionTrait,
    request: &Request,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let row = request::ActiveModel {
        caller: Set(request.caller.clone()),
        request_id: Set(request.id.0),
        fingerprint: Set(request.fingerprint.to_vec()),
        result: Set(None),
        create_time: Set(now),
    };
    let inserted = request::Entity::insert(row)
        .on_conflict_do_nothing_on([request::Column::Caller, request::Column::RequestId])
        .exec_without_returning(db)
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1..)))
}

/// Keeps the first result of a request, in the transaction that reserved it.
pub async fn record(
    db: &impl ConnectionTrait,
    request: &Request,
    result: &Enrollment,
) -> Result<(), Error> {
    let row = request::ActiveModel {
        result: Set(Some(to_json("requests.result", result)?)),
        ..request::ActiveModel::default()
    };
    let updated = request::Entity::update_many()
        .set(row)
        .filter(request::Column::Caller.eq(&request.caller))
        .filter(request::Column::RequestId.eq(request.id.0))
        .exec(db)
        .await?;
    exactly_one(updated.rows_affected, "update requests")
}

/// What was made of a request id that has been used.
pub async fn answered(db: &impl ConnectionTrait, request: &Request) -> Result<Answered, Error> {
    let row = request::Entity::find_by_id((request.caller.clone(), request.id.0))
        .one(db)
        .await?
        .ok_or_else(|| Error::affected("select requests"))?;
    let result = row
        .result
        .ok_or_else(|| Error::unreadable("requests.result"))?;
    Ok(Answered {
        fingerprint: row.fingerprint,
        result: from_json("requests.result", result)?,
    })
}
