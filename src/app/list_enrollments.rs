//! `ListEnrollments`: an offer's enrollments in the order in which they began, for operators.

use uuid::Uuid;

use super::{App, Error, find, view::EnrollmentView};
use crate::{
    domain::{enrollment::filter::Filter, name::OfferName, page::PageOf},
    storage::enrollment_list::{self, Listed},
};

/// How many windows are looked through for one page: a filter that lets hardly anybody through must not hold a call
/// for longer.
const WINDOWS: u32 = 20;

/// A page of enrollments.
#[derive(Debug)]
pub struct EnrollmentPage {
    /// The enrollments; fewer than asked for, or none, when a filter lets few through.
    pub enrollments: Vec<EnrollmentView>,
    /// After which id it goes on; `None` at the end.
    pub next: Option<String>,
}

impl App {
    /// A page of those of an offer's enrollments that a filter lets through.
    pub async fn list_enrollments(
        &self,
        offer: &OfferName,
        filter: &Filter,
        page: &PageOf,
    ) -> Result<EnrollmentPage, Error> {
        let db = self.0.store.reader();
        let offer = find::offer(db, offer).await?;
        let today = offer.value.date_at(self.now());
        let after = page.after.as_deref().map(Uuid::parse_str).transpose();
        let after = after.map_err(|_| Error::Fault("a page token names no enrollment"))?;
        let mut next = Some(after.unwrap_or_default());
        let mut stored = Vec::new();
        for _ in 0..WINDOWS {
            let left = page
                .size
                .saturating_sub(u64::try_from(stored.len()).unwrap_or(u64::MAX));
            let Some(after) = next.filter(|_| left > 0) else {
                break;
            };
            let window = enrollment_list::list(db, &offer, filter, today, after, left);
            let Listed {
                enrollments,
                next: following,
            } = window.await?;
            stored.extend(enrollments);
            next = following;
        }
        let views = stored
            .into_iter()
            .map(|stored| self.view(stored, None, today));
        Ok(EnrollmentPage {
            enrollments: views.collect::<Result<_, _>>()?,
            next: next.map(|id| id.to_string()),
        })
    }
}
