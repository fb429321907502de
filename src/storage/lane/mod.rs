//! A connection that calls share: what waits is read in one statement and written in one commit.
//!
//! Owns: the set-based statements of calls for a person, and the connection of PostgreSQL that they
//! run on, which is held, since a pool asks the server at each return whether it is still there. Must
//! not know: who waits, or what they decide.
//!
//! A turn takes no locks while it looks. What it writes is guarded instead: by the unique indexes over
//! live claims and request ids, and by the revision of each enrollment that it changes. If somebody
//! else was faster, nothing is written and the turn is to be taken again. So PostgreSQL needs no
//! transaction around look and write: a turn that only adds rows is one statement, which is a
//! transaction of its own. SQLite has one writer, which looks and writes under its lock.

mod changes;
mod postgres;
mod sqlite;

use std::{collections::BTreeSet, future::Future, sync::Arc};

use sea_orm::{DatabaseTransaction, FromQueryResult, QueryResult};
use uuid::Uuid;

use self::{changes::Rows, postgres::PostgresLane, sqlite::SqliteLook};
use super::{
    Error, Store,
    catalogue::Catalogue,
    claim::Claim,
    code::KeptCode,
    code_pool,
    connect::LaneOptions,
    enrollment::{Cohorts, StoredEnrollment, to_enrollment},
    entity::enrollment,
    member::{Listing, uuid_of},
    request::{Answered, Request},
    row::from_json,
};
use crate::domain::{
    code::CodeSource,
    person::{IdentifierDigest, PersonKey},
    request::RequestId,
};

pub use changes::{Changed, Changes, Enrolled, Given, PoolAlarms, Recorded, ReplacedCode};

/// A connection for calls that share it.
#[derive(Debug)]
pub struct Lane(Kind);

#[derive(Debug)]
enum Kind {
    Postgres(PostgresLane),
    Sqlite(Store),
}

/// What a look saw of the people and enrollments that were asked for.
#[derive(Debug, Default)]
pub struct Seen {
    /// Where the identifiers stand on published lists.
    pub listings: Vec<Listing>,
    /// The claims on everybody who was found, of this and of earlier times.
    pub claims: Vec<Claim>,
    /// The enrollments that claim them.
    pub enrollments: Vec<StoredEnrollment>,
}

impl Store {
    /// A lane of its own.
    pub fn lane(&self) -> Lane {
        Lane(match &self.lanes {
            LaneOptions::Postgres(options) => Kind::Postgres(PostgresLane::new(options.clone())),
            LaneOptions::Sqlite => Kind::Sqlite(self.clone()),
        })
    }
}

impl Lane {
    /// Looks up identifiers, and enrollments by their ids. `None`: the catalogue is out of date, or somebody was moved
    /// to another offer meanwhile.
    pub async fn look(
        &mut self,
        catalogue: &Catalogue,
        digests: &[IdentifierDigest],
        ids: &[Uuid],
    ) -> Result<Option<Seen>, Error> {
        match &mut self.0 {
            Kind::Postgres(lane) => look(lane, catalogue, digests, ids).await,
            Kind::Sqlite(store) => {
                let mut reader = SqliteLook(&store.reader);
                look(&mut reader, catalogue, digests, ids).await
            }
        }
    }

    /// Begins to look and write.
    pub async fn begin(&mut self) -> Result<Turn<'_>, Error> {
        Ok(match &mut self.0 {
            Kind::Postgres(lane) => Turn::Postgres(lane),
            Kind::Sqlite(store) => Turn::Sqlite(Box::new(store.begin().await?)),
        })
    }
}

/// A look and a write that belong together. Dropped without a commit, it has done nothing.
pub enum Turn<'lane> {
    /// Nothing is held; each statement stands for itself.
    Postgres(&'lane mut PostgresLane),
    /// Holds the one writer's lock.
    Sqlite(Box<DatabaseTransaction>),
}

