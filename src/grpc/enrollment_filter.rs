//! Filters over enrollments, as AIP-160 writes them: what each field can be compared with, and how.

use aip_160::{Comparator, Expression, Restriction, Value, parse_filter};
use chrono::{DateTime, Datelike, SubsecRound, Utc};

use crate::domain::{
    code::CodeSource,
    enrollment::filter::{Comparison, Filter, State, TimeField},
    name::CohortName,
    violation::Rule,
};

/// The longest filter, in bytes.
const LONGEST: usize = 2_000;

const NO_FILTER: Rule = Rule("must be an AIP-160 filter of 2000 bytes at most");
const NO_FIELD: Rule = Rule(
    "must compare state, code_source, cohorts, enroll_time and activate_time, each with a value",
);
const NO_STATE: Rule = Rule("must compare state by = or != with the name of a state");
const NO_SOURCE: Rule = Rule("must compare code_source by = or != with the name of a code source");
const NO_COHORT: Rule = Rule("must compare cohorts by : with the name of a cohort");
const NO_TIME: Rule = Rule(
    "must compare a time by =, !=, <, <=, > or >= with a quoted RFC 3339 time, or by : with *",
);

/// A filter over enrollments; one that is empty lets all through.
pub(super) fn parse(text: &str) -> Result<Filter, Rule> {
    if text.len() > LONGEST {
        return Err(NO_FILTER);
    }
    let parsed = parse_filter(text).map_err(|_| NO_FILTER)?;
    match parsed.expression {
        Some(expression) => filter(expression),
        None => Ok(Filter::All(Vec::new())),
    }
}

fn filter(expression: Expression) -> Result<Filter, Rule> {
    let all = |parts: Vec<Expression>| {
        let parts = parts.into_iter().map(filter);
        parts.collect::<Result<Vec<_>, _>>()
    };
    Ok(match expression {
        Expression::And(parts) | Expression::Sequence(parts) => Filter::All(all(parts)?),
        Expression::Or(parts) => Filter::Any(all(parts)?),
        Expression::Not(part) => Filter::Not(Box::new(filter(*part)?)),
        Expression::Restriction(restriction) => comparison(&restriction)?,
        Expression::Global(_) => return Err(NO_FIELD),
    })
}

fn comparison(restriction: &Restriction) -> Result<Filter, Rule> {
    let field = restriction.comparable.field_path().ok_or(NO_FIELD)?;
    let comparator = restriction.comparator;
    let value = restriction.arg.as_value();
    match field.as_str() {
        "state" => {
            let is = value.and_then(state).ok_or(NO_STATE)?;
            equality(comparator, Filter::State(is)).ok_or(NO_STATE)
        }
        "code_source" => {
            let is = value.and_then(code_source).ok_or(NO_SOURCE)?;
            equality(comparator, Filter::CodeSource(is)).ok_or(NO_SOURCE)
        }
        "cohorts" if comparator == Comparator::Has => {
            let cohort = value.and_then(|value| CohortName::parse(value.as_str()).ok());
            cohort.map(Filter::Cohort).ok_or(NO_COHORT)
        }
        "cohorts" => Err(NO_COHORT),
        "enroll_time" => time(TimeField::Enroll, comparator, value),
        "activate_time" => time(TimeField::Activate, comparator, value),
        _ => Err(NO_FIELD),
    }
}

fn equality(comparator: Comparator, is: Filter) -> Option<Filter> {
    match comparator {
        Comparator::Equal => Some(is),
        Comparator::NotEqual => Some(Filter::Not(Box::new(is))),
        Comparator::GreaterThan
        | Comparator::GreaterThanOrEqual
        | Comparator::LessThan
        | Comparator::LessThanOrEqual
        | Comparator::Has => None,
    }
}

/// As replies name it, or without what every name begins with.
fn state(value: &Value) -> Option<State> {
    let name = value.as_str();
    Some(match name.strip_prefix("STATE_").unwrap_or(name) {
        "PENDING" => State::Pending,
        "ACTIVE" => State::Active,
        "EXPIRED" => State::Expired,
        "LAPSED" => State::Lapsed,
        "REJECTED" => State::Rejected,
        "CANCELLED" => State::Cancelled,
        "REVOKED" => State::Revoked,
        "MIGRATED" => State::Migrated,
        _ => return None,
    })
}

