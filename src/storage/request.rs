//! What callers' request ids were used for, so that a retry gets the first result.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{Error, code::KeptCode, entity::request};
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
    /// Who asked.
    pub caller: String,
    /// Their id of the change.
    pub id: RequestId,
    /// Keyed digest of what was asked for the first time.
    pub fingerprint: Vec<u8>,
    /// The first result; none where it was used for a job.
    pub result: Option<Enrollment>,
    /// The enrollment's contact data, sealed.
    pub contact: Option<Vec<u8>>,
    /// The enrollment's present code.
    pub code: Option<KeptCode>,
}

/// Takes this id of a caller's for a job, so that nothing is done to one enrollment under it. Fails with
/// [`Error::Contention`] if somebody else has used it just now.
pub async fn use_for_job(
    db: &impl ConnectionTrait,
    caller: &str,
    id: RequestId,
    time: DateTime<Utc>,
) -> Result<(), Error> {
    let row = request::ActiveModel {
        caller: Set(caller.to_owned()),
        request_id: Set(id.0),
        // The job says what was asked for.
        fingerprint: Set(Vec::new()),
        result: Set(None),
        create_time: Set(time),
    };
    request::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Whether a caller has used this id for something that was done to one enrollment.
pub async fn is_used(
    db: &impl ConnectionTrait,
    caller: &str,
    id: RequestId,
) -> Result<bool, Error> {
    let used = request::Entity::find()
        .filter(request::Column::Caller.eq(caller))
        .filter(request::Column::RequestId.eq(id.0))
        .one(db)
        .await?;
    Ok(used.is_some())
}
