//! Whole lives: all verbs in any order, with repeats, races and a clock that moves by months, against what must
//! hold whatever happens.
//!
//! The steps are drawn at random from a seed that is the same at every run; `ENROLLMENT_LIFE_SEED` draws others.
//! A failure tells the seed and the steps before it.

mod life;
mod offers;
mod request;
mod steps;
mod world;

use self::{offers::Offers, steps::steps, world::World};
use crate::support::server::TestServer;

/// Lives that are lived one after the other, and the steps of each.
const RUNS: u64 = 3;
const STEPS: usize = 100;

on_each_database! {
    async fn whatever_happens_nobody_is_covered_twice_and_nothing_is_lost(database) {
        let server = TestServer::start(&database.settings).await;
        let mut offers = Offers::open(&server).await;
        let seed = std::env::var("ENROLLMENT_LIFE_SEED").map_or(300, |seed| seed.parse().unwrap());

        let (mut enrolled, mut now) = (0, "2021-09-01T12:00:00Z".parse().unwrap());
        for run in 0..RUNS {
            let mut world = World::new(&server, &database, &mut offers, run, now).await;
            for step in steps(seed + run, STEPS) {
                // Shown when the test fails.
                eprintln!("seed {}: {step:?}", seed + run);
                world.take(step).await;
                world.must_hold().await;
            }
            enrolled += world.enrolled();
            now = world.now();
        }
        // Nothing is proved by lives in which nothing happened.
        assert!(enrolled > 10, "{enrolled}");
        for event in [
            "ENROLLMENT_CANCELLED", "ENROLLMENT_REINSTATED", "ENROLLMENT_ACTIVATED", "ENROLLMENT_REJECTED",
            "ENROLLMENT_REVOKED", "ENROLLMENT_LAPSED", "TERM_EXTENDED", "ACTIVATION_CODE_REPLACED", "COHORT_TERM_EXTENSION_FINISHED",
            "ENROLLMENT_MIGRATED", "ENROLLMENT_TAKEN_OVER",
        ] {
            assert!(database.events(event).await > 0, "no {event}");
        }
        let of_pool = "SELECT COUNT(*) FROM activation_codes WHERE of_pool";
        assert!(database.count(of_pool).await > 0, "no code of the pool");
    }
}
