//! Each call has an id, in the log and in the `x-request-id` of its reply: the caller's own if it is
//! fit for a log, else a new one.

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};

use http::{HeaderName, HeaderValue};

use crate::{
    clock::{Clock, NoRandomness, Random, uuid_at},
    grpc::services::{Request, Response},
};

static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// New ids of calls: UUIDs of version 7, which sort by time. What else they are made of is random where it begins, and
/// counts up from there: they are no secrets, and randomness for each would be a system call for each.
#[derive(Debug)]
pub struct CallIds {
    clock: Clock,
    random: [u8; 2],
    next: AtomicU64,
}

impl CallIds {
    /// Begins somewhere.
    pub fn new(clock: Clock) -> Result<Self, NoRandomness> {
        Ok(Self {
            clock,
            random: Random.bytes()?,
            next: AtomicU64::new(u64::from_be_bytes(Random.bytes()?)),
        })
    }

    fn next(&self) -> HeaderValue {
        let mut bytes = [0; 10];
        let (random, number) = bytes.split_at_mut(2);
        random.copy_from_slice(&self.random);
        number.copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let id = uuid_at(self.clock.now(), &bytes);
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = id.hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
    }
}

/// Finds or makes the id, and hands it on.
pub async fn request_id<F: Future<Output = Response>>(
    ids: &CallIds,
    request: Request,
    next: impl FnOnce(HeaderValue, Request) -> F,
) -> Response {
    let own = request.headers().get(&HEADER);
    let own = own.filter(|id| id.to_str().is_ok_and(is_fit));
    let mut id = own.cloned().unwrap_or_else(|| ids.next());
    // No secret: it is the only word that there is for "do not index" (RFC 7541, section 6.2.3). In the connection's
    // header table it would never be of use again, and push out what is.
    id.set_sensitive(true);
    let mut response = next(id.clone(), request).await;
    response.headers_mut().insert(&HEADER, id);
    response
}

fn is_fit(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn new_ids_differ_and_are_uuids_of_version_7() {
        let ids = CallIds::new(Clock::system()).unwrap();
        let made = (0..1_000).map(|_| ids.next()).collect::<Vec<_>>();
        let made = made.iter().map(|id| id.to_str().unwrap());
        let made = made.map(|id| uuid::Uuid::parse_str(id).unwrap());
        let made = made.collect::<BTreeSet<_>>();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }
}
