//! Pools of codes: what came in, and how far it is used up. Codes are taken out of them by a
//! [`lane`](super::lane), with what is written of those who get them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement,
};
use uuid::Uuid;

use super::{
    Error, Row,
    code::SealedCode,
    entity::{activation_code, code_pool, pool_code},
    member::uuid_of,
    row::IN_LIST,
};
use crate::domain::{code_pool::PoolCounts, offer::Offer};

/// How many codes come in by one statement.
const PIECE: usize = 1_000;

/// A code on its way into a pool.
#[derive(Debug)]
pub struct PooledCode {
    /// The row of its load in which it stands.
    pub row: i64,
    /// The code.
    pub code: SealedCode,
}

/// Where a code stands that is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownCode {
    /// In this row of this load.
    Loaded {
        /// Key of the load.
        load_id: i64,
        /// The row.
        row: i64,
    },
    /// It was minted here.
    Minted,
}

/// How far the pool of this offer is used up; `None` when no code was ever loaded.
pub async fn find(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
) -> Result<Option<PoolCounts>, Error> {
    let row = code_pool::Entity::find_by_id(offer.id).one(db).await?;
    Ok(row.map(|row| PoolCounts {
        loaded: row.loaded,
        assigned: row.assigned,
        low_mark: row.low_mark,
    }))
}

/// How many codes the pool of this offer has left.
pub async fn left(db: &impl ConnectionTrait, offer: &Row<Offer>) -> Result<i64, Error> {
    let counts = find(db, offer).await?;
    Ok(counts.unwrap_or_default().left())
}

/// When the code with this ordinal was given out; `None` when it was not.
pub async fn assign_time(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    ordinal: i64,
) -> Result<Option<DateTime<Utc>>, Error> {
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT a.assign_time FROM pool_codes c JOIN activation_codes a ON a.digest = c.digest \
         WHERE c.offer_id = $1 AND c.ordinal = $2",
        [offer.id.into(), ordinal.into()],
    );
    let row = db.query_one_raw(statement).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}

/// How many codes of this pool were given out and have been replaced since.
pub async fn count_void(db: &impl ConnectionTrait, offer: &Row<Offer>) -> Result<i64, Error> {
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT count(*) FROM activation_codes a JOIN pool_codes c ON c.digest = a.digest \
         WHERE a.void_time IS NOT NULL AND c.offer_id = $1",
        [offer.id.into()],
    );
    let row = db.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| Error::affected("count activation_codes"))?;
    Ok(row.try_get_by_index(0)?)
}

/// Those of these codes that are known already, by their digests.
pub async fn known(
    db: &impl ConnectionTrait,
    codes: impl Iterator<Item = [u8; 16]>,
) -> Result<HashMap<[u8; 16], KnownCode>, Error> {
    let digests = codes.map(uuid_of).collect::<Vec<_>>();
    let mut known = HashMap::new();
    for digests in digests.chunks(IN_LIST) {
        let minted = activation_code::Entity::find()
            .filter(activation_code::Column::Digest.is_in(digests.iter().copied()))
            .all(db)
            .await?;
        let minted = minted
            .into_iter()
            .map(|row| (row.digest, KnownCode::Minted));
        known.extend(minted.map(by_bytes));
        let pooled = pool_code::Entity::find()
            .filter(pool_code::Column::Digest.is_in(digests.iter().copied()))
            .all(db)
            .await?;
        let pooled = pooled.into_iter().map(|row| {
            let load_id = row.code_load_id;
            let loaded = KnownCode::Loaded {
                load_id,
                row: row.row,
            };
            (row.digest, loaded)
        });
        // One that was given out is both: here, it is what was loaded.
        known.extend(pooled.map(by_bytes));
    }
    Ok(known)
}

fn by_bytes((digest, known): (Uuid, KnownCode)) -> ([u8; 16], KnownCode) {
    (digest.into_bytes(), known)
}

/// Adds codes to a pool, to be given out in this order after those that are there. Nobody else may add any
/// until the transaction ends. On PostgreSQL, whoever takes codes waits from the last statement on only; on SQLite for
/// the whole transaction.
pub async fn fill(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    load_id: i64,
    codes: Vec<PooledCode>,
) -> Result<(), Error> {
    if codes.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(codes.len()).map_err(|_| Error::affected("insert pool_codes"))?;
    let before = find(db, offer).await?.unwrap_or_default().loaded;
    let codes = (before + 1..).zip(codes);
    let mut rows = codes.map(|(ordinal, pooled)| pool_code::ActiveModel {
        offer_id: Set(offer.id),
        ordinal: Set(ordinal),
        digest: Set(uuid_of(pooled.code.digest)),
        sealed: Set(pooled.code.sealed),
        code_load_id: Set(load_id),
        row: Set(pooled.row),
    });
    loop {
        let piece = rows.by_ref().take(PIECE).collect::<Vec<_>>();
        if piece.is_empty() {
            break;
        }
        pool_code::Entity::insert_many(piece)
            .exec_without_returning(db)
            .await?;
    }
    // A tenth of what is left now, rounded up, is when it is low.
    let count = Statement::from_sql_and_values(
        db.get_database_backend(),
        "INSERT INTO code_pools (offer_id, loaded, assigned, low_mark) \
         VALUES ($1, $2, 0, ($2 + 9) / 10) \
         ON CONFLICT (offer_id) DO UPDATE SET loaded = code_pools.loaded + $2, \
           low_mark = (code_pools.loaded - code_pools.assigned + $2 + 9) / 10",
        [offer.id.into(), count.into()],
    );
    db.execute_raw(count).await?;
    Ok(())
}
