//! `PreviewPublication`: what a publication would do, before it is done.

use enrollment::grpc::proto::v1;
use sea_orm::{ConnectionTrait, TransactionTrait};
use tonic::Code;

use crate::support::{
    company::{self, chunk, customer, end, header, listed, phone, plain_row, stream},
    database::TestDatabase,
    deeds::cohort,
    list::{head, publish, rows, with_empty_cohort},
    refusal::assert_refused,
    server::TestServer,
};

fn phone_of(last: &str) -> v1::Identifier {
    phone(&format!("+1425555010{last}"))
}

async fn preview(server: &TestServer, load_ids: &[&str]) -> v1::PublicationPreview {
    let request = v1::PreviewPublicationRequest {
        name: cohort("list"),
        load_ids: load_ids.iter().map(ToString::to_string).collect(),
        version: 0,
    };
    let mut cohorts = server.cohorts();
    cohorts
        .preview_publication(request)
        .await
        .unwrap()
        .into_inner()
}

on_each_database! {
    async fn it_counts_who_comes_who_stays_and_who_goes(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1", "C-2", "C-3"])), end(1)]).await.unwrap();
        publish(&server, "list").await.unwrap();
        let others = ["C-3", "C-4"].map(|id| listed([customer(id)])).to_vec();
        company::publish(&server, "other", &[v1::DataElement::Imei], others).await;
        server.enroll(customer("C-4")).await;
        server.enroll(customer("C-1")).await;
        let gone = server.enroll(customer("C-3")).await;
        server.cancel(&gone.name).await;
        let corrected = vec![
            header(&cohort("list"), "corrected"),
            chunk(1, rows(&["C-2", "C-3", "C-4", "C-5", "C-6"])),
            end(1),
        ];
        let corrected = stream(&server, corrected).await.unwrap();
        let before = database.row_counts().await;

        let alone = preview(&server, &["corrected"]).await;
        let both = preview(&server, &[]).await;

        assert_eq!(alone.loads, [corrected.name]);
        assert_eq!(alone.digest, corrected.digest);
        assert_eq!((alone.person_count, alone.identifier_count), (5, 5));
        // C-5 and C-6; C-3 and C-4; C-4; C-1.
        assert_eq!((alone.newly_eligible_count, alone.also_listed_count), (2, 2));
        assert_eq!((alone.enrolled_count, alone.dropped_count), (1, 1));
        assert!((alone.dropped_share - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!((both.person_count, both.dropped_count, both.enrolled_count), (6, 0, 2));
        assert_eq!(database.row_counts().await, before);
    }

    async fn who_loses_an_identifier_is_dropped_and_who_is_called_otherwise_is_not(database) {
        let server = with_empty_cohort(&database.settings).await;
        let people = |phones: &[&str]| {
            let people = phones.iter().enumerate().map(|(number, last)| {
                let customer = customer(&format!("C-{number}"));
                let phone = Some(last).filter(|last| !last.is_empty());
                let phone = phone.map(|last| phone_of(last));
                plain_row(listed([customer].into_iter().chain(phone)))
            });
            people.collect::<Vec<_>>()
        };
        let first = vec![head(), chunk(1, people(&["1", "2", "3"])), end(1)];
        stream(&server, first).await.unwrap();
        publish(&server, "list").await.unwrap();
        let without = vec![header(&cohort("list"), "without"), chunk(1, people(&["1", "", ""])), end(1)];
        stream(&server, without).await.unwrap();
        // The same identifiers, but the phone number stands for the person.
        let turned = ["1", "2", "3"].iter().enumerate().map(|(number, last)| {
            plain_row(listed([phone_of(last), customer(&format!("C-{number}"))]))
        });
        let turned = vec![header(&cohort("list"), "turned"), chunk(1, turned.collect()), end(1)];
        stream(&server, turned).await.unwrap();

        let without = preview(&server, &["without"]).await;
        assert_eq!((without.person_count, without.dropped_count, without.newly_eligible_count), (3, 2, 0));
        let turned = preview(&server, &["turned"]).await;
        assert_eq!((turned.person_count, turned.dropped_count, turned.newly_eligible_count), (3, 0, 0));
    }

    async fn its_etag_lets_nothing_else_be_published(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)]).await.unwrap();
        let etag = preview(&server, &[]).await.etag;
        server.amend_cohort("list", &[v1::DataElement::Imei]).await;

        let request = v1::PublishCohortRequest { name: cohort("list"), etag, ..Default::default() };
        let refused = server.cohorts().publish_cohort(request.clone()).await;
        assert_refused(refused, Code::Aborted, "ETAG_MISMATCH");
        let etag = preview(&server, &[]).await.etag;
        let request = v1::PublishCohortRequest { etag, ..request };
        server.cohorts().publish_cohort(request).await.unwrap();
    }

    async fn a_retracted_cohort_has_none(database) {
        let server = with_empty_cohort(&database.settings).await;
        stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)]).await.unwrap();
        publish(&server, "list").await.unwrap();
        server.retract_cohort("list").await;

        let request = v1::PreviewPublicationRequest { name: cohort("list"), ..Default::default() };
        let reply = server.cohorts().preview_publication(request).await;

        assert_refused(reply, Code::FailedPrecondition, "STATE_FORBIDS");
    }
}

/// Counting takes long, and others need the database too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_list_is_counted_at_a_time() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let server = with_empty_cohort(&database.settings).await;
    stream(&server, vec![head(), chunk(1, rows(&["C-1"])), end(1)])
        .await
        .unwrap();
    publish(&server, "list").await.unwrap();
    let holding = database.inside.begin().await.unwrap();
    let hold = "LOCK TABLE packs IN ACCESS EXCLUSIVE MODE";
    holding.execute_unprepared(hold).await.unwrap();
    let request = || v1::PreviewPublicationRequest {
        name: cohort("list"),
        ..Default::default()
    };
    let mut cohorts = server.cohorts();
    let first = tokio::spawn(async move { cohorts.preview_publication(request()).await });
    database.wait_until_blocked(1).await;

    let second = server.cohorts().preview_publication(request()).await;

    assert_refused(second, Code::ResourceExhausted, "TOO_MANY_CALLS");
    holding.commit().await.unwrap();
    assert_eq!(first.await.unwrap().unwrap().into_inner().person_count, 1);
    server
        .cohorts()
        .preview_publication(request())
        .await
        .unwrap();
}
