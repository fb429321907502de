//! A list of people on its way into a cohort.

use std::mem;

use super::{
    LoadClientError, OutgoingRow, Target,
    chunk::NextChunk,
    transfer::{List, Transfer},
    wire::Encoded,
};
use crate::grpc::proto::v1::{self, load_members_request::Part};

/// What is loaded, and where to.
#[derive(Debug, Clone)]
pub struct Source {
    /// `offers/{offer}/cohorts/{cohort}`.
    pub cohort: String,
    /// The last part of the load's name.
    pub load_id: String,
    /// What the list is called where it comes from.
    pub name: String,
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// What names the key that it was hashed with, if it is hashed.
    pub digest_key: Option<String>,
}

impl List for Source {
    type Answer = v1::LoadMembersResponse;
    const PATH: &'static str = "/identityprotection.enrollment.v1.CohortService/LoadMembers";

    fn header(&self) -> Encoded {
        message(Part::Header(v1::LoadHeader {
            cohort: self.cohort.clone(),
            load_id: self.load_id.clone(),
            source_name: self.name.clone(),
            source_sha256: self.sha256.clone(),
            digest_key: self.digest_key.clone().unwrap_or_default(),
        }))
    }

    fn durable(answer: &v1::LoadMembersResponse) -> i64 {
        answer.load.as_ref().map_or(0, |load| load.last_chunk)
    }
}

fn message(part: Part) -> Encoded {
    let durable_from = match &part {
        Part::Chunk(chunk) => Some(chunk.number),
        Part::Header(_) | Part::End(_) => None,
    };
    let message = v1::LoadMembersRequest { part: Some(part) };
    Encoded::of(&message, durable_from)
}

/// A load that is under way.
pub struct LoadClient {
    transfer: Transfer<Source>,
    /// What is not on the way yet.
    next: NextChunk,
    load: v1::Load,
    next_chunk: i64,
    rows: i64,
}

impl LoadClient {
    /// Begins a load, or goes on with it. Fails at once when the service is not there: only a service
    /// that was there is waited for.
    pub async fn begin(target: Target, source: Source) -> Result<Self, LoadClientError> {
        let (transfer, begun) = Transfer::begin(target, source).await?;
        Ok(Self {
            transfer,
            next: NextChunk::default(),
            load: begun.load.unwrap_or_default(),
            next_chunk: 1,
            rows: 0,
        })
    }

    /// The load, as it stood at the last answer.
    pub fn load(&self) -> &v1::Load {
        &self.load
    }

    /// How often it went on after a break.
    pub fn breaks(&self) -> u32 {
        self.transfer.breaks()
    }

    /// How often something had to be sent again: at most once a break.
    pub fn sent_again(&self) -> u32 {
        self.transfer.sent_again()
    }

    /// Adds a row. When a chunk is full, it is sent once the one before is durable. Every run must add
    /// the same rows.
    pub async fn add(&mut self, row: OutgoingRow) -> Result<(), LoadClientError> {
        if !self.next.has_room_for(&row) {
            self.send().await?;
        }
        self.next.add(row);
        Ok(())
    }

    /// Sends the rows that were added since the last chunk, unless the service has them.
    pub async fn send(&mut self) -> Result<(), LoadClientError> {
        let chunk = mem::take(&mut self.next);
        let rows = i64::try_from(chunk.count()).unwrap_or(i64::MAX);
        if rows == 0 {
            return Ok(());
        }
        let number = self.next_chunk;
        self.next_chunk += 1;
        self.rows = self.rows.saturating_add(rows);
        if number <= self.transfer.durable() {
            return Ok(());
        }
        let chunk = message(Part::Chunk(chunk.into_message(number)));
        let answer = self.transfer.send(chunk).await?;
        self.take(answer);
        Ok(())
    }

    /// Ends the load, and waits until the service has all of it.
    pub async fn finish(&mut self) -> Result<(), LoadClientError> {
        self.send().await?;
        let end = v1::LoadEnd {
            chunk_count: self.next_chunk - 1,
            row_count: self.rows,
        };
        let answer = self.transfer.send(message(Part::End(end))).await?;
        self.take(answer);
        let answer = self.transfer.answer().await?;
        self.take(answer);
        Ok(())
    }

    fn take(&mut self, answer: Option<v1::LoadMembersResponse>) {
        if let Some(load) = answer.and_then(|answer| answer.load) {
            self.load = load;
        }
    }
}
