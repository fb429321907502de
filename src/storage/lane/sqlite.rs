//! SQLite has no arrays: lists go in as JSON, digests as their bytes one behind the other, and rows several to a
//! statement.

use std::{mem, sync::OnceLock, vec};

use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait,
    IdenStatic, IntoActiveModel, Iterable, QueryResult, Statement, Value,
};
use uuid::Uuid;

use super::{
    Found, FoundRow, LookStatements, Place,
    changes::{ChangedRow, Given, RequestRow, Rows, Taken},
    enrollment_columns, version,
};
use crate::{
    domain::{code_pool::PoolCounts, person::PersonKey},
    storage::{
        Error,
        catalogue::Catalogue,
        claim::{self, Claim},
        code::{self, SealedCode},
        elsewhere, enrollment,
        entity::{
            activation_code, enrollment as enrollment_entity, enrollment_claim, enrollment_cohort,
            event, request,
        },
        job,
        request::Request,
        transaction::commit_error,
    },
};

/// `$2` lists, in JSON; `$4` for each of them, in their order, the 16 bytes of a digest that may stand on it: with fewer
/// it would find nobody there, and say nothing. Digests as hexadecimal digits in JSON were a fifth of what SQLite did
/// for an enrollment.
const FOUND: &str = concat!(
    "SELECT ",
    version!(),
    ", m.digest, m.load_id, m.person, c.enrollment_id FROM (SELECT 1) \
     LEFT JOIN (json_each($2) d CROSS JOIN listed_members m \
       ON m.load_id = d.value AND m.digest = substr($4, 16 * d.key + 1, 16)) ON true \
     LEFT JOIN enrollment_claims c ON c.offer_id = $3 AND c.person = m.person"
);

const CLAIMS: &str = "\
    SELECT c.person, c.enrollment_id FROM json_each($2) named \
    CROSS JOIN enrollment_claims own ON own.enrollment_id = unhex(named.value) \
    CROSS JOIN enrollment_claims c ON c.offer_id = $1 AND c.person = own.person";

const ENROLLMENTS: &str = concat!(
    "SELECT ",
    enrollment_columns!("group_concat(cohort_id, ',')"),
    " FROM json_each($1) named CROSS JOIN enrollments e ON e.id = unhex(named.value)"
);

const ANSWERED: &str = "\
    SELECT r.caller, r.request_id, r.fingerprint, r.result, e.contact, a.sealed, a.of_pool \
    FROM json_each($1) asked \
    CROSS JOIN requests r \
      ON r.caller = asked.value ->> 0 AND r.request_id = unhex(asked.value ->> 1) \
    LEFT JOIN enrollments e ON e.id = unhex(replace(r.result ->> '$.name.enrollment', '-', '')) \
    LEFT JOIN activation_codes a ON a.enrollment_id = e.id AND a.void_time IS NULL";

const TAKE_CODES: &str = "\
    UPDATE code_pools SET assigned = assigned + $2 \
    WHERE offer_id = $1 AND assigned + $2 <= loaded RETURNING loaded, assigned, low_mark";

const TAKEN_CODES: &str = "\
    SELECT digest, sealed FROM pool_codes WHERE offer_id = $1 AND ordinal > $2 AND ordinal <= $3 \
    ORDER BY ordinal";

/// Looks on a reader, or in the writer's transaction.
pub(super) struct SqliteLook<'a, C>(pub &'a C);

impl<C: ConnectionTrait> LookStatements for SqliteLook<'_, C> {
    async fn found(&mut self, catalogue: &Catalogue, places: &[Place]) -> Result<Found, Error> {
        let digests = places.iter().flat_map(|place| place.digest.into_bytes());
        let values = [
            catalogue.offer.id.into(),
            list(places.iter().map(|place| place.load_id)).into(),
            catalogue.first_offer_id.into(),
            digests.collect::<Vec<_>>().into(),
        ];
        let rows = query(self.0, FOUND, values).await?;
        let mut found = Found {
            version: rows
                .first()
                .ok_or_else(|| Error::affected("find"))?
                .try_get_by_index(0)?,
            rows: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            // Where nobody is found, there is one row with the version alone.
            if let Some(digest) = row.try_get_by_index::<Option<Uuid>>(1)? {
                found.rows.push(FoundRow {
                    digest,
                    load_id: row.try_get_by_index(2)?,
                    person: row.try_get_by_index(3)?,
                    enrollment: row.try_get_by_index(4)?,
                });
            }
        }
        Ok(found)
    }

    async fn claims(&mut self, catalogue: &Catalogue, ids: &[Uuid]) -> Result<Vec<Claim>, Error> {
        let values = [catalogue.first_offer_id.into(), uuids(ids).into()];
        let rows = query(self.0, CLAIMS, values).await?;
        rows.iter()
            .map(|row| {
                Ok(Claim {
                    person: PersonKey(row.try_get_by_index::<Uuid>(0)?.into_bytes()),
                    enrollment: row.try_get_by_index(1)?,
                })
            })
            .collect()
    }

    async fn enrollments(&mut self, ids: &[Uuid]) -> Result<Vec<QueryResult>, Error> {
        query(self.0, ENROLLMENTS, [uuids(ids).into()]).await
    }
}

