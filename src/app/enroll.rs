//! Enroll: a person accepts an offer. Row, claims, code and event in one transaction.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{
    App, Error,
    deed::{Deed, Done, Wants},
    error::{Conflict, Precondition},
    standing::Standing,
    view::{EnrollmentView, code_context, contact_context},
    working_set::WorkingSet,
};
use crate::{
    crypto::digest::Digester,
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
        code::{KeptCode, NewCode, SealedCode},
        enrollment::StoredEnrollment,
        lane::Enrolled,
        request::Request,
    },
};

const NAME: &str = "Enroll";

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
            fingerprint: self.fingerprint(NAME, &content)?,
        };
        let now = self.now();
        let id = self.0.random.uuid(now)?;
        let deed = Enrolling {
            actor: caller.subject.clone(),
            digests,
            terms_version: command.terms_version,
            request_id: command.request_id,
            id,
            contact: self.seal_contact(id, &command.contact)?,
            code: self.mint_code(id)?,
        };
        self.once(command.offer, request, deed).await
    }

    fn seal_contact(&self, id: Uuid, contact: &Contact) -> Result<Option<Vec<u8>>, Error> {
        if contact.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_vec(contact)
            .map(zeroize::Zeroizing::new)
            .map_err(|_| Error::Fault("contact data cannot be written"))?;
        let sealer = &self.0.keys.sealer;
        Ok(Some(sealer.seal(&contact_context(id), &text)?))
    }

    pub(super) fn mint_code(&self, id: Uuid) -> Result<SealedCode, Error> {
        let code = ActivationCode::mint(u128::from_be_bytes(self.0.random.bytes()?));
        let text = code.reveal().as_bytes();
        Ok(SealedCode {
            digest: code_digest(&self.0.keys.digester, &code),
            sealed: self.0.keys.sealer.seal(&code_context(id), text)?,
        })
    }
}

/// What a code is found by.
pub(super) fn code_digest(digester: &Digester, code: &ActivationCode) -> [u8; 16] {
    digester.digest(CODE_TAG, code.reveal().as_bytes())
}

/// Everything that the enrollment will need, if it comes about.
struct Enrolling {
    actor: String,
    digests: Vec<IdentifierDigest>,
    terms_version: String,
    request_id: RequestId,
    id: Uuid,
    contact: Option<Vec<u8>>,
    code: SealedCode,
}

impl Deed for Enrolling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self) -> Wants<'_> {
        Wants::People(&self.digests)
    }

    fn shows_code(&self) -> bool {
        true
    }

    fn act(&self, set: &mut WorkingSet, now: DateTime<Utc>) -> Result<Done, Error> {
        let catalogue = set.catalogue();
        let offer = &catalogue.offer.value;
        let standing = set.standings.of(&self.digests);
        let eligibility = standing.decide(offer, now);
        let cover_start = cover_start(&eligibility)?;
        self.refuse_other_terms(offer)?;
        let enrollment = self.begin(offer, &standing, eligibility, cover_start, now);
        let cohort_ids = standing.cohorts.keys().copied().collect();
        let people = standing.people.iter().copied().collect();
        let letting_in = standing.letting_in();
        let ended = standing
            .enrollments
            .iter()
            .map(|stored| stored.enrollment.name.enrollment)
            .collect::<Vec<_>>();
        let event = Event {
            request_id: Some(self.request_id),
            ..set.event(now, &self.actor, EventType::Enrolled, &enrollment.name)?
        };
        let code = set.new_code(&self.code, now)?;
        for id in ended {
            set.settle(id, offer, now)?;
        }
        let stored = StoredEnrollment {
            enrollment,
            contact: self.contact.clone(),
            cohorts_retracted: false,
        };
        set.enroll(Enrolled {
            stored: stored.clone(),
            cohort_ids,
            people,
            code: code.clone(),
        });
        set.let_in(letting_in);
        set.log(event);
        Ok(Done {
            stored,
            code: code.and_then(known),
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
        offer: &Offer,
        standing: &Standing<'_>,
        eligibility: Eligibility,
        cover_start: CoverStart,
        now: DateTime<Utc>,
    ) -> Enrollment {
        let term = offer.details.term.on_enrollment(cover_start.day);
        Enrollment {
            name: EnrollmentName {
                parent: offer.name.clone(),
                enrollment: self.id,
            },
            status: Status::Pending,
            enroll_time: now,
            activate_by: offer.details.activation_window.after(cover_start.day),
            term,
            term_not_before: Some(cover_start.day).filter(|_| cover_start.waits && term.is_none()),
            code_source: offer.details.code_source,
            terms_version: self.terms_version.clone(),
            exposed: eligibility.exposed,
            cohorts: standing
                .cohorts
                .values()
                .map(|listed| listed.cohort.clone())
                .collect(),
            cohorts_of: None,
            migrated_to: None,
            migrated_from: None,
            revision: 1,
            update_time: now,
        }
    }
}

/// What is known of the code before it is written: one of the pool is known then.
fn known(code: NewCode) -> Option<KeptCode> {
    match code {
        NewCode::Minted(code) => Some(KeptCode {
            sealed: code.sealed,
            of_pool: false,
        }),
        NewCode::FromPool => None,
    }
}

/// When a person is covered from.
#[derive(Debug, Clone, Copy)]
struct CoverStart {
    /// The first day, if they activated today.
    day: NaiveDate,
    /// Whether that is because another offer covers them until then.
    waits: bool,
}

/// When the person is covered from. Fails when they are not eligible.
fn cover_start(eligibility: &Eligibility) -> Result<CoverStart, Error> {
    let precondition = match &eligibility.verdict {
        Verdict::Eligible {
            cover_start, after, ..
        } => {
            return Ok(CoverStart {
                day: *cover_start,
                waits: after.is_some(),
            });
        }
        Verdict::AlreadyEnrolled(name) => {
            return Err(Error::Exists(Conflict::Enrollment(name.clone())));
        }
        Verdict::CoveredElsewhere(name) => Precondition::CoveredElsewhere(name.to_string()),
        Verdict::NotListed => Precondition::NotListed,
        Verdict::Undetermined => Precondition::Undetermined,
        Verdict::NotYetOpen => Precondition::NotYetOpen,
        Verdict::Closed => Precondition::Closed,
        Verdict::Paused => Precondition::Paused,
    };
    Err(Error::Precondition(precondition))
}
