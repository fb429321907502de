//! Who is on no list is told so from memory, and never wrongly: also by a service that is cut off while another one
//! publishes.

use std::{sync::Arc, time::Duration};

use enrollment::{
    app::Freshness,
    grpc::proto::v1::{
        self, Eligibility, eligibility::Verdict, enrollment_service_client::EnrollmentServiceClient,
    },
    storage,
};
use tokio::sync::oneshot;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};

use crate::support::{
    company::{self, chunk, customer, end, header, stream},
    database::TestDatabase,
    deeds::cohort,
    installation::Installation,
    list::{head, publish, rows, with_empty_cohort_and},
    process::ServiceProcess,
    proxy::Proxy,
    refusal::assert_refused,
    server::{Start, TestServer},
};

/// As a service has it, but ten times as fast.
const QUICK: Freshness = Freshness {
    refresh: Duration::from_millis(50),
    trust: Duration::from_millis(200),
    settle: Duration::from_millis(300),
};

fn fresh() -> Start {
    Start {
        freshness: QUICK,
        ..Start::default()
    }
}

/// A server that answers from memory, with a list of one person, and no more to come.
async fn with_a_list(database: &storage::Database) -> TestServer {
    let server = with_empty_cohort_and(database, fresh()).await;
    let list = vec![head(), chunk(1, rows(&["C-1"])), end(1)];
    stream(&server, list).await.unwrap();
    publish(&server, "list").await.unwrap();
    server.complete_cohorts().await;
    server
}

/// A server of this installation that answers from memory, with an empty cohort and no more to come.
async fn with_no_list(database: &storage::Database, installation: &Installation) -> TestServer {
    let server = with_empty_cohort_and(database, of(installation)).await;
    server.complete_cohorts().await;
    server
}

fn of(installation: &Installation) -> Start {
    Start {
        keys: installation.keys(),
        ..fresh()
    }
}

/// Takes the tables away that a look reads, so that only memory can answer.
async fn without_lists(database: &TestDatabase) {
    let rename = if database.is_postgres() {
        "ALTER TABLE packs RENAME TO away"
    } else {
        "ALTER TABLE listed_members RENAME TO away"
    };
    database.execute(rename).await.unwrap();
}

/// The first answer that is not this failure of the database's.
async fn until_told(server: &TestServer, id: &str) -> Eligibility {
    loop {
        let mut app = server.enrollments();
        match app.check_eligibility(company::check(customer(id))).await {
            Ok(told) => return told.into_inner(),
            Err(status) => assert_eq!(status.code(), Code::Internal, "{status}"),
        }
    }
}

on_each_database! {
    async fn who_is_on_no_list_costs_the_database_nothing(database) {
        let server = with_a_list(&database.settings).await;
        without_lists(&database).await;

        // The filters may still be on their way.
        assert_eq!(until_told(&server, "C-2").await.verdict(), Verdict::NotListed);

        let listed = server.enrollments().check_eligibility(company::check(customer("C-1"))).await;
        assert_eq!(listed.unwrap_err().code(), Code::Internal);
        let request = v1::BatchCheckEligibilityRequest {
            parent: company::check(customer("C-1")).parent,
            people: ["C-3", "C-4"].map(|id| company::person([customer(id)]).unwrap()).to_vec(),
        };
        let batch = server.enrollments().batch_check_eligibility(request).await.unwrap();
        for told in batch.into_inner().eligibilities {
            assert_eq!(told.verdict(), Verdict::NotListed);
        }
    }

    async fn a_batch_of_both_tells_each_what_a_check_would(database) {
        let server = with_a_list(&database.settings).await;
        let ids = ["C-2", "C-1", "C-3"];
        let request = || v1::BatchCheckEligibilityRequest {
            parent: company::check(customer("C-1")).parent,
            people: ids.map(|id| company::person([customer(id)]).unwrap()).to_vec(),
        };
        for _ in 0..20 {
            let batch = server.enrollments().batch_check_eligibility(request()).await.unwrap();
            let told = batch.into_inner().eligibilities;
            let told = told.iter().map(Eligibility::verdict).collect::<Vec<_>>();
            assert_eq!(told, [Verdict::NotListed, Verdict::Eligible, Verdict::NotListed]);
        }
    }

    async fn that_more_lists_come_is_known_to_all_once_it_is_answered(database) {
        let installation = Installation::new();
        let first = with_no_list(&database.settings, &installation).await;
        let second = TestServer::start_with(&database.settings, of(&installation)).await;
        without_lists(&database).await;
        assert_eq!(until_told(&second, "C-1").await.verdict(), Verdict::NotListed);

        let offer = v1::Offer { cohorts_complete: false, ..company::offer() };
        first.update_offer(offer, &["cohorts_complete"]).await;

        assert_eq!(until_told(&second, "C-1").await.verdict(), Verdict::Undetermined);
    }

    /// By the service that published it, and by another one.
    async fn whoever_has_been_published_is_known_to_all(database) {
        let installation = Installation::new();
        let one = with_no_list(&database.settings, &installation).await;
        let other = TestServer::start_with(&database.settings, of(&installation)).await;
        for number in 0..3 {
            let id = format!("C-{number}");
            assert_eq!(other.check(customer(&id)).await.verdict(), Verdict::NotListed);
            let load = header(&cohort("list"), &format!("l-{number}"));
            stream(&one, vec![load, chunk(1, rows(&[&id])), end(1)]).await.unwrap();

            publish(&one, "list").await.unwrap();

            for server in [&one, &other] {
                let told = server.check(customer(&id)).await;
                assert_eq!(told.verdict(), Verdict::Eligible, "{id}");
            }
        }
    }

    async fn somebody_on_a_withdrawn_list_still_finds_their_enrollment(database) {
        let server = with_a_list(&database.settings).await;
        server.enroll(customer("C-1")).await;
        let other = vec![header(&cohort("list"), "other"), chunk(1, rows(&["C-5"])), end(1)];
        stream(&server, other).await.unwrap();
        let request = v1::PublishCohortRequest {
            name: cohort("list"),
            load_ids: vec!["other".to_owned()],
            max_dropped_share: 1.0,
            ..Default::default()
        };
        server.cohorts().publish_cohort(request).await.unwrap();

        for _ in 0..20 {
            assert_eq!(server.check(customer("C-1")).await.verdict(), Verdict::AlreadyEnrolled);
            assert_eq!(server.check(customer("C-9")).await.verdict(), Verdict::NotListed);
        }
    }
}

