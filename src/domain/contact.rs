//! How a person wants to be reached, and how little of it is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    identifier::{email, phone_number},
    violation::Rule,
};

/// Contact data in plain. Lives only between a request and its seal, or between a seal and a mask.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    email: Option<String>,
    phone_number: Option<String>,
}

impl Contact {
    /// No contact data, to which parts can be added.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an e-mail address, in lower case; an empty text adds nothing.
    pub fn set_email(&mut self, text: &str) -> Result<(), Rule> {
        self.email = non_empty(text).map(email).transpose()?;
        Ok(())
    }

    /// Adds a phone number, in E.164; an empty text adds nothing.
    pub fn set_phone_number(&mut self, text: &str) -> Result<(), Rule> {
        self.phone_number = non_empty(text).map(phone_number).transpose()?;
        Ok(())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.email.is_none() && self.phone_number.is_none()
    }

    /// What may be shown of it.
    pub fn masked(&self) -> MaskedContact {
        MaskedContact {
            email: self.email.as_deref().map(mask_email),
            phone_number: self.phone_number.as_deref().map(mask_phone_number),
        }
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact(redacted)")
    }
}

/// What may be shown of contact data: enough for its owner to recognise, not enough to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaskedContact {
    /// The first character and the domain: `j***@example.com`.
    pub email: Option<String>,
    /// The last two digits: `+*********23`.
    pub phone_number: Option<String>,
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn mask_email(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => {
            // Of a single character nothing can be shown, or all of it would be.
            let first = local.chars().next().filter(|_| local.chars().count() > 1);
            let first = first.map(String::from).unwrap_or_default();
            format!("{first}***@{domain}")
        }
        None => "***".to_owned(),
    }
}

fn mask_phone_number(e164: &str) -> String {
    let digits = e164.len().saturating_sub(1);
    let shown = e164.chars().rev().take(2).collect::<Vec<_>>();
    let hidden = "*".repeat(digits.saturating_sub(shown.len()));
    format!("+{hidden}{}", shown.into_iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_data_is_shown_masked() {
        let mut contact = Contact::none();
        contact.set_email("Jo@Example.com").unwrap();
        contact.set_phone_number("+1 425 555 0123").unwrap();
        let masked = contact.masked();
        assert_eq!(masked.email.as_deref(), Some("j***@example.com"));
        assert_eq!(masked.phone_number.as_deref(), Some("+*********23"));
        assert_eq!(format!("{contact:?}"), "Contact(redacted)");
        contact.set_email("j@example.com").unwrap();
        assert_eq!(contact.masked().email.as_deref(), Some("***@example.com"));
    }

    #[test]
    fn empty_texts_are_no_contact_data() {
        let mut contact = Contact::none();
        contact.set_email("").unwrap();
        contact.set_phone_number("").unwrap();
        assert!(contact.is_empty());
    }
}
