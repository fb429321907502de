//! Some people, what they were answered, and what must hold of it at any time.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Days, TimeDelta, Utc};
use enrollment::grpc::proto::v1::{self, enrollment::State};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use super::{
    life::{Life, date_of, end},
    offers::{Offers, SECOND},
    request::{AnyRequest, Callers},
    steps::{Act, Deed, Step},
};
use crate::support::{
    company::{self, OFFER, customer, listed, request_id},
    crowd::at_once,
    database::TestDatabase,
    server::TestServer,
};

const PEOPLE: usize = 4;

/// Where everything stands.
pub struct World<'a> {
    server: &'a TestServer,
    database: &'a TestDatabase,
    offers: &'a mut Offers,
    run: u64,
    now: DateTime<Utc>,
    /// Enrollments as they were last read, in the order in which they began.
    lives: Vec<Life>,
    /// Whose each code is that was ever shown.
    codes: HashMap<String, String>,
    /// What was asked and answered.
    answered: Vec<(AnyRequest, v1::Enrollment)>,
}

impl<'a> World<'a> {
    pub async fn new(
        server: &'a TestServer,
        database: &'a TestDatabase,
        offers: &'a mut Offers,
        run: u64,
        now: DateTime<Utc>,
    ) -> Self {
        let mut world = Self {
            server,
            database,
            offers,
            run,
            now,
            lives: Vec::new(),
            codes: HashMap::new(),
            answered: Vec::new(),
        };
        world.wait(0);
        let (cohort, people) = (world.cohort(), world.people());
        world.offers.publish(server, &cohort, &people).await;
        world
    }

    fn cohort(&self) -> String {
        format!("run-{}", self.run)
    }

