//! What the protocol itself promises: ids of calls, bounds of connections, the API's own description.

use prost_reflect::{DynamicMessage, Value};
use tonic_reflection::pb::{
    v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    v1alpha,
};

use crate::support::{
    database::TestDatabase,
    methods,
    raw::{Call, Wire},
    server::TestServer,
};

const SERVICES: [&str; 6] = [
    "EnrollmentService",
    "OfferService",
    "CohortService",
    "ActivationCodeService",
    "EnrollmentAdminService",
    "ProviderService",
];

async fn start() -> TestServer {
    TestServer::start(&TestDatabase::sqlite().await.settings).await
}

/// The id that comes back from a call that brought this one.
async fn id_after(server: &TestServer, id: &str) -> String {
    let call = Call::to("/grpc.health.v1.Health/Check").message(b"");
    let call = call.header("x-request-id", id);
    let reply = Wire::to(server.address).await.call(call).await;
    reply.headers["x-request-id"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_callers_fit_request_id_comes_back() {
    let server = start().await;
    for id in ["a", "checkout-42_b.c", &"x".repeat(64)] {
        assert_eq!(id_after(&server, id).await, id);
    }
}

#[tokio::test]
async fn a_request_id_that_is_unfit_for_a_log_is_replaced() {
    let server = start().await;
    for id in [
        "",
        "two words",
        "jo@example.com",
        "{\"a\":1}",
        &"x".repeat(65),
    ] {
        let given = id_after(&server, id).await;
        assert!(
            uuid::Uuid::parse_str(&given).is_ok(),
            "{id:?} became {given:?}"
        );
    }
}

#[tokio::test]
async fn a_refused_call_has_a_request_id_too() {
    let server = start().await;
    let call = Call::to(methods::path(&methods::all()[0])).message(b"");
    let reply = Wire::to(server.address).await.call(call).await;
    assert_eq!(reply.status.code(), tonic::Code::Unauthenticated);
    assert!(reply.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn a_connection_has_a_bounded_number_of_streams() {
    let server = start().await;
    let wire = Wire::to(server.address).await;
    wire.call(Call::to("/grpc.health.v1.Health/Check").message(b""))
        .await;
    assert!(
        (1..=256).contains(&wire.max_streams()),
        "{}",
        wire.max_streams()
    );
}

async fn reflect(server: &TestServer, request: MessageRequest) -> MessageResponse {
    let bearer = server.bearer("operator");
    let mut client = ServerReflectionClient::with_interceptor(server.channel.clone(), bearer);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(request),
    };
    let outgoing = tokio_stream::iter([request]);
    let mut replies = client
        .server_reflection_info(outgoing)
        .await
        .unwrap()
        .into_inner();
    let reply = replies.message().await.unwrap().unwrap();
    reply.message_response.unwrap()
}

fn assert_all_services(names: &[String]) {
    for service in SERVICES {
        let name = format!("identityprotection.enrollment.v1.{service}");
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn reflection_v1_lists_the_services() {
    let server = start().await;
    let listed = reflect(&server, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(listed) = listed else {
        panic!("{listed:?}");
    };
    let names = listed.service.into_iter().map(|service| service.name);
    assert_all_services(&names.collect::<Vec<_>>());
}

#[tokio::test]
async fn reflection_v1alpha_lists_the_services() {
    use v1alpha::{
        server_reflection_client::ServerReflectionClient, server_reflection_request as request,
        server_reflection_response as response,
    };

    let server = start().await;
    let bearer = server.bearer("operator");
    let mut client = ServerReflectionClient::with_interceptor(server.channel.clone(), bearer);
    let wanted = request::MessageRequest::ListServices(String::new());
    let outgoing = tokio_stream::iter([v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(wanted),
    }]);
    let mut replies = client
        .server_reflection_info(outgoing)
        .await
        .unwrap()
        .into_inner();
    let reply = replies
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let response::MessageResponse::ListServicesResponse(listed) = reply else {
        panic!("{reply:?}");
    };
    let names = listed.service.into_iter().map(|service| service.name);
    assert_all_services(&names.collect::<Vec<_>>());
}

#[tokio::test]
async fn what_reflection_describes_still_has_scopes_and_comments() {
    let server = start().await;
    for service in SERVICES {
        let symbol = format!("identityprotection.enrollment.v1.{service}");
        let described = reflect(&server, MessageRequest::FileContainingSymbol(symbol)).await;
        let MessageResponse::FileDescriptorResponse(files) = described else {
            panic!("{described:?}");
        };
        let file = &files.file_descriptor_proto[0];
        let type_of_files = methods::pool()
            .get_message_by_name("google.protobuf.FileDescriptorProto")
            .unwrap();
        let file = DynamicMessage::decode(type_of_files, file.as_slice()).unwrap();
        let methods = list(&list(&[Value::Message(file.clone())], "service"), "method");
        assert!(!methods.is_empty());
        for method in &methods {
            let options = method
                .as_message()
                .unwrap()
                .get_field_by_name("options")
                .unwrap();
            let scopes = options.as_message().unwrap().extensions().count();
            assert_eq!(scopes, 1, "{method:?}");
        }
        let source = file.get_field_by_name("source_code_info").unwrap();
        let comments = list(&[source.into_owned()], "location")
            .iter()
            .filter(|location| {
                location
                    .as_message()
                    .unwrap()
                    .has_field_by_name("leading_comments")
            })
            .count();
        assert!(comments > methods.len(), "{service}: {comments} comments");
    }
}

/// What stands in a repeated field of all of these messages.
fn list(messages: &[Value], field: &str) -> Vec<Value> {
    let lists = messages.iter().map(|message| {
        let value = message
            .as_message()
            .unwrap()
            .get_field_by_name(field)
            .unwrap();
        value.as_list().unwrap().to_vec()
    });
    lists.flatten().collect()
}
