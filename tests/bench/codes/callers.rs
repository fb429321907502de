//! Callers who enroll one person after the other until no code is left.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use enrollment::{
    clock::Random,
    grpc::proto::v1::{self, enrollment_service_client::EnrollmentServiceClient},
};
use tonic::{Request, metadata::AsciiMetadataValue};
use tonic_types::StatusExt;

use crate::stand::{
    Result,
    company::{OFFER, TERMS, customer_id, person},
    service::Service,
};

/// A code that was given out.
pub struct Given {
    /// When its reply came.
    pub at: Instant,
    pub code: String,
}

/// Lets so many callers enroll so many people. Gives the codes in the order in which they came, and how many
/// callers were told that none are left.
pub async fn use_up(service: &Service, callers: u64, people: u64) -> Result<(Vec<Given>, u64)> {
    let next = Arc::new(AtomicU64::new(0));
    let authorization = AsciiMetadataValue::try_from(format!("Bearer {}", service.app))?;
    let callers = (0..callers).map(|_| {
        let caller = Caller {
            client: EnrollmentServiceClient::new(service.channel.clone()),
            authorization: authorization.clone(),
            next: next.clone(),
            people,
        };
        tokio::spawn(caller.enroll_all())
    });
    let (mut given, mut refused) = (Vec::new(), 0);
    for caller in callers.collect::<Vec<_>>() {
        let (of_caller, of_refusals) = caller.await??;
        given.extend(of_caller);
        refused += of_refusals;
    }
    given.sort_by_key(|given| given.at);
    Ok((given, refused))
}

struct Caller {
    client: EnrollmentServiceClient<tonic::transport::Channel>,
    authorization: AsciiMetadataValue,
    next: Arc<AtomicU64>,
    people: u64,
}

impl Caller {
    async fn enroll_all(mut self) -> Result<(Vec<Given>, u64)> {
        let (mut given, mut refused) = (Vec::new(), 0);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.people {
                return Ok((given, refused));
            }
            match self.client.enroll(self.request(number)?).await {
                Ok(reply) => given.push(Given {
                    at: Instant::now(),
                    code: reply.into_inner().activation_code,
                }),
                Err(status) => {
                    let details = status.get_error_details();
                    let reason = details.error_info().map(|info| info.reason.as_str());
                    if reason != Some("CODE_POOL_EMPTY") {
                        return Err(status.into());
                    }
                    refused += 1;
                }
            }
        }
    }

    fn request(&self, number: u64) -> Result<Request<v1::EnrollRequest>> {
        let mut request = Request::new(v1::EnrollRequest {
            parent: OFFER.to_owned(),
            person: Some(person(customer_id(number))),
            contact: None,
            terms_version: TERMS.to_owned(),
            request_id: uuid::Uuid::from_bytes(Random.bytes()?).to_string(),
        });
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.authorization.clone());
        Ok(request)
    }
}
