//! An offer's pool of activation codes: how many there are, and how long they will last.

use chrono::{DateTime, TimeDelta, Utc};

use serde::{Deserialize, Serialize};

use super::{
    cohort::LoadSource,
    name::{CodeLoadName, CodePoolName},
};

/// Over how long the present rate is taken.
pub const RATE_WINDOW: TimeDelta = TimeDelta::hours(24);

/// The shortest time that is taken for a rate, when the first code was given out later than a window ago.
const SHORTEST: TimeDelta = TimeDelta::minutes(10);

/// An offer's codes, all of them loaded beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePool {
    /// Its name.
    pub name: CodePoolName,
    /// How far it is used up.
    pub counts: PoolCounts,
    /// How many of the codes that were given out have been replaced since.
    pub void: i64,
    /// How fast codes are given out; `None` when none were lately.
    pub rate: Option<Rate>,
}

/// How far a pool is used up. Its codes have ordinals from 1 on, and are given out in that order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// Codes that ever came in.
    pub loaded: i64,
    /// Codes that were given out, for ever.
    pub assigned: i64,
    /// With how many left the pool is low: a tenth of what it had when it was last filled.
    pub low_mark: i64,
}

/// How many codes were given out in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub codes: i64,
    /// In which time.
    pub time: TimeDelta,
}

/// What somebody should do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// Few are left.
    Low,
    /// None are left.
    Empty,
}

impl PoolCounts {
    /// How many can be given out.
    pub fn left(self) -> i64 {
        self.loaded - self.assigned
    }

    /// What is to be told when the last so many were given out just now. Each is told once, until the pool is
    /// filled again.
    pub fn alarm_after(self, given_out: i64) -> Option<Alarm> {
        let before = self.left() + given_out;
        match self.left() {
            0 if before > 0 => Some(Alarm::Empty),
            left if left <= self.low_mark && before > self.low_mark => Some(Alarm::Low),
            _ => None,
        }
    }
}

impl CodePool {
    /// For how many whole days the codes that are left will last, if they go as fast as they do now.
    pub fn days_left(&self) -> Option<i64> {
        let rate = self.rate.filter(|rate| rate.codes > 0)?;
        let seconds = i128::from(rate.time.max(SHORTEST).num_seconds());
        let lasting = i128::from(self.counts.left()) * seconds / i128::from(rate.codes);
        i64::try_from(lasting / i128::from(TimeDelta::days(1).num_seconds())).ok()
    }
}

/// One transfer of codes into a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeLoad {
    /// Its name.
    pub name: CodeLoadName,
    /// Whether rows are still to come.
    pub state: CodeLoadState,
    /// Where the codes come from.
    pub source: LoadSource,
    /// Who began it.
    pub loader: String,
    /// Rows that are durable.
    pub rows: i64,
    /// How many of them were rejected.
    pub rejected: i64,
    /// When it began.
    pub create_time: DateTime<Utc>,
    /// When its last chunk, or its end, became durable.
    pub update_time: DateTime<Utc>,
}

/// Where a transfer of codes stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CodeLoadState {
    /// Rows are still to come.
    Receiving,
    /// It is complete.
    Finished,
}

impl CodeLoadState {
    /// The state as the API and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receiving => "RECEIVING",
            Self::Finished => "FINISHED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::name::OfferName;

    fn counts(loaded: i64, assigned: i64) -> PoolCounts {
        PoolCounts {
            loaded,
            assigned,
            low_mark: 10,
        }
    }

    #[test]
    fn an_alarm_is_raised_once_on_the_way_down() {
        assert_eq!(counts(100, 89).alarm_after(1), None);
        assert_eq!(counts(100, 90).alarm_after(1), Some(Alarm::Low));
        assert_eq!(counts(100, 91).alarm_after(1), None);
        assert_eq!(counts(100, 95).alarm_after(50), Some(Alarm::Low));
        assert_eq!(counts(100, 100).alarm_after(1), Some(Alarm::Empty));
        assert_eq!(counts(100, 100).alarm_after(100), Some(Alarm::Empty));
        assert_eq!(counts(100, 100).alarm_after(0), None);
    }

    #[test]
    fn days_left_are_whole_days_at_the_present_rate() {
        let pool = |codes, time| CodePool {
            name: CodePoolName(OfferName::parse("offers/a").unwrap()),
            counts: counts(1_000, 100),
            void: 0,
            rate: Some(Rate { codes, time }),
        };
        assert_eq!(pool(100, TimeDelta::days(1)).days_left(), Some(9));
        assert_eq!(pool(100, TimeDelta::hours(12)).days_left(), Some(4));
        // Seconds after the first code nobody knows how it will go on.
        assert_eq!(pool(1, TimeDelta::seconds(1)).days_left(), Some(6));
        assert_eq!(pool(0, TimeDelta::days(1)).days_left(), None);
    }
}
