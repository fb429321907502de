//! Packs lists: what a load has staged in chunks becomes rows that hold many entries each, sorted, with
//! a filter over them.
//!
//! Owns: the packing of one list, and where it was left. Must not know: what a load is for, or who asks.
//!
//! **Where it was left.** A list is packed slot after slot (`staged_chunk`), so many at once that memory
//! has a bound. Each piece says in its own transaction up to which slot the load is packed, and only if
//! it was packed up to where the piece begins. So a service that is killed goes on where it was, and of two
//! that pack the same list each piece is kept once. A finished load is packed up to the last slot.
//!
//! **The size of a pack.** On PostgreSQL, 33 entries: seven packs fill a page, or thirteen of those that keep no keys of
//! people, since each is known by the digest itself. (Measured: see the README.)
//! The database searches in them, since it must find in the same statement whether the person is
//! enrolled. On SQLite a table that is its own index has the entries themselves; a piece is small, since
//! nobody else can write meanwhile.

mod postgres;
pub(super) mod reach;
mod sqlite;

use std::{ops::Range, sync::Arc};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Statement};
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;

use self::postgres::PostgresPacks;
use super::{
    Error, Store,
    connect::LaneOptions,
    entity::{list_filter, load},
    filter::Filter,
    member::uuid_of,
    staged_chunk::{self, Directory, SLOTS, is_mark, slot_of},
};
use crate::domain::{
    cohort::LoadState,
    person::{Entry, IdentifierDigest},
};

/// About how many entries are read at once, and share a filter. Where a list was left is counted in these: a release
/// that changes it cannot go on with what another one has begun.
const UNIT: usize = 1_000_000;

/// About how many entries SQLite writes in one transaction.
const SQLITE_PIECE: usize = 16_000;

/// `$2` chunks; `$3` to `$4` slots; `$5` people, `$6` repeated entries.
const ADVANCE: &str = "\
    UPDATE loads SET packed_slots = $4, person_count = COALESCE(person_count, 0) + $5, \
      identifier_count = identifier_count - $6, duplicate_count = duplicate_count + $6 \
    WHERE id = $1 AND last_chunk = $2 AND packed_slots = $3 AND state = 'RECEIVING'";

/// A part of a list, ready to be kept.
struct Piece {
    load_id: i64,
    chunks: i64,
    slots: Range<usize>,
    /// Sorted, each once.
    entries: Vec<Entry>,
    people: i64,
    repeated: i64,
    /// Over all entries of the unit that the piece ends.
    filter: Option<(Range<usize>, Filter)>,
}

impl Store {
    /// Packs what a load has staged, in so many chunks, or the rest of it. Fails with
    /// [`Error::Contention`] when the load was given up, or got another chunk.
    pub async fn pack(&self, load_id: i64, chunks: i64) -> Result<(), Error> {
        let directories = staged_chunk::directories(self, load_id).await?;
        let entries = directories.iter().map(Directory::entries).sum();
        let unit = slots_of(entries, UNIT);
        let piece = if self.is_postgres() {
            unit
        } else {
            slots_of(entries, SQLITE_PIECE)
        };
        let list = Arc::new(StagedList {
            store: self.clone(),
            load_id,
            chunks,
            directories,
            piece,
        });
        let mut packs = Packs::of(self).await?;
        let mut ahead = None::<(usize, AbortOnDropHandle<_>)>;
        'unit: loop {
            let packed = list.packed().await?;
            if packed == SLOTS {
                return Ok(());
            }
            if i64::try_from(list.directories.len()) != Ok(chunks) {
                return Err(Error::affected("read staged chunks"));
            }
            let begin = packed / unit * unit;
            let end = begin + unit;
            // The next one is read and sorted while this one is written.
            let prepared = match ahead.take() {
                Some((ahead, prepared)) if ahead == begin => prepared,
                _ => prepare(list.clone(), begin..end),
            };
            let prepared = prepared.await.map_err(|_| panicked())?;
            let pieces = match prepared {
                Ok(pieces) => pieces,
                // Somebody else was faster, and has taken the chunks away.
                Err(_) if list.packed().await? == SLOTS => return Ok(()),
                Err(error) => return Err(error),
            };
            if end < SLOTS {
                ahead = Some((end, prepare(list.clone(), end..end + unit)));
            }
            let mut packed = packed;
            for piece in pieces {
                if piece.slots.end <= packed {
                    continue;
                }
                if !self.tracked(packs.keep(&piece)).await? {
                    if list.packed().await? == packed {
                        // Nobody was faster: it cannot be gone on with.
                        return Err(Error::Contention);
                    }
                    continue 'unit;
                }
                packed = piece.slots.end;
            }
        }
    }
}

