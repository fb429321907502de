//! Resource names (AIP-122): `offers/{offer}` and what lies below. None says anything of a person.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::violation::Rule;

const ID_RULE: Rule = Rule(
    "must be 1 to 63 lower-case letters, digits and dashes, beginning with a letter and not ending with a dash",
);

/// The last part of the name of an offer, a cohort or a load, chosen by an operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceId(String);

impl ResourceId {
    /// Parses an id: 1 to 63 of `a-z`, `0-9` and `-`, a letter first, no dash last (AIP-122).
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let well_formed = text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(ID_RULE)
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `offers/{offer}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OfferName {
    /// The offer's id.
    pub offer: ResourceId,
}

impl OfferName {
    /// Parses `offers/{offer}`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let offer = text
            .strip_prefix("offers/")
            .and_then(|id| ResourceId::parse(id).ok())
            .ok_or(Rule("must have the form offers/{offer}"))?;
        Ok(Self { offer })
    }
}

impl fmt::Display for OfferName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offers/{}", self.offer)
    }
}

/// `offers/{offer}/cohorts/{cohort}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CohortName {
    /// The offer that the cohort belongs to.
    pub parent: OfferName,
    /// The cohort's id.
    pub cohort: ResourceId,
}

impl CohortName {
    /// Parses `offers/{offer}/cohorts/{cohort}`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        child(text, "/cohorts/")
            .and_then(|(parent, id)| {
                Some(Self {
                    parent: OfferName::parse(parent).ok()?,
                    cohort: ResourceId::parse(id).ok()?,
                })
            })
            .ok_or(Rule("must have the form offers/{offer}/cohorts/{cohort}"))
    }
}

impl fmt::Display for CohortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/cohorts/{}", self.parent, self.cohort)
    }
}

/// `offers/{offer}/cohorts/{cohort}/loads/{load}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoadName {
    /// The cohort that the load goes into.
    pub parent: CohortName,
    /// The load's id.
    pub load: ResourceId,
}

impl LoadName {
    /// Parses `offers/{offer}/cohorts/{cohort}/loads/{load}`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        child(text, "/loads/")
            .and_then(|(parent, id)| {
                Some(Self {
                    parent: CohortName::parse(parent).ok()?,
                    load: ResourceId::parse(id).ok()?,
                })
            })
            .ok_or(Rule(
                "must have the form offers/{offer}/cohorts/{cohort}/loads/{load}",
            ))
    }
}

impl fmt::Display for LoadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/loads/{}", self.parent, self.load)
    }
}

/// `offers/{offer}/codePool`: an offer has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CodePoolName(pub OfferName);

impl CodePoolName {
    /// Parses `offers/{offer}/codePool`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        text.strip_suffix("/codePool")
            .and_then(|parent| OfferName::parse(parent).ok())
            .map(Self)
            .ok_or(Rule("must have the form offers/{offer}/codePool"))
    }
}

impl fmt::Display for CodePoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/codePool", self.0)
    }
}

/// `offers/{offer}/codePool/loads/{load}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CodeLoadName {
    /// The pool that the codes go into.
    pub parent: CodePoolName,
    /// The load's id.
    pub load: ResourceId,
}

impl fmt::Display for CodeLoadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/loads/{}", self.parent, self.load)
    }
}

/// `offers/{offer}/jobs/{uuid}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobName {
    /// The offer whose enrollments it works on.
    pub parent: OfferName,
    /// The job's id.
    pub job: Uuid,
}

impl JobName {
    /// Parses `offers/{offer}/jobs/{uuid}`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        child(text, "/jobs/")
            .and_then(|(parent, id)| {
                Some(Self {
                    parent: OfferName::parse(parent).ok()?,
                    job: hyphenated_uuid(id)?,
                })
            })
            .ok_or(Rule("must have the form offers/{offer}/jobs/{uuid}"))
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/jobs/{}", self.parent, self.job)
    }
}

/// `offers/{offer}/enrollments/{uuid}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnrollmentName {
    /// The offer that was taken up.
    pub parent: OfferName,
    /// The enrollment's id.
    pub enrollment: Uuid,
}

impl EnrollmentName {
    /// Parses `offers/{offer}/enrollments/{uuid}`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        child(text, "/enrollments/")
            .and_then(|(parent, id)| {
                Some(Self {
                    parent: OfferName::parse(parent).ok()?,
                    enrollment: hyphenated_uuid(id)?,
                })
            })
            .ok_or(Rule("must have the form offers/{offer}/enrollments/{uuid}"))
    }
}

impl fmt::Display for EnrollmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/enrollments/{}", self.parent, self.enrollment)
    }
}

/// A UUID in its usual form of 36 characters only: the same thing must have one name.
pub fn hyphenated_uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok())?
}

fn child<'a>(text: &'a str, collection: &str) -> Option<(&'a str, &'a str)> {
    text.rsplit_once(collection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_were_written() {
        for text in ["offers/a", "offers/carrier-2021"] {
            assert_eq!(OfferName::parse(text).unwrap().to_string(), text);
        }
        let text = "offers/a/cohorts/b-1/loads/c";
        assert_eq!(LoadName::parse(text).unwrap().to_string(), text);
        let text = "offers/a/codePool";
        assert_eq!(CodePoolName::parse(text).unwrap().to_string(), text);
        let text = "offers/a/enrollments/01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(EnrollmentName::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn foreign_and_malformed_names_are_refused() {
        for text in [
            "",
            "offers/",
            "offer/a",
            "offers/A",
            "offers/-a",
            "offers/a-",
            "offers/a/b",
            "offers/a\n",
            "/offers/a",
        ] {
            assert!(OfferName::parse(text).is_err(), "{text:?}");
        }
        assert!(CohortName::parse("offers/a/cohorts/").is_err());
        assert!(CohortName::parse("offers/a/enrollments/b").is_err());
        assert!(CodePoolName::parse("offers/a/codePools").is_err());
        assert!(EnrollmentName::parse("offers/a/enrollments/1").is_err());
        assert!(
            EnrollmentName::parse("offers/a/enrollments/01890a5dac96774bbcceb302099a8057").is_err()
        );
    }
}
