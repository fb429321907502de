//! `ExtendCohortTerm`: everybody of a cohort is covered for longer, by a job that goes on wherever it stopped.
//! `ENROLLMENT_JOB_SIZE` says how many there are when the service is killed meanwhile.

use std::sync::Arc;

use enrollment::grpc::proto::{
    google::r#type::Date,
    v1::{
        self, enrollment::State, enrollment_admin_service_client::EnrollmentAdminServiceClient, job,
    },
};
use tonic::Code;

use crate::support::{
    company::{self, OFFER, customer, date, listed, request_id},
    crowd::at_once,
    database::TestDatabase,
    deeds::cohort,
    installation::Installation,
    jobs::{as_operator, job_size, kill_until_done},
    process::ServiceProcess,
    provider::{activation, by_name},
    refusal::{assert_refused, fields_of},
    server::{Start, TestServer, keys},
};

fn extend(cohort: &str, end: Date) -> v1::ExtendCohortTermRequest {
    v1::ExtendCohortTermRequest {
        name: cohort.to_owned(),
        term_end_date: Some(end),
        request_id: request_id(),
    }
}

/// Enrollments of whom the end is this day.
async fn until(database: &TestDatabase, day: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM enrollments WHERE term_end_date = '{day}'");
    database.count(&sql).await
}

