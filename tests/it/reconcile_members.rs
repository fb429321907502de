//! `ReconcileMembers`: the provider's list of members against the memberships that run here.

use enrollment::grpc::proto::v1::{
    self, ReconcileMembersRequest, enrollment::State, member_finding::Kind,
};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use crate::support::{
    company::{self, OFFER, customer, date, listed},
    provider::{activation, by_name},
    refusal::{assert_refused, fields_of},
    server::TestServer,
};

fn member(enrollment: &str) -> v1::ProviderMember {
    v1::ProviderMember {
        enrollment: enrollment.to_owned(),
        ..v1::ProviderMember::default()
    }
}

fn message(members: Vec<v1::ProviderMember>) -> ReconcileMembersRequest {
    ReconcileMembersRequest {
        parent: OFFER.to_owned(),
        members,
    }
}

/// What was found, and the totals.
async fn reconcile(
    server: &TestServer,
    messages: Vec<ReconcileMembersRequest>,
) -> Result<(Vec<v1::MemberFinding>, v1::MemberTotals), Status> {
    let outgoing = tokio_stream::iter(messages);
    let answers = server.provider().reconcile_members(outgoing).await?;
    let answers = answers.into_inner().collect::<Result<Vec<_>, _>>().await?;
    let (last, before) = answers.split_last().expect("totals come last");
    assert!(before.iter().all(|answer| answer.totals.is_none()));
    let findings = answers.iter().flat_map(|answer| answer.findings.clone());
    Ok((findings.collect(), last.totals.unwrap()))
}

/// People who are enrolled, those of the first numbers as members; in the order of their names.
async fn with_members(server: &TestServer, people: usize, active: usize) -> Vec<v1::Enrollment> {
    let id = |number: usize| customer(&format!("C-{number}"));
    let list = (0..people).map(|number| listed([id(number)]));
    company::with_people(server, list.collect()).await;
    let mut enrolled = Vec::new();
    for number in 0..people {
        let mut one = server.enroll(id(number)).await;
        if number < active {
            let begun = activation(by_name(&one), "2021-09-01T12:00:00Z");
            one = server
                .provider()
                .record_activation(begun)
                .await
                .unwrap()
                .into_inner();
        }
        enrolled.push(one);
    }
    enrolled.sort_by(|one, other| one.name.cmp(&other.name));
    enrolled
}

