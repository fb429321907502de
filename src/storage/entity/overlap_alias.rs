//! Table `overlap_aliases`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "overlap_aliases")]
pub struct Model {
    /// The first offer of the succession in which the person was let in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub offer_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub person: Uuid,
    /// Who the person is for the list of another offer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub alias: Uuid,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
