//! `GetCodePool`: how many codes are left, and for how long.

use enrollment::grpc::proto::v1::{self, CodeSource};
use tonic::Code;

use crate::support::{
    codes::{POOL, codes, load_codes, pool, with_codes_from},
    company::{self, customer, listed},
    refusal::assert_refused,
    server::TestServer,
};

on_each_database! {
    async fn a_pool_without_any_code_is_not_there(database) {
        let server = TestServer::start(&database.settings).await;
        company::open_offer(&server, company::offer()).await;

        for name in [POOL, "offers/none/codePool"] {
            let request = v1::GetCodePoolRequest { name: name.to_owned() };
            let refused = server.codes().get_code_pool(request).await;
            assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
    }

    async fn days_left_are_told_by_how_fast_codes_go_now(database) {
        let server = TestServer::start(&database.settings).await;
        let people = (0..30).map(|number| listed([customer(&format!("C-{number}"))]));
        with_codes_from(&server, CodeSource::Pool, people.collect()).await;
        load_codes(&server, "first", codes(0..100)).await;
        let fresh = pool(&server).await;
        assert_eq!((fresh.left_count, fresh.low_count, fresh.days_left), (100, 10, None));

        // Ten on the first day, then one each two hours.
        for number in 0..10 {
            server.enroll(customer(&format!("C-{number}"))).await;
        }
        // As if they had gone within ten minutes.
        let now = pool(&server).await;
        assert_eq!((now.assigned_last_day_count, now.left_count, now.days_left), (10, 90, Some(0)));
        for number in 10..22 {
            let hour = (number - 10) * 2;
            server.clock.set(&format!("2021-09-03T{hour:02}:00:00Z"));
            server.enroll(customer(&format!("C-{number}"))).await;
        }

        let now = pool(&server).await;
        assert_eq!((now.assigned_count, now.assigned_last_day_count, now.left_count), (22, 12, 78));
        assert_eq!(now.days_left, Some(6));
        server.clock.set("2021-09-10T12:00:00Z");
        let idle = pool(&server).await;
        assert_eq!((idle.assigned_last_day_count, idle.days_left), (0, None));
    }
}
