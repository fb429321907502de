//! `GetEnrollment`: an enrollment by its name, by the clock.

use enrollment::grpc::proto::v1::{self, enrollment::State};
use tonic::Code;

use crate::support::{
    company::{self, OFFER, customer, enroll, listed},
    refusal::{assert_refused, resource_of},
    server::TestServer,
};

on_each_database! {
    async fn what_is_read_is_what_enrolling_gave_without_the_code(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let request = v1::EnrollRequest {
            contact: Some(v1::Contact {
                email: "jo@example.com".to_owned(),
                phone_number: String::new(),
            }),
            ..enroll(customer("C-1"))
        };
        let enrolled = server.enrollments().enroll(request).await.unwrap().into_inner();

        let read = server.enrollment(&enrolled.name).await;

        assert_eq!(read, v1::Enrollment { activation_code: String::new(), ..enrolled });
    }

    async fn a_code_that_ran_out_reads_as_lapsed_from_the_day_after_on(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;

        server.clock.set("2022-09-02T03:59:59Z");
        assert_eq!(server.enrollment(&name).await.state(), State::Pending);
        server.clock.set("2022-09-02T04:00:00Z");
        assert_eq!(server.enrollment(&name).await.state(), State::Lapsed);
    }

    async fn to_read_writes_nothing(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let name = server.enroll(customer("C-1")).await.name;
        let before = database.enrolling_rows().await;
        server.clock.set("2022-09-02T12:00:00Z");

        server.enrollment(&name).await;

        assert_eq!(database.enrolling_rows().await, before);
        let live = "SELECT COUNT(*) FROM enrollments WHERE state = 'PENDING'";
        assert_eq!(database.count(live).await, 1);
    }

    async fn it_is_flagged_once_all_of_its_cohorts_are_retracted(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let people = vec![listed([customer("C-1")])];
        company::publish(&server, "second", &[v1::DataElement::Imei], people).await;
        let name = server.enroll(customer("C-1")).await.name;

        server.retract_cohort("postpaid").await;
        assert!(!server.enrollment(&name).await.cohorts_retracted);
        server.retract_cohort("second").await;
        assert!(server.enrollment(&name).await.cohorts_retracted);
    }

    async fn what_does_not_exist_is_named_in_the_answer(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;

        let name = format!("{OFFER}/enrollments/{}", company::request_id());
        let request = v1::GetEnrollmentRequest { name: name.clone() };
        let reply = server.enrollments().get_enrollment(request).await;

        let refused = assert_refused(reply, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(resource_of(&refused), name);
    }

    async fn an_enrollment_is_not_found_under_another_offer(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let request = v1::CreateOfferRequest {
            offer_id: "other".to_owned(),
            offer: Some(company::offer()),
        };
        server.offers().create_offer(request).await.unwrap();
        let name = server.enroll(customer("C-1")).await.name;

        let request = v1::GetEnrollmentRequest { name: name.replace(OFFER, "offers/other") };
        let reply = server.enrollments().get_enrollment(request).await;

        assert_refused(reply, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
}
