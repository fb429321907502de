//! An offer: a provider's product, a term, a window, and who may still be added to it.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    code::CodeSource,
    name::OfferName,
    term::Term,
    transition::{StateForbids, Transition},
    violation::Rule,
};

/// An offer as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: OfferName,
    /// Where it stands.
    pub state: OfferState,
    /// What operators have decided about it.
    pub details: OfferDetails,
    /// The offer in which its enrollments go on.
    pub successor: Option<OfferName>,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// When it last changed.
    pub update_time: DateTime<Utc>,
}

impl Offer {
    /// The civil date in the offer's time zone.
    pub fn date_at(&self, time: DateTime<Utc>) -> NaiveDate {
        time.with_timezone(&self.details.time_zone).date_naive()
    }
}

/// What operators decide about an offer. Kept as JSON: never rename a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferDetails {
    /// What operators call it.
    pub display_name: String,
    /// Who provides the membership.
    pub provider: String,
    /// How long the cover lasts.
    pub term: Term,
    /// Somebody wants the term even if it can be shorter than 24 months.
    pub short_term_acknowledged: bool,
    /// The zone in which all of its dates are meant.
    pub time_zone: Tz,
    /// When people can enroll.
    pub window: Window,
    /// No more cohorts will come.
    pub cohorts_complete: bool,
    /// The terms that a person must accept.
    pub terms_version: String,
    /// Days after enrolling within which a code must be activated.
    pub activation_window: DayCount,
    /// Days after cancelling within which an enrollment can be reinstated.
    pub reinstatement_window: DayCount,
    /// Where its codes come from.
    #[serde(default)]
    pub code_source: CodeSource,
    /// What it does with a person whom another offer covers.
    #[serde(default)]
    pub overlap: Overlap,
}

/// What an offer does with a person who has a live enrollment in another offer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Overlap {
    /// Covers them too, and does not ask.
    #[default]
    Allow,
    /// Does not cover them.
    Refuse,
    /// Covers them from when the other ends.
    StartAfter,
}

impl OfferDetails {
    /// The field that contradicts the others, and the rule.
    pub fn contradiction(&self) -> Option<(&'static str, Rule)> {
        let last_day = self.window.enroll_by;
        if last_day < self.window.enroll_from {
            return Some((
                "enroll_by_date",
                Rule("must not be before enroll_from_date"),
            ));
        }
        match self.term {
            Term::FixedEnd { end } if end <= last_day => {
                Some(("term.fixed_end_date", Rule("must be after enroll_by_date")))
            }
            Term::Enrollment { .. } | Term::Activation { .. } | Term::FixedEnd { .. } => None,
        }
    }

    /// Whether the last person to enroll can get less than the 24 months of the floor without
    /// anybody having acknowledged it.
    pub fn falls_short_unacknowledged(&self) -> bool {
        !self.short_term_acknowledged && self.term.falls_short(self.window.enroll_by)
    }
}

/// The civil dates on which people can enroll, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First day.
    pub enroll_from: NaiveDate,
    /// Last day.
    pub enroll_by: NaiveDate,
}

/// A number of days, 1 to 3,650.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount(u16);

impl DayCount {
    /// Parses a number of days; 0 means `default`.
    pub fn parse(days: i32, default: u16) -> Result<Self, Rule> {
        match u16::try_from(days) {
            Ok(0) => Ok(Self(default)),
            Ok(days) if days <= 3_650 => Ok(Self(days)),
            Ok(_) | Err(_) => Err(Rule("must be 1 to 3650, or 0 for the default")),
        }
    }

    /// The number of days.
    pub fn get(self) -> u16 {
        self.0
    }

    /// The day that lies this many days after another.
    pub fn after(self, day: NaiveDate) -> NaiveDate {
        day.checked_add_days(chrono::Days::new(u64::from(self.0)))
            .unwrap_or(NaiveDate::MAX)
    }
}

/// Where an offer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OfferState {
    /// Being prepared.
    Draft,
    /// People can enroll inside the window.
    Open,
    /// Nobody can enroll until it is opened again.
    Paused,
    /// Ended by an operator.
    Closed,
}

impl OfferState {
    /// Opens it, from wherever it stands: an offer closed by mistake must not be lost.
    pub fn open(self) -> Transition<Self> {
        match self {
            Self::Draft | Self::Paused | Self::Closed => Transition::To(Self::Open),
            Self::Open => Transition::Already(self),
        }
    }

    /// Pauses it, if it is open.
    pub fn pause(self) -> Result<Transition<Self>, StateForbids> {
        match self {
            Self::Open => Ok(Transition::To(Self::Paused)),
            Self::Paused => Ok(Transition::Already(self)),
            Self::Draft | Self::Closed => Err(self.forbids()),
        }
    }

    /// Closes it, if it is open or paused.
    pub fn close(self) -> Result<Transition<Self>, StateForbids> {
        match self {
            Self::Open | Self::Paused => Ok(Transition::To(Self::Closed)),
            Self::Closed => Ok(Transition::Already(self)),
            Self::Draft => Err(self.forbids()),
        }
    }

    /// The state as the API and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Open => "OPEN",
            Self::Paused => "PAUSED",
            Self::Closed => "CLOSED",
        }
    }

    /// That this state does not allow a command.
    pub fn forbids(self) -> StateForbids {
        StateForbids { state: self.name() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_allows_what_the_api_says() {
        use OfferState::{Closed, Draft, Open, Paused};
        for state in [Draft, Paused, Closed] {
            assert_eq!(state.open(), Transition::To(Open));
        }
        assert_eq!(Open.open(), Transition::Already(Open));
        assert_eq!(Open.pause(), Ok(Transition::To(Paused)));
        assert_eq!(Paused.pause(), Ok(Transition::Already(Paused)));
        assert!(Draft.pause().is_err() && Closed.pause().is_err());
        assert_eq!(Open.close(), Ok(Transition::To(Closed)));
        assert_eq!(Paused.close(), Ok(Transition::To(Closed)));
        assert_eq!(Closed.close(), Ok(Transition::Already(Closed)));
        assert_eq!(Draft.close(), Err(StateForbids { state: "DRAFT" }));
    }

    #[test]
    fn day_counts_are_bounded() {
        assert_eq!(DayCount::parse(0, 30).unwrap().get(), 30);
        assert!(DayCount::parse(3_651, 30).is_err());
        assert!(DayCount::parse(-1, 30).is_err());
    }
}