/// A list that is to be packed.
struct StagedList {
    store: Store,
    load_id: i64,
    chunks: i64,
    directories: Vec<Directory>,
    /// Slots of a piece.
    piece: usize,
}

impl StagedList {
    /// Up to which slot it is packed.
    async fn packed(&self) -> Result<usize, Error> {
        let found = load::Entity::find()
            .select_only()
            .column(load::Column::PackedSlots)
            .filter(load::Column::Id.eq(self.load_id))
            .filter(load::Column::LastChunk.eq(self.chunks))
            .filter(load::Column::State.ne(LoadState::Discarded.name()))
            .into_tuple::<i64>()
            .one(self.store.reader())
            .await?;
        let packed = found.ok_or(Error::Contention)?;
        usize::try_from(packed).map_err(|_| Error::unreadable("loads.packed_slots"))
    }
}

/// Reads what stands in some slots, in a task of its own, and makes pieces of it.
fn prepare(
    list: Arc<StagedList>,
    slots: Range<usize>,
) -> AbortOnDropHandle<Result<Vec<Piece>, Error>> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let read = staged_chunk::read(&list.store, list.load_id, &list.directories, &slots).await?;
        let cut = move || Piece::cut(list.load_id, list.chunks, read, &slots, list.piece);
        let pieces = spawn_blocking(cut);
        pieces.await.map_err(|_| panicked())?
    }))
}

fn panicked() -> Error {
    Error::Fault("packing panicked".to_owned())
}

/// How many slots have about so many of so many entries: a power of two.
fn slots_of(entries: usize, wanted: usize) -> usize {
    let parts = (entries / wanted + 1).next_power_of_two();
    (SLOTS / parts).max(1)
}

impl Piece {
    /// Sorts and counts what stands in some slots, and cuts it into pieces of so many.
    fn cut(
        load_id: i64,
        chunks: i64,
        mut read: Vec<Entry>,
        slots: &Range<usize>,
        width: usize,
    ) -> Result<Vec<Self>, Error> {
        Entry::sort(&mut read);
        let mut pieces = Vec::with_capacity(slots.len() / width);
        let mut rest = read.as_slice();
        for begin in slots.clone().step_by(width) {
            let slots = begin..begin + width;
            let end = rest.partition_point(|entry| slot_of(entry.digest) < slots.end);
            let (own, others) = rest.split_at(end);
            rest = others;
            pieces.push(Self::of(load_id, chunks, slots, own)?);
        }
        read.retain(|entry| !is_mark(entry));
        let filter = Filter::over(&read)?;
        if let Some(last) = pieces.last_mut() {
            last.filter = Some((slots.clone(), filter));
        }
        Ok(pieces)
    }

    fn of(load_id: i64, chunks: i64, slots: Range<usize>, sorted: &[Entry]) -> Result<Self, Error> {
        let is_person = |same: &&[Entry]| {
            let mut same = same.iter();
            same.any(|entry| is_mark(entry) || entry.person.0 == entry.digest.0)
        };
        let people = by_digest(sorted).filter(is_person).count();
        let staged = sorted.iter().filter(|entry| !is_mark(entry));
        let mut entries = staged.copied().collect::<Vec<_>>();
        let staged = entries.len();
        entries.dedup();
        let count =
            |number: usize| i64::try_from(number).map_err(|_| Error::affected("entries of a list"));
        Ok(Self {
            load_id,
            chunks,
            slots,
            people: count(people)?,
            repeated: count(staged - entries.len())?,
            entries,
            filter: None,
        })
    }

    /// The parameters of [`ADVANCE`].
    fn advance(&self) -> [i64; 6] {
        let [begin, end] = columns(&self.slots);
        [
            self.load_id,
            self.chunks,
            begin,
            end,
            self.people,
            self.repeated,
        ]
    }
}

/// Where slots begin and end, as it is kept.
fn columns(slots: &Range<usize>) -> [i64; 2] {
    // There are 1,024.
    [slots.start, slots.end].map(|slot| i64::try_from(slot).unwrap_or_default())
}

