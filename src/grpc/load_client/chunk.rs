//! Where a list is cut into chunks: always at the same places, so that chunk numbers mean the same rows
//! in every run.

use super::OutgoingRow;
use crate::{
    app::loads::{MAX_IDENTIFIERS, MAX_ROWS},
    domain::identifier::MAX_PER_PERSON,
    grpc::{member_stream::MAX_LOAD_MESSAGE_BYTES, proto::v1},
};

/// How large a chunk becomes before it is cut off, in bytes: the longest row still fits behind it.
const FULL: usize = MAX_LOAD_MESSAGE_BYTES * 3 / 4;

/// What the protocol puts around a row or an identifier, in bytes, at the most.
const FRAME: usize = 16;

/// Rows that are gathered for the next chunk: hashed ones, or others.
#[derive(Default)]
pub(super) struct NextChunk {
    rows: Vec<v1::MemberRow>,
    hashed: v1::HashedRows,
    identifiers: usize,
    bytes: usize,
}

impl NextChunk {
    /// How many rows it has.
    pub fn count(&self) -> usize {
        self.rows.len() + self.hashed.count()
    }

    /// Whether this row can come in: hashed ones and others do not stand in one chunk.
    pub fn has_room_for(&self, row: &OutgoingRow) -> bool {
        let own_kind = match row {
            OutgoingRow::Hashed(_) => self.rows.is_empty(),
            OutgoingRow::Plain(_) => self.hashed.count() == 0,
            OutgoingRow::Unreadable => true,
        };
        own_kind
            && self.count() < MAX_ROWS
            && self.identifiers + MAX_PER_PERSON <= MAX_IDENTIFIERS
            && self.bytes < FULL
    }

    pub fn add(&mut self, row: OutgoingRow) {
        match row {
            OutgoingRow::Hashed(member) => {
                self.identifiers += member.identifiers.len();
                self.hashed.push(Some(&member));
            }
            OutgoingRow::Unreadable if self.hashed.count() > 0 => self.hashed.push(None),
            OutgoingRow::Unreadable => self.rows.push(v1::MemberRow::default()),
            OutgoingRow::Plain(written) => {
                self.identifiers += written.identifiers.len();
                self.bytes += written.bytes() + FRAME * (1 + written.identifiers.len());
                self.rows.push(written.into());
            }
        }
    }

    /// What it becomes as the chunk of this number.
    pub fn into_message(self, number: i64) -> v1::LoadChunk {
        v1::LoadChunk {
            number,
            rows: self.rows,
            hashed_rows: Some(self.hashed).filter(|rows| rows.count() > 0),
        }
    }
}
