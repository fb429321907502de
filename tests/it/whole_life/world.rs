//! Some people, what they were answered, and what must hold of it at any time.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use enrollment::grpc::proto::{
    google::r#type::Date,
    v1::{
        self,
        enrollment::{RejectReason, RevokeReason, State},
    },
};
use tonic::{Code, Status};

use super::{
    request::{AnyRequest, Callers},
    steps::{Act, Deed, Step},
};
use crate::support::{
    codes::{load_codes, take_codes_from},
    company::{self, customer, listed, request_id},
    crowd::at_once,
    database::TestDatabase,
    deeds::cohort,
    provider::{activation, by_code, by_name, cancellation, rejection},
    server::TestServer,
    unique,
};

const PEOPLE: usize = 4;

/// Where everything stands.
pub struct World<'a> {
    server: &'a TestServer,
    database: &'a TestDatabase,
    run: u64,
    now: DateTime<Utc>,
    /// Enrollments as they were last read, in the order in which they began.
    lives: Vec<Life>,
    /// Whose each code is that was ever shown.
    codes: HashMap<String, String>,
    /// What was asked and answered.
    answered: Vec<(AnyRequest, v1::Enrollment)>,
}

struct Life {
    person: usize,
    read: v1::Enrollment,
    /// The code that was shown last.
    shown: v1::Enrollment,
}

impl<'a> World<'a> {
    pub async fn new(server: &'a TestServer, database: &'a TestDatabase, run: u64) -> Self {
        let people = (0..PEOPLE).map(|person| listed([customer(&name(run, person))]));
        let exposed = [v1::DataElement::Name];
        let cohort = format!("run-{run}");
        company::publish(server, &cohort, &exposed, people.collect()).await;
        let mut world = Self {
            server,
            database,
            run,
            now: "2021-09-01T12:00:00Z".parse().unwrap(),
            lives: Vec::new(),
            codes: HashMap::new(),
            answered: Vec::new(),
        };
        world.wait(0);
        world
    }

    /// How many enrollments there were.
    pub fn enrolled(&self) -> usize {
        self.lives.len()
    }

    pub async fn take(&mut self, step: Step) {
        match step {
            Step::Wait(days) => self.wait(days),
            Step::Settle => {
                self.server.app.settle_enrollments().await.unwrap();
                assert_eq!(self.server.app.settle_enrollments().await.unwrap(), Some(0));
            }
            Step::CodesFrom(source) => take_codes_from(self.server, source).await,
            Step::Fill(count) => self.fill(count).await,
            Step::ExtendAll(days) => self.extend_all(days).await,
            Step::Act(acts) => self.act(acts).await,
            Step::Repeat(number) => self.repeat(number).await,
        }
        self.read_all().await;
    }

    fn wait(&mut self, days: i64) {
        // Nothing happens twice in one moment.
        self.now += TimeDelta::days(days) + TimeDelta::seconds(1);
        self.server.clock.set(&self.now.to_rfc3339());
    }

    async fn extend_all(&mut self, days: u64) {
        let today = self.now.date_naive();
        let request = v1::ExtendCohortTermRequest {
            name: cohort(&format!("run-{}", self.run)),
            term_end_date: Some(date_of(today + Days::new(days))),
            request_id: request_id(),
        };
        let mut admin = self.server.admin();
        let asked = admin.extend_cohort_term(request.clone()).await.unwrap();
        let name = asked.into_inner().name;
        loop {
            let name = name.clone();
            let job = admin.get_job(v1::GetJobRequest { name }).await.unwrap();
            if job.into_inner().state() == v1::job::State::Done {
                break;
            }
        }
        let again = admin.extend_cohort_term(request).await.unwrap();
        assert_eq!(again.into_inner().name, name);
    }

    async fn fill(&mut self, count: usize) {
        let new = (0..count).map(|_| format!("LOADED-{}", unique().simple()));
        load_codes(self.server, &format!("load-{}", unique()), new.collect()).await;
    }