    fn people(&self) -> Vec<v1::PlainMember> {
        let people = (0..PEOPLE).map(|person| listed([customer(&name(self.run, person))]));
        people.collect()
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
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
                // Who was reinstated in an offer that went on is moved.
                self.until_no_job_runs().await;
                assert_eq!(self.server.app.settle_enrollments().await.unwrap(), Some(0));
            }
            Step::EnrollBy(days) => {
                let day = date_of((self.now + TimeDelta::days(days)).date_naive());
                self.offers.enroll_by(self.server, day).await;
            }
            Step::CodesFrom(source) => self.offers.take_codes_from(self.server, source).await,
            Step::Fill(count) => self.offers.fill(self.server, count).await,
            Step::Migrate(source) => {
                let (cohort, people) = (self.cohort(), self.people());
                self.offers
                    .migrate(self.server, source, &cohort, &people)
                    .await;
            }
            Step::Reconcile => self.reconcile().await,
            Step::ExtendAll(days) => self.extend_all(days).await,
            Step::Act(acts) => self.act(acts).await,
            Step::Repeat(number) => self.repeat(number).await,
        }
        self.read_all().await;
        self.look_up_all().await;
    }

    fn wait(&mut self, days: i64) {
        // Nothing happens twice in one moment.
        self.now += TimeDelta::days(days) + TimeDelta::seconds(1);
        self.server.clock.set(&self.now.to_rfc3339());
    }

    async fn extend_all(&mut self, days: u64) {
        let today = self.now.date_naive();
        let request = v1::ExtendCohortTermRequest {
            name: format!("{}/cohorts/{}", self.offers.current, self.cohort()),
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

    async fn until_no_job_runs(&self) {
        let running = "SELECT COUNT(*) FROM jobs WHERE state = 'RUNNING'";
        while self.database.count(running).await > 0 {
            self.server.app.carry_on_jobs().await.unwrap();
        }
    }

    /// A list that agrees with what runs.
    async fn reconcile(&self) {
        let offer = &self.offers.current;
        let of_offer = |life: &&Life| life.read.name.starts_with(&format!("{offer}/"));
        let lives = self.lives.iter().filter(of_offer);
        let active = lives.filter(|life| life.read.state() == State::Active);
        let members = active.map(|life| v1::ProviderMember {
            enrollment: life.read.name.clone(),
            term_start_date: life.read.term_start_date,
            term_end_date: life.read.term_end_date,
        });
        let mut members = members.collect::<Vec<_>>();
        members.sort_by(|one, other| one.enrollment.cmp(&other.enrollment));
        let count = i64::try_from(members.len()).unwrap();
        let message = v1::ReconcileMembersRequest {
            parent: offer.clone(),
            members,
        };
        let outgoing = tokio_stream::iter([message]);
        let answers = self.server.provider().reconcile_members(outgoing).await;
        let answers = answers.unwrap().into_inner().collect::<Vec<_>>().await;
        let totals = answers
            .into_iter()
            .find_map(|answer| answer.unwrap().totals);
        let totals = totals.unwrap();
        assert_eq!((totals.listed_count, totals.agreed_count), (count, count));
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
        if let Deed::Enroll { there } = act.deed {
            let person = act.whom % PEOPLE;
            let parent = if there { SECOND } else { &self.offers.current };
            let request = v1::EnrollRequest {
                parent: parent.to_owned(),
                ..company::enroll(customer(&name(self.run, person)))
            };
            return Some((person, AnyRequest::Enroll(request)));
        }
        // One of the newest: little happens any more to those that ended.
        let newest = act.whom % self.lives.len().clamp(1, PEOPLE);
        let cancelled = |life: &&Life| life.read.state() == State::Cancelled;
        let life = if let Deed::Reinstate = act.deed {
            self.lives.iter().rfind(cancelled)?
        } else {
            self.lives.iter().rev().nth(newest)?
        };
        Some((life.person, life.request(act.deed, self.now)))
    }

    fn note(&mut self, person: usize, reply: &v1::Enrollment) {
        if !self.lives.iter().any(|life| life.read.name == reply.name) {
            self.lives.push(Life::of(person, reply));
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
        let mut next = 0;
        while let Some(life) = self.lives.get_mut(next) {
            next += 1;
            let read = self.server.enrollment(&life.read.name).await;
            let (before, after) = (life.read.state(), read.state());
            let ends = [
                State::Expired,
                State::Rejected,
                State::Revoked,
                State::Migrated,
            ];
            let is_final = ends.contains(&before);
            assert!(!is_final || before == after, "{before:?} became {after:?}");
            assert!(end(&read) >= end(&life.read), "a term became shorter");
            life.woken |= before == State::Lapsed && after == State::Active;
            life.read = read;
            if before == State::Migrated || after != State::Migrated {
                continue;
            }
            let (person, promised) = (life.person, end(&life.read));
            let goes_on = self.server.enrollment(&life.read.migrated_to).await;
            assert!(
                end(&goes_on) >= promised,
                "a term became shorter on its way"
            );
            let goes_on = Life {
                woken: life.woken,
                ..Life::of(person, &goes_on)
            };
            self.lives.push(goes_on);
        }
    }

    /// Whoever has a live enrollment is found by it, in whatever offer it was before.
    async fn look_up_all(&self) {
        for life in &self.lives {
            let is_live = [State::Pending, State::Active].contains(&life.read.state());
            let is_second = life.read.name.starts_with(SECOND);
            for offer in [OFFER, &self.offers.current] {
                if !is_live || is_second {
                    continue;
                }
                let request = v1::LookupEnrollmentRequest {
                    parent: offer.to_owned(),
                    person: company::person([customer(&name(self.run, life.person))]),
                };
                let found = self.server.enrollments().lookup_enrollment(request).await;
                assert_eq!(found.unwrap().into_inner(), life.read);
            }
        }
    }

    pub async fn must_hold(&self) {
        let mut live = BTreeMap::<usize, u32>::new();
        for life in self.lives.iter().filter(|life| !life.woken) {
            if let State::Pending | State::Active = life.read.state() {
                *live.entry(life.person).or_default() += 1;
            }
        }
        assert!(
            live.values().all(|count| *count == 1),
            "covered twice: {live:?}"
        );
        assert_eq!(self.database.claims_that_disagree().await, 0);
        // Nobody has two places in offers that follow each other, or in one.
        let twice = "SELECT COUNT(*) FROM (SELECT person FROM enrollment_claims WHERE live \
                     GROUP BY offer_id, person HAVING COUNT(*) > 1) AS twice";
        assert_eq!(self.database.count(twice).await, 0);
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
                "SELECT CAST(COALESCE(SUM(assigned), 0) AS BIGINT) FROM code_pools",
            ),
            (
                "SELECT COUNT(*) FROM pool_codes",
                "SELECT CAST(COALESCE(SUM(loaded), 0) AS BIGINT) FROM code_pools",
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
