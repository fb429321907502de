//! Page tokens: opaque and authenticated. A token opens only for the list that it was given for.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{App, Error};
use crate::domain::{
    page::{Page, PageOf},
    violation::{Rule, Violations},
};

const DEFAULT_SIZE: u64 = 50;
const MAX_SIZE: i32 = 1_000;

impl App {
    /// Reads the page that a request asks for. `list` names the list, with its filters if it has any.
    pub fn read_page(
        &self,
        list: &str,
        size: i32,
        token: &str,
        violations: &mut Violations,
    ) -> Option<PageOf> {
        let size = violations.check("page_size", page_size(size));
        let after = violations.check("page_token", self.open_token(list, token));
        Some(PageOf {
            after: after?,
            size: size?,
        })
    }

    /// The token of the page after this one; empty when there is none.
    pub fn next_page_token<T>(
        &self,
        list: &str,
        page: &Page<T>,
        id: impl Fn(&T) -> String,
    ) -> Result<String, Error> {
        let item = page.items.last().filter(|_| page.more);
        self.page_token_after(list, item.map(id))
    }

    /// The token of the page that comes after this id; empty when there is none.
    pub fn page_token_after(&self, list: &str, id: Option<String>) -> Result<String, Error> {
        let Some(id) = id else {
            return Ok(String::new());
        };
        let token = self.0.keys.sealer.seal(&context(list), id.as_bytes())?;
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    fn open_token(&self, list: &str, token: &str) -> Result<Option<String>, Rule> {
        if token.is_empty() {
            return Ok(None);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).ok();
        sealed
            .and_then(|sealed| self.0.keys.sealer.open(&context(list), &sealed).ok())
            .and_then(|text| String::from_utf8(text.to_vec()).ok())
            .map(Some)
            .ok_or(Rule(
                "must be the next_page_token of this list's page before",
            ))
    }
}

fn page_size(size: i32) -> Result<u64, Rule> {
    match u64::try_from(size) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(wanted) if size <= MAX_SIZE => Ok(wanted),
        Ok(_) | Err(_) => Err(Rule("must be 1 to 1000, or 0 for the default")),
    }
}

fn context(list: &str) -> String {
    format!("page:{list}")
}
