//! Time and randomness, which everything else takes as arguments.
//!
//! The only place that asks the operating system for either; tests move the clock by years.

use std::{fmt, sync::Arc};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use uuid::Uuid;

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The operating system's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that shows what the function says.
    pub fn showing(time: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(time))
    }

    /// The time now, in whole microseconds: what the database keeps, so that what is written and
    /// what is read back compare equal.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)().trunc_subsecs(6)
    }
}

/// The time to write on a change: now, but always after the change before it, whatever the clocks of
/// several machines say and whoever waited for whom. The history is read by these times.
pub fn stamp(now: DateTime<Utc>, before: DateTime<Utc>) -> DateTime<Utc> {
    now.max(before + TimeDelta::microseconds(1))
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The operating system has no randomness to give: nothing that needs a secret can go on.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness;

/// Where randomness comes from: the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Random {
    /// Random bytes, fit for keys.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for randomness"
    )]
    pub fn bytes<const N: usize>(self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(bytes)
    }

    /// A new id that sorts by time (UUID version 7), so that indexes grow at one end.
    pub fn uuid(self, now: DateTime<Utc>) -> Result<Uuid, NoRandomness> {
        Ok(uuid_at(now, &self.bytes()?))
    }
}

/// The id of version 7 of this time, with these bytes.
pub fn uuid_at(time: DateTime<Utc>, bytes: &[u8; 10]) -> Uuid {
    let millis = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, bytes).into_uuid()
}
