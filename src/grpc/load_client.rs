//! The other side of `LoadMembers`: sends a list, a few chunks ahead of their answers.

use std::fmt;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming, metadata::MetadataValue, transport::Endpoint};
use tonic_types::StatusExt;

use super::proto::v1::{
    self, cohort_service_client::CohortServiceClient, identifier::Value, load_members_request::Part,
};
use crate::domain::{identifier::Kind, person::Member};

/// Chunks on the way at once.
const AHEAD: usize = 4;

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
}

/// A person to be sent.
#[derive(Debug)]
pub enum OutgoingRow {
    /// By identifiers.
    Plain(Written),
    /// By digests.
    Hashed(Member),
    /// Not readable: to be counted, and rejected.
    Unreadable,
}

/// What is written in a row of a list.
#[derive(Default)]
pub struct Written {
    /// The company's own key of the person.
    pub person_id: Option<String>,
    /// Identifiers.
    pub identifiers: Vec<(Kind, String)>,
}

impl Written {
    /// How long it is, in bytes.
    pub fn bytes(&self) -> usize {
        let identifiers = self.identifiers.iter().map(|(_, text)| text.len());
        identifiers.sum::<usize>() + self.person_id.as_deref().map_or(0, str::len)
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(redacted)")
    }
}

/// Why a load does not go on.
#[derive(Debug, thiserror::Error)]
pub enum LoadClientError {
    /// The address or the token cannot be used at all.
    #[error("{0} cannot be used")]
    Unusable(&'static str),
    /// The service cannot be reached.
    #[error("the service cannot be reached")]
    Unreachable,
    /// The service refused.
    #[error("the service refused ({reason}): {text}")]
    Refused {
        /// The reason of the error.
        reason: String,
        /// Its text.
        text: String,
    },
    /// The service ended the stream too early.
    #[error("the connection broke: run it again to go on")]
    Broken,
}

impl From<tonic::Status> for LoadClientError {
    fn from(status: tonic::Status) -> Self {
        match status.get_error_details().error_info() {
            Some(info) => Self::Refused {
                reason: info.reason.clone(),
                text: status.message().to_owned(),
            },
            None => Self::Broken,
        }
    }
}

/// A load that is under way.
pub struct LoadClient {
    outgoing: mpsc::Sender<v1::LoadMembersRequest>,
    answers: Streaming<v1::LoadMembersResponse>,
    load: v1::Load,
    next_chunk: i64,
    rows: i64,
    unanswered: usize,
}

impl LoadClient {
    /// Begins a load, or goes on with it.
    pub async fn begin(
        endpoint: &str,
        token: &str,
        source: Source,
    ) -> Result<Self, LoadClientError> {
        let channel = Endpoint::from_shared(endpoint.to_owned())
            .map_err(|_| LoadClientError::Unusable("--endpoint"))?
            .connect()
            .await
            .map_err(|_| LoadClientError::Unreachable)?;
        let bearer = MetadataValue::try_from(format!("Bearer {token}"))
            .map_err(|_| LoadClientError::Unusable("--token-file"))?;
        let (outgoing, messages) = mpsc::channel(AHEAD);
        let header = Part::Header(v1::LoadHeader {
            cohort: source.cohort,
            load_id: source.load_id,
            source_name: source.name,
            source_sha256: source.sha256,
        });
        let header = v1::LoadMembersRequest { part: Some(header) };
        outgoing
            .send(header)
            .await
            .map_err(|_| LoadClientError::Broken)?;
        let mut request = Request::new(ReceiverStream::new(messages));
        request.metadata_mut().insert("authorization", bearer);
        let answers = CohortServiceClient::new(channel)
            .load_members(request)
            .await?
            .into_inner();
        let mut client = Self {
            outgoing,
            answers,
            load: v1::Load::default(),
            next_chunk: 1,
            rows: 0,
            unanswered: 1,
        };
        client.await_answer().await?;
        Ok(client)
    }

    /// Sends the next chunk, unless the service has it. Each call must bring the same rows as in an
    /// earlier run.
    pub async fn send(&mut self, rows: Vec<OutgoingRow>) -> Result<(), LoadClientError> {
        let number = self.next_chunk;
        self.next_chunk += 1;
        self.rows = self
            .rows
            .saturating_add(i64::try_from(rows.len()).unwrap_or(i64::MAX));
        if number <= self.load.last_chunk {
            return Ok(());
        }
        if self.unanswered >= AHEAD {
            self.await_answer().await?;
        }
        let rows = rows.into_iter().map(message).collect();
        self.send_part(Part::Chunk(v1::LoadChunk { number, rows }))
            .await
    }

    /// Ends the load; gives it as the service has it.
    pub async fn finish(mut self) -> Result<v1::Load, LoadClientError> {
        let chunk_count = self.next_chunk - 1;
        let row_count = self.rows;
        let end = v1::LoadEnd {
            chunk_count,
            row_count,
        };
        self.send_part(Part::End(end)).await?;
        while self.unanswered > 0 {
            self.await_answer().await?;
        }
        Ok(self.load)
    }

    async fn send_part(&mut self, part: Part) -> Result<(), LoadClientError> {
        let message = v1::LoadMembersRequest { part: Some(part) };
        self.unanswered += 1;
        if self.outgoing.send(message).await.is_err() {
            // The service has ended the stream: its last answer says why.
            while self.unanswered > 0 {
                self.await_answer().await?;
            }
        }
        Ok(())
    }

    async fn await_answer(&mut self) -> Result<(), LoadClientError> {
        let answer = self
            .answers
            .message()
            .await?
            .ok_or(LoadClientError::Broken)?;
        self.unanswered -= 1;
        self.load = answer.load.unwrap_or_default();
        Ok(())
    }
}

fn message(row: OutgoingRow) -> v1::MemberRow {
    use v1::member_row::Member as M;

    let member = match row {
        OutgoingRow::Plain(written) => Some(M::Plain(v1::PlainMember {
            identifiers: written
                .identifiers
                .into_iter()
                .map(|(kind, value)| identifier(kind, value))
                .collect(),
            person_id: written.person_id.unwrap_or_default(),
        })),
        OutgoingRow::Hashed(member) => Some(M::Hashed(v1::HashedMember {
            person: member.person.0.to_vec(),
            identifiers: member
                .identifiers
                .iter()
                .map(|digest| digest.0.to_vec())
                .collect(),
        })),
        OutgoingRow::Unreadable => None,
    };
    v1::MemberRow { member }
}

fn identifier(kind: Kind, value: String) -> v1::Identifier {
    let value = match kind {
        Kind::CustomerId => Value::CustomerId(value),
        Kind::PhoneNumber => Value::PhoneNumber(value),
        Kind::Email => Value::Email(value),
        Kind::NoticeCode => Value::NoticeCode(value),
        Kind::TaxId => Value::TaxId(value),
    };
    v1::Identifier { value: Some(value) }
}