fn code_source(value: &Value) -> Option<CodeSource> {
    let name = value.as_str();
    Some(match name.strip_prefix("CODE_SOURCE_").unwrap_or(name) {
        "MINTED" => CodeSource::Minted,
        "POOL" => CodeSource::Pool,
        "NONE" => CodeSource::None,
        _ => return None,
    })
}

fn time(field: TimeField, comparator: Comparator, value: Option<&Value>) -> Result<Filter, Rule> {
    let value = value.ok_or(NO_TIME)?.as_str();
    let compare = |how| {
        let time = value.parse::<DateTime<Utc>>().map_err(|_| NO_TIME)?;
        if !(1..=9_999).contains(&time.year()) {
            return Err(NO_TIME);
        }
        Ok(Filter::Time(field, how, time.trunc_subsecs(6)))
    };
    match comparator {
        Comparator::Equal => compare(Comparison::Equal),
        Comparator::NotEqual => Ok(Filter::Not(Box::new(compare(Comparison::Equal)?))),
        Comparator::LessThan => compare(Comparison::Before),
        Comparator::LessThanOrEqual => compare(Comparison::NotAfter),
        Comparator::GreaterThan => compare(Comparison::After),
        Comparator::GreaterThanOrEqual => compare(Comparison::NotBefore),
        Comparator::Has if value == "*" => Ok(Filter::Has(field)),
        Comparator::Has => Err(NO_TIME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Filter, Rule> {
        parse(text)
    }

    #[test]
    fn or_binds_closer_than_and_as_aip_160_has_it() {
        let filter = parsed("state = PENDING AND state = STATE_ACTIVE OR code_source = POOL");
        assert_eq!(
            filter,
            Ok(Filter::All(vec![
                Filter::State(State::Pending),
                Filter::Any(vec![
                    Filter::State(State::Active),
                    Filter::CodeSource(CodeSource::Pool),
                ]),
            ]))
        );
        assert_eq!(parsed(" "), Ok(Filter::All(vec![])));
    }

    #[test]
    fn times_and_cohorts_are_compared_as_what_they_are() {
        let time = "2021-09-01T00:00:00Z".parse().unwrap();
        assert_eq!(
            parsed("NOT enroll_time >= \"2021-08-31T20:00:00-04:00\""),
            Ok(Filter::Not(Box::new(Filter::Time(
                TimeField::Enroll,
                Comparison::NotBefore,
                time
            ))))
        );
        assert_eq!(
            parsed("activate_time:*"),
            Ok(Filter::Has(TimeField::Activate))
        );
        let cohort = CohortName::parse("offers/a/cohorts/late").unwrap();
        assert_eq!(
            parsed("cohorts:\"offers/a/cohorts/late\""),
            Ok(Filter::Cohort(cohort))
        );
    }

    #[test]
    fn what_cannot_be_compared_is_refused_by_its_rule() {
        for (text, rule) in [
            ("state =", NO_FILTER),
            (&format!("state = PENDING{}", " ".repeat(2_000)), NO_FILTER),
            (&"(".repeat(500), NO_FILTER),
            ("jo@example.com", NO_FIELD),
            ("contact.email = \"jo@example.com\"", NO_FIELD),
            ("state > PENDING", NO_STATE),
            ("state = OPEN", NO_STATE),
            ("code_source : POOL", NO_SOURCE),
            ("cohorts = \"offers/a/cohorts/late\"", NO_COHORT),
            ("cohorts : late", NO_COHORT),
            ("enroll_time > 2021", NO_TIME),
            ("enroll_time > \"-5000-01-01T00:00:00Z\"", NO_TIME),
            ("enroll_time < \"+10000-01-01T00:00:00Z\"", NO_TIME),
            ("enroll_time : \"2021-09-01T00:00:00Z\"", NO_TIME),
        ] {
            assert_eq!(parsed(text), Err(rule), "{text}");
        }
    }
}
