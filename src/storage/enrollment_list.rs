//! Enrollments of an offer, a window after the other in the order of their ids, which is that in which they began.
//! However few a filter lets through, a statement looks at no more than a window.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Error, Row,
    enrollment::{Cohorts, StoredEnrollment, to_enrollment, with_cohorts},
    entity::{cohort, enrollment, offer},
};
use crate::domain::{
    enrollment::{
        Enrollment,
        filter::{Comparison, Filter, State, TimeField},
    },
    name::CohortName,
    offer::Offer,
};

/// How many enrollments are looked at by one statement, of this offer and of others.
const WINDOW: u64 = 10_000;

/// Some enrollments, and where to go on.
#[derive(Debug)]
pub struct Listed<E> {
    /// The enrollments, without contact data.
    pub enrollments: Vec<E>,
    /// After this id; `None` when there are no others.
    pub next: Option<Uuid>,
}

/// The first of an offer's enrollments after an id that the filter lets through on this civil date: up to so many,
/// out of one window.
pub async fn list(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    filter: &Filter,
    today: NaiveDate,
    after: Uuid,
    size: u64,
) -> Result<Listed<StoredEnrollment>, Error> {
    let (mut rows, next) = window(db, &[offer.id], filter, today, after, size).await?;
    for row in &mut rows {
        row.contact = None;
    }
    let enrollments = with_cohorts(db, offer, rows).await?;
    Ok(Listed { enrollments, next })
}

/// The same without their cohorts.
pub async fn list_without_cohorts(
    db: &impl ConnectionTrait,
    offer: &Row<Offer>,
    filter: &Filter,
    today: NaiveDate,
    after: Uuid,
    size: u64,
) -> Result<Listed<Enrollment>, Error> {
    let (rows, next) = window(db, &[offer.id], filter, today, after, size).await?;
    let rows = rows.into_iter();
    let enrollments = rows.map(|row| to_enrollment(row, &offer.value.name, Cohorts::default()));
    Ok(Listed {
        enrollments: enrollments.collect::<Result<_, _>>()?,
        next,
    })
}

/// The ids of those in all of these offers.
pub async fn list_ids(
    db: &impl ConnectionTrait,
    offer_ids: &[i64],
    filter: &Filter,
    today: NaiveDate,
    after: Uuid,
    size: u64,
) -> Result<Listed<Uuid>, Error> {
    let (rows, next) = window(db, offer_ids, filter, today, after, size).await?;
    Ok(Listed {
        enrollments: rows.into_iter().map(|row| row.id).collect(),
        next,
    })
}

async fn window(
    db: &impl ConnectionTrait,
    offer_ids: &[i64],
    filter: &Filter,
    today: NaiveDate,
    after: Uuid,
    size: u64,
) -> Result<(Vec<enrollment::Model>, Option<Uuid>), Error> {
    let cohorts = cohorts_in(db, filter).await?;
    let end = enrollment::Entity::find()
        .select_only()
        .column(enrollment::Column::Id)
        .filter(enrollment::Column::Id.gt(after))
        .order_by_asc(enrollment::Column::Id)
        .offset(WINDOW - 1)
        .limit(1)
        .into_tuple::<Uuid>()
        .one(db)
        .await?;
    let mut wanted = enrollment::Entity::find()
        .filter(enrollment::Column::Id.gt(after))
        .filter(enrollment::Column::OfferId.is_in(offer_ids.iter().copied()))
        .filter(condition(filter, &cohorts, today));
    if let Some(end) = end {
        wanted = wanted.filter(enrollment::Column::Id.lte(end));
    }
    let mut rows = wanted
        .order_by_asc(enrollment::Column::Id)
        .limit(size.saturating_add(1))
        .all(db)
        .await?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if rows.len() <= size {
        return Ok((rows, end));
    }
    rows.truncate(size);
    let last = rows.last().map(|row| row.id);
    Ok((rows, last))
}

/// The keys of the cohorts that a filter names.
type CohortKeys = HashMap<CohortName, i64>;

