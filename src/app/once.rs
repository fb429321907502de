//! Commands for a person, done once: whoever asks again with the same request id gets the first
//! result, and an unknown commit is resolved by it.

use std::future::Future;

use chrono::{DateTime, Utc};

use super::{App, Error, error::Conflict, find, view::EnrollmentView};
use crate::{
    domain::{name::OfferName, offer::Offer},
    storage::{
        Row, Transaction, code,
        enrollment::{self, StoredEnrollment},
        request::{self, Request},
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// A command that changes an enrollment, or makes one.
pub(super) trait Deed: Send + Sync + 'static {
    /// Its name, as the API has it.
    const NAME: &'static str;
    /// Whether its reply carries the activation code.
    const SHOWS_CODE: bool;

    /// Does it, for an offer that exists. Talks to nothing but the transaction.
    fn act(
        &self,
        app: &App,
        transaction: &Transaction,
        offer: &Row<Offer>,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<StoredEnrollment, Error>> + Send;
}

/// What a command left behind.
pub(super) struct Outcome {
    offer: Row<Offer>,
    stored: StoredEnrollment,
    sealed_code: Option<Vec<u8>>,
}

impl App {
    /// Does a deed of one offer once for this request.
    pub(super) async fn once<D: Deed>(
        &self,
        offer: OfferName,
        request: Request,
        deed: D,
    ) -> Result<EnrollmentView, Error> {
        let unit = Once {
            app: self.clone(),
            received: self.now(),
            offer,
            request,
            deed,
        };
        let done = self.0.store.transaction(unit).await?;
        let today = done.offer.value.date_at(self.now());
        self.view(done.stored, done.sealed_code.as_deref(), today)
    }
}

struct Once<D> {
    app: App,
    /// Decides about windows and periods, however often the unit is run: a request that came in time
    /// is in time.
    received: DateTime<Utc>,
    offer: OfferName,
    request: Request,
    deed: D,
}

impl<D: Deed> UnitOfWork for Once<D> {
    type Output = Outcome;
    type Error = Error;
    const NAME: &'static str = D::NAME;
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<Outcome, Error> {
        let now = self.received;
        let offer = find::offer(transaction, &self.offer).await?;
        let stored = if request::reserve(transaction, &self.request, now).await? {
            let stored = self.deed.act(&self.app, transaction, &offer, now).await?;
            request::record(transaction, &self.request, &stored.enrollment).await?;
            stored
        } else {
            self.first_result(transaction, &offer).await?
        };
        let sealed_code = if D::SHOWS_CODE {
            code::of_enrollment(transaction, stored.enrollment.name.enrollment).await?
        } else {
            None
        };
        Ok(Outcome {
            offer,
            stored,
            sealed_code,
        })
    }
}

impl<D: Deed> Once<D> {
    async fn first_result(
        &self,
        transaction: &Transaction,
        offer: &Row<Offer>,
    ) -> Result<StoredEnrollment, Error> {
        let answered = request::answered(transaction, &self.request).await?;
        if answered.fingerprint != self.request.fingerprint {
            return Err(Error::Exists(Conflict::RequestId));
        }
        let id = answered.result.name.enrollment;
        let stored = enrollment::find(transaction, offer, id)
            .await?
            .ok_or(Error::Fault("a request's enrollment is gone"))?;
        Ok(StoredEnrollment {
            enrollment: answered.result,
            ..stored
        })
    }
}
