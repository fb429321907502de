//! `GetCodePool`: how many codes an offer's pool has left, and for how long they will last.

use chrono::{DateTime, Utc};

use super::{App, Error, find};
use crate::{
    domain::{
        code_pool::{CodePool, PoolCounts, RATE_WINDOW, Rate},
        name::CodePoolName,
        offer::Offer,
    },
    storage::{Row, code_pool},
};

impl App {
    /// The pool of this name. Fails when no code was ever loaded into it.
    pub async fn get_code_pool(&self, name: &CodePoolName) -> Result<CodePool, Error> {
        let db = self.0.store.reader();
        let missing = || Error::not_found("CodePool", name);
        let offer = find::offer(db, &name.0).await?;
        let counts = code_pool::find(db, &offer).await?.ok_or_else(missing)?;
        Ok(CodePool {
            name: name.clone(),
            counts,
            void: code_pool::count_void(db, &offer).await?,
            rate: self.rate(&offer, counts, self.now()).await?,
        })
    }

    /// How fast codes are given out at the moment.
    async fn rate(
        &self,
        offer: &Row<Offer>,
        counts: PoolCounts,
        now: DateTime<Utc>,
    ) -> Result<Option<Rate>, Error> {
        let db = self.0.store.reader();
        let Some(first) = code_pool::assign_time(db, offer, 1).await? else {
            return Ok(None);
        };
        let since = first.max(now - RATE_WINDOW);
        // Codes are given out in the order of their ordinals: half as many are left to look at each time.
        let (mut before, mut after) = (0, counts.assigned);
        while before < after {
            let middle = before + (after - before) / 2 + 1;
            match code_pool::assign_time(db, offer, middle).await? {
                Some(time) if time < since => before = middle,
                Some(_) | None => after = middle - 1,
            }
        }
        Ok(Some(Rate {
            codes: counts.assigned - before,
            time: now - since,
        }))
    }
}
