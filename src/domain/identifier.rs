//! What names a person, in one canonical form each, so that the list's spelling and the caller's
//! meet in the same digest.
//!
//! The forms are version 1. A changed form gets a new version in [`Kind::tag`], so that digests of
//! different forms can never be taken for each other. Test vectors (value → canonical form):
//!
//! | kind | written | canonical |
//! |---|---|---|
//! | `customer_id` | `" C-1001 "` | `C-1001` |
//! | `phone_number` | `+1 (425) 555-0123` | `+14255550123` |
//! | `email` | `" Jo.Doe+x@Example.COM "` | `jo.doe+x@example.com` |
//! | `notice_code` | `abcd-o1i2` | `ABCD0112` |
//! | `tax_id` | `078-05-1120` | `078051120` |

use std::{fmt, str::FromStr};

use email_address::{EmailAddress, Options};

use super::{text, violation::Rule};

/// The most identifiers that a person has in a request or in a row of a list.
pub const MAX_PER_PERSON: usize = 8;

/// The kinds of identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The company's customer number.
    CustomerId,
    /// A phone number.
    PhoneNumber,
    /// An e-mail address.
    Email,
    /// The code in the notice letter.
    NoticeCode,
    /// Tax number.
    TaxId,
}

impl Kind {
    /// All kinds, in the order in which files and documents name them.
    pub const ALL: [Self; 5] = [
        Self::CustomerId,
        Self::PhoneNumber,
        Self::Email,
        Self::NoticeCode,
        Self::TaxId,
    ];

    /// The kind's name in requests, files and error paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::CustomerId => "customer_id",
            Self::PhoneNumber => "phone_number",
            Self::Email => "email",
            Self::NoticeCode => "notice_code",
            Self::TaxId => "tax_id",
        }
    }

    /// The kind and the version of its canonical form, as they go into the digest.
    pub fn tag(self) -> &'static str {
        match self {
            Self::CustomerId => "customer_id/1",
            Self::PhoneNumber => "phone_number/1",
            Self::Email => "email/1",
            Self::NoticeCode => "notice_code/1",
            Self::TaxId => "tax_id/1",
        }
    }
}

/// One identifier in its canonical form. Neither `Debug` nor anything else prints the value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identifier {
    kind: Kind,
    canonical: String,
}

impl Identifier {
    /// Brings a value into the canonical form of its kind, or names the rule that it breaks.
    pub fn parse(kind: Kind, value: &str) -> Result<Self, Rule> {
        let canonical = match kind {
            Kind::CustomerId => text::short(value)?,
            Kind::PhoneNumber => phone_number(value)?,
            Kind::Email => email(value)?,
            Kind::NoticeCode => notice_code(value)?,
            Kind::TaxId => tax_id(value)?,
        };
        Ok(Self { kind, canonical })
    }

    /// What kind of identifier it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The canonical value. For the digest only.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({}, redacted)", self.kind.name())
    }
}

/// A phone number in E.164: `+`, country code, number; 8 to 15 digits.
///
/// Whether the number is assigned is not asked: numbering plans change faster than any copy of
/// them, and a person must not be turned away for it.
pub fn phone_number(value: &str) -> Result<String, Rule> {
    const RULE: Rule =
        Rule("must be a phone number in international form with + and the country code");
    let value = value.trim();
    if !value.starts_with('+') || value.len() > 32 {
        return Err(RULE);
    }
    let number = phonenumber::parse(None, value).map_err(|_| RULE)?;
    let e164 = number.format().mode(phonenumber::Mode::E164).to_string();
    if (9..=16).contains(&e164.len()) {
        Ok(e164)
    } else {
        Err(RULE)
    }
}

/// An e-mail address, trimmed and in lower case. Nothing else is folded: whether dots or tags
/// matter is up to the mailbox's provider.
pub fn email(value: &str) -> Result<String, Rule> {
    let lower = value.trim().to_lowercase();
    let options = Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    EmailAddress::parse_with_options(&lower, options)
        .map(EmailAddress::into)
        .map_err(|_| Rule("must be an e-mail address"))
}

