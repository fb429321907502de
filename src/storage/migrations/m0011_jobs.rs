//! Work on many enrollments, and how far it got.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, json_binary, string, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Both databases take these words.
const INDEXES: [&str; 2] = [
    // A request is one job, however often it is sent.
    "CREATE UNIQUE INDEX uq_jobs_request ON jobs (requester, request_id)",
    "CREATE INDEX ix_jobs_running ON jobs (create_time) WHERE state = 'RUNNING'",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let jobs = Table::create()
            .table("jobs")
            .col(uuid("id").primary_key().take())
            .col(big_integer("offer_id"))
            .col(json_binary("work"))
            .col(string("state"))
            .col(string("requester"))
            .col(uuid("request_id"))
            .col(big_integer("total_count"))
            .col(big_integer("passed_count"))
            .col(big_integer("changed_count"))
            .col(uuid("last_id"))
            .col(timestamp_with_time_zone("create_time"))
            .col(timestamp_with_time_zone("update_time"))
            .foreign_key(
                ForeignKey::create()
                    .name("fk_jobs_offer")
                    .from("jobs", "offer_id")
                    .to("offers", "id"),
            )
            .take();
        manager.create_table(jobs).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}
