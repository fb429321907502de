//! What callers' request ids were used for, so that a retry gets the first result.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

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
    /// The first result.
    pub result: Enrollment,
    /// The enrollment's contact data, sealed.
    pub contact: Option<Vec<u8>>,
    /// The enrollment's present code.
    pub code: Option<KeptCode>,
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
