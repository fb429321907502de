//! Members: which digest names which person on which list. Lists are written by [`pack`](super::pack).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value, prelude::Json};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{Error, Row, Store, catalogue::ListedCohort, row::from_json};
use crate::domain::{
    cohort::{Comparison, Load, MemberCounts},
    name::{OfferName, ResourceId},
    offer::Offer,
    person::{IdentifierDigest, PersonKey},
};

/// The `person`s of one identifier in the packs of a list, as a table that a join can be made with. Packs that begin
/// before `$lowest` do not reach as far as the digest. `width_bucket` searches a sorted array by halves and finds
/// the last of those who share the digest; hardly ever are there others. A pack without `people` has those who are
/// known by the digest itself, each of whom has it alone.
macro_rules! in_packs {
    ($load:literal, $lowest:literal, $digest:literal) => {
        concat!(
            "(SELECT digests, people, width_bucket(",
            $digest,
            ", digests) AS place FROM packs WHERE load_id = ",
            $load,
            " AND first BETWEEN ",
            $lowest,
            " AND ",
            $digest,
            " ORDER BY first DESC LIMIT 1) AS pack \
             CROSS JOIN LATERAL (\
               SELECT coalesce(pack.people[pack.place], ",
            $digest,
            ") AS person WHERE pack.digests[pack.place] = ",
            $digest,
            " UNION ALL SELECT other.person FROM unnest(\
                 pack.digests[:pack.place - 1], pack.people[:pack.place - 1]) AS other (digest, person) \
               WHERE pack.digests[pack.place - 1] = ",
            $digest,
            " AND other.digest = ",
            $digest,
            ") AS m"
        )
    };
}
pub(super) use in_packs;

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
    SELECT DISTINCT m.digest, m.person, c.id AS cohort_id, o.slug AS offer, c.slug AS cohort, \
           r.data_elements, \
           c.offer_id = $1 AND r.state = 'PUBLISHED' AND (v.number IS NULL OR l.publish_time > v.publish_time OR EXISTS ( \
               SELECT 1 FROM cohort_version_loads p \
               WHERE p.cohort_id = c.id AND p.number = v.number AND p.load_id = l.id)) AS counts \
    FROM loads l \
    JOIN cohorts c ON c.id = l.cohort_id \
    JOIN offers o ON o.id = c.offer_id AND (o.id = $1 OR ( \
        coalesce(o.first_offer_id, o.id) = $4 AND coalesce(o.succeed_time <= $3, true))) \
    JOIN cohort_revisions r ON r.cohort_id = c.id AND r.revision = ( \
        SELECT MAX(revision) FROM cohort_revisions WHERE cohort_id = c.id AND valid_from <= $3) \
    LEFT JOIN cohort_versions v ON v.cohort_id = c.id AND v.number = ( \
        SELECT MAX(number) FROM cohort_versions WHERE cohort_id = c.id AND publish_time <= $3) \
    {members} WHERE l.publish_time <= $3";

/// `$2` are the digests.
const MEMBERS_ON_POSTGRES: &str = concat!(
    "CROSS JOIN unnest($2::uuid[]) AS d (digest) CROSS JOIN LATERAL (\
     SELECT d.digest, m.person FROM ",
    in_packs!("l.id", "'00000000-0000-0000-0000-000000000000'", "d.digest"),
    ") AS m"
);

const MEMBERS_ON_SQLITE: &str = "\
    CROSS JOIN json_each($2) d \
    CROSS JOIN listed_members m ON m.load_id = l.id AND m.digest = unhex(d.value)";

