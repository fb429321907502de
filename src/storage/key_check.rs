//! Whether the keys are those that the rows were made with.

use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};

use super::{Error, entity::key_check};

/// What the key for a purpose made of a known text when it was first used.
pub async fn find(db: &impl ConnectionTrait, purpose: &str) -> Result<Option<Vec<u8>>, Error> {
    let row = key_check::Entity::find_by_id(purpose.to_owned())
        .one(db)
        .await?;
    Ok(row.map(|row| row.fingerprint))
}

/// Keeps it, unless somebody else was first.
pub async fn insert(
    db: &impl ConnectionTrait,
    purpose: &str,
    fingerprint: &[u8],
) -> Result<(), Error> {
    let row = key_check::ActiveModel {
        purpose: Set(purpose.to_owned()),
        fingerprint: Set(fingerprint.to_vec()),
    };
    key_check::Entity::insert(row)
        .on_conflict_do_nothing_on([key_check::Column::Purpose])
        .exec_without_returning(db)
        .await?;
    Ok(())
}
