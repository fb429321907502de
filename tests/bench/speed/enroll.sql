-- An enrollment as one statement, which is one transaction: a new person each time, rows of the same sizes as the
-- service's, ids in the order of their index where the service's are, and those of its callers' requests.
WITH drawn AS MATERIALIZED (
    SELECT nextval('bench_people') AS n
), wish AS MATERIALIZED (
    SELECT md5('bench' || n)::uuid AS digest, lpad(to_hex(n), 32, '0')::uuid AS id
    FROM drawn
), listed AS MATERIALIZED (
    SELECT w.id, coalesce(m.people[m.place], w.digest) AS person, c.id AS cohort_id, c.offer_id, c.data_elements
    FROM wish w
    CROSS JOIN loads l
    JOIN cohorts c ON c.id = l.cohort_id AND c.offer_id = :offer AND c.state = 'PUBLISHED'
    CROSS JOIN LATERAL (
        SELECT p.digests, p.people, width_bucket(w.digest, p.digests) AS place FROM packs p
        WHERE p.load_id = l.id AND p.first <= w.digest ORDER BY p.first DESC LIMIT 1) m
    WHERE l.publish_time IS NOT NULL AND m.digests[m.place] = w.digest AND NOT EXISTS (
        SELECT FROM enrollment_claims k
        WHERE k.offer_id = c.offer_id AND k.person = coalesce(m.people[m.place], w.digest) AND k.live)
), enrollment AS (
    INSERT INTO enrollments (id, offer_id, state, enroll_time, activate_by_date, term_start_date, term_end_date,
                             terms_version, exposed, contact, revision, update_time)
    SELECT id, offer_id, 'PENDING', now(), current_date + 365, current_date, current_date + 730,
           '2021-08', data_elements, decode(repeat('5a', 107), 'hex'), 1, now()
    FROM listed
), cohort AS (
    INSERT INTO enrollment_cohorts (enrollment_id, cohort_id) SELECT id, cohort_id FROM listed
), claim AS (
    INSERT INTO enrollment_claims (enrollment_id, person, offer_id, live) SELECT id, person, offer_id, true FROM listed
), code AS (
    INSERT INTO activation_codes (digest, enrollment_id, sealed, assign_time)
    SELECT gen_random_uuid(), id, decode(repeat('5a', 76), 'hex'), now() FROM listed
), event AS (
    INSERT INTO events (id, time, type, actor, resource, request_id)
    SELECT id, now(), 'ENROLLED', 'bench-app', 'offers/carrier-2021/enrollments/' || id, id FROM listed
)
INSERT INTO requests (caller, request_id, fingerprint, result, create_time)
SELECT 'bench-app', id, decode(repeat('5a', 32), 'hex'), :result, now() FROM listed;