    async fn act(&mut self, acts: Vec<Act>) {
        let requests = acts.iter().filter_map(|act| self.request(act));
        let requests = requests.collect::<Vec<_>>();
        let callers = Callers::of(self.server);
        let sent = requests.iter().map(|(_, request)| {
            let (callers, request) = (callers.clone(), request.clone());
            callers.send(request)
        });
        let replies = at_once(sent).await;
        for ((person, request), reply) in requests.into_iter().zip(replies) {
            match reply {
                Ok(reply) => {
                    self.note(person, &reply);
                    self.answered.push((request, reply));
                }
                Err(status) => assert_a_refusal(&status),
            }
        }
    }

    /// The request, and who it is about; none where it needs an enrollment and there is none.
    fn request(&self, act: &Act) -> Option<(usize, AnyRequest)> {
        if let Deed::Enroll = act.deed {
            let person = act.whom % PEOPLE;
            let request = company::enroll(customer(&name(self.run, person)));
            return Some((person, AnyRequest::Enroll(request)));
        }
        // One of the newest: little happens any more to those that ended.
        let newest = act.whom % self.lives.len().clamp(1, PEOPLE);
        let life = self.lives.iter().rev().nth(newest)?;
        Some((life.person, self.of_life(life, act.deed)))
    }

    fn of_life(&self, life: &Life, deed: Deed) -> AnyRequest {
        let name = life.read.name.clone();
        let ago = |days| (self.now - TimeDelta::days(days)).to_rfc3339();
        match deed {
            Deed::Enroll | Deed::ShowCode => {
                AnyRequest::ShowCode(v1::GetActivationCodeRequest { name })
            }
            Deed::Cancel => AnyRequest::Cancel(company::cancel(&name)),
            Deed::Reinstate => AnyRequest::Reinstate(company::reinstate(&name)),
            Deed::Activate {
                days_ago,
                by_code: true,
            } if !life.shown.activation_code.is_empty() => {
                AnyRequest::Activate(activation(by_code(&life.shown), &ago(days_ago)))
            }
            Deed::Activate { days_ago, .. } => {
                AnyRequest::Activate(activation(by_name(&life.read), &ago(days_ago)))
            }
            Deed::Reject => {
                AnyRequest::Reject(rejection(by_name(&life.read), RejectReason::NotServed))
            }
            Deed::CancelThere { days_ago } => {
                AnyRequest::CancelThere(cancellation(by_name(&life.read), &ago(days_ago)))
            }
            Deed::Revoke => AnyRequest::Revoke(v1::RevokeEnrollmentRequest {
                name,
                reason: RevokeReason::Duplicate.into(),
                etag: String::new(),
                request_id: request_id(),
            }),
            Deed::Extend(days) => AnyRequest::Extend(v1::ExtendTermRequest {
                name,
                term_end_date: life.read.term_end_date.as_ref().map(|end| later(end, days)),
                etag: String::new(),
                request_id: request_id(),
            }),
            Deed::ReplaceCode => AnyRequest::ReplaceCode(v1::ReplaceActivationCodeRequest {
                name,
                etag: String::new(),
                request_id: request_id(),
            }),
        }
    }

    fn note(&mut self, person: usize, reply: &v1::Enrollment) {
        if !self.lives.iter().any(|life| life.read.name == reply.name) {
            self.lives.push(Life {
                person,
                read: reply.clone(),
                shown: reply.clone(),
            });
        }
        if reply.activation_code.is_empty() {
            return;
        }
        let holder = self.codes.entry(reply.activation_code.clone());
        let holder = holder.or_insert_with(|| reply.name.clone());
        assert_eq!(*holder, reply.name, "a code went to two");
        for life in &mut self.lives {
            if life.read.name == reply.name {
                life.shown = reply.clone();
            }
        }
    }

