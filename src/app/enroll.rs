//! Enroll: a person accepts an offer. Row, claims, code and event in one transaction.

use chrono::{DateTime, Utc};

use super::{
    App, Error,
    error::{Conflict, Precondition},
    once::Deed,
    standing::{Standing, Standings},
    view::{EnrollmentView, code_context, contact_context},
};
use crate::{
    domain::{
        code::ActivationCode,
        contact::Contact,
        eligibility::{Eligibility, Verdict},
        enrollment::{Enrollment, Status},
        event::{Event, EventType},
        identifier::Identifier,
        name::{EnrollmentName, OfferName},
        offer::Offer,
        person::IdentifierDigest,
        request::{Caller, RequestId},
    },
    storage::{
        self, Row, Transaction, claim,
        code::{self, SealedCode},
        enrollment::{self, StoredEnrollment},
        event,
        request::Request,
    },
};

/// The code goes into its digest under this tag.
const CODE_TAG: &str = "activation_code/1";

/// A person's wish to enroll.
#[derive(Debug, Clone)]
pub struct Enroll {
    /// The offer.
    pub offer: OfferName,
    /// Who the person is: 1 to 8 identifiers.
    pub identifiers: Vec<Identifier>,
    /// How to reach them.
    pub contact: Contact,
    /// The terms that they accepted.
    pub terms_version: String,
    /// The caller's id of this wish.
    pub request_id: RequestId,
}

impl App {
    /// Enrolls a person. Fails when they are not eligible, or enrolled already.
    pub async fn enroll(&self, caller: &Caller, command: Enroll) -> Result<EnrollmentView, Error> {
        let digests = self.digests(&command.identifiers);
        let content = (
            &command.offer,
            &digests,
            &command.contact,
            &command.terms_version,
        );
        let request = Request {
            caller: caller.subject.clone(),
            id: command.request_id,
            fingerprint: self.fingerprint(Enrolling::NAME, &content)?,
        };
        let deed = Enrolling {
            actor: caller.subject.clone(),
            digests,
            contact: command.contact,
            terms_version: command.terms_version,
            request_id: command.request_id,
        };
        self.once(command.offer, request, deed).await
    }
}

struct Enrolling {
    actor: String,
    digests: Vec<IdentifierDigest>,
    contact: Contact,
    terms_version: String,
    request_id: RequestId,
}

impl Deed for Enrolling {
    const NAME: &'static str = "Enroll";
    const SHOWS_CODE: bool = true;

    async fn act(
        &self,
        app: &App,
        transaction: &Transaction,
        offer: &Row<Offer>,
        now: DateTime<Utc>,
    ) -> Result<StoredEnrollment, Error> {
        let standing = Standings::look(transaction, offer, &self.digests)
            .await?
            .of(&self.digests);
        let eligibility = standing.decide(&offer.value, now);
        refuse_unless_eligible(&eligibility)?;
        self.refuse_other_terms(&offer.value)?;
        for ended in &standing.claimed_by {
            app.settle(transaction, &offer.value, ended, now).await?;
        }
        let enrollment = self.begin(app, &offer.value, &standing, eligibility, now)?;
        let contact = self.seal_contact(app, &enrollment)?;
        let cohort_ids = standing.cohorts.keys().copied();
        enrollment::insert(transaction, offer, &enrollment, contact.clone(), cohort_ids).await?;
        let id = enrollment.name.enrollment;
        if !claim::take(transaction, offer, id, &standing.people).await? {
            // Somebody was faster: look again, and name their enrollment.
            return Err(storage::Error::LiveClaimTaken.into());
        }
        code::assign(transaction, id, &mint(app, &enrollment)?, now).await?;
        let event = Event {
            request_id: Some(self.request_id),
            ..app.event(now, &self.actor, EventType::Enrolled, &enrollment.name)?
        };
        event::insert(transaction, &event).await?;
        Ok(StoredEnrollment {
            enrollment,
            contact,
            cohorts_retracted: false,
        })
    }
}

impl Enrolling {
    fn refuse_other_terms(&self, offer: &Offer) -> Result<(), Error> {
        let current = &offer.details.terms_version;
        if self.terms_version == *current {
            return Ok(());
        }
        Err(Error::Precondition(Precondition::TermsVersion {
            current: current.clone(),
        }))
    }

    fn begin(
        &self,
        app: &App,
        offer: &Offer,
        standing: &Standing,
        eligibility: Eligibility,
        now: DateTime<Utc>,
    ) -> Result<Enrollment, Error> {
        let today = offer.date_at(now);
        Ok(Enrollment {
            name: EnrollmentName {
                parent: offer.name.clone(),
                enrollment: app.0.random.uuid(now)?,
            },
            status: Status::Pending,
            enroll_time: now,
            activate_by: offer.details.activation_window.after(today),
            term: offer.details.term.on_enrollment(today),
            terms_version: self.terms_version.clone(),
            exposed: eligibility.exposed,
            cohorts: standing
                .cohorts
                .values()
                .map(|(cohort, _)| cohort.clone())
                .collect(),
            revision: 1,
            update_time: now,
        })
    }

    fn seal_contact(&self, app: &App, enrollment: &Enrollment) -> Result<Option<Vec<u8>>, Error> {
        if self.contact.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_vec(&self.contact)
            .map(zeroize::Zeroizing::new)
            .map_err(|_| Error::Fault("contact data cannot be written"))?;
        Ok(Some(
            app.0
                .keys
                .sealer
                .seal(&contact_context(enrollment), &text)?,
        ))
    }
}

fn mint(app: &App, enrollment: &Enrollment) -> Result<SealedCode, Error> {
    let code = ActivationCode::mint(u128::from_be_bytes(app.0.random.bytes()?));
    let text = code.reveal().as_bytes();
    Ok(SealedCode {
        digest: app.0.keys.digester.digest(CODE_TAG, text),
        sealed: app.0.keys.sealer.seal(&code_context(enrollment), text)?,
    })
}

fn refuse_unless_eligible(eligibility: &Eligibility) -> Result<(), Error> {
    let precondition = match &eligibility.verdict {
        Verdict::Eligible { .. } => return Ok(()),
        Verdict::AlreadyEnrolled(name) => {
            return Err(Error::Exists(Conflict::Enrollment(name.clone())));
        }
        Verdict::NotListed => Precondition::NotListed,
        Verdict::Undetermined => Precondition::Undetermined,
        Verdict::NotYetOpen => Precondition::NotYetOpen,
        Verdict::Closed => Precondition::Closed,
        Verdict::Paused => Precondition::Paused,
    };
    Err(Error::Precondition(precondition))
}