impl Turn<'_> {
    /// The same as [`Lane::look`].
    pub async fn look(
        &mut self,
        catalogue: &Catalogue,
        digests: &[IdentifierDigest],
        ids: &[Uuid],
    ) -> Result<Option<Seen>, Error> {
        match self {
            Self::Postgres(lane) => look(*lane, catalogue, digests, ids).await,
            Self::Sqlite(transaction) => {
                let mut writer = SqliteLook(transaction.as_ref());
                look(&mut writer, catalogue, digests, ids).await
            }
        }
    }

    /// What was made of those of the requests that have been answered before.
    pub async fn answered(&mut self, requests: &[&Request]) -> Result<Vec<Answered>, Error> {
        let rows = match self {
            Self::Postgres(lane) => lane.answered(requests).await?,
            Self::Sqlite(transaction) => sqlite::answered(transaction.as_ref(), requests).await?,
        };
        rows.iter().map(to_answered).collect()
    }

    /// How many codes the offer's pool has left, at the moment; `None` when its codes come from elsewhere.
    pub async fn codes_left(&mut self, catalogue: &Catalogue) -> Result<Option<i64>, Error> {
        let offer = &catalogue.offer;
        if offer.value.details.code_source != CodeSource::Pool {
            return Ok(None);
        }
        let left = match self {
            Self::Postgres(lane) => lane.codes_left(offer.id).await,
            Self::Sqlite(transaction) => code_pool::left(transaction.as_ref(), offer).await,
        };
        left.map(Some)
    }

    /// Writes and commits, all of it or nothing; gives the codes that came out of the pool. Fails with
    /// [`Error::LiveClaimTaken`] or [`Error::Contention`] when somebody was faster, or the pool has not as many
    /// codes as are wanted; with [`Error::OutcomeUnknown`] when the connection broke.
    pub async fn commit(self, catalogue: &Catalogue, changes: Changes) -> Result<Given, Error> {
        if changes.is_empty() {
            return Ok(Given::default());
        }
        let mut rows = Rows::of(catalogue, changes)?;
        match self {
            Self::Postgres(lane) => {
                rows.sort();
                lane.write(&mut rows).await
            }
            // Boxed: it holds the state of many statements.
            Self::Sqlite(transaction) => Box::pin(sqlite::write(*transaction, rows)).await,
        }
    }
}

/// The statements of a look. Whoever is on no list, or never enrolled, costs one of them.
trait LookStatements {
    /// Where these identifiers stand on these lists, and what claims their people.
    fn found(
        &mut self,
        catalogue: &Catalogue,
        places: &[Place],
    ) -> impl Future<Output = Result<Found, Error>> + Send;