on_each_database! {
    async fn whoever_is_covered_for_less_is_covered_for_longer_and_nobody_else_changes(database) {
        let server = TestServer::start(&database.settings).await;
        let ids = ["C-1", "C-2", "C-3", "C-4"];
        company::with_people(&server, ids.map(|id| listed([customer(id)])).into()).await;
        let exposed = [v1::DataElement::Name];
        company::publish(&server, "late", &exposed, vec![listed([customer("C-5")])]).await;
        let mut enrolled = Vec::new();
        for id in ["C-1", "C-2", "C-3", "C-4", "C-5"] {
            enrolled.push(server.enroll(customer(id)).await);
        }
        let begun = activation(by_name(&enrolled[1]), "2021-09-01T12:00:00Z");
        server.provider().record_activation(begun).await.unwrap();
        server.cancel(&enrolled[2].name).await;
        let longer = v1::ExtendTermRequest {
            name: enrolled[3].name.clone(),
            term_end_date: Some(date(2025, 1, 1)),
            etag: String::new(),
            request_id: request_id(),
        };
        server.admin().extend_term(longer).await.unwrap();
        let mut before = Vec::new();
        for one in &enrolled {
            before.push(server.enrollment(&one.name).await);
        }

        let request = extend(&cohort("postpaid"), date(2024, 9, 1));
        let asked = server.admin().extend_cohort_term(request).await.unwrap().into_inner();
        let done = server.job_done(&asked.name).await;

        assert_eq!((asked.state(), asked.total_count, asked.passed_count), (job::State::Running, 4, 0));
        assert_eq!((done.total_count, done.passed_count, done.changed_count), (4, 4, 2));
        let mut after = Vec::new();
        for one in &enrolled {
            after.push(server.enrollment(&one.name).await);
        }
        for extended in &after[..2] {
            assert_eq!(extended.term_end_date, Some(date(2024, 9, 1)));
        }
        assert_eq!((after[0].state(), after[1].state()), (State::Pending, State::Active));
        assert_eq!(after[2..], before[2..]);
        assert_eq!(database.events("TERM_EXTENDED").await, 3);
        let events = ["COHORT_TERM_EXTENSION_STARTED", "COHORT_TERM_EXTENSION_FINISHED"];
        for event in events {
            assert_eq!(database.events(event).await, 1, "{event}");
        }
    }

    async fn a_retry_gives_the_same_job_and_another_wish_with_its_id_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.enroll(customer("C-1")).await;
        let request = extend(&cohort("postpaid"), date(2024, 9, 1));
        let mut admin = server.admin();

        let first = admin.extend_cohort_term(request.clone()).await.unwrap().into_inner();
        server.job_done(&first.name).await;
        let again = admin.extend_cohort_term(request.clone()).await.unwrap().into_inner();

        assert_eq!((again.name, again.state), (first.name, job::State::Done.into()));
        assert_eq!(database.rows("jobs").await, 1);
        let other = v1::ExtendCohortTermRequest { term_end_date: Some(date(2024, 9, 2)), ..request };
        let refused = admin.extend_cohort_term(other).await;
        assert_refused(refused, Code::AlreadyExists, "REQUEST_ID_REUSED");
    }

    async fn a_request_id_is_of_a_job_or_of_one_enrollment(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        let for_all = extend(&cohort("postpaid"), date(2024, 9, 1));
        let for_one = v1::ExtendTermRequest {
            name: enrolled.name.clone(),
            term_end_date: Some(date(2025, 9, 1)),
            etag: String::new(),
            request_id: for_all.request_id.clone(),
        };
        let mut admin = server.admin();
        let job = admin.extend_cohort_term(for_all.clone()).await.unwrap().into_inner();
        server.job_done(&job.name).await;

        let refused = admin.extend_term(for_one.clone()).await;

        assert_refused(refused, Code::AlreadyExists, "REQUEST_ID_REUSED");
        assert_eq!(server.enrollment(&enrolled.name).await.term_end_date, Some(date(2024, 9, 1)));
        let for_one = v1::ExtendTermRequest { request_id: request_id(), ..for_one };
        admin.extend_term(for_one.clone()).await.unwrap();
        let for_all = v1::ExtendCohortTermRequest { request_id: for_one.request_id, ..for_all };
        let refused = admin.extend_cohort_term(for_all).await;
        assert_refused(refused, Code::AlreadyExists, "REQUEST_ID_REUSED");
        assert_eq!(database.rows("jobs").await, 1);
    }

    async fn what_cannot_be_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let mut admin = server.admin();

        for end in [date(2021, 9, 1), date(2031, 9, 2)] {
            let refused = admin.extend_cohort_term(extend(&cohort("postpaid"), end)).await;
            let refused = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
            assert_eq!(fields_of(&refused), ["term_end_date"]);
        }
        let refused = admin.extend_cohort_term(extend(&cohort("none"), date(2024, 9, 1))).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        let none = v1::GetJobRequest { name: format!("{OFFER}/jobs/{}", request_id()) };
        assert_refused(admin.get_job(none).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn many_are_extended_once_each_whoever_is_at_it(database) {
        const MORE: u32 = 2_000;
        let keys = keys();
        let start = || Start { keys: keys.clone(), ..Start::default() };
        let server = Arc::new(TestServer::start_with(&database.settings, start()).await);
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.enroll(customer("C-1")).await;
        database.multiply_enrollments(MORE).await;

        let request = extend(&cohort("postpaid"), date(2024, 9, 1));
        let asked = server.admin().extend_cohort_term(request).await.unwrap().into_inner();
        let working = (0..4).map(|_| {
            let server = server.clone();
            async move { server.app.carry_on_jobs().await }
        });
        for worked in at_once(working).await {
            worked.unwrap();
        }
        let done = server.job_done(&asked.name).await;

        let all = i64::from(MORE) + 1;
        assert_eq!((done.passed_count, done.changed_count), (all, all));
        assert_eq!(database.events("TERM_EXTENDED").await, all);
        assert_eq!(until(&database, "2024-09-01").await, all);
    }

    async fn a_service_that_is_killed_meanwhile_goes_on_behind_what_is_done(database) {
        let more = job_size(4_000);
        let installation = Installation::new();
        let start = Start { keys: installation.keys(), ..Start::default() };
        let server = TestServer::start_with(&database.settings, start).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.enroll(customer("C-1")).await;
        server.stop().await.unwrap();
        // The service has the clock of this machine.
        let later = "UPDATE enrollments SET activate_by_date = '2040-01-01', term_end_date = '2030-01-01'";
        database.execute(later).await.unwrap();
        database.multiply_enrollments(more).await;
        let service = ServiceProcess::start(&mut installation.serve(&database, "127.0.0.1:0"));
        let mut admin = EnrollmentAdminServiceClient::new(as_operator(&installation, &service));
        admin.extend_cohort_term(extend(&cohort("postpaid"), date(2031, 1, 1))).await.unwrap();

        let service = kill_until_done(&installation, &database, service, async || {
            assert_eq!(until(&database, "2031-01-01").await, database.events("TERM_EXTENDED").await);
        })
        .await;

        let all = i64::from(more) + 1;
        assert_eq!(until(&database, "2031-01-01").await, all);
        assert_eq!(database.events("TERM_EXTENDED").await, all);
        for counted in ["total_count", "passed_count", "changed_count"] {
            assert_eq!(database.count(&format!("SELECT {counted} FROM jobs")).await, all, "{counted}");
        }
        let twice = "SELECT COUNT(*) FROM enrollments WHERE revision <> 2";
        assert_eq!(database.count(twice).await, 0);
        assert_eq!(service.stop().code(), Some(0));
    }
}