on_each_database! {
    async fn lists_that_agree_have_totals_and_no_findings(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = with_members(&server, 3, 3).await;
        let theirs = enrolled.iter().map(|one| v1::ProviderMember {
            term_start_date: one.term_start_date,
            term_end_date: one.term_end_date,
            ..member(&one.name)
        });

        let (findings, totals) = reconcile(&server, vec![message(theirs.collect())]).await.unwrap();

        assert_eq!(findings, []);
        assert_eq!((totals.listed_count, totals.active_count, totals.agreed_count), (3, 3, 3));
    }

    async fn each_disagreement_is_found_in_the_order_of_names(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = with_members(&server, 5, 4).await;
        let active = enrolled.iter().filter(|one| one.state() == State::Active).collect::<Vec<_>>();
        let [left_out, other_term, agreed, cancelled] = active[..] else { unreachable!() };
        server.cancel(&cancelled.name).await;
        let pending = enrolled.iter().find(|one| one.state() == State::Pending).unwrap();
        let unknown = format!("{OFFER}/enrollments/ffffffff-ffff-4fff-bfff-ffffffffffff");
        let mut theirs = [
            v1::ProviderMember { term_end_date: Some(date(2023, 9, 2)), ..member(&other_term.name) },
            v1::ProviderMember { term_end_date: agreed.term_end_date, ..member(&agreed.name) },
            member(&cancelled.name),
            member(&pending.name),
            member(&unknown),
        ];
        theirs.sort_by(|one, other| one.enrollment.cmp(&other.enrollment));

        // However they are cut into messages.
        for size in [1, 2, 5] {
            let messages = theirs.chunks(size).map(|part| message(part.to_vec())).collect();
            let (findings, totals) = reconcile(&server, messages).await.unwrap();

            let mut expected = vec![
                (left_out.name.clone(), Kind::MissingThere, State::Active),
                (other_term.name.clone(), Kind::TermDiffers, State::Active),
                (cancelled.name.clone(), Kind::NotActive, State::Cancelled),
                (pending.name.clone(), Kind::NotActive, State::Pending),
                (unknown.clone(), Kind::MissingHere, State::Unspecified),
            ];
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            let found = findings.iter().map(|one| (one.enrollment.clone(), one.kind(), one.state()));
            assert_eq!(found.collect::<Vec<_>>(), expected);
            let differs = findings.iter().find(|one| one.kind() == Kind::TermDiffers).unwrap();
            assert_eq!(differs.term_end_date, other_term.term_end_date);
            assert_eq!(
                totals,
                v1::MemberTotals {
                    listed_count: 5,
                    active_count: 3,
                    agreed_count: 1,
                    missing_there_count: 1,
                    missing_here_count: 1,
                    not_active_count: 2,
                    term_differs_count: 1,
                    reconcile_time: totals.reconcile_time,
                }
            );
        }
    }

    async fn who_has_expired_by_the_clock_does_not_run_here(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = with_members(&server, 1, 1).await;
        server.clock.set("2023-09-01T12:00:00Z");

        let messages = vec![message(vec![member(&enrolled[0].name)])];
        let (findings, totals) = reconcile(&server, messages).await.unwrap();

        assert_eq!((findings[0].kind(), findings[0].state()), (Kind::NotActive, State::Expired));
        assert_eq!((totals.active_count, totals.not_active_count), (0, 1));
    }

    async fn tens_of_thousands_are_compared_whatever_is_missing(database) {
        let server = TestServer::start(&database.settings).await;
        with_members(&server, 1, 1).await;
        database.multiply_enrollments(22_000).await;
        let names = database.enrollment_names(OFFER).await;
        let theirs = names.iter().enumerate().filter(|(number, _)| number % 7 != 0);
        let theirs = theirs.map(|(_, name)| member(name)).collect::<Vec<_>>();

        let messages = theirs.chunks(1_000).map(|part| message(part.to_vec())).collect();
        let (findings, totals) = reconcile(&server, messages).await.unwrap();

        let left_out = names.iter().step_by(7).collect::<Vec<_>>();
        assert_eq!(findings.iter().map(|one| &one.enrollment).collect::<Vec<_>>(), left_out);
        assert!(findings.iter().all(|one| one.kind() == Kind::MissingThere));
        assert_eq!((totals.active_count, totals.listed_count), (22_001, 18_858));
        assert_eq!((totals.agreed_count, totals.missing_there_count), (18_858, 3_143));
        // And when the provider has nobody.
        let (findings, totals) = reconcile(&server, vec![message(vec![])]).await.unwrap();
        assert_eq!((findings.len(), totals.missing_there_count), (22_001, 22_001));
    }

    async fn a_list_out_of_order_or_of_another_offer_is_refused(database) {
        let server = TestServer::start(&database.settings).await;
        let enrolled = with_members(&server, 2, 2).await;
        let [first, second] = &enrolled[..] else { unreachable!() };
        let other = first.name.replace(OFFER, "offers/other");

        for (messages, field) in [
            (vec![message(vec![member(&second.name), member(&first.name)])], "members"),
            (vec![message(vec![member(&first.name)]), message(vec![member(&first.name)])], "members"),
            (vec![message(vec![member(&first.name); 1_001])], "members"),
            (vec![message(vec![member(&other)])], "members[0].enrollment"),
            (vec![ReconcileMembersRequest::default()], "parent"),
        ] {
            let refused = reconcile(&server, messages).await;
            let refused = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
            assert_eq!(fields_of(&refused), [field]);
        }
        let refused = reconcile(&server, vec![]).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(fields_of(&refused), ["parent"]);
        let none = ReconcileMembersRequest { parent: "offers/none".to_owned(), members: vec![] };
        let refused = reconcile(&server, vec![none]).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
}