/// A service that is a process of its own, and how to ask it.
struct Replica {
    _process: ServiceProcess,
    client: EnrollmentServiceClient<Channel>,
    token: String,
}

impl Replica {
    async fn start(installation: &Installation, database: &TestDatabase, url: &str) -> Self {
        let mut serve = installation.serve(database, "127.0.0.1:0");
        serve.env("ENROLLMENT__DATABASE__URL", url);
        let process = ServiceProcess::start(&mut serve);
        let endpoint = Endpoint::from_shared(format!("http://{}", process.address)).unwrap();
        Self {
            client: EnrollmentServiceClient::new(endpoint.connect().await.unwrap()),
            token: installation.token(&["app"]),
            _process: process,
        }
    }

    async fn check(&self, id: &str) -> Result<Verdict, Status> {
        let mut request = Request::new(company::check(customer(id)));
        let token = format!("Bearer {}", self.token).parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        let told = self.client.clone().check_eligibility(request).await?;
        Ok(told.into_inner().verdict())
    }
}

/// Two processes, of which one is cut off before the other one's list is published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_cut_off_never_denies_whom_another_one_knows() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let installation = Installation::new();
    let start = Start {
        freshness: Freshness::STANDARD,
        ..of(&installation)
    };
    let operator = with_empty_cohort_and(&database.settings, start).await;
    operator.complete_cohorts().await;
    let proxy = Proxy::before(&database).await;
    let storage::Database::Postgres { url, .. } = &database.settings else {
        panic!("a PostgreSQL database has a URL");
    };
    let storage::Database::Postgres { url: proxied, .. } = &proxy.settings else {
        panic!("so has the proxy");
    };
    let connected = Replica::start(&installation, &database, url).await;
    let cut_off = Replica::start(&installation, &database, proxied).await;
    assert_eq!(cut_off.check("C-2").await.unwrap(), Verdict::NotListed);
    assert_eq!(connected.check("C-2").await.unwrap(), Verdict::NotListed);

    let operator = Arc::new(operator);
    let (published, mut is_published) = oneshot::channel();
    let publishing = {
        let operator = operator.clone();
        tokio::spawn(async move {
            let list = vec![head(), chunk(1, rows(&["C-2"])), end(1)];
            stream(&operator, list).await.unwrap();
            publish(&operator, "list").await.unwrap();
            published.send(()).unwrap();
        })
    };
    proxy.shut();
    let (mut from_memory, mut refused) = (0, 0);
    // Whatever is asked of the one after the other has said yes.
    while refused < 20 || is_published.try_recv().is_err() {
        let known = connected.check("C-2").await.unwrap();
        match cut_off.check("C-2").await {
            Ok(Verdict::NotListed) => {
                assert_eq!(known, Verdict::NotListed, "a false no");
                from_memory += 1;
            }
            Ok(other) => panic!("cut off, and yet {other:?}"),
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status}");
                refused += 1;
            }
        }
    }
    publishing.await.unwrap();
    assert!(from_memory > 0, "it never answered from memory");

    proxy.open();
    let told = loop {
        match cut_off.check("C-2").await {
            Ok(told) => break told,
            Err(status) => assert_refused_away(status),
        }
    };
    // Listed: by the clock of these processes, the offer's window is over.
    assert_eq!(told, Verdict::Closed);
    assert_eq!(connected.check("C-2").await.unwrap(), Verdict::Closed);
}

fn assert_refused_away(status: Status) {
    assert_refused::<()>(Err(status), Code::Unavailable, "DATABASE_UNAVAILABLE");
}
