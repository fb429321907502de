//! The gauge of the codes that an offer's pool has left, as this replica last saw them.

use super::{App, Error, find};
use crate::{domain::name::OfferName, storage::code_pool};

/// Shows how many there are.
pub(super) fn show(offer: &OfferName, left: i64) {
    let left = f64::from(u32::try_from(left).unwrap_or(u32::MAX));
    metrics::gauge!("enrollment_code_pool_left", "offer" => offer.to_string()).set(left);
}

impl App {
    /// Looks how many there are, and shows it.
    pub(super) async fn show_codes_left(&self, offer: &OfferName) -> Result<(), Error> {
        let db = self.0.store.reader();
        let row = find::offer(db, offer).await?;
        if let Some(counts) = code_pool::find(db, &row).await? {
            show(offer, counts.left());
        }
        Ok(())
    }
}
