//! Offers, cohorts and their members, enrollments and what belongs to them, and the log.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_pk_auto, binary, binary_null, boolean, date, date_null, json_binary,
        json_binary_null, string, string_null, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_null,
    },
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            offers(),
            offer_revisions(),
            cohorts(),
            cohort_revisions(),
            loads(),
        ] {
            manager.create_table(table).await?;
        }
        for table in [
            members(),
            enrollments(),
            enrollment_cohorts(),
            enrollment_claims(),
        ] {
            manager.create_table(table).await?;
        }
        for table in [activation_codes(), requests(), events(), key_checks()] {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}

/// Written out, since the schema builder has no partial indexes; both databases take these words.
const INDEXES: [&str; 9] = [
    "CREATE UNIQUE INDEX uq_offers_slug ON offers (slug)",
    "CREATE UNIQUE INDEX uq_cohorts_slug ON cohorts (offer_id, slug)",
    "CREATE UNIQUE INDEX uq_loads_slug ON loads (cohort_id, slug)",
    // At most one live enrollment per person and offer: this is what says so.
    "CREATE UNIQUE INDEX uq_enrollment_claims_live ON enrollment_claims (offer_id, person) WHERE live",
    // A person's earlier enrollments.
    "CREATE INDEX ix_enrollment_claims_person ON enrollment_claims (offer_id, person)",
    // An enrollment has at most one code that is not void.
    "CREATE UNIQUE INDEX uq_activation_codes_enrollment ON activation_codes (enrollment_id) WHERE void_time IS NULL",
    "CREATE INDEX ix_enrollment_cohorts_cohort ON enrollment_cohorts (cohort_id)",
    "CREATE INDEX ix_events_resource ON events (resource, id)",
    "CREATE INDEX ix_events_time ON events (time)",
];

fn named(table: &str) -> TableCreateStatement {
    Table::create().table(Alias::new(table)).take()
}

fn offers() -> TableCreateStatement {
    named("offers")
        .col(big_pk_auto("id"))
        .col(string("slug"))
        .col(string("state"))
        .col(json_binary("details"))
        .col(big_integer("revision"))
        .col(timestamp_with_time_zone("create_time"))
        .col(timestamp_with_time_zone("update_time"))
        .take()
}

/// What an offer said at any time: for "as of".
fn offer_revisions() -> TableCreateStatement {
    named("offer_revisions")
        .col(big_integer("offer_id"))
        .col(big_integer("revision"))
        .col(string("state"))
        .col(json_binary("details"))
        .col(timestamp_with_time_zone("valid_from"))
        .primary_key(&mut key("pk_offer_revisions", &["offer_id", "revision"]))
        .foreign_key(&mut reference(
            "fk_offer_revisions_offer",
            "offer_revisions",
            "offer_id",
            "offers",
        ))
        .take()
}

fn cohorts() -> TableCreateStatement {
    named("cohorts")
        .col(big_pk_auto("id"))
        .col(big_integer("offer_id"))
        .col(string("slug"))
        .col(string("display_name"))
        .col(string("state"))
        .col(json_binary("data_elements"))
        .col(big_integer("person_count"))
        .col(big_integer("identifier_count"))
        .col(timestamp_with_time_zone_null("publish_time"))
        .col(timestamp_with_time_zone_null("retract_time"))
        .col(big_integer("revision"))
        .col(timestamp_with_time_zone("create_time"))
        .col(timestamp_with_time_zone("update_time"))
        .foreign_key(&mut reference(
            "fk_cohorts_offer",
            "cohorts",
            "offer_id",
            "offers",
        ))
        .take()
}

/// What a cohort said at any time: for "as of".
fn cohort_revisions() -> TableCreateStatement {
    named("cohort_revisions")
        .col(big_integer("cohort_id"))
        .col(big_integer("revision"))
        .col(string("state"))
        .col(json_binary("data_elements"))
        .col(timestamp_with_time_zone("valid_from"))
        .primary_key(&mut key("pk_cohort_revisions", &["cohort_id", "revision"]))
        .foreign_key(&mut reference(
            "fk_cohort_revisions_cohort",
            "cohort_revisions",
            "cohort_id",
            "cohorts",
        ))
        .take()
}

fn loads() -> TableCreateStatement {
    named("loads")
        .col(big_pk_auto("id"))
        .col(big_integer("cohort_id"))
        .col(string("slug"))
        .col(string("state"))
        .col(string("source_name"))
        .col(string("source_sha256"))
        .col(string("loader"))
        .col(big_integer("last_chunk"))
        .col(big_integer("row_count"))
        .col(big_integer("identifier_count"))
        .col(big_integer("duplicate_count"))
        .col(timestamp_with_time_zone_null("publish_time"))
        .col(timestamp_with_time_zone("create_time"))
        .col(timestamp_with_time_zone("update_time"))
        .foreign_key(&mut reference(
            "fk_loads_cohort",
            "loads",
            "cohort_id",
            "cohorts",
        ))
        .take()
}

