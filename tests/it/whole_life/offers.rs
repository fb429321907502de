//! The offers of whole lives: one that goes on in another again and again, and a second provider's. Each refuses whom
//! the other covers.

use enrollment::grpc::proto::{
    google::r#type::Date,
    v1::{self, CodeSource, offer::Overlap},
};

use crate::support::{
    codes::{load_codes_into, take_codes_of_from},
    company::{self, OFFER, date, request_id},
    server::TestServer,
    unique,
};

/// The second provider's.
pub const SECOND: &str = "offers/second";

/// Codes that a pool has when an offer goes on in another, whose codes come from there.
const CODES: usize = 20;

pub struct Offers {
    /// The one that people can enroll in, after so many others.
    pub current: String,
    migrations: usize,
}

impl Offers {
    pub async fn open(server: &TestServer) -> Self {
        company::open_offer(server, offer()).await;
        company::open_offer_as(server, "second", offer()).await;
        Self {
            current: OFFER.to_owned(),
            migrations: 0,
        }
    }

    /// Puts these people on a list of both.
    pub async fn publish(&self, server: &TestServer, cohort: &str, people: &[v1::PlainMember]) {
        for offer in [&self.current, SECOND] {
            let (exposed, people) = ([v1::DataElement::Name], people.to_vec());
            company::publish_in(server, offer, cohort, &exposed, people).await;
        }
    }

    pub async fn take_codes_from(&self, server: &TestServer, source: CodeSource) {
        take_codes_of_from(server, &self.current, source).await;
    }

    /// Moves the last day; an earlier one is wanted, too.
    pub async fn enroll_by(&self, server: &TestServer, day: Date) {
        let request = v1::UpdateOfferRequest {
            offer: Some(v1::Offer {
                name: self.current.clone(),
                enroll_by_date: Some(day),
                ..v1::Offer::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["enroll_by_date".to_owned()],
            }),
            allow_earlier_enroll_by_date: true,
        };
        server.offers().update_offer(request).await.unwrap();
    }

    pub async fn fill(&self, server: &TestServer, count: usize) {
        let new = (0..count).map(|_| format!("LOADED-{}", unique().simple()));
        let load_id = format!("load-{}", unique());
        load_codes_into(server, &self.current, &load_id, new.collect()).await;
    }

    /// Whoever is live goes on in a new offer, which has these people on its list too.
    pub async fn migrate(
        &mut self,
        server: &TestServer,
        source: CodeSource,
        cohort: &str,
        people: &[v1::PlainMember],
    ) {
        self.migrations += 1;
        let id = format!("after-{}", self.migrations);
        let new = company::draft_offer(server, &id, offer()).await.name;
        let old = std::mem::replace(&mut self.current, new.clone());
        company::publish_in(
            server,
            &new,
            cohort,
            &[v1::DataElement::Ssn],
            people.to_vec(),
        )
        .await;
        self.fill(server, CODES).await;
        self.take_codes_from(server, source).await;
        let request = v1::MigrateOfferRequest {
            name: old,
            successor: new.clone(),
            etag: String::new(),
            request_id: request_id(),
        };
        let mut offers = server.offers();
        let job = offers.migrate_offer(request.clone()).await.unwrap();
        let done = server.job_done(&job.into_inner().name).await;
        let again = offers.migrate_offer(request).await.unwrap();
        assert_eq!(again.into_inner(), done);
        let open = v1::OpenOfferRequest {
            name: new,
            etag: String::new(),
        };
        offers.open_offer(open).await.unwrap();
    }
}

fn offer() -> v1::Offer {
    v1::Offer {
        enroll_by_date: Some(date(2099, 12, 31)),
        // Short, so that codes run out.
        activation_window_days: 60,
        overlap: Overlap::Refuse.into(),
        ..company::offer()
    }
}
