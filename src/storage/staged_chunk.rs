//! Chunks of lists that are still coming in: a row for each, whole, as durable as its transaction.
//!
//! A chunk keeps its entries sorted, 32 bytes each, and says where each slot of them begins: a slot is
//! a 1,024th of all digests, by their first ten bits. So whoever packs a list reads a range of digests out
//! of all of its chunks, in memory that the range bounds and not the list, but for two KiB of each chunk.
//!
//! A person of whom a row has only identifiers that are not the person's key is marked: an entry of the
//! key, with nobody in it. With the marks, people can be counted in the order of digests: there is one
//! wherever a digest is marked, or names itself.

use std::ops::Range;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect, Statement,
};

use super::{Error, Store, entity::staged_chunk};
use crate::domain::person::{Entry, IdentifierDigest, PersonKey};

/// How many slots there are.
pub const SLOTS: usize = 1 << SLOT_BITS;

const SLOT_BITS: u32 = 10;

/// Bytes of an entry.
const ENTRY: usize = 32;

/// How many chunks are read, or taken away, by one statement.
const PAGE: u64 = 200;

/// What a chunk brings.
#[derive(Debug)]
pub struct StagedChunk(Vec<Entry>);

impl StagedChunk {
    /// These entries, each once; those of a person stand together.
    pub fn of(listed: &[Entry]) -> Self {
        let mut entries = listed.to_vec();
        for person in listed.chunk_by(|one, next| one.person == next.person) {
            let key = person.first().map(|entry| entry.person.0);
            let key = key.filter(|key| person.iter().all(|entry| entry.digest.0 != *key));
            entries.extend(key.map(|key| Entry {
                digest: IdentifierDigest(key),
                person: PersonKey::NOBODY,
            }));
        }
        Entry::sort(&mut entries);
        entries.dedup();
        Self(entries)
    }

    /// How many identifiers it has, each with each person whom it names.
    pub fn identifiers(&self) -> usize {
        self.0.iter().filter(|entry| !is_mark(entry)).count()
    }

    /// For each slot, how many entries come before its end: two bytes each.
    fn slots(&self) -> Result<Vec<u8>, Error> {
        let mut slots = Vec::with_capacity(SLOTS * 2);
        for slot in 0..SLOTS {
            let end = self
                .0
                .partition_point(|entry| slot_of(entry.digest) <= slot);
            let end = u16::try_from(end).map_err(|_| Error::affected("a chunk's entries"))?;
            slots.extend(end.to_be_bytes());
        }
        Ok(slots)
    }
}

/// Whether the entry only says that there is a person of this key.
pub(super) fn is_mark(entry: &Entry) -> bool {
    entry.person == PersonKey::NOBODY
}

/// The slot of an identifier.
pub(super) fn slot_of(digest: IdentifierDigest) -> usize {
    let [first, second, ..] = digest.0;
    usize::from(u16::from_be_bytes([first, second]) >> (u16::BITS - SLOT_BITS))
}

/// Keeps a chunk.
pub async fn insert(
    db: &impl ConnectionTrait,
    load_id: i64,
    number: i64,
    chunk: &StagedChunk,
) -> Result<(), Error> {
    let row = staged_chunk::ActiveModel {
        load_id: Set(load_id),
        chunk: Set(number),
        entries: Set(to_bytes(&chunk.0)),
        slots: Set(chunk.slots()?),
    };
    staged_chunk::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Where a chunk's slots are.
pub(super) struct Directory {
    chunk: i64,
    slots: Vec<u8>,
}

impl Directory {
    /// How many entries come before this slot.
    fn before(&self, slot: usize) -> usize {
        let end = slot
            .checked_sub(1)
            .and_then(|last| self.slots.get(last * 2..last * 2 + 2));
        end.and_then(|end| <[u8; 2]>::try_from(end).ok())
            .map_or(0, |end| usize::from(u16::from_be_bytes(end)))
    }

    /// How many entries the chunk has.
    pub fn entries(&self) -> usize {
        self.before(SLOTS)
    }

    /// Where the entries of these slots begin, from 1, and how long they are, both in bytes.
    fn slice(&self, slots: &Range<usize>) -> Option<(i64, i64, i64)> {
        let (begin, end) = (self.before(slots.start), self.before(slots.end));
        let bytes = |entries: usize| i64::try_from(entries * ENTRY).ok();
        let slice = (self.chunk, bytes(begin)? + 1, bytes(end - begin)?);
        (end > begin).then_some(slice)
    }
}

/// The directories of all chunks of a load.
pub(super) async fn directories(store: &Store, load_id: i64) -> Result<Vec<Directory>, Error> {
    let mut directories = Vec::<Directory>::new();
    loop {
        let after = directories.last().map_or(0, |last| last.chunk);
        let page = staged_chunk::Entity::find()
            .select_only()
            .columns([staged_chunk::Column::Chunk, staged_chunk::Column::Slots])
            .filter(staged_chunk::Column::LoadId.eq(load_id))
            .filter(staged_chunk::Column::Chunk.gt(after))
            .order_by_asc(staged_chunk::Column::Chunk)
            .limit(PAGE)
            .into_tuple::<(i64, Vec<u8>)>()
            .all(store.reader())
            .await?;
        if page.is_empty() {
            return Ok(directories);
        }
        let page = page.into_iter();
        directories.extend(page.map(|(chunk, slots)| Directory { chunk, slots }));
    }
}

const READ_ON_POSTGRES: &str = "\
    SELECT substring(s.entries FROM slice.place FOR slice.bytes) AS entries \
    FROM unnest($2::bigint[], $3::bigint[]::int[], $4::bigint[]::int[]) \
      AS slice (chunk, place, bytes) \
    JOIN staged_chunks s ON s.load_id = $1 AND s.chunk = slice.chunk";

const READ_ON_SQLITE: &str = "\
    SELECT substr(s.entries, slice.value ->> 1, slice.value ->> 2) AS entries \
    FROM json_each($2) slice \
    CROSS JOIN staged_chunks s ON s.load_id = $1 AND s.chunk = slice.value ->> 0";

/// All entries of these slots, in no order, each as often as chunks have it.
pub(super) async fn read(
    store: &Store,
    load_id: i64,
    directories: &[Directory],
    slots: &Range<usize>,
) -> Result<Vec<Entry>, Error> {
    #[derive(FromQueryResult)]
    struct Slice {
        entries: Vec<u8>,
    }
    let slices = directories
        .iter()
        .filter_map(|directory| directory.slice(slots))
        .collect::<Vec<_>>();
    let statement = if store.is_postgres() {
        let chunks = slices.iter().map(|slice| slice.0).collect::<Vec<_>>();
        let places = slices.iter().map(|slice| slice.1).collect::<Vec<_>>();
        let bytes = slices.iter().map(|slice| slice.2).collect::<Vec<_>>();
        let values = [load_id.into(), chunks.into(), places.into(), bytes.into()];
        Statement::from_sql_and_values(DbBackend::Postgres, READ_ON_POSTGRES, values)
    } else {
        let slices = serde_json::json!(slices).to_string();
        let values = [load_id.into(), slices.into()];
        Statement::from_sql_and_values(DbBackend::Sqlite, READ_ON_SQLITE, values)
    };
    let read = Slice::find_by_statement(statement)
        .all(store.reader())
        .await?;
    if read.len() != slices.len() {
        return Err(Error::affected("read staged chunks"));
    }
    let entries = read.iter().flat_map(|slice| {
        let (entries, _) = slice.entries.as_chunks::<ENTRY>();
        entries.iter().map(to_entry)
    });
    Ok(entries.collect())
}

/// The entries as they are kept.
pub(super) fn to_bytes(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY);
    for entry in entries {
        bytes.extend_from_slice(&entry.digest.0);
        bytes.extend_from_slice(&entry.person.0);
    }
    bytes
}

