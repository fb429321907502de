//! Table `load_rejects`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "load_rejects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub load_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub row: i64,
    pub field: String,
    pub rule: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
