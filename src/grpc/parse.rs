//! From the protocol's messages to the words of the domain: what several services need. Each function
//! gives the value or the rule that it breaks; `Violations` gathers them.

use std::{fmt, ops::RangeInclusive};

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use prost_types::{FieldMask, Timestamp};

use super::proto::{google::r#type::Date, v1};
use crate::{
    app::Error,
    domain::{
        contact::Contact,
        data_element::{DataElement, DataElements},
        enrollment::CancelReason,
        identifier::{Identifier, Kind, MAX_PER_PERSON},
        violation::{Rule, Violations},
    },
};

/// The parsed request, or the error that lists what is wrong with it.
pub(super) fn finish<T>(violations: Violations, parsed: Option<T>) -> Result<T, Error> {
    violations.finish(parsed).map_err(Error::Invalid)
}

pub(super) const REQUIRED: Rule = Rule("must be given");

pub(super) fn date(date: Option<&Date>) -> Result<NaiveDate, Rule> {
    let date = date.ok_or(REQUIRED)?;
    let parts = u32::try_from(date.month)
        .ok()
        .zip(u32::try_from(date.day).ok());
    parts
        .filter(|_| (1..=9999).contains(&date.year))
        .and_then(|(month, day)| NaiveDate::from_ymd_opt(date.year, month, day))
        .ok_or(Rule("must be a whole date of the calendar, year 1 to 9999"))
}

/// When something happened, in whole microseconds: what is written and what is read back compare equal.
pub(super) fn past(timestamp: Option<&Timestamp>) -> Result<DateTime<Utc>, Rule> {
    let time = self::timestamp(timestamp.ok_or(REQUIRED)?)?;
    Ok(time.trunc_subsecs(6))
}

pub(super) fn timestamp(timestamp: &Timestamp) -> Result<DateTime<Utc>, Rule> {
    // 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z: what a Timestamp may hold.
    const SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    let nanos = u32::try_from(timestamp.nanos).ok();
    nanos
        .filter(|nanos| *nanos < 1_000_000_000 && SECONDS.contains(&timestamp.seconds))
        .and_then(|nanos| DateTime::from_timestamp(timestamp.seconds, nanos))
        .ok_or(Rule("must be a time between the years 1 and 9999"))
}

/// The identifiers of a person at a path of the request.
pub(super) fn identifiers(
    violations: &mut Violations,
    path: impl fmt::Display,
    person: Option<v1::Person>,
) -> Option<Vec<Identifier>> {
    let Some(person) = person else {
        violations.note(path.to_string(), REQUIRED);
        return None;
    };
    identifier_list(violations, path, person.identifiers)
}

/// The identifiers in a list at a path of the request.
pub(super) fn identifier_list(
    violations: &mut Violations,
    path: impl fmt::Display,
    list: Vec<v1::Identifier>,
) -> Option<Vec<Identifier>> {
    if list.is_empty() || list.len() > MAX_PER_PERSON {
        violations.note(
            format!("{path}.identifiers"),
            Rule("must have 1 to 8 entries"),
        );
        return None;
    }
    let count = list.len();
    let mut parsed = Vec::with_capacity(count);
    // Each is looked at, so that all violations are told.
    for (index, entry) in list.into_iter().enumerate() {
        match identifier(entry) {
            Ok(identifier) => parsed.push(identifier),
            Err((kind, rule)) => {
                let field = kind.map_or(String::new(), |kind| format!(".{}", kind.name()));
                violations.note(format!("{path}.identifiers[{index}]{field}"), rule);
            }
        }
    }
    (parsed.len() == count).then_some(parsed)
}

fn identifier(entry: v1::Identifier) -> Result<Identifier, (Option<Kind>, Rule)> {
    use v1::identifier::Value;

    let (kind, value) = match entry.value {
        Some(Value::CustomerId(value)) => (Kind::CustomerId, value),
        Some(Value::PhoneNumber(value)) => (Kind::PhoneNumber, value),
        Some(Value::Email(value)) => (Kind::Email, value),
        Some(Value::NoticeCode(value)) => (Kind::NoticeCode, value),
        Some(Value::TaxId(value)) => (Kind::TaxId, value),
        None => return Err((None, Rule("must hold one identifier"))),
    };
    Identifier::parse(kind, &value).map_err(|rule| (Some(kind), rule))
}

pub(super) fn contact(
    violations: &mut Violations,
    contact: Option<v1::Contact>,
) -> Option<Contact> {
    let written = contact.unwrap_or_default();
    let mut contact = Contact::none();
    let email = violations.check("contact.email", contact.set_email(&written.email));
    let phone_number = violations.check(
        "contact.phone_number",
        contact.set_phone_number(&written.phone_number),
    );
    email.and(phone_number).map(|()| contact)
}

pub(super) fn data_elements(numbers: &[i32]) -> Result<DataElements, Rule> {
    const RULE: Rule = Rule("must have at least one entry, each a known DataElement");
    if numbers.is_empty() {
        return Err(RULE);
    }
    numbers
        .iter()
        .map(|number| {
            v1::DataElement::try_from(*number)
                .ok()
                .and_then(data_element)
        })
        .collect::<Option<_>>()
        .ok_or(RULE)
}

fn data_element(element: v1::DataElement) -> Option<DataElement> {
    Some(match element {
        v1::DataElement::Unspecified => return None,
        v1::DataElement::Name => DataElement::Name,
        v1::DataElement::Address => DataElement::Address,
        v1::DataElement::DateOfBirth => DataElement::DateOfBirth,
        v1::DataElement::Ssn => DataElement::Ssn,
        v1::DataElement::DriversLicense => DataElement::DriversLicense,
        v1::DataElement::PhoneNumber => DataElement::PhoneNumber,
        v1::DataElement::Email => DataElement::Email,
        v1::DataElement::AccountPin => DataElement::AccountPin,
        v1::DataElement::Imei => DataElement::Imei,
        v1::DataElement::Imsi => DataElement::Imsi,
        v1::DataElement::FinancialAccount => DataElement::FinancialAccount,
        v1::DataElement::Health => DataElement::Health,
    })
}

pub(super) fn cancel_reason(number: i32) -> Result<CancelReason, Rule> {
    use v1::enrollment::CancelReason as R;

    match R::try_from(number) {
        Ok(R::NotWanted) => Ok(CancelReason::NotWanted),
        Ok(R::CoveredElsewhere) => Ok(CancelReason::CoveredElsewhere),
        Ok(R::ProviderTerms) => Ok(CancelReason::ProviderTerms),
        Ok(R::Mistake) => Ok(CancelReason::Mistake),
        Ok(R::Other) => Ok(CancelReason::Other),
        Ok(R::Unspecified) | Err(_) => Err(Rule("must be a known CancelReason")),
    }
}

/// The paths of an update mask, each of them one of `known`.
pub(super) fn mask(
    violations: &mut Violations,
    mask: Option<FieldMask>,
    known: &[&str],
) -> Vec<String> {
    const FIELD: &str = "update_mask";
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        violations.note(FIELD, Rule("must name at least one field"));
    } else if paths.iter().any(|path| !known.contains(&path.as_str())) {
        violations.note(FIELD, Rule("must name only fields that can be changed"));
    }
    paths
}
