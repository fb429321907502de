//! PostgreSQL: a row holds many entries, in two arrays, on a connection that is held while a list is packed.

use sea_orm::sqlx::{self, Connection, PgConnection, postgres::PgConnectOptions};

use super::{ADVANCE, Piece, by_digest, columns, reach::reach_of};
use crate::{
    domain::person::Entry,
    storage::{Error, member::uuid_of},
};

/// Entries of a pack, more only when so many have one digest: seven packs fill a page, thirteen without keys.
const PACK: usize = 33;

/// Packs in one statement.
const PACKS: usize = 1_000;

/// Cuts two long arrays: to make each pack's own would cost an allocation for each of its entries.
const INSERT: &str = "\
    INSERT INTO packs (load_id, first, digests, people) \
    SELECT $1, ($2::uuid[])[begins], ($2::uuid[])[begins:ends], \
      CASE WHEN keyed THEN ($3::uuid[])[begins:ends] END \
    FROM unnest($4::int[], $5::int[], $6::boolean[]) AS pack (begins, ends, keyed)";

const INSERT_FILTER: &str = "\
    INSERT INTO list_filters (load_id, first_slot, end_slot, filter, pack_reach) VALUES ($1, $2, $3, $4, $5)";

/// A connection that packs are written on.
pub(super) struct PostgresPacks(PgConnection);

impl PostgresPacks {
    pub async fn connect(options: &PgConnectOptions) -> Result<Self, Error> {
        let connected = PgConnection::connect_with(options).await;
        Ok(Self(connected.map_err(|error| Error::from(&error))?))
    }

    pub async fn keep(&mut self, piece: &Piece) -> Result<bool, Error> {
        let transaction = self.0.begin().await;
        let mut transaction = transaction.map_err(|error| Error::from(&error))?;
        let kept = keep(&mut transaction, piece).await;
        if kept.map_err(|error| Error::from(&error))? {
            let committed = transaction.commit().await;
            committed.map_err(|error| Error::of_commit(&error))?;
            return Ok(true);
        }
        let ended = transaction.rollback().await;
        ended.map_err(|error| Error::from(&error))?;
        Ok(false)
    }
}

async fn keep(connection: &mut PgConnection, piece: &Piece) -> Result<bool, sqlx::Error> {
    let mut advance = sqlx::query(ADVANCE);
    for value in piece.advance() {
        advance = advance.bind(value);
    }
    if advance.execute(&mut *connection).await?.rows_affected() != 1 {
        return Ok(false);
    }
    let mut packs = Vec::with_capacity(PACKS);
    for pack in packs_of(&piece.entries) {
        packs.push(pack);
        if packs.len() == PACKS {
            insert(connection, piece.load_id, &packs).await?;
            packs.clear();
        }
    }
    insert(connection, piece.load_id, &packs).await?;
    if let Some((slots, filter)) = &piece.filter {
        let [begin, end] = columns(slots);
        sqlx::query(INSERT_FILTER)
            .bind(piece.load_id)
            .bind(begin)
            .bind(end)
            .bind(filter.to_bytes())
            .bind(reach_of(packs_of(&piece.entries)).filter(|_| piece.slots == *slots))
            .execute(connection)
            .await?;
    }
    Ok(true)
}

/// Cuts sorted entries into packs; those with one digest stay together.
fn packs_of(sorted: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let mut rest = sorted;
    std::iter::from_fn(move || {
        let same = by_digest(rest).map(<[Entry]>::len);
        let mut whole = same.scan(0, |end, same| {
            *end += same;
            Some(*end)
        });
        // The first end that makes a full pack, or that of everything.
        let end = whole.find(|end| *end >= PACK).unwrap_or(rest.len());
        let (pack, others) = rest.split_at(end);
        rest = others;
        (!pack.is_empty()).then_some(pack)
    })
}

/// Whether somebody is known by another key than the digest: all others need not be kept twice.
fn is_keyed(pack: &[Entry]) -> bool {
    pack.iter().any(|entry| entry.person.0 != entry.digest.0)
}

async fn insert(
    connection: &mut PgConnection,
    load_id: i64,
    packs: &[&[Entry]],
) -> Result<(), sqlx::Error> {
    if packs.is_empty() {
        return Ok(());
    }
    let entries = || packs.iter().copied().flatten();
    let ends = packs.iter().scan(0, |end, pack| {
        *end += i32::try_from(pack.len()).unwrap_or_default();
        Some(*end)
    });
    let ends = ends.collect::<Vec<i32>>();
    let begins = std::iter::once(1).chain(ends.iter().map(|end| end + 1));
    let begins = begins.take(packs.len()).collect::<Vec<i32>>();
    let keyed = packs.iter().map(|pack| is_keyed(pack)).collect::<Vec<_>>();
    // Nothing is sent that would not be kept.
    let people = if keyed.contains(&true) {
        entries().map(|entry| uuid_of(entry.person.0)).collect()
    } else {
        Vec::new()
    };
    sqlx::query(INSERT)
        .bind(load_id)
        .bind(
            entries()
                .map(|entry| uuid_of(entry.digest.0))
                .collect::<Vec<_>>(),
        )
        .bind(people)
        .bind(begins)
        .bind(ends)
        .bind(&keyed)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::person::{IdentifierDigest, PersonKey};

    #[test]
    fn packs_are_full_and_part_no_two_of_one_digest() {
        let entry = |digest: u16| Entry {
            digest: IdentifierDigest(u128::from(digest).to_be_bytes()),
            person: PersonKey([1; 16]),
        };
        let lone = (0..40).map(entry).collect::<Vec<_>>();
        assert!(packs_of(&lone).map(<[Entry]>::len).eq([33, 7]));
        let shared = [vec![entry(0); 30], vec![entry(1); 50], vec![entry(2)]].concat();
        assert!(packs_of(&shared).map(<[Entry]>::len).eq([80, 1]));
        assert_eq!(packs_of(&[]).count(), 0);
    }
}
