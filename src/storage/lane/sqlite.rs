//! SQLite: lists go in as JSON, since it has no arrays; rows as rows of several.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, IntoActiveModel, QueryResult,
    Statement, Value,
};
use uuid::Uuid;

use super::{
    Found, FoundRow, LookStatements,
    changes::{ChangedRow, Rows},
    enrollment_columns, version,
};
use crate::{
    domain::person::{IdentifierDigest, PersonKey},
    storage::{
        Error,
        claim::{self, Claim},
        enrollment,
        entity::{
            activation_code, enrollment as enrollment_entity, enrollment_claim, enrollment_cohort,
            event, request,
        },
        request::Request,
        transaction::commit_error,
    },
};

/// Rows of one INSERT: enough that the statement's own cost is shared, few enough that the statements
/// of all sizes are soon known.
const ROWS: usize = 32;

const FOUND: &str = concat!(
    "SELECT ",
    version!(),
    ", m.digest, m.load_id, m.person, c.enrollment_id FROM (SELECT 1) \
     LEFT JOIN (json_each($2) d CROSS JOIN members m ON m.digest = unhex(d.value)) ON true \
     LEFT JOIN enrollment_claims c ON c.offer_id = $1 AND c.person = m.person"
);

const CLAIMS: &str = "\
    SELECT c.person, c.enrollment_id FROM json_each($2) named \
    CROSS JOIN enrollment_claims own \
      ON own.enrollment_id = unhex(named.value) AND own.offer_id = $1 \
    CROSS JOIN enrollment_claims c ON c.offer_id = $1 AND c.person = own.person";

const ENROLLMENTS: &str = concat!(
    "SELECT ",
    enrollment_columns!("group_concat(cohort_id, ',')"),
    " FROM json_each($1) named CROSS JOIN enrollments e ON e.id = unhex(named.value)"
);

const ANSWERED: &str = "\
    SELECT r.caller, r.request_id, r.fingerprint, r.result, e.contact, a.sealed \
    FROM json_each($1) asked \
    CROSS JOIN requests r \
      ON r.caller = asked.value ->> 0 AND r.request_id = unhex(asked.value ->> 1) \
    LEFT JOIN enrollments e ON e.id = unhex(replace(r.result ->> '$.name.enrollment', '-', '')) \
    LEFT JOIN activation_codes a ON a.enrollment_id = e.id AND a.void_time IS NULL";

/// Looks on a reader, or in the writer's transaction.
pub(super) struct SqliteLook<'a, C>(pub &'a C);

impl<C: ConnectionTrait> LookStatements for SqliteLook<'_, C> {
    async fn found(&mut self, offer_id: i64, digests: &[IdentifierDigest]) -> Result<Found, Error> {
        let digests = list(digests.iter().map(|digest| hex::encode(digest.0)));
        let values = [offer_id.into(), digests.into()];
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

    async fn claims(&mut self, offer_id: i64, ids: &[Uuid]) -> Result<Vec<Claim>, Error> {
        let rows = query(self.0, CLAIMS, [offer_id.into(), uuids(ids).into()]).await?;
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
pub(super) async fn write(transaction: DatabaseTransaction, rows: Rows) -> Result<(), Error> {
    let (begun, ended) = rows
        .changed
        .iter()
        .partition::<Vec<_>, _>(|changed| changed.live);
    let ids = |changed: &[&ChangedRow]| changed.iter().map(|changed| changed.row.id).collect();
    claim::set_live(&transaction, ids(&ended), false).await?;
    claim::set_live(&transaction, ids(&begun), true).await?;
    for changed in rows.changed {
        enrollment::update(&transaction, changed.seen, changed.row).await?;
    }
    insert::<enrollment_entity::Entity, _>(&transaction, rows.enrollments).await?;
    insert::<enrollment_cohort::Entity, _>(&transaction, rows.cohorts).await?;
    insert::<enrollment_claim::Entity, _>(&transaction, rows.claims).await?;
    insert::<activation_code::Entity, _>(&transaction, rows.codes).await?;
    insert::<event::Entity, _>(&transaction, rows.events).await?;
    insert::<request::Entity, _>(&transaction, rows.requests).await?;
    transaction.commit().await.map_err(commit_error)
}

async fn insert<E, M>(transaction: &DatabaseTransaction, rows: Vec<M>) -> Result<(), Error>
where
    E: EntityTrait<Model = M>,
    M: IntoActiveModel<E::ActiveModel> + Clone,
    E::ActiveModel: sea_orm::ActiveModelTrait<Entity = E>,
{
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().cloned().map(|row| {
            // Every column is written, not only those that changed.
            sea_orm::ActiveModelTrait::reset_all(row.into_active_model())
        });
        E::insert_many(rows)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

fn list<T: serde::Serialize>(values: impl Iterator<Item = T>) -> String {
    let values = values.map(|value| serde_json::json!(value)).collect();
    serde_json::Value::Array(values).to_string()
}
