//! A load generator for unary gRPC calls that leaves the processor to what is measured: HTTP/2 by hand,
//! messages as bytes, no generated client. Every request carries its own message and the authorization;
//! of every reply the status and the message are checked.
//!
//! Owns: connections, the closed loop (so many calls in flight), the open loop (so many calls per
//! second), latencies. Must not know: what the calls are about.

mod call;
mod closed;
mod frames;
mod headers;
mod line;
mod numbers;
mod open;
mod outgoing;
mod tally;

pub use closed::closed;
pub use line::Line;
pub use numbers::Numbers;
pub use open::open;
pub use tally::Run;

use std::time::Duration;

/// Makes messages.
pub type Messages = dyn Fn(u64) -> Vec<u8> + Send + Sync;
/// Judges replies.
pub type Expectation = dyn Fn(u64, &[u8]) -> bool + Send + Sync;

/// What is called, again and again. Each call is made from a number.
pub struct Script {
    /// `/package.Service/Method`.
    pub path: String,
    /// Goes with every call.
    pub token: String,
    /// The message of the call of this number.
    pub message: Box<Messages>,
    /// Whether this is a right reply to the call of this number.
    pub expects: Box<Expectation>,
}

/// How long a loop runs.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Calls go, and are not counted.
    pub warm_up: Duration,
    /// Calls are counted.
    pub measured: Duration,
}
