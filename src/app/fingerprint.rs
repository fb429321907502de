//! How a retry is told from another request with the same id.

use serde::Serialize;

use super::{App, Error};

impl App {
    /// Keyed digest of what a request asks for: what identifiers and contact data went into it must
    /// not be found by trying them all.
    pub(super) fn fingerprint(
        &self,
        deed: &str,
        content: &impl Serialize,
    ) -> Result<[u8; 32], Error> {
        let content = serde_json::to_vec(&(deed, content))
            .map_err(|_| Error::Fault("a request has no fingerprint"))?;
        Ok(self.0.keys.digester.whole("request/1", &content))
    }
}
