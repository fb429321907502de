//! Meets every reason on purpose: a story per part of the API.

use enrollment::{
    config::Server as Settings,
    grpc::proto::v1::{self, CodeSource},
    storage,
};
use sea_orm::ConnectionTrait;
use tonic::{Response, Status};

use crate::support::{
    codes::{replace, take_codes_from},
    company::{
        self, OFFER, chunk, customer, enroll, hashed_header, header, listed, person, plain_row,
        request_id,
    },
    database::TestDatabase,
    provider::{activation, by_code, by_name},
    raw::{Call, Wire},
    server::{Start, TestServer, settings},
    token,
};

pub async fn all(database: &TestDatabase) -> Vec<Status> {
    let server = TestServer::start(&database.settings).await;
    let people = ["C-1", "C-2"].map(|id| listed([customer(id)]));
    company::with_people(&server, people.into()).await;
    let mut met = Vec::new();
    met.extend(protocol(&server).await);
    met.extend(tokens(&server).await);
    met.extend(offers(&server).await);
    met.extend(cohorts(&server).await);
    met.extend(enrolling(&server).await);
    met.extend(provider(&server).await);
    met.extend(codes(&server).await);
    met.extend(windows(&server).await);
    met.extend(migrations(&server).await);
    met.push(overlap(&server).await);
    met.push(fault(&server, database).await);
    met.push(check(&server, |call| call.header("grpc-timeout", "50m")).await);
    met.push(no_place().await);
    met.push(no_tables().await);
    met
}

fn refused<T>(reply: Result<Response<T>, Status>) -> Status {
    reply.err().expect("must be refused")
}

async fn protocol(server: &TestServer) -> Vec<Status> {
    let wire = Wire::to(server.address).await;
    let call = |method: &str| {
        let path = format!("/identityprotection.enrollment.v1.OfferService/{method}");
        Call::to(path).bearer(&server.signer.token("operator"))
    };
    let large = vec![0; 100 * 1024];
    vec![
        wire.call(call("GetOffer").message(&[0xff; 8])).await.status,
        wire.call(call("GetOffer").message(&large)).await.status,
        wire.call(call("BurnOffer").message(b"")).await.status,
    ]
}

async fn tokens(server: &TestServer) -> Vec<Status> {
    let wire = Wire::to(server.address).await;
    let call = Call::to("/identityprotection.enrollment.v1.OfferService/GetOffer").message(b"");
    let now = jsonwebtoken::get_current_timestamp();
    let mut old = token::claims("operator");
    old["iat"] = (now - 900).into();
    old["exp"] = (now - 300).into();
    let expired = server.signer.sign(&token::header(), &old);
    vec![
        wire.call(call.clone()).await.status,
        wire.call(call.clone().bearer("x")).await.status,
        wire.call(call.clone().bearer(&expired)).await.status,
        wire.call(call.bearer(&server.signer.token("app")))
            .await
            .status,
    ]
}

async fn offers(server: &TestServer) -> Vec<Status> {
    let mut offers = server.offers();
    let create = |id: &str, months| {
        let mut offer = company::offer();
        offer.term.as_mut().unwrap().months = months;
        v1::CreateOfferRequest {
            offer_id: id.to_owned(),
            offer: Some(offer),
        }
    };
    let name = |name: &str| v1::GetOfferRequest {
        name: name.to_owned(),
    };
    let stale = v1::OpenOfferRequest {
        name: OFFER.to_owned(),
        etag: "r999".to_owned(),
    };
    offers.create_offer(create("draft", 24)).await.unwrap();
    let pause = v1::PauseOfferRequest {
        name: "offers/draft".to_owned(),
        etag: String::new(),
    };
    vec![
        refused(offers.get_offer(name("no name")).await),
        refused(offers.get_offer(name("offers/no-such")).await),
        refused(offers.create_offer(create("carrier-2021", 24)).await),
        refused(offers.create_offer(create("short", 23)).await),
        refused(offers.open_offer(stale).await),
        refused(offers.pause_offer(pause).await),
    ]
}

