//! What may happen next, drawn at random.

use enrollment::grpc::proto::v1::CodeSource;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// So many days pass.
    Wait(i64),
    /// What is over is written down.
    Settle,
    /// The offer's last day is so many days from now: too late or too early for some.
    EnrollBy(i64),
    /// The offer's codes come from there from now on.
    CodesFrom(CodeSource),
    /// So many codes come into the pool.
    Fill(usize),
    /// Everybody is covered for so many days from now at least.
    ExtendAll(u64),
    /// The offer goes on in another, whose codes come from there.
    Migrate(CodeSource),
    /// The provider's list of members is compared with what runs.
    Reconcile,
    /// These at once.
    Act(Vec<Act>),
    /// A request that was answered is sent again: the one of this number, around again.
    Repeat(usize),
}

/// What somebody wants, of the person or the enrollment of this number, around again.
#[derive(Debug, Clone)]
pub struct Act {
    pub whom: usize,
    pub deed: Deed,
}

#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// In the offer that goes on and on, or in the second provider's.
    Enroll {
        there: bool,
    },
    ShowCode,
    Cancel,
    Reinstate,
    /// So many days ago, by code or by name.
    Activate {
        days_ago: i64,
        by_code: bool,
    },
    Reject,
    /// At the provider's, so many days ago.
    CancelThere {
        days_ago: i64,
    },
    Revoke,
    /// By so many days.
    Extend(u64),
    ReplaceCode,
}

/// So many steps, the same for the same seed.
pub fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let steps = prop::collection::vec(step(), count);
    steps.new_tree(&mut runner).unwrap().current()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1_i64..20).prop_map(Step::Wait),
        1 => (40_i64..400).prop_map(Step::Wait),
        1 => Just(Step::Settle),
        1 => prop_oneof![1 => -5_i64..5, 3 => 1_000_i64..5_000].prop_map(Step::EnrollBy),
        1 => prop::sample::select(vec![CodeSource::Pool, CodeSource::Pool, CodeSource::Minted, CodeSource::None])
            .prop_map(Step::CodesFrom),
        2 => (3_usize..9).prop_map(Step::Fill),
        1 => (600_u64..1_000).prop_map(Step::ExtendAll),
        1 => prop::sample::select(vec![CodeSource::Pool, CodeSource::Minted, CodeSource::None])
            .prop_map(Step::Migrate),
        1 => Just(Step::Reconcile),
        10 => prop::collection::vec(act(), 1..4).prop_map(Step::Act),
        2 => (0_usize..1_000).prop_map(Step::Repeat),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    (0_usize..1_000, deed()).prop_map(|(whom, deed)| Act { whom, deed })
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => Just(Deed::Enroll { there: false }),
        2 => Just(Deed::Enroll { there: true }),
        1 => Just(Deed::ShowCode),
        3 => Just(Deed::Cancel),
        4 => Just(Deed::Reinstate),
        3 => (0_i64..40, any::<bool>()).prop_map(|(days_ago, by_code)| Deed::Activate { days_ago, by_code }),
        2 => Just(Deed::Reject),
        1 => (0_i64..30).prop_map(|days_ago| Deed::CancelThere { days_ago }),
        2 => Just(Deed::Revoke),
        1 => (0_u64..400).prop_map(Deed::Extend),
        1 => Just(Deed::ReplaceCode),
    ]
}