fn to_entry(bytes: &[u8; ENTRY]) -> Entry {
    let [mut digest, mut person] = [[0; 16]; 2];
    let (first, second) = bytes.split_at(16);
    digest.copy_from_slice(first);
    person.copy_from_slice(second);
    Entry {
        digest: IdentifierDigest(digest),
        person: PersonKey(person),
    }
}

/// Takes away all chunks at once, unless another list is coming in: to take away those of 24 million entries one
/// after the other took five seconds. Nobody is waited for, and nobody else needs the table.
const EMPTY: &str = "\
    DO $$ BEGIN \
      LOCK TABLE staged_chunks IN ACCESS EXCLUSIVE MODE NOWAIT; \
      IF NOT EXISTS (SELECT FROM staged_chunks s JOIN loads l ON l.id = s.load_id \
                     WHERE l.state = 'RECEIVING') THEN \
        TRUNCATE staged_chunks; \
      END IF; \
    END $$";

impl Store {
    /// Takes away the chunks of a load that is packed.
    pub async fn unstage(&self, load_id: i64) -> Result<(), Error> {
        if self.is_postgres() {
            // If somebody uses the table, or may not empty it, the longer way is left.
            let _ = self.writer.execute_unprepared(EMPTY).await;
        }
        while delete_some(&self.writer, load_id).await? {}
        Ok(())
    }
}

/// Takes some chunks of a load away; gives whether there may be more.
pub async fn delete_some(db: &impl ConnectionTrait, load_id: i64) -> Result<bool, Error> {
    let last = staged_chunk::Entity::find()
        .select_only()
        .column(staged_chunk::Column::Chunk)
        .filter(staged_chunk::Column::LoadId.eq(load_id))
        .order_by_asc(staged_chunk::Column::Chunk)
        .limit(PAGE)
        .into_tuple::<i64>()
        .all(db)
        .await?
        .pop();
    let Some(last) = last else {
        return Ok(false);
    };
    staged_chunk::Entity::delete_many()
        .filter(staged_chunk::Column::LoadId.eq(load_id))
        .filter(staged_chunk::Column::Chunk.lte(last))
        .exec(db)
        .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry((digest, person): (u8, u8)) -> Entry {
        Entry {
            digest: IdentifierDigest([digest; 16]),
            person: PersonKey([person; 16]),
        }
    }

    #[test]
    fn each_entry_is_there_once_and_where_its_slot_says() {
        let listed = [(1, 1), (200, 1), (3, 9), (255, 9), (200, 1)];
        let chunk = StagedChunk::of(&listed.map(entry));
        // 1 and 200 of person 1, 3 and 255 of person 9, who is marked, as is person 1 by the last row.
        assert_eq!(chunk.identifiers(), 4);
        assert_eq!(chunk.0.len(), 6);
        let directory = Directory {
            chunk: 7,
            slots: chunk.slots().unwrap(),
        };
        assert_eq!(directory.entries(), 6);
        assert_eq!(directory.slice(&(0..SLOTS)), Some((7, 1, 192)));
        let half = SLOTS / 2;
        assert_eq!(directory.slice(&(0..half)), Some((7, 1, 128)));
        assert_eq!(directory.slice(&(half..SLOTS)), Some((7, 129, 64)));
        let slot = slot_of(chunk.0.last().unwrap().digest);
        assert_eq!(directory.slice(&(slot..slot + 1)), Some((7, 161, 32)));
        assert_eq!(directory.slice(&(slot - 1..slot)), None);
    }
}
