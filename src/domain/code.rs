//! Activation codes: a provider's own, or minted here: 128 random bits in Crockford's base 32, and a check
//! symbol.
//!
//! Source of alphabet and check symbol: Douglas Crockford, "Base 32", <https://www.crockford.com/base32.html>.

use std::{fmt, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::violation::Rule;

const ALPHABET: [char; 37] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J',
    'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z', '*', '~', '$', '=', 'U',
];

/// Digits that 128 bits take at 5 bits each.
const DIGITS: u32 = 26;

/// Where the activation code of an enrollment comes from. The names are kept: never rename one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CodeSource {
    /// It is made here when the person enrolls.
    #[default]
    Minted,
    /// It is one of the provider's, loaded beforehand.
    Pool,
    /// There is none: the provider enrolls its members by itself.
    None,
}

impl CodeSource {
    /// The name as the API and the database have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minted => "MINTED",
            Self::Pool => "POOL",
            Self::None => "NONE",
        }
    }
}

/// The lengths that a code can have.
const LENGTHS: RangeInclusive<usize> = 6..=64;

/// A provider's single-use secret for one person. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ActivationCode(String);

impl ActivationCode {
    /// Mints a code from 128 random bits: 26 digits and the check symbol (the value modulo 37).
    pub fn mint(random: u128) -> Self {
        let digits = (0..DIGITS).rev().map(|place| (random >> (5 * place)) & 31);
        let check = random % 37;
        Self(digits.chain([check]).filter_map(symbol).collect())
    }

    /// Parses a code as somebody wrote it: 6 to 64 visible characters of ASCII, none of them a blank; those around
    /// it do not count. Capitals and small letters differ.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let text = text.trim();
        let is_fit = LENGTHS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if is_fit {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rule(
                "must be 6 to 64 visible ASCII characters without blanks",
            ))
        }
    }

    /// A code as it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The secret. For the person's reply and for the seal only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ActivationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActivationCode(redacted)")
    }
}

fn symbol(value: u128) -> Option<char> {
    usize::try_from(value)
        .ok()
        .and_then(|index| ALPHABET.get(index))
        .copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_have_26_digits_and_a_check_symbol() {
        assert_eq!(
            ActivationCode::mint(0).reveal(),
            "000000000000000000000000000"
        );
        assert_eq!(
            ActivationCode::mint(36).reveal(),
            "00000000000000000000000014U"
        );
        let highest = ActivationCode::mint(u128::MAX);
        assert_eq!(&highest.reveal()[..26], "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(format!("{highest:?}"), "ActivationCode(redacted)");
    }

    #[test]
    fn a_code_is_read_as_it_stands_without_what_is_around_it() {
        assert_eq!(
            ActivationCode::parse(" aB-12/x ").unwrap().reveal(),
            "aB-12/x"
        );
        let minted = ActivationCode::mint(u128::MAX);
        assert_eq!(ActivationCode::parse(minted.reveal()), Ok(minted));
        for text in ["", "12345", "12 3456", "1234567\u{e9}", &"1".repeat(65)] {
            assert!(ActivationCode::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_code_holds_all_of_its_128_bits(random: u128) {
            let code = ActivationCode::mint(random);
            let value = code.reveal().chars().take(26).fold(0u128, |value, digit| {
                let place = ALPHABET.iter().position(|symbol| *symbol == digit).unwrap();
                (value << 5) | u128::try_from(place).unwrap()
            });
            prop_assert_eq!(value, random);
            prop_assert_eq!(code.reveal().chars().count(), 27);
        }
    }
}