/// A notice code: upper case, without separators, O read as 0 and I as 1; 6 to 32 letters and digits.
fn notice_code(value: &str) -> Result<String, Rule> {
    const RULE: Rule = Rule("must have 6 to 32 letters and digits");
    let canonical = without_separators(value)
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' => '1',
            other => other,
        })
        .collect::<String>();
    let well_formed =
        (6..=32).contains(&canonical.len()) && canonical.chars().all(|c| c.is_ascii_alphanumeric());
    if well_formed {
        Ok(canonical)
    } else {
        Err(RULE)
    }
}

/// A tax number: its digits, 4 to 20 of them.
fn tax_id(value: &str) -> Result<String, Rule> {
    let digits = without_separators(value).collect::<String>();
    let well_formed =
        (4..=20).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
    if well_formed {
        Ok(digits)
    } else {
        Err(Rule("must have 4 to 20 digits"))
    }
}

fn without_separators(value: &str) -> impl Iterator<Item = char> + '_ {
    value
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '/' | '_'))
}

impl FromStr for Kind {
    type Err = Rule;

    fn from_str(name: &str) -> Result<Self, Rule> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(Rule(
                "must be customer_id, phone_number, email, notice_code or tax_id",
            ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(kind: Kind, value: &str) -> Option<String> {
        Identifier::parse(kind, value)
            .ok()
            .map(|identifier| identifier.canonical().to_owned())
    }

    #[test]
    fn each_documented_vector_has_its_canonical_form() {
        for (kind, written, expected) in [
            (Kind::CustomerId, " C-1001 ", "C-1001"),
            (Kind::PhoneNumber, "+1 (425) 555-0123", "+14255550123"),
            (Kind::PhoneNumber, " +14255550123", "+14255550123"),
            (Kind::PhoneNumber, "+49 30 901820", "+4930901820"),
            (
                Kind::Email,
                " Jo.Doe+x@Example.COM ",
                "jo.doe+x@example.com",
            ),
            (Kind::NoticeCode, "abcd-o1i2", "ABCD0112"),
            (Kind::NoticeCode, "ABCD 0112", "ABCD0112"),
            (Kind::TaxId, "078-05-1120", "078051120"),
        ] {
            assert_eq!(
                canonical(kind, written).as_deref(),
                Some(expected),
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        for (kind, value) in [
            (Kind::CustomerId, "   "),
            (Kind::CustomerId, "a\u{0}b"),
            (Kind::PhoneNumber, "4255550123"),
            (Kind::PhoneNumber, "+1"),
            (Kind::PhoneNumber, "+1425555012345678901234"),
            (Kind::PhoneNumber, "+call me"),
            (Kind::Email, "jo"),
            (Kind::Email, "jo@localhost"),
            (Kind::Email, "Jo <jo@example.com>"),
            (Kind::NoticeCode, "ABC"),
            (Kind::NoticeCode, "ABCDÜFG"),
            (Kind::TaxId, "07805112X"),
            (Kind::TaxId, ""),
        ] {
            assert!(Identifier::parse(kind, value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn debug_shows_the_kind_and_not_the_value() {
        let identifier = Identifier::parse(Kind::TaxId, "078-05-1120").unwrap();
        assert_eq!(format!("{identifier:?}"), "Identifier(tax_id, redacted)");
    }

    proptest! {
        #[test]
        fn a_canonical_form_is_its_own_canonical_form(kind in 0usize..5, value in "\\PC{0,40}|[+]?[0-9 -]{4,20}|[a-z]{1,9}@[A-Z]{1,9}\\.com") {
            let kind = Kind::ALL[kind];
            if let Some(once) = canonical(kind, &value) {
                prop_assert_eq!(canonical(kind, &once), Some(once));
            }
        }
    }
}
