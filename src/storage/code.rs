//! Activation codes: sealed, each for one enrollment for ever.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    Statement,
};
use uuid::Uuid;

use super::{Error, Row, entity::activation_code, member::uuid_of};
use crate::domain::{code::CodeSource, offer::Offer};

/// A code on its way into the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCode {
    /// Keyed digest of the code: the same code can never come in twice.
    pub digest: [u8; 16],
    /// The code, sealed for its enrollment, or for its pool.
    pub sealed: Vec<u8>,
}

/// The code that an enrollment is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewCode {
    /// One that was made for it.
    Minted(SealedCode),
    /// The next one of the offer's pool.
    FromPool,
}

/// The code of an enrollment, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCode {
    /// The code, sealed.
    pub sealed: Vec<u8>,
    /// Whether it was sealed for the offer's pool, and not for the enrollment.
    pub of_pool: bool,
}

impl KeptCode {
    /// Where it comes from.
    pub fn source(&self) -> CodeSource {
        if self.of_pool {
            CodeSource::Pool
        } else {
            CodeSource::Minted
        }
    }
}

/// Whose a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub struct CodeHolder {
    /// Id of the enrollment.
    pub enrollment: Uuid,
    /// The enrollment's revision: at another one, the code may be void.
    pub revision: i64,
    /// When another code took its place.
    pub void_time: Option<DateTime<Utc>>,
}

/// Whose the code with this digest is, void or not, in this offer.
pub async fn holder(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    digest: [u8; 16],
) -> Result<Option<CodeHolder>, Error> {
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT e.id AS enrollment, e.revision, a.void_time \
         FROM activation_codes a JOIN enrollments e ON e.id = a.enrollment_id \
         WHERE a.digest = $1 AND e.offer_id = $2",
        [uuid_of(digest).into(), offer.id.into()],
    );
    Ok(CodeHolder::find_by_statement(statement).one(db).await?)
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

/// An enrollment's present code.
pub async fn of_enrollment(
    db: &impl ConnectionTrait,
    enrollment: Uuid,
) -> Result<Option<KeptCode>, Error> {
    let row = activation_code::Entity::find()
        .filter(activation_code::Column::EnrollmentId.eq(enrollment))
        .filter(activation_code::Column::VoidTime.is_null())
        .one(db)
        .await?;
    Ok(row.map(|row| KeptCode {
        sealed: row.sealed,
        of_pool: row.of_pool,
    }))
}