async fn cohorts(server: &TestServer) -> Vec<Status> {
    let cohort = company::create_cohort(server, "prepaid", &[v1::DataElement::Name])
        .await
        .name;
    let publish = |expected_person_count| v1::PublishCohortRequest {
        name: cohort.clone(),
        expected_person_count,
        ..Default::default()
    };
    let mut cohorts = server.cohorts();
    let empty = refused(cohorts.publish_cohort(publish(0)).await);
    let gap = vec![
        header(&cohort, "list"),
        chunk(2, vec![plain_row(listed([customer("C-9")]))]),
    ];
    let out_of_step = company::stream(server, gap).await.unwrap_err();
    let in_progress = refused(cohorts.publish_cohort(publish(0)).await);
    company::load(server, &cohort, "list", vec![listed([customer("C-9")])])
        .await
        .unwrap();
    let other_count = refused(cohorts.publish_cohort(publish(7)).await);
    let other_digest = v1::PublishCohortRequest {
        expected_digest: "00".repeat(32),
        ..publish(0)
    };
    let other_digest = refused(cohorts.publish_cohort(other_digest).await);
    cohorts.publish_cohort(publish(0)).await.unwrap();
    company::load(server, &cohort, "other", vec![listed([customer("C-8")])])
        .await
        .unwrap();
    let other_list = v1::PublishCohortRequest {
        load_ids: vec!["other".to_owned()],
        ..publish(0)
    };
    let drops_people = refused(cohorts.publish_cohort(other_list).await);
    let other_key = vec![hashed_header(&cohort, "hashed", &"00".repeat(16))];
    let other_key = company::stream(server, other_key).await.unwrap_err();
    vec![
        empty,
        out_of_step,
        in_progress,
        other_count,
        other_digest,
        drops_people,
        other_key,
    ]
}

async fn provider(server: &TestServer) -> Vec<Status> {
    company::publish(
        server,
        "provided",
        &[v1::DataElement::Name],
        vec![listed([customer("P-1")])],
    )
    .await;
    server.clock.set("2021-09-20T12:00:00Z");
    let enrolled = server.enroll(customer("P-1")).await;
    server
        .codes()
        .replace_activation_code(replace(&enrolled.name))
        .await
        .unwrap();
    let mut provider = server.provider();
    let mut activate =
        async |whom, time: &str| refused(provider.record_activation(activation(whom, time)).await);
    let void = activate(by_code(&enrolled), "2021-09-20T12:00:01Z").await;
    let early = activate(by_name(&enrolled), "2021-09-01T12:00:00Z").await;
    server.clock.set("2022-10-20T12:00:00Z");
    let late = activate(by_name(&enrolled), "2022-10-01T12:00:00Z").await;
    server.clock.set("2021-09-01T12:00:00Z");
    vec![void, early, late]
}

async fn codes(server: &TestServer) -> Vec<Status> {
    let exposed = [v1::DataElement::Name];
    let person = vec![listed([customer("K-1")])];
    company::publish(server, "coded", &exposed, person).await;
    take_codes_from(server, CodeSource::Pool).await;
    let empty = refused(server.enrollments().enroll(enroll(customer("K-1"))).await);
    take_codes_from(server, CodeSource::None).await;
    let enrolled = server.enroll(customer("K-1")).await;
    let none = refused(
        server
            .codes()
            .replace_activation_code(replace(&enrolled.name))
            .await,
    );
    take_codes_from(server, CodeSource::Minted).await;
    vec![empty, none]
}

async fn enrolling(server: &TestServer) -> Vec<Status> {
    let mut enrollments = server.enrollments();
    let first = enroll(customer("C-1"));
    let enrollment = enrollments
        .enroll(first.clone())
        .await
        .unwrap()
        .into_inner();
    let other = v1::EnrollRequest {
        person: person([customer("C-2")]),
        ..first
    };
    let terms = v1::EnrollRequest {
        terms_version: "old".to_owned(),
        ..enroll(customer("C-2"))
    };
    let lookup = v1::LookupEnrollmentRequest {
        parent: OFFER.to_owned(),
        person: person([customer("C-2")]),
    };
    let mut met = vec![
        refused(enrollments.enroll(enroll(customer("C-1"))).await),
        refused(enrollments.enroll(other).await),
        refused(enrollments.enroll(terms).await),
        refused(enrollments.enroll(enroll(customer("C-77"))).await),
        refused(enrollments.lookup_enrollment(lookup).await),
    ];
    enrollments
        .cancel_enrollment(company::cancel(&enrollment.name))
        .await
        .unwrap();
    server.clock.set("2021-11-01T12:00:00Z");
    let late = enrollments
        .reinstate_enrollment(company::reinstate(&enrollment.name))
        .await;
    met.push(refused(late));
    met
}

