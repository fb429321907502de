-- A check as one statement: who is named, by which list, what it exposed, and which live enrollment there is.
\set n random(0, :checked - 1)
SELECT coalesce(m.people[m.place], m.digests[m.place]), c.id, c.slug, c.data_elements,
       (SELECT k.enrollment_id FROM enrollment_claims k
        WHERE k.offer_id = c.offer_id AND k.person = coalesce(m.people[m.place], m.digests[m.place]) AND k.live)
FROM loads l
JOIN cohorts c ON c.id = l.cohort_id AND c.offer_id = :offer AND c.state = 'PUBLISHED'
CROSS JOIN LATERAL (
    SELECT p.digests, p.people, width_bucket(md5('bench' || :n)::uuid, p.digests) AS place FROM packs p
    WHERE p.load_id = l.id AND p.first <= md5('bench' || :n)::uuid ORDER BY p.first DESC LIMIT 1) m
WHERE l.publish_time IS NOT NULL AND m.digests[m.place] = md5('bench' || :n)::uuid;
