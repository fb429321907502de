//! The gauge of the codes that an offer's pool has left, as this replica last saw them.

use super::{App, Error, find};
use crate::{
    domain::{code::CodeSource, name::OfferName},
    storage::code_pool,
};

/// Shows how many there are.
pub(super) fn show(offer: &OfferName, left: i64) {
    let left = f64::from(u32::try_from(left).unwrap_or(u32::MAX));
    metrics::gauge!("enrollment_code_pool_left", "offer" => offer.to_string()).set(left);
}

impl App {
    /// Looks how many every offer has whose codes come out of a pool, and shows it: an alarm must not wait until
    /// somebody enrolls here.
    pub async fn show_codes_left(&self) -> Result<(), Error> {
        let db = self.0.store.reader();
        for offer in self.all_offers().await? {
            if offer.details.code_source == CodeSource::Pool {
                let row = find::offer(db, &offer.name).await?;
                show(&offer.name, code_pool::left(db, &row).await?);
            }
        }
        Ok(())
    }
}
