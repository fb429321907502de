//! Streams, each in a task of its own. One that loads a list has a header, chunks, an end, and an answer to each
//! message once what it brought is durable; what a message brings is told by its [`Receiver`].

use std::{future::Future, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::{layers::limit::Place, status};
use crate::{
    app::{Error, error::Overload},
    domain::violation::{Rule, Violation},
};

/// Answers that wait for their reader; more messages are not read before.
const ANSWERS_AHEAD: usize = 2;

/// How long a stream may be silent: it holds a call's place.
const SILENCE: Duration = Duration::from_mins(5);

/// Takes the messages of one stream, in their order.
pub(super) trait Receiver: Send + 'static {
    /// A message.
    type Message: Send + 'static;
    /// What it is answered.
    type Answer: Send + 'static;
    /// The largest message, in bytes.
    const MAX_BYTES: usize;

    /// Whether nothing comes behind this message.
    fn is_end(message: &Self::Message) -> bool;

    /// Does what the message asks for.
    fn receive(
        &mut self,
        message: Self::Message,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// The answers to a stream.
pub(super) type Answers<A> = ReceiverStream<Result<A, Status>>;

/// Receives a list, in a task that goes on when its caller has gone away until the message at hand is done.
pub(super) fn answer<R: Receiver>(
    request: Request<Streaming<R::Message>>,
    receiver: R,
) -> Response<Answers<R::Answer>> {
    let place = request.extensions().get::<Place>().cloned();
    let stream = request.into_inner();
    in_background(place, |answers| receive(receiver, stream, answers))
}

/// Answers a stream from a task of its own, which keeps the call's place until it ends.
pub(super) fn in_background<A, W>(
    place: Option<Place>,
    work: impl FnOnce(mpsc::Sender<Result<A, Status>>) -> W,
) -> Response<Answers<A>>
where
    W: Future<Output = ()> + Send + 'static,
{
    let (answers, replies) = mpsc::channel(ANSWERS_AHEAD);
    let working = work(answers);
    let whole = async move {
        working.await;
        drop(place);
    };
    tokio::spawn(whole.in_current_span());
    Response::new(ReceiverStream::new(replies))
}

/// Receives a list until its end, its first error, or the caller's leave.
async fn receive<R: Receiver>(
    mut receiver: R,
    mut stream: Streaming<R::Message>,
    answers: mpsc::Sender<Result<R::Answer, Status>>,
) {
    loop {
        let message = match next(&mut stream, R::MAX_BYTES).await {
            Ok(Some(message)) => message,
            // Half-closed without an end: what is durable stays, and the load can go on later.
            Ok(None) => return,
            Err(error) => {
                let _ = tell(&answers, Err(error)).await;
                return;
            }
        };
        let ended = R::is_end(&message);
        let answer = receiver.receive(message).await;
        let failed = answer.is_err();
        let answer = answer.map_err(Status::from);
        // Nobody reads any more: the caller went away, and can go on later.
        if tell(&answers, answer).await.is_err() || failed || ended {
            return;
        }
    }
}

/// The next message of at most so many bytes; `None` when the caller half-closes the stream.
pub(super) async fn next<M>(
    stream: &mut Streaming<M>,
    max_bytes: usize,
) -> Result<Option<M>, Status> {
    match timeout(SILENCE, stream.message()).await {
        Ok(message) => message.map_err(|error| status::from_protocol(&error, Some(max_bytes))),
        Err(_) => Err(Error::Overloaded(Overload::Deadline).into()),
    }
}

/// Nobody reads what is answered.
pub(super) struct Gone;

/// Answers something, if anybody reads it.
pub(super) async fn tell<A>(
    answers: &mpsc::Sender<Result<A, Status>>,
    answer: Result<A, Status>,
) -> Result<(), Gone> {
    match timeout(SILENCE, answers.send(answer)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

/// A part that comes where it must not.
pub(super) enum Misplaced {
    SecondHeader,
    ChunkBeforeHeader,
    EndBeforeHeader,
    NoPart,
}

impl From<Misplaced> for Error {
    fn from(misplaced: Misplaced) -> Self {
        let (field, rule) = match misplaced {
            Misplaced::SecondHeader => ("header", "must come once"),
            Misplaced::ChunkBeforeHeader => ("chunk", "must come after a header"),
            Misplaced::EndBeforeHeader => ("end", "must come after a header"),
            Misplaced::NoPart => ("part", "must be a header, a chunk or an end"),
        };
        Self::Invalid(vec![Violation {
            field: field.to_owned(),
            rule: Rule(rule),
        }])
    }
}
