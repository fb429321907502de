//! Short texts that operators and callers write: bounded, trimmed, without control characters.

use super::violation::Rule;

/// A text of 1 to `max` characters after trimming, none of them a control character.
pub fn bounded(text: &str, max: usize, rule: Rule) -> Result<String, Rule> {
    let text = text.trim();
    // Most are ASCII, whose characters need not be taken apart.
    let (length, has_control) = if text.is_ascii() {
        (text.len(), text.bytes().any(|byte| byte.is_ascii_control()))
    } else {
        (text.chars().count(), text.chars().any(char::is_control))
    };
    if length == 0 || length > max || has_control {
        return Err(rule);
    }
    Ok(text.to_owned())
}

/// A name for people to read, or a reason: 1 to 200 characters.
pub fn label(text: &str) -> Result<String, Rule> {
    bounded(
        text,
        200,
        Rule("must be 1 to 200 characters without control characters"),
    )
}

/// A version or a key: 1 to 64 characters.
pub fn short(text: &str) -> Result<String, Rule> {
    bounded(
        text,
        64,
        Rule("must be 1 to 64 characters without control characters"),
    )
}

/// What names a digest key: 32 hexadecimal digits, given back in lower case.
pub fn digest_key(text: &str) -> Result<String, Rule> {
    hexadecimal(text, 32).ok_or(Rule("must be 32 hexadecimal digits"))
}

/// The SHA-256 of a file: 64 hexadecimal digits, given back in lower case.
pub fn sha256(text: &str) -> Result<String, Rule> {
    hexadecimal(text, 64).ok_or(Rule("must be 64 hexadecimal digits"))
}

fn hexadecimal(text: &str, digits: usize) -> Option<String> {
    let is_fit = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_fit.then(|| text.to_ascii_lowercase())
}
