//! Activation codes that are minted here: 128 random bits in Crockford's base 32, and a check symbol.
//!
//! Source of alphabet and check symbol: Douglas Crockford, "Base 32", <https://www.crockford.com/base32.html>.

use std::fmt;

const ALPHABET: [char; 37] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J',
    'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z', '*', '~', '$', '=', 'U',
];

/// Digits that 128 bits take at 5 bits each.
const DIGITS: u32 = 26;

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