/// Entries in the order of digests, those with the same one together.
fn by_digest(sorted: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    sorted.chunk_by(|one, other| one.digest == other.digest)
}

/// Where packed lists are kept.
enum Packs<'s> {
    Postgres(PostgresPacks),
    Sqlite(&'s Store),
}

impl<'s> Packs<'s> {
    async fn of(store: &'s Store) -> Result<Self, Error> {
        Ok(match &store.lanes {
            LaneOptions::Postgres(options) => {
                Self::Postgres(PostgresPacks::connect(options).await?)
            }
            LaneOptions::Sqlite => Self::Sqlite(store),
        })
    }

    /// Keeps a piece whole; gives false, and keeps nothing, when it is not the next one.
    async fn keep(&mut self, piece: &Piece) -> Result<bool, Error> {
        match self {
            Self::Postgres(packs) => packs.keep(piece).await,
            Self::Sqlite(store) => sqlite::keep(store, piece).await,
        }
    }
}

/// Takes away what is packed of a load, of the identifiers from one digest to another, both inclusive.
pub async fn delete_of_load(
    db: &impl ConnectionTrait,
    load_id: i64,
    first: IdentifierDigest,
    last: IdentifierDigest,
) -> Result<(), Error> {
    let backend = db.get_database_backend();
    let delete = if backend == sea_orm::DbBackend::Postgres {
        "DELETE FROM packs WHERE load_id = $1 AND first BETWEEN $2 AND $3"
    } else {
        "DELETE FROM listed_members WHERE load_id = $1 AND digest BETWEEN $2 AND $3"
    };
    let values = [
        load_id.into(),
        uuid_of(first.0).into(),
        uuid_of(last.0).into(),
    ];
    let statement = Statement::from_sql_and_values(backend, delete, values);
    db.execute_raw(statement).await?;
    Ok(())
}

/// Takes away the filters of a load.
pub async fn delete_filters_of_load(db: &impl ConnectionTrait, load_id: i64) -> Result<(), Error> {
    list_filter::Entity::delete_many()
        .filter(list_filter::Column::LoadId.eq(load_id))
        .exec(db)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::person::PersonKey;

    fn entry(digest: u8, person: u8) -> Entry {
        Entry {
            digest: IdentifierDigest([digest; 16]),
            person: PersonKey([person; 16]),
        }
    }

    #[test]
    fn a_piece_counts_people_by_their_keys_and_entries_once() {
        // 1 names itself, in two chunks; 7 is marked by two chunks; 9 is called 2, and marked elsewhere.
        let sorted = [(1, 1), (1, 1), (2, 9), (7, 0), (7, 0), (7, 1)];
        let sorted = sorted.map(|(digest, person)| entry(digest, person));

        let piece = Piece::of(1, 1, 0..SLOTS, &sorted).unwrap();

        assert_eq!((piece.people, piece.repeated), (2, 1));
        let kept = [(1, 1), (2, 9), (7, 1)];
        assert_eq!(
            piece.entries,
            kept.map(|(digest, person)| entry(digest, person))
        );
    }

    #[test]
    fn pieces_are_everything_once_and_the_last_has_the_filter() {
        let read = (0..=255).rev().map(|byte| entry(byte, byte.max(1)));
        let read = read.collect::<Vec<_>>();

        let pieces = Piece::cut(1, 1, read.clone(), &(0..SLOTS), SLOTS / 8).unwrap();

        assert_eq!(pieces.len(), 8);
        let together = pieces
            .iter()
            .flat_map(|piece| piece.entries.iter().copied());
        assert!(together.eq(read.into_iter().rev()));
        let filters = pieces.iter().map(|piece| piece.filter.is_some());
        assert!(filters.eq((0..8).map(|piece| piece == 7)));
        assert_eq!(pieces.iter().map(|piece| piece.people).sum::<i64>(), 255);
    }

    #[test]
    fn slots_bound_what_is_read_at_once() {
        assert_eq!(slots_of(0, UNIT), SLOTS);
        assert_eq!(slots_of(UNIT - 1, UNIT), SLOTS);
        assert_eq!(slots_of(54_600_000, UNIT), SLOTS / 64);
        assert_eq!(slots_of(usize::MAX / 2, UNIT), 1);
    }
}
