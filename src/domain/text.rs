//! Short texts that operators and callers write: bounded, trimmed, without control characters.

use super::violation::Rule;

/// A text of 1 to `max` characters after trimming, none of them a control character.
pub fn bounded(text: &str, max: usize, rule: Rule) -> Result<String, Rule> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > max || text.chars().any(char::is_control) {
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

/// The SHA-256 of a file: 64 hexadecimal digits, given back in lower case.
pub fn sha256(text: &str) -> Result<String, Rule> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(Rule("must be 64 hexadecimal digits"))
    }
}
