//! Figures by name: a value per round, and the medians of them.

use std::collections::BTreeMap;

/// Values of one figure, in the order of the rounds.
#[derive(Debug, Clone)]
struct Figure {
    unit: &'static str,
    values: Vec<f64>,
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<String, Figure>);

impl Figures {
    /// Adds the value of a round.
    pub fn add(&mut self, name: String, value: f64, unit: &'static str) {
        let figure = self.0.entry(name).or_insert_with(|| Figure {
            unit,
            values: Vec::new(),
        });
        figure.values.push(value);
    }

    /// The values of the rounds; none of a figure that there is not.
    pub fn values(&self, name: &str) -> &[f64] {
        self.0
            .get(name)
            .map_or(&[], |figure| figure.values.as_slice())
    }

    /// The median over the rounds.
    pub fn median(&self, name: &str) -> Option<f64> {
        median(self.values(name))
    }

    /// Name, median and unit of each.
    pub fn medians(&self) -> impl Iterator<Item = (&str, f64, &'static str)> {
        self.0.iter().filter_map(|(name, figure)| {
            let median = median(&figure.values)?;
            Some((name.as_str(), median, figure.unit))
        })
    }
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The value that this part of all values does not exceed.
pub fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * part).round() as usize).copied()
}
