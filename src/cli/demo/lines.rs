//! What a person can type next: lines for grpcurl, ready to be copied.

use std::{net::SocketAddr, path::Path};

use super::{
    offer::{OFFER, TERMS_VERSION},
    people::written,
};
use crate::domain::identifier::Kind;

/// The person who is enrolled in the lines: in two cohorts, so that a union is seen.
const SOMEBODY: u32 = 500;

/// The first line begins with `ready:`.
pub(super) fn ready(state: &Path, listen: SocketAddr) -> String {
    let tokens = state.join("tokens");
    let tokens = tokens.display();
    let customer = written(Kind::CustomerId, SOMEBODY);
    let phone = written(Kind::PhoneNumber, SOMEBODY);
    let email = written(Kind::Email, SOMEBODY);
    let person = format!(r#""person":{{"identifiers":[{{"customer_id":"{customer}"}}]}}"#);
    let enroll = format!(
        r#"call Enroll '{{"parent":"{OFFER}",{person},"contact":{{"email":"{email}"}},"terms_version":"{TERMS_VERSION}","request_id":"{}"}}'"#,
        request_id(1)
    );
    format!(
        r#"ready: {listen}, 54,617 people, tokens in {tokens}

# Paste into another terminal:
call() {{ grpcurl -plaintext -H "authorization: Bearer $(cat {tokens}/app.jwt)" -d "$2" {listen} "identityprotection.enrollment.v1.EnrollmentService/$1"; }}

# A listed person, and an unlisted one:
call CheckEligibility '{{"parent":"{OFFER}",{person}}}'
call CheckEligibility '{{"parent":"{OFFER}","person":{{"identifiers":[{{"customer_id":"C-1"}}]}}}}'

# An enrollment, and the same again:
{enroll}
{enroll}

# Look-up by something else that names the person:
call LookupEnrollment '{{"parent":"{OFFER}","person":{{"identifiers":[{{"phone_number":"{phone}"}}]}}}}'

# Cancel, and reinstate:
NAME=$(call LookupEnrollment '{{"parent":"{OFFER}",{person}}}' | sed -n 's/^  "name": "\(.*\)",$/\1/p')
call CancelEnrollment '{{"name":"'"$NAME"'","reason":"CANCEL_REASON_NOT_WANTED","request_id":"{}"}}'
call ReinstateEnrollment '{{"name":"'"$NAME"'","request_id":"{}"}}'
"#,
        request_id(2),
        request_id(3),
    )
}

/// Request ids that are the same at every run: what was done before is a retry.
fn request_id(number: u8) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
