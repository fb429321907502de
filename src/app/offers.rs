//! Offers: create, read, list, change, open, pause, close.

use serde_json::json;

use super::{
    App, Error,
    error::{Conflict, Precondition},
    find,
};
use crate::{
    clock::stamp,
    domain::{
        code::CodeSource,
        event::{Event, EventType},
        name::OfferName,
        offer::{DayCount, Offer, OfferDetails, OfferState, Overlap, Window},
        page::{Page, PageOf},
        request::{Caller, Etag},
        term::Term,
        transition::{StateForbids, Transition},
        violation::Violation,
    },
    storage::{
        Row, Transaction, cohort, event, offer,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// Offers that are read at a time.
const PAGE: u64 = 100;

/// What is to be changed of an offer; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct OfferPatch {
    /// What operators call it.
    pub display_name: Option<String>,
    /// Who provides the membership.
    pub provider: Option<String>,
    /// How long the cover lasts, and whether a short term is wanted.
    pub term: Option<(Term, bool)>,
    /// The zone in which all dates are meant.
    pub time_zone: Option<chrono_tz::Tz>,
    /// First day of the window.
    pub enroll_from: Option<chrono::NaiveDate>,
    /// Last day of the window.
    pub enroll_by: Option<chrono::NaiveDate>,
    /// No more cohorts will come.
    pub cohorts_complete: Option<bool>,
    /// The terms that a person must accept.
    pub terms_version: Option<String>,
    /// Days within which a code must be activated.
    pub activation_window: Option<DayCount>,
    /// Days within which an enrollment can be reinstated.
    pub reinstatement_window: Option<DayCount>,
    /// Where codes come from.
    pub code_source: Option<CodeSource>,
    /// What it does with those whom another offer covers.
    pub overlap: Option<Overlap>,
    /// Whether an earlier last day is wanted, though it takes the offer away from people.
    pub allows_earlier_enroll_by: bool,
}

impl OfferPatch {
    fn apply(&self, old: &OfferDetails) -> OfferDetails {
        let (term, short_term_acknowledged) =
            self.term.unwrap_or((old.term, old.short_term_acknowledged));
        OfferDetails {
            display_name: self
                .display_name
                .clone()
                .unwrap_or_else(|| old.display_name.clone()),
            provider: self
                .provider
                .clone()
                .unwrap_or_else(|| old.provider.clone()),
            term,
            short_term_acknowledged,
            time_zone: self.time_zone.unwrap_or(old.time_zone),
            window: Window {
                enroll_from: self.enroll_from.unwrap_or(old.window.enroll_from),
                enroll_by: self.enroll_by.unwrap_or(old.window.enroll_by),
            },
            cohorts_complete: self.cohorts_complete.unwrap_or(old.cohorts_complete),
            terms_version: self
                .terms_version
                .clone()
                .unwrap_or_else(|| old.terms_version.clone()),
            activation_window: self.activation_window.unwrap_or(old.activation_window),
            reinstatement_window: self
                .reinstatement_window
                .unwrap_or(old.reinstatement_window),
            code_source: self.code_source.unwrap_or(old.code_source),
            overlap: self.overlap.unwrap_or(old.overlap),
        }
    }
}

/// A change of an offer's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferMove {
    /// People can enroll.
    Open,
    /// Nobody can, for a while.
    Pause,
    /// Nobody can any more.
    Close,
}

impl OfferMove {
    fn from(self, state: OfferState) -> Result<Transition<OfferState>, StateForbids> {
        match self {
            Self::Open => Ok(state.open()),
            Self::Pause => state.pause(),
            Self::Close => state.close(),
        }
    }

    fn event_type(self) -> EventType {
        match self {
            Self::Open => EventType::OfferOpened,
            Self::Pause => EventType::OfferPaused,
            Self::Close => EventType::OfferClosed,
        }
    }
}

impl App {
    /// Creates an offer as a draft.
    pub async fn create_offer(
        &self,
        caller: &Caller,
        name: OfferName,
        details: OfferDetails,
    ) -> Result<Offer, Error> {
        let actor = caller.subject.clone();
        self.0
            .store
            .transaction(Creating {
                app: self.clone(),
                actor,
                name,
                details,
            })
            .await
    }

    /// The offer of this name.
    pub async fn get_offer(&self, name: &OfferName) -> Result<Offer, Error> {
        Ok(find::offer(self.0.store.reader(), name).await?.value)
    }

    /// A page of all offers.
    pub async fn list_offers(&self, page: &PageOf) -> Result<Page<Offer>, Error> {
        Ok(offer::list(self.0.store.reader(), page).await?)
    }

    /// All offers, for what goes through each of them.
    pub(super) async fn all_offers(&self) -> Result<Vec<Offer>, Error> {
        let mut page = PageOf {
            size: PAGE,
            after: None,
        };
        let mut offers = Vec::<Offer>::new();
        loop {
            let read = self.list_offers(&page).await?;
            offers.extend(read.items);
            if !read.more {
                return Ok(offers);
            }
            page.after = offers.last().map(|offer| offer.name.offer.to_string());
        }
    }

    /// Changes what the patch names. Whether more lists come is answered once nobody says otherwise
    /// (`unlisted.rs`).
    pub async fn update_offer(
        &self,
        caller: &Caller,
        name: OfferName,
        etag: Option<Etag>,
        patch: OfferPatch,
    ) -> Result<Offer, Error> {
        let tells_of_lists = patch.cohorts_complete.is_some();
        let change = Change::Details(Box::new(patch));
        let changed = self.change_offer(caller, name, etag, change).await?;
        if tells_of_lists {
            self.0.unlisted.known_by_all().await;
        }
        Ok(changed)
    }

