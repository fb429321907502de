//! Who is eligible: one pure function, so that the decision can be read, tested and explained.

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    data_element::DataElements,
    name::EnrollmentName,
    offer::{Offer, OfferState, Overlap},
    term::{Term, TermDates},
};

/// The answer in one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Listed, the window is open, not enrolled.
    Eligible {
        /// The first covered day if the person enrolled and activated today.
        cover_start: NaiveDate,
        /// The last covered day then; `None` only beyond the calendar.
        covered_through: Option<NaiveDate>,
        /// The enrollment of another offer after whose end the cover begins, if it waits for one.
        after: Option<EnrollmentName>,
    },
    /// A live enrollment exists.
    AlreadyEnrolled(EnrollmentName),
    /// On no published list, and no more lists will come.
    NotListed,
    /// On no published list, but lists are still to come: cannot tell yet.
    Undetermined,
    /// Listed, but covered by this enrollment of another offer, and this one does not cover the person too.
    CoveredElsewhere(EnrollmentName),
    /// Listed; the offer is a draft, or its window has not begun.
    NotYetOpen,
    /// Listed; the offer was closed, or its window is over.
    Closed,
    /// Listed; the offer is paused.
    Paused,
}

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eligibility {
    /// The answer.
    pub verdict: Verdict,
    /// The union of what was exposed, over every published cohort that names the person.
    pub exposed: DataElements,
    /// What the offer says about dates, for those who are listed.
    pub offered: Option<Offered>,
    /// The time for which the answer holds.
    pub check_time: DateTime<Utc>,
}

/// What an offer says to a listed person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// The last day on which they can enroll.
    pub enroll_by: NaiveDate,
    /// Months of cover; `None` where the end is the same for everybody.
    pub term_months: Option<u32>,
    /// What the offer does with those whom another one covers.
    pub overlap: Overlap,
}

/// A live enrollment of the person in another offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherCover {
    /// The enrollment.
    pub enrollment: EnrollmentName,
    /// The day after the last covered one; while the term waits for the activation, if that were today. `None` only
    /// beyond the calendar.
    pub end: Option<NaiveDate>,
}

/// Decides for one person.
///
/// `matched` holds the data elements of each published cohort that names the person; a cohort that
/// is not published must not be in it. `live` is the person's live enrollment in this offer, or in one of its
/// succession; `others` are those in other offers, which only an offer that minds them asks for. A person who is
/// enrolled stays so whatever becomes of the lists; and a paused offer whose window is over is closed.
pub fn decide<'a>(
    offer: &Offer,
    now: DateTime<Utc>,
    matched: impl IntoIterator<Item = &'a DataElements>,
    live: Option<EnrollmentName>,
    others: &[OtherCover],
) -> Eligibility {
    let mut cohorts = 0_u32;
    let mut exposed = DataElements::new();
    for elements in matched {
        cohorts = cohorts.saturating_add(1);
        exposed.extend(elements);
    }
    let verdict = match live {
        Some(enrollment) => Verdict::AlreadyEnrolled(enrollment),
        None if cohorts == 0 && offer.details.cohorts_complete => Verdict::NotListed,
        None if cohorts == 0 => Verdict::Undetermined,
        None => if_listed(offer, offer.date_at(now), others),
    };
    Eligibility {
        verdict,
        exposed,
        offered: (cohorts > 0).then_some(Offered {
            enroll_by: offer.details.window.enroll_by,
            term_months: match offer.details.term {
                Term::Enrollment { months } | Term::Activation { months } => Some(months),
                Term::FixedEnd { .. } => None,
            },
            overlap: offer.details.overlap,
        }),
        check_time: now,
    }
}

fn if_listed(offer: &Offer, today: NaiveDate, others: &[OtherCover]) -> Verdict {
    let window = offer.details.window;
    match offer.state {
        OfferState::Draft => Verdict::NotYetOpen,
        OfferState::Closed => Verdict::Closed,
        OfferState::Open | OfferState::Paused if today > window.enroll_by => Verdict::Closed,
        OfferState::Paused => Verdict::Paused,
        OfferState::Open if today < window.enroll_from => Verdict::NotYetOpen,
        OfferState::Open => if_open(offer, today, others),
    }
}

