//! A call on its way, and how it ends.

use std::time::Instant;

use super::{Script, headers::Said};

/// A call on its way.
pub struct Call {
    number: u64,
    since: Instant,
    /// What its headers and trailers have said so far.
    pub said: Said,
    /// What has come of its body.
    pub reply: Vec<u8>,
}

/// A call that has ended.
pub struct Ended {
    /// When it was to begin.
    pub since: Instant,
    /// What is wrong with the reply, if anything is.
    pub failure: Option<String>,
    /// The body.
    pub reply: Vec<u8>,
}

impl Call {
    pub fn new(number: u64, since: Instant) -> Self {
        Self {
            number,
            since,
            said: Said::default(),
            reply: Vec::new(),
        }
    }

    /// Whether the reply is the one expected.
    pub fn judge(&self, script: &Script) -> Result<(), String> {
        self.said.is_ok()?;
        match self.reply.split_first_chunk::<5>() {
            Some((&[0, a, b, c, d], message))
                if u32::try_from(message.len()) == Ok(u32::from_be_bytes([a, b, c, d])) =>
            {
                if (script.expects)(self.number, message) {
                    return Ok(());
                }
                let length = message.len();
                Err(format!("a reply of {length} bytes is not the one expected"))
            }
            _ => Err("a reply that is not one message".to_owned()),
        }
    }

    /// Ends it.
    pub fn ended(self, judged: Result<(), String>) -> Ended {
        let failure = judged.err();
        Ended {
            since: self.since,
            failure: failure.map(|failure| format!("call {}: {failure}", self.number)),
            reply: self.reply,
        }
    }
}
