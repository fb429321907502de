//! `ReinstateEnrollment`: a cancelled enrollment is made live again.

use enrollment::grpc::proto::v1::{self, eligibility::Verdict, enrollment::State};
use tonic::Code;

use crate::support::{
    company::{self, customer, listed, reinstate},
    refusal::{assert_refused, resource_of},
    server::TestServer,
};

on_each_database! {
    async fn what_is_reinstated_has_the_same_code_and_the_same_end(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let enrolled = server.enroll(customer("C-1")).await;
        server.cancel(&enrolled.name).await;
        server.clock.set("2021-09-20T12:00:00Z");

        let reinstated = server.reinstate(&enrolled.name).await;

        assert_eq!(reinstated.state(), State::Pending);
        assert_eq!(reinstated.term_start_date, enrolled.term_start_date);
        assert_eq!(reinstated.term_end_date, enrolled.term_end_date);
        assert_eq!(reinstated.activate_by_date, enrolled.activate_by_date);
        assert_eq!(reinstated.cancel_time, None);
        assert_eq!(reinstated.reinstate_by_date, None);
        let request = v1::GetActivationCodeRequest { name: enrolled.name };
        let shown = server.enrollments().get_activation_code(request).await.unwrap();
        assert_eq!(shown.into_inner().activation_code, enrolled.activation_code);
    }

    async fn the_last_day_of_the_period_counts_and_the_day_after_does_not(database) {
        let server = TestServer::start(&database.settings).await;
        let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
        company::with_people(&server, people.to_vec()).await;
        let mut names = Vec::new();
        for id in ["C-1", "C-2"] {
            let name = server.enroll(customer(id)).await.name;
            server.cancel(&name).await;
            names.push(name);
        }

        // New York's 2021-10-01, the thirtieth day, ends four hours after midnight UTC.
        server.clock.set("2021-10-02T03:59:59Z");
        assert_eq!(server.reinstate(&names[0]).await.state(), State::Pending);
        server.clock.set("2021-10-02T04:00:00Z");
        let reply = server.enrollments().reinstate_enrollment(reinstate(&names[1])).await;

        assert_refused(reply, Code::FailedPrecondition, "REINSTATEMENT_PERIOD_OVER");
    }

    async fn who_enrolled_anew_is_told_the_new_enrollment(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let old = server.enroll(customer("C-1")).await.name;
        server.cancel(&old).await;
        let new = server.enroll(customer("C-1")).await.name;

        let reply = server.enrollments().reinstate_enrollment(reinstate(&old)).await;

        let refused = assert_refused(reply, Code::AlreadyExists, "ALREADY_ENROLLED");
        assert_eq!(resource_of(&refused), new);
        assert_eq!(server.enrollment(&old).await.state(), State::Cancelled);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn what_was_enrolled_anew_and_lapsed_is_no_obstacle(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let old = server.enroll(customer("C-1")).await.name;
        server.cancel(&old).await;
        let short = v1::Offer { activation_window_days: 2, ..v1::Offer::default() };
        server.update_offer(short, &["activation_window_days"]).await;
        let new = server.enroll(customer("C-1")).await.name;
        server.clock.set("2021-09-10T12:00:00Z");

        let reinstated = server.reinstate(&old).await;

        assert_eq!(reinstated.state(), State::Pending);
        assert_eq!(server.enrollment(&new).await.state(), State::Lapsed);
        assert_eq!(database.events("ENROLLMENT_LAPSED").await, 1);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn to_reinstate_what_is_live_gives_the_same_answer_and_no_event(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.cancel(&name).await;
        let first = server.reinstate(&name).await;

        let second = server.reinstate(&name).await;

        assert_eq!(second, first);
        assert_eq!(database.events("ENROLLMENT_REINSTATED").await, 1);
    }

    async fn a_person_who_is_reinstated_is_enrolled_again(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.cancel(&name).await;
        server.reinstate(&name).await;

        let answer = server.check(customer("C-1")).await;

        assert_eq!(answer.verdict(), Verdict::AlreadyEnrolled);
        assert_eq!(answer.enrollment, name);
        assert_eq!(database.claims_that_disagree().await, 0);
    }

    async fn a_code_that_ran_out_meanwhile_cannot_come_back(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let short = v1::Offer { activation_window_days: 2, ..v1::Offer::default() };
        server.update_offer(short, &["activation_window_days"]).await;
        let name = server.enroll(customer("C-1")).await.name;
        server.cancel(&name).await;
        server.clock.set("2021-09-10T12:00:00Z");

        let reply = server.enrollments().reinstate_enrollment(reinstate(&name)).await;

        assert_refused(reply, Code::FailedPrecondition, "REINSTATEMENT_PERIOD_OVER");
        assert_eq!(server.enrollment(&name).await.state(), State::Cancelled);
    }

    async fn an_enrollment_that_changed_since_is_not_reinstated(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let seen = server.enroll(customer("C-1")).await;
        server.cancel(&seen.name).await;

        let request = v1::ReinstateEnrollmentRequest { etag: seen.etag, ..reinstate(&seen.name) };
        let reply = server.enrollments().reinstate_enrollment(request).await;

        assert_refused(reply, Code::Aborted, "ETAG_MISMATCH");
        assert_eq!(database.events("ENROLLMENT_REINSTATED").await, 0);
    }
}
