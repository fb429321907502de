//! A connection with the calls that are on it. It has no task and wakes nobody: whoever drives it reads
//! all that has come, and what is sent meanwhile goes out at once.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

use super::{
    Script,
    call::{Call, Ended},
    frames::{self, Frame},
    headers::GoodTrailers,
    outgoing::Outgoing,
};

/// Room for what comes in at once; at least a frame.
const INCOMING: usize = 1 << 18;
/// What the server may be sent ahead before it says otherwise.
const INITIAL_WINDOW: i64 = 65_535;

pub(super) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A connection on which a script is called.
pub struct Line {
    stream: TcpStream,
    script: Arc<Script>,
    good_trailers: GoodTrailers,
    incoming: Vec<u8>,
    filled: usize,
    outgoing: Outgoing,
    allowed: Allowed,
    /// By their streams.
    calls: HashMap<u32, Call>,
    /// Calls that the server does not allow yet.
    waiting: VecDeque<(Call, Vec<u8>)>,
}

/// What the server allows.
struct Allowed {
    streams: usize,
    stream_window: i64,
    window: i64,
    is_known: bool,
}

impl Line {
    /// Connects, and waits for what the server allows.
    pub async fn to(address: SocketAddr, script: &Arc<Script>) -> Result<Self, Broken> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut line = Self {
            stream,
            script: script.clone(),
            good_trailers: GoodTrailers::default(),
            incoming: vec![0; INCOMING],
            filled: 0,
            outgoing: Outgoing::to(address, script)?,
            allowed: Allowed {
                streams: 0,
                stream_window: INITIAL_WINDOW,
                window: INITIAL_WINDOW,
                is_known: false,
            },
            calls: HashMap::new(),
            waiting: VecDeque::new(),
        };
        while !line.allowed.is_known {
            line.turn(|_, _| ()).await?;
        }
        Ok(line)
    }

    /// Makes the call of this number; gives the reply's message.
    pub async fn ask(&mut self, number: u64) -> Result<Vec<u8>, Broken> {
        self.begin(number, Instant::now());
        let mut answer = None;
        while answer.is_none() {
            self.turn(|_, ended| answer = Some(ended)).await?;
        }
        let ended = answer.ok_or("no answer")?;
        match ended.failure {
            Some(failure) => Err(failure.into()),
            None => Ok(ended.reply.get(5..).unwrap_or_default().to_vec()),
        }
    }

    /// Begins the call of this number, as soon as the server allows. It goes out with the next poll.
    pub(super) fn begin(&mut self, number: u64, since: Instant) {
        let call = Call::new(number, since);
        let message = (self.script.message)(number);
        self.waiting.push_back((call, message));
        self.put_waiting();
    }

    /// Calls that have begun and not ended.
    pub(super) fn in_flight(&self) -> usize {
        self.calls.len() + self.waiting.len()
    }

    /// Reads all that has come, tells what has ended (which may begin further calls), and sends what is
    /// to be sent. Ready when something has come.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut on_end: impl FnMut(&mut Self, Ended),
    ) -> Poll<Result<(), Broken>> {
        let mut outcome = Poll::Pending;
        while let Poll::Ready(read) = self.poll_read(context) {
            read?;
            outcome = Poll::Ready(Ok(()));
            self.take_frames(&mut on_end)?;
        }
        self.put_waiting();
        if let Poll::Ready(Err(error)) = self.outgoing.poll_write(&mut self.stream, context) {
            return Poll::Ready(Err(error.into()));
        }
        outcome
    }

    async fn turn(&mut self, mut on_end: impl FnMut(&mut Self, Ended)) -> Result<(), Broken> {
        poll_fn(|context| self.poll(context, &mut on_end)).await
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let room = self.incoming.get_mut(self.filled..).unwrap_or_default();
        let mut room = ReadBuf::new(room);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut room))?;
        let read = room.filled().len();
        self.filled += read;
        Poll::Ready(match read {
            0 => Err("the server has closed the connection".into()),
            _ => Ok(()),
        })
    }

    fn take_frames(&mut self, on_end: &mut impl FnMut(&mut Self, Ended)) -> Result<(), Broken> {
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = incoming.get(..self.filled).unwrap_or_default();
        while let Some(frame) = frames::first(rest) {
            rest = rest.get(frame.size()..).unwrap_or_default();
            if let Some(ended) = self.take(frame)? {
                on_end(self, ended);
            }
        }
        let taken = self.filled - rest.len();
        self.incoming = incoming;
        self.incoming.copy_within(taken..self.filled, 0);
        self.filled -= taken;
        Ok(())
    }

    fn take(&mut self, frame: Frame<'_>) -> Result<Option<Ended>, Broken> {
        match frame.kind {
            frames::DATA | frames::HEADERS => return self.take_reply(frame),
            frames::RST_STREAM => {
                // One that has ended already is of no interest.
                let code = frames::number(frame.payload);
                let call = self.calls.remove(&frame.stream);
                return Ok(call.map(|call| call.ended(Err(format!("reset with {code}")))));
            }
            frames::SETTINGS if !frame.is(frames::ACK) => self.take_settings(frame.payload),
            frames::PING if !frame.is(frames::ACK) => {
                self.outgoing.acknowledge(frames::PING, frame.payload);
            }
            // Those of a stream do not matter: no message is longer than what it has at first.
            frames::WINDOW_UPDATE if frame.stream == 0 => {
                self.allowed.window += i64::from(frames::number(frame.payload));
            }
            frames::GOAWAY => return Err("the server goes away".into()),
            frames::PUSH_PROMISE | frames::CONTINUATION => {
                return Err(format!("a frame of kind {}", frame.kind).into());
            }
            _ => {}
        }
        Ok(None)
    }

    fn take_reply(&mut self, frame: Frame<'_>) -> Result<Option<Ended>, Broken> {
        if frame.is(frames::PADDED | frames::WITH_PRIORITY) {
            return Err("a frame with padding or a priority".into());
        }
        let is_data = frame.kind == frames::DATA;
        if is_data {
            self.outgoing.make_room(u32::try_from(frame.payload.len())?);
        } else if !frame.is(frames::END_HEADERS) {
            return Err("headers in more than one frame".into());
        }
        let call = self.calls.get_mut(&frame.stream);
        let call = call.ok_or("a reply to no call")?;
        if is_data {
            call.reply.extend_from_slice(frame.payload);
        } else {
            let said = &mut call.said;
            if frame.is(frames::END_STREAM) {
                said.read_last(frame.payload, &mut self.good_trailers)?;
            } else {
                said.read_headers(frame.payload)?;
            }
        }
        if !frame.is(frames::END_STREAM) {
            return Ok(None);
        }
        let call = self.calls.remove(&frame.stream);
        Ok(call.map(|call| {
            let judged = call.judge(&self.script);
            call.ended(judged)
        }))
    }

    fn take_settings(&mut self, payload: &[u8]) {
        if !self.allowed.is_known {
            // No limit, unless it says so.
            self.allowed.streams = usize::MAX;
            self.allowed.is_known = true;
        }
        for (identifier, value) in frames::settings(payload) {
            match identifier {
                frames::MAX_CONCURRENT_STREAMS => {
                    self.allowed.streams = usize::try_from(value).unwrap_or(usize::MAX);
                }
                frames::INITIAL_WINDOW_SIZE => self.allowed.stream_window = i64::from(value),
                _ => {}
            }
        }
        self.outgoing.acknowledge(frames::SETTINGS, &[]);
    }

    /// Puts what the server allows into what is to be sent.
    fn put_waiting(&mut self) {
        while self.calls.len() < self.allowed.streams {
            let Some((_, message)) = self.waiting.front() else {
                return;
            };
            let size = i64::try_from(message.len() + 5).unwrap_or(i64::MAX);
            if size > self.allowed.window.min(self.allowed.stream_window) {
                return;
            }
            self.allowed.window -= size;
            if let Some((call, message)) = self.waiting.pop_front() {
                let stream = self.outgoing.put_request(&message);
                self.calls.insert(stream, call);
            }
        }
    }
}
