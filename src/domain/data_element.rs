//! What was exposed of a person.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A kind of personal data that the breach exposed. The serialized names are what the database
/// keeps: never rename one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DataElement {
    /// First and last name.
    Name,
    /// Postal address.
    Address,
    /// Date of birth.
    DateOfBirth,
    /// Social Security number or another national tax number.
    Ssn,
    /// Driver's licence or other government ID.
    DriversLicense,
    /// Phone number.
    PhoneNumber,
    /// E-mail address.
    Email,
    /// Account PIN.
    AccountPin,
    /// Number of the device.
    Imei,
    /// Number of the SIM.
    Imsi,
    /// Bank account or payment card number.
    FinancialAccount,
    /// Health or health insurance data.
    Health,
}

/// Data elements without repetition, in a fixed order.
pub type DataElements = BTreeSet<DataElement>;
