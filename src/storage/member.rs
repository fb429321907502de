//! Members: which digest names which person on which list.

use std::{ops::RangeInclusive, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult,
    QueryFilter, Statement, TryInsertResult, Value, prelude::Json,
};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{Error, Row, Store, catalogue::ListedCohort, entity::member, row::from_json};
use crate::domain::{
    cohort::{Comparison, MemberCounts},
    name::ResourceId,
    offer::Offer,
    person::{IdentifierDigest, Member, PersonKey},
};

/// That an identifier stands on a list which was published once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The identifier.
    pub digest: IdentifierDigest,
    /// Whom it names.
    pub person: PersonKey,
    /// The list's cohort.
    pub cohort: Arc<ListedCohort>,
}

/// A load that began to count after the newest version was published by a release that keeps no versions
/// (`m0006`).
const LISTINGS_AS_OF: &str = "\
    SELECT DISTINCT m.digest, m.person, c.id AS cohort_id, c.slug AS cohort, r.data_elements, \
           r.state = 'PUBLISHED' AND (v.number IS NULL OR l.publish_time > v.publish_time OR EXISTS ( \
               SELECT 1 FROM cohort_version_loads p \
               WHERE p.cohort_id = c.id AND p.number = v.number AND p.load_id = l.id)) AS counts \
    FROM members m \
    JOIN loads l ON l.id = m.load_id AND l.publish_time <= $2 \
    JOIN cohorts c ON c.id = l.cohort_id \
    JOIN cohort_revisions r ON r.cohort_id = c.id AND r.revision = ( \
        SELECT MAX(revision) FROM cohort_revisions WHERE cohort_id = c.id AND valid_from <= $2) \
    LEFT JOIN cohort_versions v ON v.cohort_id = c.id AND v.number = ( \
        SELECT MAX(number) FROM cohort_versions WHERE cohort_id = c.id AND publish_time <= $2) \
    WHERE c.offer_id = $1 AND m.digest IN ";

/// Where these identifiers stood on the offer's lists at a time. A list that had not been published is
/// not looked at; one that had been retracted is, so that its people find their enrollments.
pub async fn listings_as_of(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    digests: &[IdentifierDigest],
    time: DateTime<Utc>,
) -> Result<Vec<Listing>, Error> {
    let mut values = vec![Value::from(offer.id), time.into()];
    let first = values.len() + 1;
    let places = (first..first + digests.len())
        .map(|place| format!("${place}"))
        .collect::<Vec<_>>()
        .join(",");
    values.extend(digests.iter().map(|digest| uuid_of(digest.0).into()));
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        format!("{LISTINGS_AS_OF}({places})"),
        values,
    );
    let rows = ListingRow::find_by_statement(statement).all(db).await?;
    rows.into_iter().map(ListingRow::into_listing).collect()
}

#[derive(FromQueryResult)]
struct ListingRow {
    digest: Uuid,
    person: Uuid,
    cohort_id: i64,
    cohort: String,
    data_elements: Json,
    counts: bool,
}

impl ListingRow {
    fn into_listing(self) -> Result<Listing, Error> {
        Ok(Listing {
            digest: IdentifierDigest(self.digest.into_bytes()),
            person: PersonKey(self.person.into_bytes()),
            cohort: Arc::new(ListedCohort {
                id: self.cohort_id,
                cohort: ResourceId::parse(&self.cohort)
                    .map_err(|_| Error::unreadable("cohorts.slug"))?,
                exposed: from_json("cohorts.data_elements", self.data_elements)?,
                counts: self.counts,
            }),
        })
    }
}

/// Adds members to a load. What the load already has is passed over; gives how many pairs of an
/// identifier and a person were new.
pub async fn insert(
    db: &impl ConnectionTrait,
    load_id: i64,
    members: &[&Member],
) -> Result<u64, Error> {
    let (digests, people): (Vec<Uuid>, Vec<Uuid>) = members
        .iter()
        .flat_map(|member| {
            let person = uuid_of(member.person.0);
            member
                .identifiers
                .iter()
                .map(move |digest| (uuid_of(digest.0), person))
        })
        .unzip();
    if db.get_database_backend() == DbBackend::Postgres {
        insert_arrays(db, load_id, digests, people).await
    } else {
        insert_rows(db, load_id, &digests, &people).await
    }
}

/// PostgreSQL: one statement with three parameters, whatever the number of rows.
async fn insert_arrays(
    db: &impl ConnectionTrait,
    load_id: i64,
    digests: Vec<Uuid>,
    people: Vec<Uuid>,
) -> Result<u64, Error> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "INSERT INTO members (digest, load_id, person) \
         SELECT digest, $1, person FROM unnest($2::uuid[], $3::uuid[]) AS pair (digest, person) \
         ON CONFLICT DO NOTHING",
        [load_id.into(), digests.into(), people.into()],
    );
    Ok(db.execute_raw(statement).await?.rows_affected())
}

