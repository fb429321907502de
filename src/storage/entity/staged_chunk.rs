//! Table `staged_chunks`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "staged_chunks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub load_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub chunk: i64,
    pub entries: Vec<u8>,
    pub slots: Vec<u8>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
