//! Each call has a deadline: the caller's, less what the answer needs to get back; else a default. A
//! call that brings too little is refused before anything is begun.
//!
//! The deadline is for the reply's beginning: streams may go on.

use std::{future::Future, time::Duration};

use http::HeaderName;
use tokio::time::timeout;

use super::{is_health, refuse};
use crate::{
    app::{Error, error::Overload},
    grpc::services::{Request, Response},
};

static HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

/// What an answer needs to get back.
const RETURN: Duration = Duration::from_millis(20);

/// The least with which it is worth to begin.
const LEAST: Duration = Duration::from_millis(100);

/// The longest deadline that a caller can set.
const MOST: Duration = Duration::from_mins(10);

/// Ends the call at its deadline.
pub async fn deadline<F: Future<Output = Response>>(
    default: Duration,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    if is_health(request.uri().path()) {
        return next(request).await;
    }
    let header = request.headers().get(&HEADER);
    let wanted = match header.map(|value| value.to_str().ok().and_then(parse)) {
        None => default,
        Some(Some(wanted)) if wanted >= LEAST => wanted.min(MOST),
        // Too little, or a header that nobody can read.
        Some(_) => return refuse(Error::Overloaded(Overload::Deadline)),
    };
    match timeout(wanted.saturating_sub(RETURN), next(request)).await {
        Ok(response) => response,
        Err(_) => refuse(Error::Overloaded(Overload::Deadline)),
    }
}

/// `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn parse(header: &str) -> Option<Duration> {
    let unit = header.chars().next_back()?;
    let digits = header.strip_suffix(unit)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse::<u32>().ok()?;
    let count64 = u64::from(count);
    Some(match unit {
        'H' => Duration::from_secs(count64 * 3_600),
        'M' => Duration::from_secs(count64 * 60),
        'S' => Duration::from_secs(count64),
        'm' => Duration::from_millis(count64),
        'u' => Duration::from_micros(count64),
        'n' => Duration::from_nanos(count64),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_of_the_header_is_read() {
        for (header, millis) in [
            ("1H", 3_600_000),
            ("2M", 120_000),
            ("3S", 3_000),
            ("250m", 250),
        ] {
            assert_eq!(
                parse(header),
                Some(Duration::from_millis(millis)),
                "{header}"
            );
        }
        assert_eq!(parse("5u"), Some(Duration::from_micros(5)));
        assert_eq!(parse("5n"), Some(Duration::from_nanos(5)));
        for header in ["", "S", "5", "-5S", "+5S", "123456789S", "5s", "5é"] {
            assert_eq!(parse(header), None, "{header}");
        }
    }
}