/// SQLite: rows of three parameters each, within its bound of 32,766 of them per statement.
async fn insert_rows(
    db: &impl ConnectionTrait,
    load_id: i64,
    digests: &[Uuid],
    people: &[Uuid],
) -> Result<u64, Error> {
    const ROWS: usize = 5_000;
    let mut inserted = 0;
    for (digests, people) in digests.chunks(ROWS).zip(people.chunks(ROWS)) {
        let rows = digests
            .iter()
            .zip(people)
            .map(|(digest, person)| member::ActiveModel {
                digest: Set(*digest),
                load_id: Set(load_id),
                person: Set(*person),
            });
        let result = member::Entity::insert_many(rows)
            .on_conflict_do_nothing()
            .exec_without_returning(db)
            .await?;
        if let TryInsertResult::Inserted(rows) = result {
            inserted += rows;
        }
    }
    Ok(inserted)
}

/// Takes away what a load brought of the identifiers from one digest to another, both inclusive.
pub async fn delete_of_load(
    db: &impl ConnectionTrait,
    load_id: i64,
    digests: RangeInclusive<IdentifierDigest>,
) -> Result<(), Error> {
    let [first, last] = [digests.start(), digests.end()].map(|digest| uuid_of(digest.0));
    member::Entity::delete_many()
        .filter(member::Column::Digest.between(first, last))
        .filter(member::Column::LoadId.eq(load_id))
        .exec(db)
        .await?;
    Ok(())
}

/// `{loads}` are those that may be published; `$1` is the offer, `$2` the cohort. Whoever is found by one
/// identifier is found, whatever stands for the person on which list. Written so that PostgreSQL joins by
/// hash: NOT IN, or IN on one side of OR, would read a whole list for each row of another.
const COMPARISON: &str = "\
    WITH counting AS ( \
        SELECT l.id, l.cohort_id FROM loads l JOIN cohorts c ON c.id = l.cohort_id \
        WHERE c.offer_id = $1 AND c.state = 'PUBLISHED' AND l.state = 'PUBLISHED'), \
    listed AS (SELECT digest, person FROM members WHERE load_id IN ({loads})), \
    now_listed AS ( \
        SELECT digest, person FROM members \
        WHERE load_id IN (SELECT id FROM counting WHERE cohort_id = $2)), \
    elsewhere AS ( \
        SELECT digest FROM members \
        WHERE load_id IN (SELECT id FROM counting WHERE cohort_id <> $2)) \
    SELECT \
      (SELECT COUNT(DISTINCT person) FROM listed) AS people, \
      (SELECT COUNT(*) FROM (SELECT DISTINCT digest, person FROM listed) AS pairs) \
        AS identifiers, \
      (SELECT COUNT(DISTINCT person) FROM listed \
       WHERE digest IN (SELECT digest FROM now_listed UNION ALL SELECT digest FROM elsewhere)) \
        AS found_now, \
      (SELECT COUNT(DISTINCT person) FROM listed WHERE digest IN (SELECT digest FROM elsewhere)) \
        AS also_listed, \
      (SELECT COUNT(DISTINCT person) FROM listed WHERE digest IN ( \
          SELECT m.digest FROM enrollment_claims k JOIN members m ON m.person = k.person \
          WHERE k.offer_id = $1 AND k.live)) AS enrolled, \
      (SELECT COUNT(DISTINCT person) FROM now_listed) AS current_people, \
      (SELECT COUNT(DISTINCT person) FROM now_listed \
       WHERE digest IN (SELECT digest FROM now_listed EXCEPT SELECT digest FROM listed)) \
        AS dropped";

/// How the people of these loads stand to those who count now. Takes a place among the long looks.
pub async fn compare(
    store: &Store,
    offer_id: i64,
    cohort_id: i64,
    load_ids: &[i64],
    place: OwnedSemaphorePermit,
) -> Result<Comparison, Error> {
    #[derive(FromQueryResult)]
    struct Counts {
        people: i64,
        identifiers: i64,
        found_now: i64,
        also_listed: i64,
        enrolled: i64,
        current_people: i64,
        dropped: i64,
    }
    let list = load_ids
        .iter()
        .map(i64::to_string)
        .collect::<Vec<_>>()
        .join(",");
    let statement = Statement::from_sql_and_values(
        store.reader().get_database_backend(),
        COMPARISON.replace("{loads}", &list),
        [offer_id.into(), cohort_id.into()],
    );
    let row = store.long_look(statement, place).await?;
    let row = row.ok_or_else(|| Error::affected("compare members"))?;
    let counts = Counts::from_query_result(&row, "")?;
    Ok(Comparison {
        listed: MemberCounts {
            people: counts.people,
            identifiers: counts.identifiers,
        },
        newly_eligible: counts.people - counts.found_now,
        also_listed: counts.also_listed,
        enrolled: counts.enrolled,
        current: counts.current_people,
        dropped: counts.dropped,
    })
}

/// Digests are kept as the type of their width.
pub(super) fn uuid_of(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}