    /// Opens, pauses or closes an offer; leaves one that is so already as it is.
    pub async fn move_offer(
        &self,
        caller: &Caller,
        name: OfferName,
        etag: Option<Etag>,
        to: OfferMove,
    ) -> Result<Offer, Error> {
        self.change_offer(caller, name, etag, Change::State(to))
            .await
    }

    async fn change_offer(
        &self,
        caller: &Caller,
        name: OfferName,
        etag: Option<Etag>,
        change: Change,
    ) -> Result<Offer, Error> {
        let actor = caller.subject.clone();
        let unit = Changing {
            app: self.clone(),
            actor,
            name,
            etag,
            change,
        };
        self.0.store.transaction(unit).await
    }

    /// The event of an offer's change, with what the offer says from then on.
    fn offer_event(
        &self,
        actor: &str,
        event_type: EventType,
        offer: &Offer,
    ) -> Result<Event, Error> {
        Ok(Event {
            details: Some(json!({ "revision": offer.revision, "offer": offer.details })),
            ..self.event(offer.update_time, actor, event_type, &offer.name)?
        })
    }
}

struct Creating {
    app: App,
    actor: String,
    name: OfferName,
    details: OfferDetails,
}

impl UnitOfWork for Creating {
    type Output = Offer;
    type Error = Error;
    const NAME: &'static str = "CreateOffer";
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Report;

    async fn run(&self, transaction: &Transaction) -> Result<Offer, Error> {
        let now = self.app.now();
        let offer = Offer {
            name: self.name.clone(),
            state: OfferState::Draft,
            details: self.details.clone(),
            successor: None,
            revision: 1,
            create_time: now,
            update_time: now,
        };
        refuse_impossible(&offer.details)?;
        if !offer::insert(transaction, &offer).await? {
            let name = self.name.to_string();
            return Err(Error::Exists(Conflict::Resource {
                kind: "Offer",
                name,
            }));
        }
        let event = self
            .app
            .offer_event(&self.actor, EventType::OfferCreated, &offer)?;
        event::insert(transaction, &event).await?;
        Ok(offer)
    }
}

enum Change {
    Details(Box<OfferPatch>),
    State(OfferMove),
}

struct Changing {
    app: App,
    actor: String,
    name: OfferName,
    etag: Option<Etag>,
    change: Change,
}

impl UnitOfWork for Changing {
    type Output = Offer;
    type Error = Error;
    const NAME: &'static str = "UpdateOffer";
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Report;

    async fn run(&self, transaction: &Transaction) -> Result<Offer, Error> {
        let old = find::offer_to_change(transaction, &self.name, self.etag.as_ref()).await?;
        let mut offer = old.value.clone();
        let event_type = match &self.change {
            Change::Details(patch) => {
                offer.details = patch.apply(&offer.details);
                refuse_impossible(&offer.details)?;
                if offer.details.time_zone != old.value.details.time_zone {
                    self.refuse_other_days(transaction, &old).await?;
                }
                if !patch.allows_earlier_enroll_by {
                    self.refuse_to_cut_off(transaction, &old, &offer).await?;
                }
                EventType::OfferUpdated
            }
            Change::State(to) => {
                if let (OfferMove::Open, Some(successor)) = (to, &offer.successor) {
                    return Err(Error::migrated(&self.name, successor));
                }
                let moved = to.from(offer.state);
                match moved.map_err(|forbids| Error::forbidden(&self.name, forbids))? {
                    Transition::To(state) => offer.state = state,
                    Transition::Already(_) => {}
                }
                to.event_type()
            }
        };
        if offer == old.value {
            return Ok(offer);
        }
        offer.revision += 1;
        offer.update_time = stamp(self.app.now(), offer.update_time);
        offer::update(transaction, old.id, &offer).await?;
        let event = self.app.offer_event(&self.actor, event_type, &offer)?;
        event::insert(transaction, &event).await?;
        Ok(offer)
    }
}

impl Changing {
    /// Fails when enrollments go on in another offer: the days of both must be the same.
    async fn refuse_other_days(
        &self,
        transaction: &Transaction,
        offer: &Row<Offer>,
    ) -> Result<(), Error> {
        if offer::is_in_succession(transaction, offer).await? {
            return Err(Error::unfit(&self.name, "the time_zone must stay the same"));
        }
        Ok(())
    }

    /// Fails when people who can still enroll, or will, would have fewer days for it.
    async fn refuse_to_cut_off(
        &self,
        transaction: &Transaction,
        old: &Row<Offer>,
        new: &Offer,
    ) -> Result<(), Error> {
        let present = old.value.details.window.enroll_by;
        let is_over = old.value.date_at(self.app.now()) > present;
        let is_promised = old.value.state != OfferState::Draft && !is_over;
        if new.details.window.enroll_by >= present
            || !is_promised
            || !cohort::lists_anybody(transaction, old).await?
        {
            return Ok(());
        }
        Err(Error::Precondition(Precondition::CutsOff {
            name: self.name.to_string(),
            enroll_by: present,
        }))
    }
}

fn refuse_impossible(details: &OfferDetails) -> Result<(), Error> {
    if let Some((field, rule)) = details.contradiction() {
        let field = format!("offer.{field}");
        return Err(Error::Invalid(vec![Violation { field, rule }]));
    }
    if details.falls_short_unacknowledged() {
        return Err(Error::Precondition(Precondition::ShortTerm));
    }
    Ok(())
}
