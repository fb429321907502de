//! A service that is killed as a machine that fails would: what it acknowledged is there, nothing is half done, and
//! whoever asks again gets what was begun.

use std::{collections::BTreeMap, net::SocketAddr};

use enrollment::grpc::proto::v1::{
    self, CodeSource, enrollment_service_client::EnrollmentServiceClient,
};
use futures_util::future::join_all;
use tonic::{Request, Status, transport::Endpoint};

use crate::support::{
    codes::{codes, load_codes, take_codes_from},
    company::{self, customer, date, enroll, listed},
    database::TestDatabase,
    installation::Installation,
    process::ServiceProcess,
    server::{Start, TestServer},
};

/// How often the service is killed.
const KILLS: i64 = 3;

/// Callers who enroll one person after the other.
const CALLERS: usize = 16;

/// A company whose offer is open now, and whose service runs as a process.
async fn serve(
    installation: &Installation,
    database: &TestDatabase,
    people: usize,
    prepare: impl AsyncFnOnce(&TestServer),
) -> ServiceProcess {
    let start = Start {
        keys: installation.keys(),
        ..Start::default()
    };
    let here = TestServer::start_with(&database.settings, start).await;
    let mut offer = company::offer();
    // The service has the clock of this machine.
    offer.enroll_by_date = Some(date(2099, 12, 31));
    company::open_offer(&here, offer).await;
    let list = (0..people).map(|number| listed([person(number)]));
    company::publish(&here, "postpaid", &[v1::DataElement::Name], list.collect()).await;
    prepare(&here).await;
    here.stop().await.unwrap();
    start_again(installation, database, "127.0.0.1:0")
}

fn start_again(
    installation: &Installation,
    database: &TestDatabase,
    listen: &str,
) -> ServiceProcess {
    let mut command = installation.serve(database, listen);
    command.env("ENROLLMENT__SERVER__SETTLE_SECONDS", "1");
    ServiceProcess::start(&mut command)
}

fn person(number: usize) -> v1::Identifier {
    customer(&format!("C-{number}"))
}

/// Enrolls somebody, and asks again until there is an answer.
async fn enroll_surely(
    address: SocketAddr,
    token: String,
    request: v1::EnrollRequest,
) -> v1::Enrollment {
    let bearer = move |mut call: Request<()>| -> Result<_, Status> {
        let bearer = format!("Bearer {token}");
        call.metadata_mut()
            .insert("authorization", bearer.parse().unwrap());
        Ok(call)
    };
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut app = EnrollmentServiceClient::with_interceptor(endpoint.connect_lazy(), bearer);
    loop {
        if let Ok(enrolled) = app.enroll(request.clone()).await {
            return enrolled.into_inner();
        }
    }
}

on_each_database! {
    async fn everybody_is_enrolled_once_with_a_code_of_the_pool_and_no_code_is_lost(database) {
        const PEOPLE: usize = 640;
        let installation = Installation::new();
        let mut service = serve(&installation, &database, PEOPLE, async |here| {
            take_codes_from(here, CodeSource::Pool).await;
            load_codes(here, "first", codes(0..PEOPLE)).await;
        })
        .await;
        let (address, token) = (service.address, installation.token(&["app"]));

        let callers = (0..CALLERS).map(|caller| {
            let token = token.clone();
            tokio::spawn(async move {
                let mut enrolled = Vec::new();
                for number in (caller..PEOPLE).step_by(CALLERS) {
                    let request = enroll(person(number));
                    let first = enroll_surely(address, token.clone(), request.clone()).await;
                    enrolled.push((request, first));
                }
                enrolled
            })
        });
        let callers = callers.collect::<Vec<_>>();
        for kill in 1..=KILLS {
            let some = kill * i64::try_from(PEOPLE).unwrap() / (KILLS + 2);
            while database.rows("enrollments").await < some {}
            service.kill();
            service = start_again(&installation, &database, &address.to_string());
        }
        let enrolled = join_all(callers).await.into_iter().flat_map(Result::unwrap);
        let enrolled = enrolled.collect::<Vec<_>>();

        let mut holders = BTreeMap::new();
        for (request, first) in enrolled {
            let again = enroll_surely(address, token.clone(), request).await;
            assert_eq!((&again.name, &again.activation_code), (&first.name, &first.activation_code));
            let other = holders.insert(first.activation_code, first.name);
            assert_eq!(other, None, "a code went to two");
        }
        assert!(holders.into_keys().eq(codes(0..PEOPLE)));
        let all = i64::try_from(PEOPLE).unwrap();
        for table in ["enrollments", "activation_codes"] {
            assert_eq!(database.rows(table).await, all, "{table}");
        }
        assert_eq!(database.count("SELECT assigned FROM code_pools").await, all);
        assert_eq!(database.events("ENROLLED").await, all);
        assert_eq!(database.events("CODE_POOL_EMPTY").await, 1);
        assert_eq!(service.stop().code(), Some(0));
    }

    async fn what_the_clock_has_decided_is_written_down_once_each(database) {
        const PEOPLE: u32 = 3_000;
        let installation = Installation::new();
        // Enrolled years ago by the clock of this machine: their codes have run out.
        let mut service = serve(&installation, &database, 1, async |here| {
            here.enroll(person(0)).await;
            database.multiply_enrollments(PEOPLE).await;
        })
        .await;
        let settled = async || database.events("ENROLLMENT_LAPSED").await;

        for kill in 1..=KILLS {
            while settled().await < kill * 100 {}
            service.kill();
            assert_eq!(database.claims_that_disagree().await, 0);
            service = start_again(&installation, &database, "127.0.0.1:0");
        }
        let all = i64::from(PEOPLE) + 1;
        while settled().await < all {}

        assert_eq!(service.stop().code(), Some(0));
        assert_eq!(settled().await, all);
        let lapsed = "SELECT COUNT(*) FROM enrollments WHERE state = 'LAPSED' AND revision = 2";
        assert_eq!(database.count(lapsed).await, all);
        assert_eq!(database.claims_that_disagree().await, 0);
    }
}
