//! Gathers every fault of the settings before any of them is told.

use std::fmt::Display;

/// Faults, a line each: the setting and its rule, never its value.
#[derive(Default)]
pub(super) struct Faults(pub Vec<String>);

impl Faults {
    /// Notes a fault.
    pub fn note(&mut self, setting: &str, rule: impl Display) {
        self.0.push(format!("{setting}: {rule}"));
    }

    /// Keeps the value, or notes the fault.
    pub fn check<T, E: Display>(&mut self, setting: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|rule| self.note(setting, rule)).ok()
    }

    /// Keeps the number if it lies within its bounds.
    pub fn bounded<T: PartialOrd + Display>(
        &mut self,
        setting: &str,
        value: T,
        least: T,
        most: T,
    ) -> Option<T> {
        if value < least || value > most {
            self.note(setting, format!("must be {least} to {most}"));
            return None;
        }
        Some(value)
    }
}
