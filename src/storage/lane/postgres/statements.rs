//! The statements that PostgreSQL is given, each prepared once on each connection.

use super::super::{enrollment_columns, version};
use crate::storage::member::in_packs;

/// `$2` digests, `$3` lists, `$5` where packs begin that may have them, `$6` places, by which the rows tell what was
/// asked. Taken apart in the select list: in FROM, each array would first become a table of its own. Aggregated, since a
/// row costs more than what stands in it.
pub(super) const FOUND: &str = concat!(
    "SELECT ",
    version!(),
    ", array_agg(d.place), array_agg(m.person), array_agg(c.enrollment_id) \
     FROM (SELECT unnest($2::uuid[]) AS digest, unnest($3::bigint[]) AS load_id, \
             unnest($5::uuid[]) AS lowest, unnest($6::int[]) AS place) AS d \
     CROSS JOIN LATERAL ",
    in_packs!("d.load_id", "d.lowest", "d.digest"),
    " LEFT JOIN enrollment_claims c ON c.offer_id = $4 AND c.person = m.person"
);

/// The same for one identifier and one list, as most people come: what spreads an array and what
/// gathers others is a quarter of the statement's time then. Gives a row where nobody is found, too.
pub(super) const FOUND_ONE: &str = concat!(
    "SELECT ",
    version!(),
    ", m.person, c.enrollment_id FROM (SELECT) AS asked \
     LEFT JOIN (",
    in_packs!("$3", "$5", "$2"),
    ") ON true LEFT JOIN enrollment_claims c ON c.offer_id = $4 AND c.person = m.person"
);

/// `$1` first offer of the succession, `$2` enrollments: gives everybody whom they claim, and all claims on these. That theirs are claims
/// of the succession is not asked: the planner could look through all of its claims for it.
pub(super) const CLAIMS: &str = "\
    SELECT c.person, c.enrollment_id FROM unnest($2::uuid[]) AS named (id) \
    JOIN enrollment_claims own ON own.enrollment_id = named.id \
    JOIN enrollment_claims c ON c.offer_id = $1 AND c.person = own.person";

pub(super) const ENROLLMENTS: &str = concat!(
    "SELECT ",
    enrollment_columns!("string_agg(cohort_id::text, ',')"),
    " FROM unnest($1::uuid[]) AS named (id) JOIN enrollments e ON e.id = named.id"
);

pub(super) const ANSWERED: &str = "\
    SELECT r.caller, r.request_id, r.fingerprint, r.result, e.contact, a.sealed, a.of_pool \
    FROM unnest($1::text[], $2::uuid[]) AS asked (caller, request_id) \
    JOIN requests r ON r.caller = asked.caller AND r.request_id = asked.request_id \
    LEFT JOIN enrollments e ON e.id = (r.result -> 'name' ->> 'enrollment')::uuid \
    LEFT JOIN activation_codes a ON a.enrollment_id = e.id AND a.void_time IS NULL";

pub(super) const UPDATE: &str = "\
    UPDATE enrollments e SET state = u.state, activate_by_date = u.activate_by_date, \
      activate_time = u.activate_time, term_start_date = u.term_start_date, \
      term_end_date = u.term_end_date, code_source = u.code_source, cancel_time = u.cancel_time, \
      cancel_reason = u.cancel_reason, reinstate_by_date = u.reinstate_by_date, \
      end_time = u.end_time, end_reason = u.end_reason, migrated_to = u.migrated_to, \
      revision = u.revision, update_time = u.update_time \
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::date[], $5::timestamptz[], $6::date[], \
      $7::date[], $8::text[], $9::timestamptz[], $10::text[], $11::date[], $12::timestamptz[], \
      $13::text[], $14::text[], $15::bigint[], $16::timestamptz[]) \
      AS u (id, seen, state, activate_by_date, activate_time, term_start_date, term_end_date, code_source, \
            cancel_time, cancel_reason, reinstate_by_date, end_time, end_reason, migrated_to, revision, \
            update_time) \
    WHERE e.id = u.id AND e.revision = u.seen";

pub(super) const SET_LIVE: &str =
    "UPDATE enrollment_claims SET live = $1 WHERE enrollment_id = ANY ($2::uuid[])";

/// `$1` enrollments whose codes are replaced, `$2` when.
pub(super) const VOID: &str = "\
    UPDATE activation_codes a SET void_time = v.time \
    FROM unnest($1::uuid[], $2::timestamptz[]) AS v (enrollment_id, time) \
    WHERE a.enrollment_id = v.enrollment_id AND a.void_time IS NULL";

