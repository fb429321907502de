//! The other side of the streams that load lists: sends a list chunk by chunk, and goes on by itself after a break.
//!
//! One chunk is on the way, and is kept until it is answered, while its sender makes the next one ready.
//! After a break the load is begun again with the same header; the answer says how much of it is durable, and the
//! chunk that was on the way is sent again if it is not.

mod chunk;
mod codes;
mod error;
mod members;
mod row;
mod transfer;
mod wire;

pub use self::{
    codes::{CodeList, CodeLoadClient},
    error::LoadClientError,
    members::{LoadClient, Source},
    row::{OutgoingRow, Written},
    transfer::{OnBreak, Target},
};