async fn cohorts_in(db: &impl ConnectionTrait, filter: &Filter) -> Result<CohortKeys, Error> {
    let mut keys = CohortKeys::new();
    for name in filter.cohorts() {
        let key = cohort::Entity::find()
            .select_only()
            .column(cohort::Column::Id)
            .join(JoinType::InnerJoin, cohort::Relation::Offer.def())
            .filter(cohort::Column::Slug.eq(name.cohort.as_str()))
            .filter(offer::Column::Slug.eq(name.parent.offer.as_str()))
            .into_tuple::<i64>()
            .one(db)
            .await?;
        keys.extend(key.map(|key| (name.clone(), key)));
    }
    Ok(keys)
}

fn condition(filter: &Filter, cohorts: &CohortKeys, today: NaiveDate) -> Condition {
    let parts = |whole: Condition, parts: &[Filter]| {
        let parts = parts.iter().map(|part| condition(part, cohorts, today));
        parts.fold(whole, Condition::add)
    };
    match filter {
        Filter::All(all) => parts(Condition::all(), all),
        Filter::Any(any) => parts(Condition::any(), any),
        Filter::Not(part) => condition(part, cohorts, today).not(),
        Filter::State(state) => in_state(*state, today),
        Filter::CodeSource(source) => {
            Condition::all().add(enrollment::Column::CodeSource.eq(source.name()))
        }
        // A count, and not whether there is one: the planner must not join all of the cohort for it.
        Filter::Cohort(name) => Condition::all().add(match cohorts.get(name) {
            Some(cohort_id) => Expr::cust(format!(
                "(SELECT count(*) FROM enrollment_cohorts c \
                 WHERE c.enrollment_id = enrollments.id AND c.cohort_id = {cohort_id}) > 0"
            )),
            None => Expr::cust("1 = 0"),
        }),
        Filter::Time(field, comparison, time) => {
            let column = column(*field);
            // What has no time compares with none: the opposite of that is true.
            Condition::all()
                .add(column.is_not_null())
                .add(compare(column, *comparison, *time))
        }
        Filter::Has(field) => Condition::all().add(column(*field).is_not_null()),
    }
}

/// By the clock, as every reader sees it: what is stored may trail.
fn in_state(state: State, today: NaiveDate) -> Condition {
    let stored = |name: &'static str| Condition::all().add(enrollment::Column::State.eq(name));
    let term_is_over = || {
        Condition::all()
            .add(enrollment::Column::TermEndDate.is_not_null())
            .add(enrollment::Column::TermEndDate.lte(today))
    };
    let code_ran_out = || {
        Condition::any()
            .add(enrollment::Column::ActivateByDate.lt(today))
            .add(term_is_over())
    };
    let either = |one, other| Condition::any().add(one).add(other);
    match state {
        State::Pending => stored("PENDING").add(code_ran_out().not()),
        State::Lapsed => either(stored("LAPSED"), stored("PENDING").add(code_ran_out())),
        State::Active => stored("ACTIVE").add(term_is_over().not()),
        State::Expired => either(stored("EXPIRED"), stored("ACTIVE").add(term_is_over())),
        State::Rejected => stored("REJECTED"),
        State::Cancelled => stored("CANCELLED"),
        State::Revoked => stored("REVOKED"),
        State::Migrated => stored("MIGRATED"),
    }
}

fn column(field: TimeField) -> enrollment::Column {
    match field {
        TimeField::Enroll => enrollment::Column::EnrollTime,
        TimeField::Activate => enrollment::Column::ActivateTime,
    }
}

fn compare(
    column: enrollment::Column,
    comparison: Comparison,
    time: DateTime<Utc>,
) -> sea_orm::sea_query::SimpleExpr {
    match comparison {
        Comparison::Equal => column.eq(time),
        Comparison::Before => column.lt(time),
        Comparison::NotAfter => column.lte(time),
        Comparison::After => column.gt(time),
        Comparison::NotBefore => column.gte(time),
    }
}