async fn query<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &'static str,
    values: [Value; N],
) -> Result<Vec<QueryResult>, Error> {
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    Ok(db.query_all_raw(statement).await?)
}

fn uuids(ids: &[Uuid]) -> String {
    list(ids.iter().map(|id| hex::encode(id.as_bytes())))
}

pub(super) async fn answered(
    db: &impl ConnectionTrait,
    requests: &[&Request],
) -> Result<Vec<QueryResult>, Error> {
    let asked = list(
        requests
            .iter()
            .map(|request| [request.caller.clone(), hex::encode(request.id.0.as_bytes())]),
    );
    query(db, ANSWERED, [asked.into()]).await
}

/// Ends before it begins: whoever is freed in this turn can be claimed in it.
pub(super) async fn write(
    transaction: DatabaseTransaction,
    mut rows: Rows,
) -> Result<Given, Error> {
    if let Some(piece) = &rows.piece {
        job::advance(&transaction, piece).await?;
    }
    for (person, turn) in mem::take(&mut rows.turns) {
        elsewhere::count_up(&transaction, person, turn).await?;
    }
    elsewhere::add_aliases(&transaction, mem::take(&mut rows.aliases)).await?;
    let (begun, ended) = rows
        .changed
        .iter()
        .partition::<Vec<_>, _>(|changed| changed.live);
    let ids = |changed: &[&ChangedRow]| changed.iter().map(|changed| changed.row.id).collect();
    claim::set_live(&transaction, ids(&ended), false).await?;
    claim::set_live(&transaction, ids(&begun), true).await?;
    for changed in mem::take(&mut rows.changed) {
        enrollment::update(&transaction, changed.seen, changed.row).await?;
    }
    for (enrollment, time) in mem::take(&mut rows.void) {
        code::void(&transaction, enrollment, time).await?;
    }
    let given = match rows.wanted() {
        0 => Given::default(),
        wanted => rows.give(take_codes(&transaction, rows.offer_id, wanted).await?)?,
    };
    let inserts = [
        Insert::of::<enrollment_entity::Entity>(rows.enrollments),
        Insert::of::<enrollment_cohort::Entity>(rows.cohorts),
        Insert::of::<enrollment_claim::Entity>(rows.claims),
        Insert::of::<activation_code::Entity>(rows.codes),
        Insert::of::<event::Entity>(rows.events),
        Insert::of_requests(rows.requests),
    ];
    insert(&transaction, inserts).await?;
    transaction.commit().await.map_err(commit_error)?;
    Ok(given)
}

/// Takes so many codes out of the pool, or none when it has not as many.
async fn take_codes(db: &impl ConnectionTrait, offer_id: i64, wanted: i64) -> Result<Taken, Error> {
    let take = query(db, TAKE_CODES, [offer_id.into(), wanted.into()]).await?;
    let Some(pool) = take.first() else {
        return Ok(Taken {
            codes: Vec::new(),
            counts: PoolCounts::default(),
        });
    };
    let counts = PoolCounts {
        loaded: pool.try_get_by_index(0)?,
        assigned: pool.try_get_by_index(1)?,
        low_mark: pool.try_get_by_index(2)?,
    };
    let values = [
        offer_id.into(),
        (counts.assigned - wanted).into(),
        counts.assigned.into(),
    ];
    let rows = query(db, TAKEN_CODES, values).await?;
    let codes = rows.iter().map(|row| {
        Ok(SealedCode {
            digest: row.try_get_by_index::<Uuid>(0)?.into_bytes(),
            sealed: row.try_get_by_index(1)?,
        })
    });
    Ok(Taken {
        codes: codes.collect::<Result<_, Error>>()?,
        counts,
    })
}