    /// The first result comes again, and nothing else happens.
    async fn repeat(&mut self, number: usize) {
        let count = self.answered.len().max(1);
        let Some((request, first)) = self.answered.get(number % count).cloned() else {
            return;
        };
        if let AnyRequest::ShowCode(_) = request {
            // It shows what there is now.
            return;
        }
        let changes = self.changes().await;
        let again = Callers::of(self.server).send(request).await.unwrap();
        let told = |reply: &v1::Enrollment| {
            (
                reply.name.clone(),
                reply.etag.clone(),
                reply.update_time,
                reply.term_end_date,
            )
        };
        assert_eq!(told(&again), told(&first));
        assert_eq!(self.changes().await, changes);
    }

    async fn read_all(&mut self) {
        for life in &mut self.lives {
            let read = self.server.enrollment(&life.read.name).await;
            let (before, after) = (life.read.state(), read.state());
            let is_final = [State::Expired, State::Rejected, State::Revoked].contains(&before);
            assert!(!is_final || before == after, "{before:?} became {after:?}");
            let end = |read: &v1::Enrollment| {
                read.term_end_date.map(|end| (end.year, end.month, end.day))
            };
            assert!(end(&read) >= end(&life.read), "a term became shorter");
            life.read = read;
        }
    }

    pub async fn must_hold(&self) {
        let mut live = BTreeMap::<usize, u32>::new();
        for life in &self.lives {
            if let State::Pending | State::Active = life.read.state() {
                *live.entry(life.person).or_default() += 1;
            }
        }
        assert!(
            live.values().all(|count| *count == 1),
            "covered twice: {live:?}"
        );
        assert_eq!(self.database.claims_that_disagree().await, 0);
        let (events, revisions) = self.changes().await;
        assert_eq!(events, revisions, "events are not changes");
        for (one, other) in [
            // Everybody has one code who is to have one.
            (
                "SELECT COUNT(*) FROM activation_codes WHERE void_time IS NULL",
                "SELECT COUNT(*) FROM enrollments WHERE code_source <> 'NONE'",
            ),
            // No code of the pool is lost.
            (
                "SELECT COUNT(*) FROM activation_codes WHERE of_pool",
                "SELECT COALESCE(MAX(assigned), 0) FROM code_pools",
            ),
            (
                "SELECT COUNT(*) FROM pool_codes",
                "SELECT COALESCE(MAX(loaded), 0) FROM code_pools",
            ),
        ] {
            let (one_count, other_count) = (
                self.database.count(one).await,
                self.database.count(other).await,
            );
            assert_eq!(one_count, other_count, "{one} against {other}");
        }
    }

    /// Events of enrollments that tell of a change, and changes of enrollments.
    async fn changes(&self) -> (i64, i64) {
        let events = "SELECT COUNT(*) FROM events WHERE resource LIKE '%/enrollments/%' \
                      AND type <> 'ACTIVATION_CODE_SHOWN'";
        let revisions = "SELECT CAST(COALESCE(SUM(revision), 0) AS BIGINT) FROM enrollments";
        (
            self.database.count(events).await,
            self.database.count(revisions).await,
        )
    }
}

fn name(run: u64, person: usize) -> String {
    format!("R-{run}-{person}")
}

fn later(end: &Date, days: u64) -> Date {
    let month = u32::try_from(end.month).unwrap();
    let day = u32::try_from(end.day).unwrap();
    let end = NaiveDate::from_ymd_opt(end.year, month, day).unwrap();
    date_of(end + Days::new(days))
}

fn date_of(day: NaiveDate) -> Date {
    Date {
        year: day.year(),
        month: i32::try_from(day.month()).unwrap(),
        day: i32::try_from(day.day()).unwrap(),
    }
}

/// Anything else is a fault.
#[track_caller]
fn assert_a_refusal(status: &Status) {
    assert!(
        matches!(
            status.code(),
            // Aborted: found by its code, while something else changed it.
            Code::FailedPrecondition | Code::AlreadyExists | Code::InvalidArgument | Code::Aborted
        ),
        "{status:?}"
    );
}
