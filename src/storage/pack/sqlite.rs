//! SQLite: entries are rows of a table that is its own index.

use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, Statement};

use super::{ADVANCE, Piece, columns};
use crate::storage::{
    Error, Store, entity::list_filter, staged_chunk::to_bytes, transaction::commit_error,
};

/// Reads the entries out of one value, 32 bytes each: a parameter for each costs several times as much.
const INSERT: &str = "\
    WITH RECURSIVE place (byte) AS ( \
        SELECT 1 WHERE length($2) > 0 UNION ALL \
        SELECT byte + 32 FROM place WHERE byte + 32 < length($2)) \
    INSERT INTO listed_members (load_id, digest, person) \
    SELECT $1, substr($2, byte, 16), substr($2, byte + 16, 16) FROM place";

pub(super) async fn keep(store: &Store, piece: &Piece) -> Result<bool, Error> {
    let transaction = store.begin().await?;
    let statement = |text, values: Vec<sea_orm::Value>| {
        Statement::from_sql_and_values(DbBackend::Sqlite, text, values)
    };
    let advance = piece.advance().map(sea_orm::Value::from);
    let advanced = transaction
        .execute_raw(statement(ADVANCE, advance.to_vec()))
        .await?;
    if advanced.rows_affected() != 1 {
        transaction.rollback().await?;
        return Ok(false);
    }
    let entries = to_bytes(&piece.entries);
    let values = vec![piece.load_id.into(), entries.into()];
    transaction.execute_raw(statement(INSERT, values)).await?;
    if let Some((slots, filter)) = &piece.filter {
        let [begin, end] = columns(slots);
        let row = list_filter::ActiveModel {
            load_id: Set(piece.load_id),
            first_slot: Set(begin),
            end_slot: Set(end),
            filter: Set(filter.to_bytes()),
            pack_reach: Set(None),
        };
        list_filter::Entity::insert(row)
            .exec_without_returning(&transaction)
            .await?;
    }
    transaction.commit().await.map_err(commit_error)?;
    Ok(true)
}