    /// The claims on everybody whom these enrollments claim.
    fn claims(
        &mut self,
        catalogue: &Catalogue,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<Vec<Claim>, Error>> + Send;

    /// Rows of the keys of an enrollment's cohorts, and the columns of the enrollment.
    fn enrollments(
        &mut self,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<Vec<QueryResult>, Error>> + Send;
}

/// What the first statement of a look gives.
struct Found {
    /// The catalogue's version, now.
    version: i64,
    /// Listed, and claimed by an enrollment or by none: a row for each pair.
    rows: Vec<FoundRow>,
}

/// An identifier, and the list on which it may stand.
struct Place {
    digest: Uuid,
    load_id: i64,
    /// No pack that begins before this has it.
    lowest: Uuid,
}

struct FoundRow {
    digest: Uuid,
    load_id: i64,
    person: Uuid,
    enrollment: Option<Uuid>,
}

async fn look(
    statements: &mut impl LookStatements,
    catalogue: &Catalogue,
    digests: &[IdentifierDigest],
    ids: &[Uuid],
) -> Result<Option<Seen>, Error> {
    // Nobody is listed on a list that was never published.
    let places = digests.iter().flat_map(|digest| {
        let lists = catalogue.lists();
        lists.map(move |(load_id, reach)| Place {
            digest: uuid_of(digest.0),
            load_id,
            lowest: uuid_of(reach.lowest(*digest).0),
        })
    });
    let places = places.collect::<Vec<_>>();
    let found = statements.found(catalogue, &places).await?;
    if found.version != catalogue.version {
        return Ok(None);
    }
    let mut seen = Seen::default();
    for row in found.rows {
        let Some(cohort) = catalogue.of_load(row.load_id) else {
            continue;
        };
        let person = PersonKey(row.person.into_bytes());
        seen.listings.push(Listing {
            digest: IdentifierDigest(row.digest.into_bytes()),
            person,
            cohort: Arc::clone(cohort),
        });
        let claim = |enrollment| Claim { person, enrollment };
        seen.claims.extend(row.enrollment.map(claim));
    }
    if !ids.is_empty() {
        seen.claims.extend(statements.claims(catalogue, ids).await?);
    }
    let claiming = seen.claims.iter().map(|claim| claim.enrollment);
    let claiming = claiming.collect::<BTreeSet<_>>();
    if !claiming.is_empty() {
        let ids = claiming.iter().copied().collect::<Vec<_>>();
        for row in statements.enrollments(&ids).await? {
            let Some(stored) = to_stored(catalogue, &row)? else {
                return Ok(None);
            };
            // Moved since the claims were read, to where nobody has looked.
            let moved_to = stored.enrollment.migrated_to.as_ref();
            if moved_to.is_some_and(|to| !claiming.contains(&to.enrollment)) {
                return Ok(None);
            }
            seen.enrollments.push(stored);
        }
    }
    Ok(Some(seen))
}

/// Columns of an enrollment, in the words of both databases: the keys of its cohorts, and each of its
/// own under its name after `e_`.
macro_rules! enrollment_columns {
    ($list:literal) => {
        concat!(
            "(SELECT ",
            $list,
            " FROM enrollment_cohorts WHERE enrollment_id = e.id) AS cohort_ids, \
             e.id AS e_id, e.offer_id AS e_offer_id, e.state AS e_state, \
             e.enroll_time AS e_enroll_time, e.activate_by_date AS e_activate_by_date, \
             e.activate_time AS e_activate_time, e.term_start_date AS e_term_start_date, \
             e.term_end_date AS e_term_end_date, \
             e.term_not_before_date AS e_term_not_before_date, e.code_source AS e_code_source, \
             e.terms_version AS e_terms_version, \
             e.exposed AS e_exposed, e.cancel_time AS e_cancel_time, \
             e.cancel_reason AS e_cancel_reason, e.reinstate_by_date AS e_reinstate_by_date, \
             e.end_time AS e_end_time, e.end_reason AS e_end_reason, \
             e.migrated_to AS e_migrated_to, e.migrated_from AS e_migrated_from, \
             e.contact AS e_contact, e.revision AS e_revision, e.update_time AS e_update_time"
        )
    };
}
use enrollment_columns;

/// The catalogue's version, in the words of both databases.
macro_rules! version {
    () => {
        "(SELECT catalogue_version FROM offers WHERE id = $1)"
    };
}
use version;

/// `None`: it is of an offer, or rests on a cohort, that is newer than the catalogue.
fn to_stored(catalogue: &Catalogue, row: &QueryResult) -> Result<Option<StoredEnrollment>, Error> {
    let mut model = enrollment::Model::from_query_result(row, "e_")?;
    let Some(offer) = catalogue.offer_name(model.offer_id) else {
        return Ok(None);
    };
    let keys = row.try_get_by_index::<Option<String>>(0)?;
    let mut cohorts = Cohorts::default();
    for key in keys.as_deref().unwrap_or_default().split(',') {
        let Some(listed) = key.parse().ok().and_then(|id| catalogue.cohort(id)) else {
            return Ok(None);
        };
        cohorts.ids.push(listed.cohort.clone());
        cohorts.of = Some(listed.offer.clone());
    }
    cohorts.ids.sort();
    let contact = model.contact.take();
    let enrollment = to_enrollment(model, offer, cohorts)?;
    Ok(Some(StoredEnrollment {
        contact,
        cohorts_retracted: catalogue.none_counts(&enrollment),
        enrollment,
    }))
}

/// Reads rows of: caller, request id, fingerprint, result, contact, code, whether it is of a pool.
fn to_answered(row: &QueryResult) -> Result<Answered, Error> {
    let result = row.try_get_by_index::<Option<sea_orm::prelude::Json>>(3)?;
    let result = result.map(|result| from_json("requests.result", result));
    Ok(Answered {
        caller: row.try_get_by_index(0)?,
        id: RequestId(row.try_get_by_index(1)?),
        fingerprint: row.try_get_by_index(2)?,
        result: result.transpose()?,
        contact: row.try_get_by_index(4)?,
        code: kept_code(row)?,
    })
}

fn kept_code(row: &QueryResult) -> Result<Option<KeptCode>, Error> {
    let sealed = row.try_get_by_index::<Option<Vec<u8>>>(5)?;
    let of_pool = row.try_get_by_index::<Option<bool>>(6)?;
    let kept = sealed.zip(of_pool);
    Ok(kept.map(|(sealed, of_pool)| KeptCode { sealed, of_pool }))
}
