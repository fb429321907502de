//! The catalogues that are known, kept until a statement says that they are out of date.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    domain::name::OfferName,
    storage::{
        self, Store,
        catalogue::{self, Catalogue},
    },
};

/// Catalogues by offer. Only offers that exist are kept, so that names which callers make up take no
/// room.
#[derive(Debug)]
pub(super) struct Catalogues {
    store: Store,
    known: RwLock<HashMap<OfferName, Arc<Catalogue>>>,
}

impl Catalogues {
    /// None are known yet.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            known: RwLock::default(),
        }
    }

    /// The catalogue of an offer as it was last read. Whoever uses it compares its version.
    pub async fn last_read(
        &self,
        name: &OfferName,
    ) -> Result<Option<Arc<Catalogue>>, storage::Error> {
        match self.known(name) {
            Some(known) => Ok(Some(known)),
            None => self.read(name).await,
        }
    }

    fn known(&self, name: &OfferName) -> Option<Arc<Catalogue>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned()
    }

    /// The catalogue of an offer as it is now.
    pub async fn read(&self, name: &OfferName) -> Result<Option<Arc<Catalogue>>, storage::Error> {
        let Some(read) = catalogue::find(self.store.reader(), name).await? else {
            return Ok(None);
        };
        let read = Arc::new(read);
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone(), read.clone());
        Ok(Some(read))
    }
}
