//! The other side of `LoadMembers`: sends a list chunk by chunk, and goes on by itself after a break.
//!
//! One chunk is on the way, and is kept until it is answered, while its sender makes the next one ready.
//! After a break the load is begun again with the same header; the answer says which chunk is the last
//! durable one, and the one that was on the way is sent again if it is not.

mod chunk;
mod error;
mod row;
mod wire;

use std::{fmt, mem, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::{sync::mpsc, time::sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming, metadata::MetadataValue, transport::Endpoint};

use self::{chunk::NextChunk, wire::Encoded};
pub use self::{
    error::LoadClientError,
    row::{OutgoingRow, Written},
};
use super::proto::v1::{self, load_members_request::Part};

/// How long it takes at most until a service that is there has let a connection in.
const CONNECT: Duration = Duration::from_secs(10);

/// How often a service is asked whether it is still there, and how long it has to answer: one that is cut
/// off says nothing.
const PING: Duration = Duration::from_secs(10);

/// The wait before the first try after a break. Each one after it is twice as long, a little more or
/// less, so that many loaders do not come back all at once.
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// The longest wait between two tries.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

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

/// What is told of each break, and of the wait before the next try.
pub type OnBreak = dyn Fn(&LoadClientError, Duration) + Send + Sync;

/// How the service is reached, now and after a break.
pub struct Target {
    /// Its address.
    pub endpoint: String,
    /// Gives the token. Asked at each connection: tokens end sooner than long loads.
    pub token: Box<dyn Fn() -> Option<String> + Send + Sync>,
    /// How long is waited, in all, for a service that does not come back.
    pub patience: Duration,
    /// Who is told of breaks.
    pub on_break: Box<OnBreak>,
}

impl Target {
    /// A service that is not waited for.
    pub fn once(endpoint: String, token: String) -> Self {
        Self {
            endpoint,
            token: Box::new(move || Some(token.clone())),
            patience: Duration::ZERO,
            on_break: Box::new(|_, _| {}),
        }
    }

    /// The waits before the tries after a break.
    fn delays(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LONGEST_DELAY)
            .without_max_times()
            .with_total_delay(Some(self.patience))
            .build()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target(redacted)")
    }
}

/// A load that is under way.
pub struct LoadClient {
    target: Target,
    source: Source,
    delays: ExponentialBackoff,
    connection: Connection,
    /// What is not on the way yet.
    next: NextChunk,
    /// What is on the way.
    unanswered: Option<Encoded>,
    load: v1::Load,
    next_chunk: i64,
    rows: i64,
    breaks: u32,
    sent_again: u32,
}

impl LoadClient {
    /// Begins a load, or goes on with it. Fails at once when the service is not there: only a service
    /// that was there is waited for.
    pub async fn begin(target: Target, source: Source) -> Result<Self, LoadClientError> {
        let (connection, load) = Connection::begin(&target, &source).await?;
        Ok(Self {
            delays: target.delays(),
            target,
            source,
            connection,
            next: NextChunk::default(),
            unanswered: None,
            load,
            next_chunk: 1,
            rows: 0,
            breaks: 0,
            sent_again: 0,
        })
    }

    /// The load, as it stood at the last answer.
    pub fn load(&self) -> &v1::Load {
        &self.load
    }

    /// How often it went on after a break.
    pub fn breaks(&self) -> u32 {
        self.breaks
    }

    /// How often something had to be sent again: at most once a break.
    pub fn sent_again(&self) -> u32 {
        self.sent_again
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
        if number <= self.load.last_chunk {
            return Ok(());
        }
        self.send_next(Encoded::of(Part::Chunk(chunk.into_message(number))))
            .await
    }

    /// Ends the load, and waits until the service has all of it.
    pub async fn finish(&mut self) -> Result<(), LoadClientError> {
        self.send().await?;
        let end = v1::LoadEnd {
            chunk_count: self.next_chunk - 1,
            row_count: self.rows,
        };
        self.send_next(Encoded::of(Part::End(end))).await?;
        self.await_answer().await
    }

    async fn send_next(&mut self, message: Encoded) -> Result<(), LoadClientError> {
        self.await_answer().await?;
        self.connection.send(message.clone()).await;
        self.unanswered = Some(message);
        Ok(())
    }

    /// Waits until nothing is on the way.
    async fn await_answer(&mut self) -> Result<(), LoadClientError> {
        while self.unanswered.is_some() {
            match self.connection.answer().await {
                Ok(load) => {
                    self.unanswered = None;
                    self.take(load);
                }
                Err(error) => self.go_on_after(error).await?,
            }
        }
        Ok(())
    }

    async fn go_on_after(&mut self, mut error: LoadClientError) -> Result<(), LoadClientError> {
        let (connection, load) = loop {
            let delay = self.delays.next().filter(|_| error.passes());
            let Some(delay) = delay else {
                return Err(error);
            };
            (self.target.on_break)(&error, delay);
            sleep(delay).await;
            match Connection::begin(&self.target, &self.source).await {
                Ok(begun) => break begun,
                Err(again) => error = again,
            }
        };
        self.breaks += 1;
        self.connection = connection;
        let last = load.last_chunk;
        let is_durable = |message: &mut Encoded| message.chunk.is_some_and(|chunk| chunk <= last);
        self.unanswered.take_if(is_durable);
        self.take(load);
        if let Some(message) = &self.unanswered {
            self.connection.send(message.clone()).await;
            self.sent_again += 1;
        }
        Ok(())
    }

    fn take(&mut self, load: v1::Load) {
        if load.last_chunk > self.load.last_chunk {
            // It moves: the next break may last as long as the first.
            self.delays = self.target.delays();
        }
        self.load = load;
    }
}

/// A stream to the service.
struct Connection {
    outgoing: mpsc::Sender<Encoded>,
    answers: Streaming<v1::LoadMembersResponse>,
}

impl Connection {
    /// Sends the header, and gives the load as the service has it.
    async fn begin(target: &Target, source: &Source) -> Result<(Self, v1::Load), LoadClientError> {
        let channel = Endpoint::from_shared(target.endpoint.clone())
            .map_err(|_| LoadClientError::Unusable("--endpoint"))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .connect()
            .await
            .map_err(|_| LoadClientError::Unreachable)?;
        let token = (target.token)().unwrap_or_default();
        let bearer = MetadataValue::try_from(format!("Bearer {token}"))
            .map_err(|_| LoadClientError::Unusable("--token-file"))?;
        let (outgoing, messages) = mpsc::channel(1);
        let header = Part::Header(v1::LoadHeader {
            cohort: source.cohort.clone(),
            load_id: source.load_id.clone(),
            source_name: source.name.clone(),
            source_sha256: source.sha256.clone(),
            digest_key: source.digest_key.clone().unwrap_or_default(),
        });
        let _ = outgoing.send(Encoded::of(header)).await;
        let mut request = Request::new(ReceiverStream::new(messages));
        request.metadata_mut().insert("authorization", bearer);
        let answers = wire::load_members(channel, request).await?;
        let mut connection = Self { outgoing, answers };
        let load = connection.answer().await?;
        Ok((connection, load))
    }

    async fn send(&self, message: Encoded) {
        // When the service has ended the stream, its last answer says why.
        let _ = self.outgoing.send(message).await;
    }

    async fn answer(&mut self) -> Result<v1::Load, LoadClientError> {
        let answer = self.answers.message().await?;
        let answer = answer.ok_or(LoadClientError::Broken)?;
        Ok(answer.load.unwrap_or_default())
    }
}
