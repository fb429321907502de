//! Activation codes: sealed, each for one enrollment for ever.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Error, Row, enrollment, entity::activation_code, member::uuid_of};
use crate::domain::offer::Offer;

/// A code on its way into the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCode {
    /// Keyed digest of the code: the same code can never come in twice.
    pub digest: [u8; 16],
    /// The code, sealed for its enrollment.
    pub sealed: Vec<u8>,
}

/// Whose a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeHolder {
    /// Id of the enrollment.
    pub enrollment: Uuid,
    /// Whether another code has taken its place.
    pub is_void: bool,
}

/// Whose the code with this digest is, void or not, in this offer.
pub async fn holder(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    digest: [u8; 16],
) -> Result<Option<CodeHolder>, Error> {
    let row = activation_code::Entity::find_by_id(uuid_of(digest));
    let Some(row) = row.one(db).await? else {
        return Ok(None);
    };
    let enrollment = enrollment::find(db, offer, row.enrollment_id).await?;
    Ok(enrollment.map(|_| CodeHolder {
        enrollment: row.enrollment_id,
        is_void: row.void_time.is_some(),
    }))
}

/// Makes the present code of an enrollment void.
pub(super) async fn void(
    db: &impl ConnectionTrait,
    enrollment: Uuid,
    time: DateTime<Utc>,
) -> Result<(), Error> {
    let row = activation_code::ActiveModel {
        void_time: Set(Some(time)),
        ..activation_code::ActiveModel::default()
    };
    activation_code::Entity::update_many()
        .set(row)
        .filter(activation_code::Column::EnrollmentId.eq(enrollment))
        .filter(activation_code::Column::VoidTime.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// An enrollment's code, sealed.
pub async fn of_enrollment(
    db: &impl ConnectionTrait,
    enrollment: Uuid,
) -> Result<Option<Vec<u8>>, Error> {
    let row = activation_code::Entity::find()
        .filter(activation_code::Column::EnrollmentId.eq(enrollment))
        .filter(activation_code::Column::VoidTime.is_null())
        .one(db)
        .await?;
    Ok(row.map(|row| row.sealed))
}
