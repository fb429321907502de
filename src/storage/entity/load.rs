//! Table `loads`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "loads")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub cohort_id: i64,
    pub slug: String,
    pub state: String,
    pub source_name: String,
    pub source_sha256: String,
    pub loader: String,
    pub last_chunk: i64,
    pub row_count: i64,
    pub identifier_count: i64,
    pub duplicate_count: i64,
    pub rejected_count: i64,
    pub byte_count: i64,
    pub digest: Option<Vec<u8>>,
    pub digest_chunk: i64,
    pub packed_slots: i64,
    pub person_count: Option<i64>,
    pub publish_time: Option<DateTimeUtc>,
    pub create_time: DateTimeUtc,
    pub update_time: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