/// Adds rows to every table, those that are referred to before those that refer to them. Most turns add
/// as many to each: those go to the driver together, since the way to its thread and back costs as much
/// as several rows.
async fn insert(db: &impl ConnectionTrait, mut inserts: [Insert; 6]) -> Result<(), Error> {
    let of_each = inserts.iter().map(|insert| insert.rows.len()).min();
    for (rows, text) in pieces(of_each.unwrap_or_default(), &OF_EACH) {
        let text = text.get_or_init(|| {
            let texts = inserts.each_ref().map(|insert| (insert.text)(rows));
            texts.join(";")
        });
        let values = inserts.iter_mut().flat_map(|insert| insert.take(rows));
        execute(db, text, values.collect()).await?;
    }
    for (mut insert, texts) in inserts.into_iter().zip(&OF_ONE) {
        for (rows, text) in pieces(insert.rows.len(), texts) {
            let text = text.get_or_init(|| (insert.text)(rows));
            execute(db, text, insert.take(rows).collect()).await?;
        }
    }
    Ok(())
}

/// The texts that add 1, 2, 4, ... 64 rows.
type Texts = [OnceLock<String>; 7];

/// To each table.
static OF_EACH: Texts = [const { OnceLock::new() }; 7];

/// To one of them.
static OF_ONE: [Texts; 6] = [const { [const { OnceLock::new() }; 7] }; 6];

/// The pieces in which so many rows are added, largest first, and their texts: of a few sizes, so that
/// each statement is made and prepared once.
fn pieces(
    rows: usize,
    texts: &'static Texts,
) -> impl Iterator<Item = (usize, &'static OnceLock<String>)> {
    let mut left = rows;
    let sizes = texts.iter().enumerate().rev();
    sizes.flat_map(move |(power, text)| {
        let size = 1 << power;
        let pieces = left / size;
        left %= size;
        std::iter::repeat_n((size, text), pieces)
    })
}

/// Rows on their way into a table.
struct Insert {
    /// The statement for so many of them.
    text: fn(usize) -> String,
    rows: vec::IntoIter<Vec<Value>>,
}

impl Insert {
    fn of<E>(rows: Vec<E::Model>) -> Self
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        let rows = rows.into_iter().map(|row| {
            let mut row = row.into_active_model();
            let columns = E::Column::iter().map(|column| row.take(column));
            columns.filter_map(ActiveValue::into_value).collect()
        });
        Self {
            text: text::<E>,
            rows: rows.collect::<Vec<_>>().into_iter(),
        }
    }

    /// Without a model, which has a tree of JSON values where these have text.
    fn of_requests(rows: Vec<RequestRow>) -> Self {
        let rows = rows.into_iter().map(|row| {
            let result = String::from(Box::<str>::from(row.result));
            let (mut caller, mut fingerprint) = (Some(row.caller), Some(row.fingerprint));
            let mut result = Some(result);
            let columns = request::Column::iter().map(|column| match column {
                request::Column::Caller => caller.take().into(),
                request::Column::RequestId => row.request_id.into(),
                request::Column::Fingerprint => fingerprint.take().into(),
                request::Column::Result => result.take().into(),
                request::Column::CreateTime => row.create_time.into(),
            });
            columns.collect()
        });
        Self {
            text: text::<request::Entity>,
            rows: rows.collect::<Vec<_>>().into_iter(),
        }
    }

    fn take(&mut self, rows: usize) -> impl Iterator<Item = Value> {
        self.rows.by_ref().take(rows).flatten()
    }
}

fn text<E: EntityTrait>(rows: usize) -> String {
    let columns = E::Column::iter().map(|column| column.as_str().to_owned());
    let columns = columns.collect::<Vec<_>>();
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    format!(
        "INSERT INTO {} ({}) VALUES {}",
        E::default().table_name(),
        columns.join(", "),
        vec![row; rows].join(", ")
    )
}

async fn execute(db: &impl ConnectionTrait, text: &str, values: Vec<Value>) -> Result<(), Error> {
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, text, values);
    db.execute_raw(statement).await?;
    Ok(())
}

fn list<T: serde::Serialize>(values: impl Iterator<Item = T>) -> String {
    let values = values.map(|value| serde_json::json!(value)).collect();
    serde_json::Value::Array(values).to_string()
}
