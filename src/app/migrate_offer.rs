//! `MigrateOffer`: the live enrollments of an offer go on in another, by a job. A person has one place in both: nobody
//! is enrolled twice, and whoever asks either offer is named the enrollment that is live.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{
    App, Error, find,
    new_job::NewJob,
    pieces::PieceOfJob,
    view::contact_context,
    working_set::{Told, WorkingSet},
};
use crate::{
    clock::stamp,
    domain::{
        code::CodeSource,
        event::{Event, EventType},
        job::{Job, JobWork},
        name::{EnrollmentName, OfferName},
        offer::{Offer, OfferState},
        request::{Caller, Etag, RequestId},
        violation::{Rule, Violation},
    },
    storage::{
        Row, Transaction,
        catalogue::Catalogue,
        code_pool,
        enrollment::{self, StoredEnrollment},
        event,
        lane::Enrolled,
        offer,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// An operator's wish to move everybody to another offer.
#[derive(Debug, Clone)]
pub struct MigrateOffer {
    /// The offer that ends.
    pub name: OfferName,
    /// The offer in which its enrollments go on.
    pub successor: OfferName,
    /// What the caller has seen of the offer that ends.
    pub etag: Option<Etag>,
    /// The caller's id of this wish.
    pub request_id: RequestId,
}

impl App {
    /// Closes an offer, and begins a job that moves its live enrollments to a draft, each with what is left of its term
    /// and a new code. Answers once nobody says otherwise of who is on a list (`unlisted.rs`).
    pub async fn migrate_offer(
        &self,
        caller: &Caller,
        command: MigrateOffer,
    ) -> Result<Job, Error> {
        if command.name == command.successor {
            return Err(Error::Invalid(vec![Violation {
                field: "successor".to_owned(),
                rule: Rule("must be another offer"),
            }]));
        }
        let unit = Asking {
            app: self.clone(),
            requester: caller.subject.clone(),
            command,
        };
        let job = self.0.store.transaction(unit).await?;
        self.0.jobs.notify_one();
        // Who is on a list of the old offer is on one of the new one, too.
        self.0.unlisted.known_by_all().await;
        Ok(job)
    }
}

struct Asking {
    app: App,
    requester: String,
    command: MigrateOffer,
}

impl UnitOfWork for Asking {
    type Output = Job;
    type Error = Error;
    const NAME: &'static str = "MigrateOffer";
    // It knows by its request id whether it has been done.
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<Job, Error> {
        let MigrateOffer {
            name,
            successor,
            etag,
            request_id,
        } = &self.command;
        // Whoever asks twice at once waits for the first.
        let old = find::offer_to_change(transaction, name, None).await?;
        let new = find::offer_to_change(transaction, successor, None).await?;
        let asked = NewJob {
            requester: &self.requester,
            request_id: *request_id,
            work: JobWork::MigrateOffer {
                successor: successor.clone(),
            },
        };
        if let Some(known) = asked.known(transaction, name).await? {
            return Ok(known);
        }
        find::refuse_other_revision(etag.as_ref(), old.value.revision, name)?;
        let takes_over = offer::is_in_succession(transaction, &old).await?;
        refuse_ended(&old.value, takes_over)?;
        let total = enrollment::count_live(transaction, &old).await?;
        refuse_unfit(transaction, &old, &new, total).await?;
        let now = self.app.now();
        if !offer::succeed(transaction, &new, &old, now).await? {
            return Err(Error::unfit(
                &new.value.name,
                "it succeeds another offer already",
            ));
        }
        let job = asked.begin(&self.app, transaction, &old, total, now);
        let job = job.await?;
        let closed = Offer {
            state: OfferState::Closed,
            successor: Some(successor.clone()),
            revision: old.value.revision + 1,
            update_time: stamp(now, old.value.update_time),
            ..old.value
        };
        offer::update(transaction, old.id, &closed).await?;
        let started = EventType::OfferMigrationStarted;
        let event = Event {
            request_id: Some(*request_id),
            details: Some(json!({
                "revision": closed.revision,
                "offer": closed.details,
                "successor": successor.to_string(),
                "job": job.name.to_string(),
            })),
            ..self.app.event(now, &self.requester, started, name)?
        };
        event::insert(transaction, &event).await?;
        Ok(job)
    }
}

/// Fails for an offer that has nothing to move, or has moved it.
fn refuse_ended(offer: &Offer, takes_over: bool) -> Result<(), Error> {
    if let Some(successor) = &offer.successor {
        return Err(Error::migrated(&offer.name, successor));
    }
    // Others' enrollments can go on in one that was never open.
    if offer.state == OfferState::Draft && !takes_over {
        return Err(Error::forbidden(&offer.name, offer.state.forbids()));
    }
    Ok(())
}

/// Fails unless everybody of the old offer finds their place and their promise in the new one.
async fn refuse_unfit(
    transaction: &Transaction,
    old: &Row<Offer>,
    new: &Row<Offer>,
    people: i64,
) -> Result<(), Error> {
    let (before, after) = (&old.value.details, &new.value.details);
    // A draft was never open: nobody can be enrolled there, or just be about to.
    if new.value.state != OfferState::Draft {
        return Err(Error::unfit(&new.value.name, "it must be a DRAFT"));
    }
    if before.time_zone != after.time_zone {
        return Err(Error::unfit(
            &new.value.name,
            "it must have the same time_zone",
        ));
    }
    if after.code_source == CodeSource::Pool && code_pool::left(transaction, new).await? < people {
        let rule = "its pool must have a code for every live enrollment";
        return Err(Error::unfit(&new.value.name, rule));
    }
    Ok(())
}

/// Up to so many enrollments that are to be moved into the catalogue's offer, and have codes there.
pub(super) async fn next(
    app: &App,
    job: &Job,
    catalogue: &Catalogue,
    size: u64,
) -> Result<PieceOfJob, Error> {
    let db = app.0.store.reader();
    let offer_id = catalogue.offer_id(&job.name.parent);
    let offer_id = offer_id.ok_or(Error::Fault("an offer has no successor"))?;
    let ids = enrollment::live(db, offer_id, size).await?;
    let all = ids.len();
    let with_codes = if catalogue.offer.value.details.code_source == CodeSource::Pool {
        let left = code_pool::left(db, &catalogue.offer).await?;
        all.min(usize::try_from(left).unwrap_or_default())
    } else {
        all
    };
    if with_codes == 0 && all > 0 {
        return Err(Error::code_pool_empty(&catalogue.offer.value.name));
    }
    let is_last = with_codes == all && u64::try_from(all).is_ok_and(|all| all < size);
    let ids = ids.into_iter().take(with_codes).collect::<Vec<_>>();
    Ok(PieceOfJob {
        next: ids.last().copied().filter(|_| !is_last),
        ids,
    })
}

/// Lets one of them go on in the offer of this turn, if it is not over.
pub(super) fn migrate(
    app: &App,
    job: &Job,
    set: &mut WorkingSet,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let catalogue = set.catalogue();
    let successor = &catalogue.offer.value;
    set.settle(id, successor, now)?;
    let before = set.standings.enrollment(id).cloned();
    let Some(before) = before.filter(|stored| stored.enrollment.status.is_live()) else {
        return Ok(());
    };
    let to = EnrollmentName {
        parent: successor.name.clone(),
        enrollment: app.0.random.uuid(now)?,
    };
    let time = stamp(now, before.enrollment.update_time);
    let migrated = before.enrollment.migrate(to.clone(), successor, time);
    let (migrated, begun) =
        migrated.map_err(|forbids| Error::forbidden(&before.enrollment.name, forbids))?;
    let envelope = before.contact.as_deref();
    let contact = envelope.map(|envelope| app.contact_moved(envelope, id, to.enrollment));
    // It stays where it is: one that cannot be read must not hold up everybody else.
    let is_left_behind = matches!(contact, Some(Err(_)));
    if is_left_behind {
        tracing::error!(enrollment = %before.enrollment.name, "contact data cannot be read, and is left behind");
    }
    let begins = Event {
        request_id: Some(job.request_id),
        details: Some(json!({
            "migrated_from": before.enrollment.name.to_string(),
            "contact_left_behind": is_left_behind,
        })),
        ..set.event(time, &job.requester, EventType::EnrollmentTakenOver, &to)?
    };
    let enrolled = Enrolled {
        cohort_ids: catalogue.cohort_ids(&before.enrollment),
        people: set.standings.people_of(id).into_iter().collect(),
        code: set.new_code(&app.mint_code(to.enrollment)?, now)?,
        stored: StoredEnrollment {
            enrollment: begun,
            contact: contact.and_then(Result::ok),
            ..before.clone()
        },
    };
    let told = Told {
        event_type: EventType::EnrollmentMigrated,
        actor: &job.requester,
        reason: None,
        request_id: Some(job.request_id),
        details: Some(json!({ "migrated_to": to.to_string() })),
    };
    set.advance(&before, migrated, now, told)?;
    set.enroll(enrolled);
    set.log(begins);
    Ok(())
}

impl App {
    /// Contact data that is sealed for one enrollment, sealed for another.
    fn contact_moved(&self, envelope: &[u8], from: Uuid, to: Uuid) -> Result<Vec<u8>, Error> {
        let sealer = &self.0.keys.sealer;
        let text = sealer.open(&contact_context(from), envelope)?;
        Ok(sealer.seal(&contact_context(to), &text)?)
    }
}
