//! What people and operators do in nearly every test, done for them and expected to succeed.

use enrollment::grpc::proto::v1;
use prost_types::{FieldMask, Timestamp};

use super::{
    company::{self, OFFER},
    server::TestServer,
};

impl TestServer {
    pub async fn check(&self, identifier: v1::Identifier) -> v1::Eligibility {
        let request = company::check(identifier);
        let reply = self.enrollments().check_eligibility(request).await;
        reply.unwrap().into_inner()
    }

    /// What an operator is told that the answer was.
    pub async fn check_as_of(&self, identifier: v1::Identifier, time: &str) -> v1::Eligibility {
        let request = v1::CheckEligibilityRequest {
            as_of_time: Some(timestamp(time)),
            ..company::check(identifier)
        };
        let reply = self
            .enrollments_for_operators()
            .check_eligibility(request)
            .await;
        reply.unwrap().into_inner()
    }

    pub async fn enroll(&self, identifier: v1::Identifier) -> v1::Enrollment {
        let request = company::enroll(identifier);
        let reply = self.enrollments().enroll(request).await;
        reply.unwrap().into_inner()
    }

    pub async fn cancel(&self, name: &str) -> v1::Enrollment {
        let request = company::cancel(name);
        let reply = self.enrollments().cancel_enrollment(request).await;
        reply.unwrap().into_inner()
    }

    pub async fn reinstate(&self, name: &str) -> v1::Enrollment {
        let request = company::reinstate(name);
        let reply = self.enrollments().reinstate_enrollment(request).await;
        reply.unwrap().into_inner()
    }

    pub async fn enrollment(&self, name: &str) -> v1::Enrollment {
        let request = v1::GetEnrollmentRequest {
            name: name.to_owned(),
        };
        let reply = self.enrollments().get_enrollment(request).await;
        reply.unwrap().into_inner()
    }

    /// Changes the named fields of the offer to what they are in `offer`.
    pub async fn update_offer(&self, offer: v1::Offer, fields: &[&str]) {
        self.update_offer_of(OFFER, offer, fields).await;
    }

    /// The same of the offer of this name.
    pub async fn update_offer_of(&self, name: &str, offer: v1::Offer, fields: &[&str]) {
        let request = v1::UpdateOfferRequest {
            offer: Some(v1::Offer {
                name: name.to_owned(),
                ..offer
            }),
            update_mask: Some(mask(fields)),
            ..v1::UpdateOfferRequest::default()
        };
        self.offers().update_offer(request).await.unwrap();
    }

    /// No more cohorts will come.
    pub async fn complete_cohorts(&self) {
        let complete = v1::Offer {
            cohorts_complete: true,
            ..v1::Offer::default()
        };
        self.update_offer(complete, &["cohorts_complete"]).await;
    }

    pub async fn pause_offer(&self) {
        let request = v1::PauseOfferRequest {
            name: OFFER.to_owned(),
            etag: String::new(),
        };
        self.offers().pause_offer(request).await.unwrap();
    }

    pub async fn close_offer(&self) {
        let request = v1::CloseOfferRequest {
            name: OFFER.to_owned(),
            etag: String::new(),
        };
        self.offers().close_offer(request).await.unwrap();
    }

    /// Other data elements turned out to be exposed of a cohort.
    pub async fn amend_cohort(&self, id: &str, exposed: &[v1::DataElement]) {
        let request = v1::UpdateCohortRequest {
            cohort: Some(v1::Cohort {
                name: cohort(id),
                data_elements: exposed.iter().map(|element| (*element).into()).collect(),
                ..v1::Cohort::default()
            }),
            update_mask: Some(mask(&["data_elements"])),
        };
        self.cohorts().update_cohort(request).await.unwrap();
    }

    pub async fn retract_cohort(&self, id: &str) {
        let request = v1::RetractCohortRequest {
            name: cohort(id),
            reason: "wrong list".to_owned(),
            etag: String::new(),
        };
        self.cohorts().retract_cohort(request).await.unwrap();
    }
}

/// The name of one of the offer's cohorts.
pub fn cohort(id: &str) -> String {
    format!("{OFFER}/cohorts/{id}")
}

pub fn timestamp(time: &str) -> Timestamp {
    let time: chrono::DateTime<chrono::Utc> = time.parse().unwrap();
    Timestamp {
        seconds: time.timestamp(),
        nanos: 0,
    }
}

fn mask(fields: &[&str]) -> FieldMask {
    FieldMask {
        paths: fields.iter().map(|field| (*field).to_owned()).collect(),
    }
}
