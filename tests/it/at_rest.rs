//! What is kept of a person: digests and seals, in no table a value.

use enrollment::grpc::proto::v1;

use crate::support::{
    company::{self, OFFER, customer, email, enroll, identifier, listed, phone},
    server::TestServer,
};

on_each_database! {
    async fn contact_data_and_codes_stand_in_plain_in_no_table(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let request = v1::EnrollRequest {
            contact: Some(v1::Contact {
                email: "canary.contact@example.com".to_owned(),
                phone_number: "+14255559871".to_owned(),
            }),
            ..enroll(customer("C-1"))
        };

        let enrolled = server.enrollments().enroll(request).await.unwrap().into_inner();

        let contact = enrolled.contact.unwrap();
        assert_eq!(contact.email, "c***@example.com");
        assert_eq!(contact.phone_number, "+*********71");
        for canary in ["canary.contact", "4255559871", &enrolled.activation_code] {
            assert_eq!(database.tables_with(canary).await, [""; 0], "{canary}");
        }
    }

    async fn identifiers_stand_in_plain_in_no_table(database) {
        let server = TestServer::start(&database.settings).await;
        let tax_id = identifier(v1::identifier::Value::TaxId("078051120".to_owned()));
        let identifiers = [
            customer("canary-customer"),
            phone("+14255559871"),
            email("canary.listed@example.com"),
            tax_id,
        ];
        let person = v1::PlainMember {
            person_id: "canary-person".to_owned(),
            ..listed(identifiers)
        };
        company::with_people(&server, vec![person]).await;
        let name = server.enroll(customer("canary-customer")).await.name;
        server.cancel(&name).await;

        for canary in ["canary", "4255559871", "078051120"] {
            assert_eq!(database.tables_with(canary).await, [""; 0], "{canary}");
        }
    }

    async fn the_scan_of_the_tables_finds_what_is_there(database) {
        let server = TestServer::start(&database.settings).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        server.enroll(customer("C-1")).await;
        let bytes = if database.is_postgres() { "'\\x63616e617279'::bytea" } else { "X'63616e617279'" };
        database.execute(&format!("UPDATE requests SET fingerprint = {bytes}")).await.unwrap();

        assert_eq!(database.tables_with(OFFER).await, ["events"]);
        assert_eq!(database.tables_with("canary").await, ["requests"]);
    }
}
