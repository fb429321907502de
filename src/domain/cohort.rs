//! A cohort: people of whom the same data was exposed; and the loads that bring its list.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    data_element::DataElements,
    list_digest::ListDigest,
    name::{CohortName, LoadName},
    transition::{StateForbids, Transition},
};

/// A cohort as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// Its name.
    pub name: CohortName,
    /// What operators call it.
    pub display_name: String,
    /// Where it stands.
    pub state: CohortState,
    /// What was exposed of its members.
    pub data_elements: DataElements,
    /// How much of it counts.
    pub published: MemberCounts,
    /// Digest of what counts; `None` when part of it was loaded before there were digests.
    pub digest: Option<ListDigest>,
    /// When it was last published.
    pub publish_time: Option<DateTime<Utc>>,
    /// When it was retracted.
    pub retract_time: Option<DateTime<Utc>>,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// Counts its publications; 0 when there was none.
    pub version: i64,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// When it last changed.
    pub update_time: DateTime<Utc>,
}

/// How many people a list has, and how many identifiers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemberCounts {
    /// Different people.
    pub people: i64,
    /// Pairs of an identifier and a person.
    pub identifiers: i64,
}

/// Where a cohort stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CohortState {
    /// Does not exist for any check.
    Draft,
    /// Counts.
    Published,
    /// Taken back for good.
    Retracted,
}

impl CohortState {
    /// Publishes it, or more of it.
    pub fn publish(self) -> Result<Self, StateForbids> {
        match self {
            Self::Draft | Self::Published => Ok(Self::Published),
            Self::Retracted => Err(self.forbids()),
        }
    }

    /// Takes it back.
    pub fn retract(self) -> Result<Transition<Self>, StateForbids> {
        match self {
            Self::Published => Ok(Transition::To(Self::Retracted)),
            Self::Retracted => Ok(Transition::Already(self)),
            Self::Draft => Err(self.forbids()),
        }
    }

    /// Whether members can still be loaded.
    pub fn load(self) -> Result<(), StateForbids> {
        match self {
            Self::Draft | Self::Published => Ok(()),
            Self::Retracted => Err(self.forbids()),
        }
    }

    /// The state as the API and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Published => "PUBLISHED",
            Self::Retracted => "RETRACTED",
        }
    }

    fn forbids(self) -> StateForbids {
        StateForbids { state: self.name() }
    }
}

/// What was published of a cohort at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CohortVersion {
    /// The cohort.
    pub cohort: CohortName,
    /// Its number, from 1.
    pub number: i64,
    /// What it is made of.
    pub loads: Vec<LoadName>,
    /// How much that is.
    pub counts: MemberCounts,
    /// Digest of it; `None` when a load has none.
    pub digest: Option<ListDigest>,
    /// Who published it.
    pub publisher: String,
    /// When.
    pub publish_time: DateTime<Utc>,
}

impl CohortVersion {
    /// The name of a cohort's version.
    pub fn name(cohort: &CohortName, number: i64) -> String {
        format!("{cohort}/versions/{number}")
    }
}

/// How the people of a list that may be published stand to those who count now. All are people, who are
/// found by any of their identifiers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comparison {
    /// On the list.
    pub listed: MemberCounts,
    /// Of these, on no published list of the offer now.
    pub newly_eligible: i64,
    /// Of these, in another published cohort.
    pub also_listed: i64,
    /// Of these, with an enrollment that is live by its stored state.
    pub enrolled: i64,
    /// On the cohort's published list now.
    pub current: i64,
    /// Of these, no longer found by one of their identifiers, or by none.
    pub dropped: i64,
}

impl Comparison {
    /// Of a list when nobody counts now, and nobody is enrolled.
    pub fn with_nobody(listed: MemberCounts) -> Self {
        Self {
            listed,
            newly_eligible: listed.people,
            ..Self::default()
        }
    }

    /// The part of those who count now who would be dropped: 0 to 1.
    pub fn dropped_share(&self) -> f64 {
        if self.current == 0 {
            return 0.0;
        }
        let count = |people: i64| f64::from(u32::try_from(people).unwrap_or(u32::MAX));
        count(self.dropped) / count(self.current)
    }
}

