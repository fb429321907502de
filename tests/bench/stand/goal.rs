//! A goal: what is to be reached, and how it follows from the figures.

use super::figures::{Figures, median};

/// A bound.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// Whether a value keeps to it.
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// How the figures of one round are put together.
#[derive(Debug, Clone, Copy)]
pub enum Formula {
    /// The first over the sum of the others.
    OverSum(&'static str, &'static [&'static str]),
    /// The first over the highest of the others.
    OverHighest(&'static str, &'static [&'static str]),
    /// Medians of each, the first over the second: they have no rounds in common.
    OverMedian(&'static str, &'static str),
    /// The highest of all rounds.
    Highest(&'static str),
}

/// A goal.
pub struct Goal {
    pub name: &'static str,
    pub what: &'static str,
    pub bound: Bound,
    pub unit: &'static str,
    pub formula: Formula,
}

impl Goal {
    /// What was reached, if all of its figures were measured.
    pub fn reached(&self, figures: &Figures) -> Option<f64> {
        let by_round = |over: &str, under: &[&str], fold: fn(f64, f64) -> f64| {
            let values = figures.values(over).iter().enumerate();
            let ratios = values.map(|(round, value)| {
                let under = under.iter().map(|name| figures.values(name).get(round));
                let under = under.collect::<Option<Vec<_>>>()?;
                Some(value / under.into_iter().copied().reduce(fold)?)
            });
            median(&ratios.collect::<Option<Vec<_>>>()?)
        };
        match self.formula {
            Formula::OverSum(over, under) => by_round(over, under, |a, b| a + b),
            Formula::OverHighest(over, under) => by_round(over, under, f64::max),
            Formula::OverMedian(over, under) => {
                Some(figures.median(over)? / figures.median(under)?)
            }
            Formula::Highest(name) => figures.values(name).iter().copied().reduce(f64::max),
        }
    }
}