fn if_open(offer: &Offer, today: NaiveDate, others: &[OtherCover]) -> Verdict {
    let last = others
        .iter()
        .max_by_key(|other| other.end.unwrap_or(NaiveDate::MAX));
    let begun_on = |day| offer.details.term.if_begun_on(day);
    let eligible = |cover_start, after| Verdict::Eligible {
        cover_start,
        covered_through: begun_on(cover_start).map(TermDates::covered_through),
        after,
    };
    match (offer.details.overlap, last) {
        (Overlap::Allow, _) | (Overlap::Refuse | Overlap::StartAfter, None) => {
            eligible(today, None)
        }
        (Overlap::Refuse, Some(other)) => Verdict::CoveredElsewhere(other.enrollment.clone()),
        (Overlap::StartAfter, Some(other)) => {
            let start = other.end.unwrap_or(NaiveDate::MAX).max(today);
            // Nothing is left to cover by then, or the calendar is over.
            if begun_on(start).is_none_or(|term| term.end <= start) {
                return Verdict::CoveredElsewhere(other.enrollment.clone());
            }
            eligible(start, Some(other.enrollment.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        code::CodeSource,
        data_element::DataElement,
        name::OfferName,
        offer::{DayCount, OfferDetails, Window},
    };

    fn offer(state: OfferState, cohorts_complete: bool) -> Offer {
        let created = Utc.with_ymd_and_hms(2021, 8, 16, 0, 0, 0).unwrap();
        Offer {
            name: OfferName::parse("offers/carrier-2021").unwrap(),
            state,
            details: OfferDetails {
                display_name: "Carrier 2021".into(),
                provider: "Provider".into(),
                term: Term::Enrollment { months: 24 },
                short_term_acknowledged: false,
                time_zone: chrono_tz::America::New_York,
                window: Window {
                    enroll_from: "2021-08-18".parse().unwrap(),
                    enroll_by: "2022-02-28".parse().unwrap(),
                },
                cohorts_complete,
                terms_version: "1".into(),
                activation_window: DayCount::parse(0, 365).unwrap(),
                reinstatement_window: DayCount::parse(0, 30).unwrap(),
                code_source: CodeSource::Minted,
                overlap: Overlap::Allow,
            },
            successor: None,
            revision: 1,
            create_time: created,
            update_time: created,
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn enrollment() -> EnrollmentName {
        EnrollmentName {
            parent: OfferName::parse("offers/carrier-2021").unwrap(),
            enrollment: Uuid::from_u128(7),
        }
    }

    const INSIDE: &str = "2021-09-01T12:00:00Z";

    fn elements() -> DataElements {
        DataElements::from([DataElement::Name, DataElement::Ssn])
    }

    fn verdict(offer: &Offer, now: &str, listed: bool, live: bool) -> Verdict {
        let matched = listed.then(elements);
        decide(offer, at(now), &matched, live.then(enrollment), &[]).verdict
    }

    #[test]
    fn listed_and_in_the_window_is_eligible() {
        assert_eq!(
            verdict(&offer(OfferState::Open, true), INSIDE, true, false),
            Verdict::Eligible {
                cover_start: "2021-09-01".parse().unwrap(),
                covered_through: "2023-08-31".parse().ok(),
                after: None,
            },
        );
    }

    #[test]
    fn a_live_enrollment_is_named_whatever_became_of_list_and_offer() {
        use OfferState::{Closed, Open, Paused};

        for (state, listed) in [(Open, true), (Open, false), (Closed, true), (Paused, false)] {
            let told = verdict(&offer(state, false), INSIDE, listed, true);
            assert_eq!(told, Verdict::AlreadyEnrolled(enrollment()));
        }
    }

    #[test]
    fn on_no_list_is_a_no_only_when_the_lists_are_complete() {
        let open = OfferState::Open;
        assert_eq!(
            verdict(&offer(open, true), INSIDE, false, false),
            Verdict::NotListed
        );
        assert_eq!(
            verdict(&offer(open, false), INSIDE, false, false),
            Verdict::Undetermined
        );
    }

    #[test]
    fn drafts_and_early_days_are_not_yet_open() {
        assert_eq!(
            verdict(&offer(OfferState::Draft, true), INSIDE, true, false),
            Verdict::NotYetOpen
        );
        let open = offer(OfferState::Open, true);
        // The window opens at midnight in New York, four hours after midnight in UTC.
        assert_eq!(
            verdict(&open, "2021-08-18T03:59:59Z", true, false),
            Verdict::NotYetOpen
        );
        assert!(matches!(
            verdict(&open, "2021-08-18T04:00:00Z", true, false),
            Verdict::Eligible { .. }
        ));
    }

    #[test]
    fn the_enroll_by_date_is_inclusive_in_the_offers_zone() {
        let open = offer(OfferState::Open, true);
        assert!(matches!(
            verdict(&open, "2022-03-01T04:59:59Z", true, false),
            Verdict::Eligible { .. }
        ));
        assert_eq!(
            verdict(&open, "2022-03-01T05:00:00Z", true, false),
            Verdict::Closed
        );
        assert_eq!(
            verdict(&offer(OfferState::Closed, true), INSIDE, true, false),
            Verdict::Closed
        );
    }

    #[test]
    fn a_paused_offer_is_paused_until_its_window_is_over() {
        let paused = offer(OfferState::Paused, true);
        assert_eq!(verdict(&paused, INSIDE, true, false), Verdict::Paused);
        assert_eq!(
            verdict(&paused, "2022-03-02T00:00:00Z", true, false),
            Verdict::Closed
        );
    }

    #[test]
    fn the_union_of_what_was_exposed_is_told() {
        let cohorts = [
            DataElements::from([DataElement::Name, DataElement::Ssn]),
            DataElements::from([DataElement::Name, DataElement::Imei]),
        ];
        let told = decide(
            &offer(OfferState::Open, true),
            at(INSIDE),
            &cohorts,
            None,
            &[],
        );
        assert_eq!(
            told.exposed,
            DataElements::from([DataElement::Name, DataElement::Ssn, DataElement::Imei])
        );
        assert_eq!(told.offered.unwrap().term_months, Some(24));
    }

    fn minding(overlap: Overlap, ends: &[&str]) -> Verdict {
        let mut offer = offer(OfferState::Open, true);
        offer.details.overlap = overlap;
        let others = ends.iter().zip(1..).map(|(end, id)| OtherCover {
            enrollment: EnrollmentName {
                parent: OfferName::parse("offers/other").unwrap(),
                enrollment: Uuid::from_u128(id),
            },
            end: end.parse().ok(),
        });
        let others = others.collect::<Vec<_>>();
        decide(&offer, at(INSIDE), &[elements()], None, &others).verdict
    }

    #[test]
    fn who_is_covered_elsewhere_is_covered_too_not_at_all_or_from_then_on() {
        let ends = ["2022-05-01", "2022-07-01", "2021-01-01"];
        let starts = |verdict| {
            let Verdict::Eligible {
                cover_start,
                covered_through,
                after,
            } = verdict
            else {
                panic!("{verdict:?}");
            };
            let after = after.map(|name| name.enrollment.as_u128());
            (
                cover_start.to_string(),
                covered_through.unwrap().to_string(),
                after,
            )
        };
        let today = ("2021-09-01".to_owned(), "2023-08-31".to_owned(), None);
        assert_eq!(starts(minding(Overlap::Allow, &ends)), today);
        for overlap in [Overlap::Refuse, Overlap::StartAfter] {
            assert_eq!(starts(minding(overlap, &[])), today);
        }
        let later = ("2022-07-01".to_owned(), "2024-06-30".to_owned(), Some(2));
        assert_eq!(starts(minding(Overlap::StartAfter, &ends)), later);
        for covered in [
            minding(Overlap::Refuse, &ends),
            minding(Overlap::StartAfter, &["beyond the calendar"]),
        ] {
            assert!(
                matches!(covered, Verdict::CoveredElsewhere(_)),
                "{covered:?}"
            );
        }
    }

    fn any_state() -> impl Strategy<Value = OfferState> {
        prop_oneof![
            Just(OfferState::Draft),
            Just(OfferState::Open),
            Just(OfferState::Paused),
            Just(OfferState::Closed),
        ]
    }

    proptest! {
        #[test]
        fn nobody_off_the_lists_is_ever_eligible_nor_told_a_no_too_early(
            state in any_state(), complete: bool, days in 0i64..400,
        ) {
            let now = at("2021-08-01T12:00:00Z") + chrono::Duration::days(days);
            let told = decide(&offer(state, complete), now, [], None, &[]);
            prop_assert_eq!(told.verdict == Verdict::NotListed, complete);
            prop_assert_eq!(told.verdict == Verdict::Undetermined, !complete);
            prop_assert!(told.exposed.is_empty() && told.offered.is_none());
        }

        #[test]
        fn who_is_listed_is_never_told_that_they_are_not(
            state in any_state(), complete: bool, days in 0i64..400, live: bool,
        ) {
            let now = at("2021-08-01T12:00:00Z") + chrono::Duration::days(days);
            let told = decide(&offer(state, complete), now, &[elements()], live.then(enrollment), &[]);
            prop_assert!(!matches!(told.verdict, Verdict::NotListed | Verdict::Undetermined));
            prop_assert_eq!(matches!(told.verdict, Verdict::AlreadyEnrolled(_)), live);
            prop_assert_eq!(told.exposed, elements());
        }
    }
}
