//! What all deeds have in common that change one enrollment: cancel, reinstate, revoke, extend, what a
//! provider records. Each has a file of its own, which says what the enrollment becomes.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    App, Error,
    deed::{Deed, Done, Wants},
    find::refuse_other_revision,
    others::LettingIn,
    view::EnrollmentView,
    working_set::{Told, WorkingSet},
};
use crate::{
    domain::{
        enrollment::Enrollment,
        event::EventType,
        name::EnrollmentName,
        offer::Offer,
        request::{Caller, Etag, RequestId},
        transition::Transition,
    },
    storage::{code::SealedCode, lane::ReplacedCode, request::Request},
};

/// A wish to change one enrollment.
pub(super) trait Change: Send + Sync + 'static {
    /// Its name, as the API has it.
    const NAME: &'static str;
    /// What it is in the log.
    const EVENT: EventType;

    /// The enrollment.
    fn enrollment(&self) -> &EnrollmentName;

    /// What the caller has seen of it.
    fn etag(&self) -> Option<&Etag> {
        None
    }

    /// The revision of the enrollment by which it was found. Not part of the wish: a retry may find another.
    fn found_at(&self) -> Option<i64> {
        None
    }

    /// The caller's id of this wish.
    fn request_id(&self) -> RequestId;

    /// What else of the wish must be the same for a retry to be one.
    fn content(&self) -> Option<Value> {
        None
    }

    /// What the enrollment becomes.
    fn next(
        &self,
        offer: &Offer,
        before: &Enrollment,
        now: DateTime<Utc>,
    ) -> Result<Transition<Enrollment>, Error>;

    /// Why, for the log.
    fn reason(&self) -> Option<&'static str> {
        None
    }

    /// What else the log is to know of it.
    fn details(&self, _next: &Enrollment) -> Option<Value> {
        None
    }

    /// Whether the offer decides on it as on enrolling where another one covers the person.
    fn minds_others(&self) -> bool {
        false
    }

    /// The code that it gets in place of the one that it has, if the offer's codes are minted.
    fn replaces_code(&self) -> Option<&SealedCode> {
        None
    }
}

impl App {
    /// Changes an enrollment once for this request.
    pub(super) async fn change(
        &self,
        caller: &Caller,
        change: impl Change,
    ) -> Result<EnrollmentView, Error> {
        let request = fingerprinted(self, caller, &change)?;
        let offer = change.enrollment().parent.clone();
        let deed = Changing {
            actor: caller.subject.clone(),
            change,
        };
        self.once(offer, request, deed).await
    }
}

fn fingerprinted<C: Change>(app: &App, caller: &Caller, change: &C) -> Result<Request, Error> {
    let (name, etag) = (change.enrollment(), change.etag().map(Etag::as_str));
    // Kept with each request: never change what is compared with it.
    let content = match change.content() {
        None => serde_json::json!([name, etag]),
        Some(content) => serde_json::json!([name, content, etag]),
    };
    Ok(Request {
        caller: caller.subject.clone(),
        id: change.request_id(),
        fingerprint: app.fingerprint(C::NAME, &content)?,
    })
}

struct Changing<C> {
    actor: String,
    change: C,
}

impl<C: Change> Deed for Changing<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn wants(&self) -> Wants<'_> {
        Wants::Enrollment(self.change.enrollment().enrollment)
    }

    fn act(&self, set: &mut WorkingSet, now: DateTime<Utc>) -> Result<Done, Error> {
        let change = &self.change;
        let offer = &set.catalogue().offer.value;
        let before = set.enrollment_to_change(change.enrollment(), change.etag())?;
        let found_at = change.found_at().map(Etag::of);
        let revision = before.enrollment.revision;
        refuse_other_revision(found_at.as_ref(), revision, change.enrollment())?;
        let Transition::To(next) = change.next(offer, &before.enrollment, now)? else {
            return Ok(Done::without_code(before));
        };
        if next.status.is_live() && !before.enrollment.status.is_live() {
            let letting_in = if change.minds_others() {
                set.letting_in_again(offer, change.enrollment(), now)?
            } else {
                LettingIn::default()
            };
            set.make_room(offer, change.enrollment(), now)?;
            set.let_in(letting_in);
        }
        let code = match change.replaces_code() {
            Some(minted) => set.new_code(minted, now)?,
            None => None,
        };
        let told = Told {
            event_type: C::EVENT,
            actor: &self.actor,
            reason: change.reason(),
            request_id: Some(change.request_id()),
            details: change.details(&next),
        };
        let changed = set.advance(&before, next, now, told)?;
        set.changes.replaced.extend(code.map(|code| ReplacedCode {
            enrollment: changed.enrollment.name.enrollment,
            code,
            time: changed.enrollment.update_time,
        }));
        Ok(Done::without_code(changed))
    }
}
