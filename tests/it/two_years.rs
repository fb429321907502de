//! The two years of one person, as somebody at grpcurl sees them: each reply can be read, each step is an event.

use serde_json::{Value, json};

use crate::support::{
    company::{self, OFFER, TERMS, customer, listed, request_id},
    grpcurl::Grpcurl,
    server::{Start, TestServer, settings},
};

/// A day as replies write it.
fn day(reply: &Value, field: &str) -> (i64, i64, i64) {
    let part = |part: &str| reply[field][part].as_i64().unwrap();
    (part("year"), part("month"), part("day"))
}

on_each_database! {
    async fn from_enrolling_to_the_last_covered_day(database) {
        let Some(grpcurl) = Grpcurl::find() else { return };
        let mut settings = settings();
        settings.open_reflection = true;
        let start = Start { settings, ..Start::default() };
        let server = TestServer::start_with(&database.settings, start).await;
        company::with_people(&server, vec![listed([customer("C-1")])]).await;
        let call = |scope: &str, method: &str, request: Value| grpcurl.call(&server, scope, method, &request);
        let mut events = Vec::new();
        let mut expect = |event: &str| {
            events.push(event.to_owned());
            events.clone()
        };

        server.clock.set("2021-09-01T12:00:00Z");
        let enrolled = call("app", "EnrollmentService/Enroll", json!({
            "parent": OFFER,
            "person": { "identifiers": [{ "customer_id": "C-1" }] },
            "contact": { "email": "jo@example.com" },
            "terms_version": TERMS,
            "request_id": request_id(),
        }));
        let name = enrolled["name"].as_str().unwrap().to_owned();
        assert_eq!(enrolled["state"], "STATE_PENDING");
        assert_eq!(enrolled["contact"]["email"], "j***@example.com");
        assert_eq!(day(&enrolled, "coveredThroughDate"), (2023, 8, 31));
        assert_eq!(database.events_of(&name).await, expect("ENROLLED"));

        server.clock.set("2021-10-05T12:00:00Z");
        let shown = call("app", "EnrollmentService/GetActivationCode", json!({ "name": name }));
        assert_eq!(shown["activationCode"], enrolled["activationCode"]);
        assert_eq!(database.events_of(&name).await, expect("ACTIVATION_CODE_SHOWN"));

        server.clock.set("2021-10-06T12:00:00Z");
        let active = call("provider", "ProviderService/RecordActivation", json!({
            "parent": OFFER,
            "membership": { "activation_code": shown["activationCode"] },
            "activate_time": "2021-10-06T11:59:00Z",
            "request_id": request_id(),
        }));
        assert_eq!((&active["name"], &active["state"]), (&json!(name), &json!("STATE_ACTIVE")));
        assert_eq!(active["activateTime"], "2021-10-06T11:59:00Z");
        assert_eq!(active.get("contact"), None);
        assert_eq!(database.events_of(&name).await, expect("ENROLLMENT_ACTIVATED"));

        server.clock.set("2022-05-01T12:00:00Z");
        let cancelled = call("app", "EnrollmentService/CancelEnrollment", json!({
            "name": name,
            "reason": "CANCEL_REASON_NOT_WANTED",
            "request_id": request_id(),
        }));
        assert_eq!(cancelled["state"], "STATE_CANCELLED");
        assert_eq!(day(&cancelled, "reinstateByDate"), (2022, 5, 31));
        assert_eq!(database.events_of(&name).await, expect("ENROLLMENT_CANCELLED"));

        server.clock.set("2022-05-31T12:00:00Z");
        let reinstated = call("app", "EnrollmentService/ReinstateEnrollment", json!({
            "name": name,
            "request_id": request_id(),
        }));
        assert_eq!(reinstated["state"], "STATE_ACTIVE");
        assert_eq!(reinstated["termEndDate"], enrolled["termEndDate"]);
        assert_eq!(database.events_of(&name).await, expect("ENROLLMENT_REINSTATED"));

        server.clock.set("2023-08-31T12:00:00Z");
        let extended = call("operator", "EnrollmentAdminService/ExtendTerm", json!({
            "name": name,
            "term_end_date": { "year": 2023, "month": 12, "day": 1 },
            "request_id": request_id(),
        }));
        assert_eq!(day(&extended, "coveredThroughDate"), (2023, 11, 30));
        assert_eq!(database.events_of(&name).await, expect("TERM_EXTENDED"));

        // The last covered day in New York, and the moment after it.
        for (time, state) in [
            ("2023-12-01T04:59:59Z", "STATE_ACTIVE"),
            ("2023-12-01T05:00:00Z", "STATE_EXPIRED"),
        ] {
            server.clock.set(time);
            let read = call("app", "EnrollmentService/GetEnrollment", json!({ "name": name }));
            assert_eq!(read["state"], state, "{time}");
        }
        server.app.settle_enrollments().await.unwrap();
        assert_eq!(database.events_of(&name).await, expect("ENROLLMENT_EXPIRED"));
    }
}
