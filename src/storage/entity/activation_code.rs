//! Table `activation_codes`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activation_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: Uuid,
    pub enrollment_id: Uuid,
    pub sealed: Vec<u8>,
    pub assign_time: DateTimeUtc,
    pub void_time: Option<DateTimeUtc>,
    pub of_pool: bool,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
