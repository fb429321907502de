//! What is wrong with an input: the field and the rule, never the value.

use std::fmt;

/// A rule that an input broke, as one sentence for the caller: "must be …".
///
/// Static text, so that no value can slip into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule(pub &'static str);

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One field of a request that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, as the caller wrote it: `person.identifiers[2].email`.
    pub field: String,
    /// The rule.
    pub rule: Rule,
}

/// Gathers every violation of a request before any of them is reported.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Keeps the value, or notes the violation and gives `None`.
    pub fn check<T>(&mut self, field: impl Into<String>, parsed: Result<T, Rule>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(rule) => {
                self.note(field, rule);
                None
            }
        }
    }

    /// Notes a violation.
    pub fn note(&mut self, field: impl Into<String>, rule: Rule) {
        self.0.push(Violation {
            field: field.into(),
            rule,
        });
    }

    /// The parsed request, or all its violations. A request that lacks a part without having noted
    /// why is a fault of the parser; it is reported as a violation of the whole.
    pub fn finish<T>(self, parsed: Option<T>) -> Result<T, Vec<Violation>> {
        match parsed {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None if !self.0.is_empty() => Err(self.0),
            Some(_) | None => Err(vec![Violation {
                field: String::new(),
                rule: Rule("must be complete"),
            }]),
        }
    }
}