/// What the offer's state and window forbid to somebody who is listed, and what a complete list says
/// to somebody who is not.
async fn windows(server: &TestServer) -> Vec<Status> {
    let mut enrollments = server.enrollments();
    let mut offers = server.offers();
    let name = OFFER.to_owned();
    server.clock.set("2021-08-01T12:00:00Z");
    let early = refused(enrollments.enroll(enroll(customer("C-2"))).await);
    server.clock.set("2022-03-02T12:00:00Z");
    let late = refused(enrollments.enroll(enroll(customer("C-2"))).await);
    server.clock.set("2021-09-01T12:00:00Z");
    complete(server).await;
    let unlisted = refused(enrollments.enroll(enroll(customer("C-77"))).await);
    let etag = String::new();
    offers
        .pause_offer(v1::PauseOfferRequest { name, etag })
        .await
        .unwrap();
    let paused = refused(enrollments.enroll(enroll(customer("C-2"))).await);
    let sooner = company::enroll_by(company::date(2021, 12, 31));
    let cuts_off = refused(offers.update_offer(sooner).await);
    vec![early, late, unlisted, paused, cuts_off]
}

async fn complete(server: &TestServer) {
    let request = v1::UpdateOfferRequest {
        offer: Some(v1::Offer {
            name: OFFER.to_owned(),
            cohorts_complete: true,
            ..v1::Offer::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["cohorts_complete".to_owned()],
        }),
        ..v1::UpdateOfferRequest::default()
    };
    server.offers().update_offer(request).await.unwrap();
}

/// Of an offer that nobody needs.
async fn migrations(server: &TestServer) -> Vec<Status> {
    let mut offers = server.offers();
    let open = v1::OpenOfferRequest {
        name: company::open_offer_as(server, "ends", company::offer())
            .await
            .name,
        etag: String::new(),
    };
    company::draft_offer(server, "succeeds", company::offer()).await;
    let into = |successor: &str| v1::MigrateOfferRequest {
        name: "offers/ends".to_owned(),
        successor: successor.to_owned(),
        etag: String::new(),
        request_id: request_id(),
    };
    let unfit = refused(offers.migrate_offer(into(OFFER)).await);
    offers.migrate_offer(into("offers/succeeds")).await.unwrap();
    vec![unfit, refused(offers.open_offer(open).await)]
}

/// Of two offers that refuse whom another one covers.
async fn overlap(server: &TestServer) -> Status {
    let mut replies = Vec::new();
    for id in ["one", "another"] {
        let offer = v1::Offer {
            overlap: v1::offer::Overlap::Refuse.into(),
            ..company::offer()
        };
        let parent = company::open_offer_as(server, id, offer).await.name;
        let exposed = [v1::DataElement::Name];
        let people = vec![listed([customer("C-9")])];
        company::publish_in(server, &parent, "postpaid", &exposed, people).await;
        let request = v1::EnrollRequest {
            parent,
            ..enroll(customer("C-9"))
        };
        replies.push(server.enrollments().enroll(request).await);
    }
    refused(replies.pop().unwrap())
}

/// A seal that was tampered with.
async fn fault(server: &TestServer, database: &TestDatabase) -> Status {
    let contact = Some(v1::Contact {
        email: "jo@example.com".to_owned(),
        phone_number: String::new(),
    });
    let offers = v1::OpenOfferRequest {
        name: OFFER.to_owned(),
        etag: String::new(),
    };
    server.offers().open_offer(offers).await.unwrap();
    let request = v1::EnrollRequest {
        contact,
        ..enroll(customer("C-2"))
    };
    let enrollment = server
        .enrollments()
        .enroll(request)
        .await
        .unwrap()
        .into_inner();
    let broken = if database.is_postgres() {
        "'\\x00'"
    } else {
        "x'00'"
    };
    let sql = format!("UPDATE enrollments SET contact = {broken} WHERE contact IS NOT NULL");
    database.inside.execute_unprepared(&sql).await.unwrap();
    let request = v1::GetEnrollmentRequest {
        name: enrollment.name,
    };
    refused(server.enrollments().get_enrollment(request).await)
}

async fn no_place() -> Status {
    let database = TestDatabase::sqlite().await;
    let settings = Settings {
        max_in_flight: 0,
        ..settings()
    };
    let start = Start {
        settings,
        ..Start::default()
    };
    let server = TestServer::start_with(&database.settings, start).await;
    check(&server, |call| call).await
}

/// A database that `migrate` was not run on.
async fn no_tables() -> Status {
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("empty.db").display());
    let database = storage::Database::Sqlite { url };
    drop(storage::Store::connect(&database, true).await.unwrap());
    let server = TestServer::start_unready(&database, Start::default()).await;
    check(&server, |call| call).await
}

async fn check(server: &TestServer, with: impl FnOnce(Call) -> Call) -> Status {
    let call = Call::to("/identityprotection.enrollment.v1.EnrollmentService/CheckEligibility");
    let call = call.bearer(&server.signer.token("app")).message(b"");
    Wire::to(server.address).await.call(with(call)).await.status
}
