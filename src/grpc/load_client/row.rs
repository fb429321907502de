//! Rows of a list, on their way into a message.

use std::fmt;

use crate::{
    domain::{identifier::Kind, person::Member},
    grpc::proto::v1::{self, identifier::Value},
};

/// A person to be sent.
#[derive(Debug)]
pub enum OutgoingRow {
    /// By identifiers.
    Plain(Written),
    /// By digests.
    Hashed(Member),
    /// Not readable: to be counted, and rejected.
    Unreadable,
}

/// What is written in a row of a list.
#[derive(Default)]
pub struct Written {
    /// The company's own key of the person.
    pub person_id: Option<String>,
    /// Identifiers.
    pub identifiers: Vec<(Kind, String)>,
}

impl Written {
    /// How long it is, in bytes.
    pub fn bytes(&self) -> usize {
        let identifiers = self.identifiers.iter().map(|(_, text)| text.len());
        identifiers.sum::<usize>() + self.person_id.as_deref().map_or(0, str::len)
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(redacted)")
    }
}

impl From<Written> for v1::MemberRow {
    fn from(written: Written) -> Self {
        let identifiers = written.identifiers.into_iter();
        Self {
            member: Some(v1::member_row::Member::Plain(v1::PlainMember {
                identifiers: identifiers
                    .map(|(kind, value)| identifier(kind, value))
                    .collect(),
                person_id: written.person_id.unwrap_or_default(),
            })),
        }
    }
}

fn identifier(kind: Kind, value: String) -> v1::Identifier {
    let value = match kind {
        Kind::CustomerId => Value::CustomerId(value),
        Kind::PhoneNumber => Value::PhoneNumber(value),
        Kind::Email => Value::Email(value),
        Kind::NoticeCode => Value::NoticeCode(value),
        Kind::TaxId => Value::TaxId(value),
    };
    v1::Identifier { value: Some(value) }
}