/// One transfer of a list into a cohort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Its name.
    pub name: LoadName,
    /// Where it stands.
    pub state: LoadState,
    /// Where the list comes from.
    pub source: LoadSource,
    /// Who began it.
    pub loader: String,
    /// How far it got.
    pub progress: LoadProgress,
    /// When it began.
    pub create_time: DateTime<Utc>,
    /// When its last chunk, or its end, became durable.
    pub update_time: DateTime<Utc>,
}

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadSource {
    /// What it is called there.
    pub name: String,
    /// SHA-256 of it, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// How far a load got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadProgress {
    /// The last durable chunk; 0 when there is none.
    pub last_chunk: i64,
    /// Rows received.
    pub rows: i64,
    /// Identifiers stored. Until the load is finished, one that came in two chunks counts twice.
    pub identifiers: i64,
    /// Identifiers that came again for the same person.
    pub duplicates: i64,
    /// Rows rejected.
    pub rejected: i64,
    /// Bytes of the chunks.
    pub bytes: i64,
    /// Different people; `None` until the load is packed, and when an earlier release packed it.
    pub people: Option<i64>,
    /// Whether packing has begun: then nothing can be added any more.
    pub packing: bool,
    /// Digest of the rows that were not rejected; `None` when it was begun before there were digests.
    pub digest: Option<ListDigest>,
}

/// A row of a list that was not stored, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its number in the list, from 1 on.
    pub row: i64,
    /// The field that broke the rule; empty when it is the row as a whole.
    pub field: String,
    /// The rule, as text: it may be one of another version.
    pub rule: String,
}

/// Where a load stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LoadState {
    /// Chunks are still to come.
    Receiving,
    /// Complete; counts from the next publication on.
    Finished,
    /// Counts.
    Published,
    /// Never counts; its rows are being taken away.
    Discarded,
    /// Has counted, and does not any more.
    Withdrawn,
}

impl LoadState {
    /// Gives it up.
    pub fn discard(self) -> Result<Transition<Self>, StateForbids> {
        match self {
            Self::Receiving | Self::Finished => Ok(Transition::To(Self::Discarded)),
            Self::Discarded => Ok(Transition::Already(self)),
            Self::Published | Self::Withdrawn => Err(StateForbids { state: self.name() }),
        }
    }

    /// The state as the API and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receiving => "RECEIVING",
            Self::Finished => "FINISHED",
            Self::Published => "PUBLISHED",
            Self::Discarded => "DISCARDED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

/// What to do with a numbered chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkOrder {
    /// It is the next one: store it.
    Next,
    /// It is durable already: it counts once.
    Known,
    /// One before it is missing.
    Gap,
}

impl Load {
    /// Rows received in a second, from its beginning to its last chunk; 0 when no time has passed.
    pub fn rows_per_second(&self) -> f64 {
        let seconds = (self.update_time - self.create_time).as_seconds_f64();
        let rows = u32::try_from(self.progress.rows).unwrap_or(u32::MAX);
        if seconds > 0.0 {
            f64::from(rows) / seconds
        } else {
            0.0
        }
    }
}

impl LoadProgress {
    /// Where a chunk of this number belongs.
    pub fn order_of(self, chunk: i64) -> ChunkOrder {
        if chunk <= self.last_chunk {
            ChunkOrder::Known
        } else if chunk == self.last_chunk + 1 {
            ChunkOrder::Next
        } else {
            ChunkOrder::Gap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_allows_what_the_api_says() {
        use CohortState::{Draft, Published, Retracted};
        assert_eq!(Draft.publish(), Ok(Published));
        assert_eq!(Published.publish(), Ok(Published));
        assert!(Retracted.publish().is_err() && Retracted.load().is_err());
        assert_eq!(Published.retract(), Ok(Transition::To(Retracted)));
        assert_eq!(Retracted.retract(), Ok(Transition::Already(Retracted)));
        assert_eq!(Draft.retract(), Err(StateForbids { state: "DRAFT" }));
    }

    #[test]
    fn chunks_count_once_and_in_order() {
        let progress = LoadProgress {
            last_chunk: 3,
            ..LoadProgress::default()
        };
        assert_eq!(progress.order_of(3), ChunkOrder::Known);
        assert_eq!(progress.order_of(4), ChunkOrder::Next);
        assert_eq!(progress.order_of(5), ChunkOrder::Gap);
    }
}