/// Where these identifiers stood on the offer's lists at a time, and on those of the others in its succession, of which
/// `first_offer_id` was the first then. A list that had not been published is
/// not looked at; one that had been retracted is, so that its people find their enrollments.
pub async fn listings_as_of(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    first_offer_id: i64,
    digests: &[IdentifierDigest],
    time: DateTime<Utc>,
) -> Result<Vec<Listing>, Error> {
    let (sql, digests) = of_members(db, LISTINGS_AS_OF, digests);
    let values = [offer.id.into(), digests, time.into(), first_offer_id.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = ListingRow::find_by_statement(statement).all(db).await?;
    rows.into_iter().map(ListingRow::into_listing).collect()
}

/// Whom the lists of offers outside an offer's succession name by these identifiers, that were published until a
/// time, or by now.
pub(super) async fn listed_elsewhere(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    digests: &[IdentifierDigest],
    until: Option<DateTime<Utc>>,
) -> Result<Vec<(IdentifierDigest, PersonKey)>, Error> {
    const LISTED: &str = "\
        SELECT DISTINCT m.digest, m.person FROM loads l JOIN cohorts c ON c.id = l.cohort_id \
        JOIN offers o ON o.id = c.offer_id AND coalesce(o.first_offer_id, o.id) <> \
            (SELECT coalesce(first_offer_id, id) FROM offers WHERE id = $1) \
        {members} WHERE l.publish_time <= coalesce($3, l.publish_time)";
    let (sql, digests) = of_members(db, LISTED, digests);
    let values = [offer.id.into(), digests, until.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(statement).await?;
    let listed = rows.iter().map(|row| {
        let (digest, person) = (
            row.try_get_by_index::<Uuid>(0)?,
            row.try_get_by_index::<Uuid>(1)?,
        );
        Ok((
            IdentifierDigest(digest.into_bytes()),
            PersonKey(person.into_bytes()),
        ))
    });
    listed.collect()
}

/// A statement with the members of the loads `l` who have these identifiers, and what `$2` is in it.
fn of_members(
    db: &impl ConnectionTrait,
    sql: &str,
    digests: &[IdentifierDigest],
) -> (String, Value) {
    let digests = digests.iter().map(|digest| uuid_of(digest.0));
    let (members, digests) = if db.get_database_backend() == DbBackend::Postgres {
        (
            MEMBERS_ON_POSTGRES,
            Value::from(digests.collect::<Vec<_>>()),
        )
    } else {
        let digests = digests.map(|digest| digest.simple().to_string());
        let digests = digests.collect::<serde_json::Value>().to_string();
        (MEMBERS_ON_SQLITE, digests.into())
    };
    (sql.replace("{members}", members), digests)
}

#[derive(FromQueryResult)]
struct ListingRow {
    digest: Uuid,
    person: Uuid,
    cohort_id: i64,
    offer: String,
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
                offer: OfferName {
                    offer: ResourceId::parse(&self.offer)
                        .map_err(|_| Error::unreadable("offers.slug"))?,
                },
                cohort: ResourceId::parse(&self.cohort)
                    .map_err(|_| Error::unreadable("cohorts.slug"))?,
                exposed: from_json("cohorts.data_elements", self.data_elements)?,
                counts: self.counts,
            }),
        })
    }
}

/// `{loads}` are those that may be published; `$1` is the offer, `$2` the cohort. Whoever is found by one
/// identifier is found, whatever stands for the person on which list. Written so that PostgreSQL joins by
/// hash: NOT IN, or IN on one side of OR, would read a whole list for each row of another.
const COMPARISON: &str = "\
    WITH counting AS ( \
        SELECT l.id, l.cohort_id FROM loads l JOIN cohorts c ON c.id = l.cohort_id \
        WHERE c.offer_id = $1 AND c.state = 'PUBLISHED' AND l.state = 'PUBLISHED'), \
    listed AS (SELECT digest, person FROM listed_members WHERE load_id IN ({loads})), \
    now_listed AS ( \
        SELECT digest, person FROM listed_members \
        WHERE load_id IN (SELECT id FROM counting WHERE cohort_id = $2)), \
    elsewhere AS ( \
        SELECT digest FROM listed_members \
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
          SELECT m.digest FROM enrollment_claims k JOIN listed_members m ON m.person = k.person \
          WHERE k.live AND k.offer_id = \
            (SELECT coalesce(first_offer_id, id) FROM offers WHERE id = $1))) AS enrolled, \
      (SELECT COUNT(DISTINCT person) FROM now_listed) AS current_people, \
      (SELECT COUNT(DISTINCT person) FROM now_listed \
       WHERE digest IN (SELECT digest FROM now_listed EXCEPT SELECT digest FROM listed)) \
        AS dropped";

/// Whether anybody of the offer counts now, or is enrolled.
const ANYBODY: &str = "\
    SELECT EXISTS ( \
        SELECT 1 FROM loads l JOIN cohorts c ON c.id = l.cohort_id \
        WHERE c.offer_id = $1 AND c.state = 'PUBLISHED' AND l.state = 'PUBLISHED') \
      OR EXISTS (SELECT 1 FROM enrollment_claims WHERE live AND offer_id = \
        (SELECT coalesce(first_offer_id, id) FROM offers WHERE id = $1))";

/// How the people of these loads stand to those who count now. Takes a place among the long looks.
pub async fn compare(
    store: &Store,
    offer_id: i64,
    cohort_id: i64,
    loads: &[Row<Load>],
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
    if let [load] = loads
        && let Some(people) = load.value.progress.people
        && !is_anybody(store, offer_id).await?
    {
        return Ok(Comparison::with_nobody(MemberCounts {
            people,
            identifiers: load.value.progress.identifiers,
        }));
    }
    let list = loads
        .iter()
        .map(|load| load.id.to_string())
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

async fn is_anybody(store: &Store, offer_id: i64) -> Result<bool, Error> {
    let db = store.reader();
    let statement =
        Statement::from_sql_and_values(db.get_database_backend(), ANYBODY, [offer_id.into()]);
    let row = db.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| Error::affected("find anybody"))?;
    Ok(row.try_get_by_index(0)?)
}

/// Digests are kept as the type of their width.
pub(super) fn uuid_of(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}
