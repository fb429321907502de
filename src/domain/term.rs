//! How long the cover lasts: civil dates in the offer's time zone, start inclusive, end exclusive.

use chrono::{Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::violation::Rule;

/// The least months of cover in the strictest US state (credit bureaus apart); a shorter term needs
/// an explicit acknowledgement.
pub const FLOOR_MONTHS: u32 = 24;

/// The most months of cover.
pub const MAX_MONTHS: u32 = 120;

/// From when the cover counts, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "anchor")]
pub enum Term {
    /// Months from the day on which the person enrolls.
    Enrollment {
        /// Calendar months, 1 to 120.
        months: u32,
    },
    /// Months from the day on which the provider's membership begins.
    Activation {
        /// Calendar months, 1 to 120.
        months: u32,
    },
    /// From the day of enrolling to one end for everybody.
    FixedEnd {
        /// The day after the last covered one.
        end: NaiveDate,
    },
}

impl Term {
    /// The number of months that an operator may choose: 1 to 120.
    pub fn months(count: i32) -> Result<u32, Rule> {
        u32::try_from(count)
            .ok()
            .filter(|months| (1..=MAX_MONTHS).contains(months))
            .ok_or(Rule("must be 1 to 120"))
    }

    /// The dates of cover of a person who enrolls on this day; `None` while they wait for the
    /// activation.
    pub fn on_enrollment(self, day: NaiveDate) -> Option<TermDates> {
        match self {
            Self::Enrollment { months } => TermDates::new(day, months),
            Self::Activation { .. } => None,
            Self::FixedEnd { end } => Some(TermDates { start: day, end }),
        }
    }

    /// The dates of cover of a person who enrolls and activates on this day.
    pub fn if_begun_on(self, day: NaiveDate) -> Option<TermDates> {
        match self {
            Self::Enrollment { months } | Self::Activation { months } => {
                TermDates::new(day, months)
            }
            Self::FixedEnd { end } => Some(TermDates { start: day, end }),
        }
    }

    /// Whether it begins with the activation.
    pub fn waits_for_activation(&self) -> bool {
        matches!(self, Self::Activation { .. })
    }

    /// Whether somebody who enrolls as late as this day gets less than [`FLOOR_MONTHS`].
    pub fn falls_short(self, enroll_by: NaiveDate) -> bool {
        match self {
            Self::Enrollment { months } | Self::Activation { months } => months < FLOOR_MONTHS,
            Self::FixedEnd { end } => {
                end_after(enroll_by, FLOOR_MONTHS).is_none_or(|floor| end < floor)
            }
        }
    }
}

/// A person's cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermDates {
    /// First covered day.
    pub start: NaiveDate,
    /// The day after the last covered one.
    pub end: NaiveDate,
}

impl TermDates {
    fn new(start: NaiveDate, months: u32) -> Option<Self> {
        end_after(start, months).map(|end| Self { start, end })
    }

    /// The last covered day: the one that people are shown.
    pub fn covered_through(self) -> NaiveDate {
        self.end.pred_opt().unwrap_or(self.end)
    }
}

/// The exclusive end of `months` calendar months from `start`, or `None` beyond the calendar.
///
/// Where the month has no such day the last one is taken and the end is a day later: not less than
/// the months promised.
pub fn end_after(start: NaiveDate, months: u32) -> Option<NaiveDate> {
    use chrono::Datelike;

    let end = start.checked_add_months(Months::new(months))?;
    if end.day() < start.day() {
        end.checked_add_days(Days::new(1))
    } else {
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn each_documented_vector_ends_when_it_must() {
        for (start, months, end) in [
            ("2021-08-18", 24, "2023-08-18"),
            ("2024-02-29", 24, "2026-03-01"),
            ("2024-02-29", 48, "2028-02-29"),
            ("2022-02-28", 24, "2024-02-28"),
            ("2021-08-31", 18, "2023-03-01"),
            ("2022-12-31", 18, "2024-07-01"),
        ] {
            assert_eq!(
                end_after(date(start), months),
                Some(date(end)),
                "{start} + {months}"
            );
        }
    }

    #[test]
    fn people_are_shown_the_last_covered_day() {
        let dates = Term::Enrollment { months: 24 }
            .on_enrollment(date("2021-08-18"))
            .unwrap();
        assert_eq!(dates.covered_through(), date("2023-08-17"));
    }

    #[test]
    fn the_anchor_decides_when_the_term_is_known() {
        let day = date("2021-08-18");
        let waiting = Term::Activation { months: 24 };
        assert_eq!(waiting.on_enrollment(day), None);
        assert_eq!(waiting.if_begun_on(day).unwrap().end, date("2023-08-18"));
        let fixed = Term::FixedEnd {
            end: date("2024-01-01"),
        };
        assert_eq!(fixed.on_enrollment(day).unwrap().end, date("2024-01-01"));
    }

    #[test]
    fn less_than_24_months_for_the_last_person_falls_short() {
        let last_day = date("2022-01-31");
        assert!(Term::Enrollment { months: 23 }.falls_short(last_day));
        assert!(!Term::Activation { months: 24 }.falls_short(last_day));
        assert!(
            Term::FixedEnd {
                end: date("2024-01-30")
            }
            .falls_short(last_day)
        );
        assert!(
            !Term::FixedEnd {
                end: date("2024-01-31")
            }
            .falls_short(last_day)
        );
    }

    proptest! {
        #[test]
        fn a_term_is_never_shorter_than_promised(days in 0u64..40_000, months in 1u32..=120) {
            use chrono::Datelike;
            let start = date("1990-01-01") + Days::new(days);
            let end = end_after(start, months).unwrap();
            let promised = i64::from(start.year()) * 12 + i64::from(start.month0()) + i64::from(months);
            let reached = i64::from(end.year()) * 12 + i64::from(end.month0());
            prop_assert!(reached >= promised);
            prop_assert!(reached > promised || end.day() >= start.day());
            prop_assert!((end - start).num_days() <= i64::from(months) * 31);
        }
    }
}
