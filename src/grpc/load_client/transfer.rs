//! A list on its way, whatever it is a list of: one message after the other, and what happens after a break.

use std::{fmt, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use prost::Message;
use tokio::{sync::mpsc, time::sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming, metadata::MetadataValue, transport::Endpoint};

use super::{LoadClientError, wire, wire::Encoded};

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

/// A list, and the method that takes it.
pub(super) trait List {
    /// What each message is answered.
    type Answer: Message + Default + 'static;
    /// The method.
    const PATH: &'static str;

    /// The message that begins the load, or goes on with it.
    fn header(&self) -> Encoded;

    /// How far the load is durable by this answer.
    fn durable(answer: &Self::Answer) -> i64;
}

/// A list on its way.
pub(super) struct Transfer<L: List> {
    target: Target,
    list: L,
    delays: ExponentialBackoff,
    connection: Connection<L>,
    /// What is on the way.
    unanswered: Option<Encoded>,
    durable: i64,
    breaks: u32,
    sent_again: u32,
}

impl<L: List> Transfer<L> {
    /// Begins a load, or goes on with it. Fails at once when the service is not there: only a service
    /// that was there is waited for.
    pub async fn begin(target: Target, list: L) -> Result<(Self, L::Answer), LoadClientError> {
        let (connection, answer) = Connection::begin(&target, &list).await?;
        let transfer = Self {
            delays: target.delays(),
            target,
            connection,
            unanswered: None,
            durable: L::durable(&answer),
            list,
            breaks: 0,
            sent_again: 0,
        };
        Ok((transfer, answer))
    }

    /// How often it went on after a break.
    pub fn breaks(&self) -> u32 {
        self.breaks
    }

    /// How often something had to be sent again: at most once a break.
    pub fn sent_again(&self) -> u32 {
        self.sent_again
    }

    /// How far the load is durable.
    pub fn durable(&self) -> i64 {
        self.durable
    }

    /// Sends a message once the one before is answered, and gives that answer: after a break, what the load was
    /// when it went on may stand for it.
    pub async fn send(&mut self, message: Encoded) -> Result<Option<L::Answer>, LoadClientError> {
        let answer = self.answer().await?;
        self.connection.send(message.clone()).await;
        self.unanswered = Some(message);
        Ok(answer)
    }

    /// Waits until nothing is on the way.
    pub async fn answer(&mut self) -> Result<Option<L::Answer>, LoadClientError> {
        let mut last = None;
        while self.unanswered.is_some() {
            let answer = match self.connection.answer().await {
                Ok(answer) => {
                    self.unanswered = None;
                    answer
                }
                Err(error) => self.go_on_after(error).await?,
            };
            let durable = L::durable(&answer);
            if durable > self.durable {
                // It moves: the next break may last as long as the first.
                self.delays = self.target.delays();
            }
            self.durable = durable;
            last = Some(answer);
        }
        Ok(last)
    }

    async fn go_on_after(
        &mut self,
        mut error: LoadClientError,
    ) -> Result<L::Answer, LoadClientError> {
        let (connection, answer) = loop {
            let delay = self.delays.next().filter(|_| error.passes());
            let Some(delay) = delay else {
                return Err(error);
            };
            (self.target.on_break)(&error, delay);
            sleep(delay).await;
            match Connection::begin(&self.target, &self.list).await {
                Ok(begun) => break begun,
                Err(again) => error = again,
            }
        };
        self.breaks += 1;
        self.connection = connection;
        let durable = L::durable(&answer);
        let is_done = |message: &mut Encoded| message.durable_from.is_some_and(|at| at <= durable);
        self.unanswered.take_if(is_done);
        if let Some(message) = &self.unanswered {
            self.connection.send(message.clone()).await;
            self.sent_again += 1;
        }
        Ok(answer)
    }
}

/// A stream to the service.
struct Connection<L: List> {
    outgoing: mpsc::Sender<Encoded>,
    answers: Streaming<L::Answer>,
}

impl<L: List> Connection<L> {
    /// Sends the header, and gives the load as the service has it.
    async fn begin(target: &Target, list: &L) -> Result<(Self, L::Answer), LoadClientError> {
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
        let _ = outgoing.send(list.header()).await;
        let mut request = Request::new(ReceiverStream::new(messages));
        request.metadata_mut().insert("authorization", bearer);
        let answers = wire::call(channel, L::PATH, request).await?;
        let mut connection = Self { outgoing, answers };
        let answer = connection.answer().await?;
        Ok((connection, answer))
    }

    async fn send(&self, message: Encoded) {
        // When the service has ended the stream, its last answer says why.
        let _ = self.outgoing.send(message).await;
    }

    async fn answer(&mut self) -> Result<L::Answer, LoadClientError> {
        let answer = self.answers.message().await?;
        answer.ok_or(LoadClientError::Broken)
    }
}
