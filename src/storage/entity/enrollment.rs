//! Table `enrollments`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub offer_id: i64,
    pub state: String,
    pub enroll_time: DateTimeUtc,
    pub activate_by_date: Date,
    pub activate_time: Option<DateTimeUtc>,
    pub term_start_date: Option<Date>,
    pub term_end_date: Option<Date>,
    pub term_not_before_date: Option<Date>,
    pub code_source: String,
    pub terms_version: String,
    pub exposed: Json,
    pub cancel_time: Option<DateTimeUtc>,
    pub cancel_reason: Option<String>,
    pub reinstate_by_date: Option<Date>,
    pub end_time: Option<DateTimeUtc>,
    pub end_reason: Option<String>,
    pub migrated_to: Option<String>,
    pub migrated_from: Option<String>,
    pub contact: Option<Vec<u8>>,
    pub revision: i64,
    pub update_time: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
