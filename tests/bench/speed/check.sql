-- A check as one statement: who is named, by which list, what it exposed, and which live enrollment there is.
\set n random(0, :checked - 1)
SELECT m.person, c.id, c.slug, c.data_elements,
       (SELECT k.enrollment_id FROM enrollment_claims k
        WHERE k.offer_id = c.offer_id AND k.person = m.person AND k.live)
FROM members m
JOIN loads l ON l.id = m.load_id AND l.publish_time IS NOT NULL
JOIN cohorts c ON c.id = l.cohort_id AND c.offer_id = :offer AND c.state = 'PUBLISHED'
WHERE m.digest = md5('bench' || :n)::uuid;