/// Digests are 16 bytes: kept as uuid, the narrowest type of that width on PostgreSQL. No foreign
/// key: checking it would cost more than the row.
fn members() -> TableCreateStatement {
    named("members")
        .col(uuid("digest"))
        .col(big_integer("load_id"))
        .col(uuid("person"))
        .primary_key(&mut key("pk_members", &["digest", "load_id", "person"]))
        .take()
}

fn enrollments() -> TableCreateStatement {
    named("enrollments")
        .col(key_column("id"))
        .col(big_integer("offer_id"))
        .col(string("state"))
        .col(timestamp_with_time_zone("enroll_time"))
        .col(date("activate_by_date"))
        .col(timestamp_with_time_zone_null("activate_time"))
        .col(date_null("term_start_date"))
        .col(date_null("term_end_date"))
        .col(string("terms_version"))
        .col(json_binary("exposed"))
        .col(timestamp_with_time_zone_null("cancel_time"))
        .col(string_null("cancel_reason"))
        .col(date_null("reinstate_by_date"))
        .col(binary_null("contact"))
        .col(big_integer("revision"))
        .col(timestamp_with_time_zone("update_time"))
        .foreign_key(&mut reference(
            "fk_enrollments_offer",
            "enrollments",
            "offer_id",
            "offers",
        ))
        .take()
}

fn enrollment_cohorts() -> TableCreateStatement {
    named("enrollment_cohorts")
        .col(uuid("enrollment_id"))
        .col(big_integer("cohort_id"))
        .primary_key(&mut key(
            "pk_enrollment_cohorts",
            &["enrollment_id", "cohort_id"],
        ))
        .foreign_key(&mut reference(
            "fk_enrollment_cohorts_enrollment",
            "enrollment_cohorts",
            "enrollment_id",
            "enrollments",
        ))
        .foreign_key(&mut reference(
            "fk_enrollment_cohorts_cohort",
            "enrollment_cohorts",
            "cohort_id",
            "cohorts",
        ))
        .take()
}

/// Whom an enrollment claims. The row stays when the enrollment ends; `live` goes with it.
fn enrollment_claims() -> TableCreateStatement {
    named("enrollment_claims")
        .col(uuid("enrollment_id"))
        .col(uuid("person"))
        .col(big_integer("offer_id"))
        .col(boolean("live"))
        .primary_key(&mut key(
            "pk_enrollment_claims",
            &["enrollment_id", "person"],
        ))
        .foreign_key(&mut reference(
            "fk_enrollment_claims_enrollment",
            "enrollment_claims",
            "enrollment_id",
            "enrollments",
        ))
        .take()
}

/// The digest is unique for ever: a code belongs to one enrollment, also when it is void.
fn activation_codes() -> TableCreateStatement {
    named("activation_codes")
        .col(key_column("digest"))
        .col(uuid("enrollment_id"))
        .col(binary("sealed"))
        .col(timestamp_with_time_zone("assign_time"))
        .col(timestamp_with_time_zone_null("void_time"))
        .foreign_key(&mut reference(
            "fk_activation_codes_enrollment",
            "activation_codes",
            "enrollment_id",
            "enrollments",
        ))
        .take()
}

/// What each caller's request ids were used for, and the first result.
fn requests() -> TableCreateStatement {
    named("requests")
        .col(string("caller"))
        .col(uuid("request_id"))
        .col(binary("fingerprint"))
        .col(json_binary_null("result"))
        .col(timestamp_with_time_zone("create_time"))
        .primary_key(&mut key("pk_requests", &["caller", "request_id"]))
        .take()
}

fn events() -> TableCreateStatement {
    named("events")
        .col(key_column("id"))
        .col(timestamp_with_time_zone("time"))
        .col(string("type"))
        .col(string("actor"))
        .col(string("resource"))
        .col(string_null("reason"))
        .col(uuid_null("request_id"))
        .col(json_binary_null("details"))
        .take()
}

/// What the keys make of a known text, so that a service with other keys does not start.
fn key_checks() -> TableCreateStatement {
    named("key_checks")
        .col(string("purpose").primary_key().take())
        .col(binary("fingerprint"))
        .take()
}

/// Ids of rows that are not counted up.
fn key_column(name: &'static str) -> ColumnDef {
    uuid(name).primary_key().take()
}

fn key(name: &str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut key = Index::create().name(name).take();
    for column in columns {
        key.col(Alias::new(*column));
    }
    key
}

fn reference(
    name: &str,
    from: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(name)
        .from(Alias::new(from), Alias::new(column))
        .to(Alias::new(to), Alias::new("id"))
        .take()
}
