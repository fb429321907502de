//! Activation codes: sealed, each for one enrollment for ever.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Error, entity::activation_code};

/// A code on its way into the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCode {
    /// Keyed digest of the code: the same code can never come in twice.
    pub digest: [u8; 16],
    /// The code, sealed for its enrollment.
    pub sealed: Vec<u8>,
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
