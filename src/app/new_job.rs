//! How a job begins: once for each request.

use chrono::{DateTime, Utc};

use super::{App, Error, error::Conflict};
use crate::{
    domain::{
        job::{Job, JobProgress, JobState, JobWork},
        name::{JobName, OfferName},
        offer::Offer,
        request::RequestId,
    },
    storage::{Row, Transaction, job, request},
};

/// A job that is asked for.
pub(super) struct NewJob<'a> {
    /// By whom.
    pub requester: &'a str,
    /// Their id of it.
    pub request_id: RequestId,
    /// What is to be done.
    pub work: JobWork,
}

impl NewJob<'_> {
    /// The job of this offer that the same request has begun. Fails when the request was another.
    pub async fn known(
        &self,
        transaction: &Transaction,
        offer: &OfferName,
    ) -> Result<Option<Job>, Error> {
        let known = job::find_by_request(transaction, self.requester, self.request_id).await?;
        let is_other = match &known {
            Some(known) => known.name.parent != *offer || known.work != self.work,
            None => request::is_used(transaction, self.requester, self.request_id).await?,
        };
        if is_other {
            return Err(Error::Exists(Conflict::RequestId));
        }
        Ok(known)
    }

    /// Begins it, to look at so many enrollments.
    pub async fn begin(
        self,
        app: &App,
        transaction: &Transaction,
        offer: &Row<Offer>,
        total: i64,
        now: DateTime<Utc>,
    ) -> Result<Job, Error> {
        let job = Job {
            name: JobName {
                parent: offer.value.name.clone(),
                job: app.0.random.uuid(now)?,
            },
            work: self.work,
            state: JobState::Running,
            requester: self.requester.to_owned(),
            request_id: self.request_id,
            progress: JobProgress {
                total,
                ..JobProgress::default()
            },
            create_time: now,
            update_time: now,
        };
        job::insert(transaction, offer, &job).await?;
        request::use_for_job(transaction, self.requester, self.request_id, now).await?;
        Ok(job)
    }
}
