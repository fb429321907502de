//! Table `cohorts`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "cohorts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub offer_id: i64,
    pub slug: String,
    pub display_name: String,
    pub state: String,
    pub data_elements: Json,
    pub person_count: i64,
    pub identifier_count: i64,
    pub digest: Option<Vec<u8>>,
    pub publish_time: Option<DateTimeUtc>,
    pub retract_time: Option<DateTimeUtc>,
    pub revision: i64,
    pub version: i64,
    pub create_time: DateTimeUtc,
    pub update_time: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::offer::Entity",
        from = "Column::OfferId",
        to = "super::offer::Column::Id"
    )]
    Offer,
}

impl ActiveModelBehavior for ActiveModel {}