/// How many codes the pool of `$1` has left.
pub(super) const CODES_LEFT: &str =
    "SELECT coalesce((SELECT loaded - assigned FROM code_pools WHERE offer_id = $1), 0)";

/// Takes `$2` codes out of the pool of `$1`, or none. What was loaded after the statement began is not seen: then
/// it gives fewer codes than it took, and is to be rolled back.
pub(super) const TAKE_CODES: &str = "\
    WITH pool AS (UPDATE code_pools SET assigned = assigned + $2 \
      WHERE offer_id = $1 AND assigned + $2 <= loaded RETURNING loaded, assigned, low_mark) \
    SELECT pool.loaded, pool.assigned, pool.low_mark, c.digest, c.sealed FROM pool \
    JOIN pool_codes c ON c.offer_id = $1 \
      AND c.ordinal > pool.assigned - $2 AND c.ordinal <= pool.assigned \
    ORDER BY c.ordinal";

/// Counts the people up whom a turn lets in: `$1`, which were seen at the turns before `$2`.
pub(super) const COUNT_UP: &str = "\
    INSERT INTO overlap_turns AS t (person, turn) SELECT * FROM unnest($1::uuid[], $2::bigint[]) \
    ON CONFLICT (person) DO UPDATE SET turn = excluded.turn WHERE t.turn = excluded.turn - 1";

/// `$1` first offer of the succession, `$2` people, `$3` what else each is.
pub(super) const ADD_ALIASES: &str = "\
    INSERT INTO overlap_aliases (offer_id, person, alias) \
    SELECT $1, * FROM unnest($2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING";

/// Adds rows to every table. Where it says `rows!`, it reads columns out of arrays, or out of single
/// values: one person alone is the most frequent turn, and six arrays of one row cost as much time as
/// the rows.
macro_rules! insert {
    ($rows:ident) => {
        concat!(
            "WITH enrollment AS ( \
               INSERT INTO enrollments (offer_id, id, state, enroll_time, activate_by_date, \
                 activate_time, term_start_date, term_end_date, term_not_before_date, code_source, \
                 terms_version, exposed, contact, migrated_from, revision, update_time) \
               SELECT $1, * FROM ",
            $rows!(
                "$2::uuid", "$3::text", "$4::timestamptz", "$5::date", "$6::timestamptz", "$7::date",
                "$8::date", "$9::date", "$10::text", "$11::text", "$12::jsonb", "$13::bytea", "$14::text",
                "$15::bigint", "$16::timestamptz"
            ),
            "), cohort AS ( \
               INSERT INTO enrollment_cohorts (enrollment_id, cohort_id) SELECT * FROM ",
            $rows!("$17::uuid", "$18::bigint"),
            "), claim AS ( \
               INSERT INTO enrollment_claims (live, offer_id, enrollment_id, person) \
               SELECT true, $40, * FROM ",
            $rows!("$19::uuid", "$20::uuid"),
            "), code AS ( \
               INSERT INTO activation_codes \
                 (digest, enrollment_id, sealed, assign_time, void_time, of_pool) \
               SELECT * FROM ",
            $rows!("$21::uuid", "$22::uuid", "$23::bytea", "$24::timestamptz", "$25::timestamptz",
                   "$26::boolean"),
            "), event AS ( \
               INSERT INTO events (id, time, type, actor, resource, reason, request_id, details) \
               SELECT * FROM ",
            $rows!(
                "$27::uuid", "$28::timestamptz", "$29::text", "$30::text", "$31::text", "$32::text",
                "$33::uuid", "$34::jsonb"
            ),
            ") INSERT INTO requests (caller, request_id, fingerprint, result, create_time) \
               SELECT * FROM ",
            $rows!("$35::text", "$36::uuid", "$37::bytea", "$38::jsonb", "$39::timestamptz")
        )
    };
}

macro_rules! arrays {
    ($first:literal $(, $column:literal)*) => {
        concat!("unnest(", $first, "[]", $(", ", $column, "[]",)* ")")
    };
}

macro_rules! values {
    ($first:literal $(, $column:literal)*) => {
        concat!("(VALUES (", $first, $(", ", $column,)* ")) AS one")
    };
}

pub(super) const INSERT: &str = insert!(arrays);
pub(super) const INSERT_ONE: &str = insert!(values);
