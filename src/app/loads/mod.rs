//! Loads: a list comes in chunks, each durable before it is answered, each counted once.

mod rows;
mod step;

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::json;
use tokio::task::spawn_blocking;

pub use self::rows::{ListedPerson, ListedRows};
use self::step::{Loading, ReadyChunk, Step};
use super::{App, Error, error::Precondition, person::digest_key};
use crate::{
    domain::{
        cohort::{Load, LoadSource, LoadState, RejectedRow},
        event::{Event, EventType},
        name::LoadName,
        request::Caller,
    },
    storage::{cohort, load, offer, reject, staged_chunk::StagedChunk},
};

/// The most rows in a chunk.
pub const MAX_ROWS: usize = 20_000;

/// The most identifiers in a chunk: a chunk that is kept counts to 65,535, its people among them.
pub const MAX_IDENTIFIERS: usize = 45_000;

/// How many rejected rows of a load are kept.
pub const MAX_REJECTS: i64 = 1_000;

/// Chunks are numbered from 1 without gaps.
#[derive(Debug)]
pub struct Chunk {
    /// The number.
    pub number: i64,
    /// How large it was, in bytes.
    pub bytes: i64,
    /// The rows.
    pub rows: ListedRows,
}

/// What became of a step.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The load as it stands.
    pub load: Load,
    /// Rows that this step rejected.
    pub rejected: Vec<RejectedRow>,
}

impl Loaded {
    fn without_rejects(load: Load) -> Self {
        Self {
            load,
            rejected: Vec::new(),
        }
    }
}

impl App {
    /// Begins a load, or goes on with it. Fails when one of that name came from another source, or when
    /// its rows were hashed with another digest key.
    pub async fn begin_load(
        &self,
        caller: &Caller,
        name: LoadName,
        source: LoadSource,
        hashed_with: Option<&str>,
    ) -> Result<Loaded, Error> {
        let own = digest_key(&self.0.keys.digester);
        if hashed_with.is_some_and(|key| key != own) {
            return Err(Error::Precondition(Precondition::DigestKey(own)));
        }
        let step = Step::Begin(source);
        let (_, begun) = self.step(caller, name, step).await?;
        Ok(begun)
    }

    /// Adds a chunk to a load, unless the load has it.
    pub async fn add_chunk(
        &self,
        caller: &Caller,
        name: LoadName,
        chunk: Chunk,
    ) -> Result<Loaded, Error> {
        let chunk = Arc::new(chunk);
        let staged = spawn_blocking({
            let chunk = chunk.clone();
            move || StagedChunk::of(chunk.rows.entries())
        });
        // It takes as long as the database, which need not wait for it.
        let digest = spawn_blocking({
            let (chunk, app) = (chunk.clone(), self.clone());
            move || chunk.rows.digest(&app.0.keys.digester)
        });
        let ready = ReadyChunk {
            chunk,
            digest: digest.map(Result::ok).boxed().shared(),
            staged: staged.await.map_err(|_| Error::Fault("a chunk panicked"))?,
        };
        let (_, added) = self.step(caller, name, Step::Chunk(ready)).await?;
        Ok(added)
    }

    /// Ends a load of so many chunks and, where the caller says so, so many rows: packs it, however long
    /// that takes. One at a time: it takes memory. Whoever asks again goes on where it was left.
    pub async fn finish_load(
        &self,
        caller: &Caller,
        name: LoadName,
        chunks: i64,
        rows: Option<i64>,
    ) -> Result<Loaded, Error> {
        let end = Step::End { chunks, rows };
        let (load_id, ended) = self.step(caller, name.clone(), end).await?;
        let finished = if ended.load.state == LoadState::Receiving {
            let _place = self.0.packing.acquire().await;
            self.0.store.pack(load_id, chunks).await?;
            let finish = Step::Finish { load_id, chunks };
            let (_, finished) = self.step(caller, name, finish).await?;
            self.0.unlisted.saw_packed(&[load_id]);
            finished
        } else {
            ended
        };
        self.0.store.unstage(load_id).await?;
        Ok(finished)
    }

    /// The load of this name, and the first of its rejected rows.
    pub async fn get_load(&self, name: &LoadName) -> Result<Loaded, Error> {
        let db = self.0.store.reader();
        let missing = || Error::not_found("Load", name);
        let offer = offer::find(db, &name.parent.parent)
            .await?
            .ok_or_else(missing)?;
        let cohort = cohort::find(db, &offer, &name.parent.cohort)
            .await?
            .ok_or_else(missing)?;
        let row = load::find(db, &cohort, &name.load)
            .await?
            .ok_or_else(missing)?;
        Ok(Loaded {
            rejected: reject::of_load(db, row.id).await?,
            load: row.value,
        })
    }

    /// The event of a load, with what has come so far.
    pub(super) fn load_event(
        &self,
        actor: &str,
        event_type: EventType,
        load: &Load,
    ) -> Result<Event, Error> {
        Ok(Event {
            details: Some(json!({
                "source_name": load.source.name,
                "source_sha256": load.source.sha256,
                "rows": load.progress.rows,
                "identifiers": load.progress.identifiers,
                "duplicates": load.progress.duplicates,
                "rejected": load.progress.rejected,
                "digest": load.progress.digest.map(|digest| digest.to_string()),
            })),
            ..self.event(load.update_time, actor, event_type, &load.name)?
        })
    }

    async fn step(
        &self,
        caller: &Caller,
        name: LoadName,
        step: Step,
    ) -> Result<(i64, Loaded), Error> {
        let actor = caller.subject.clone();
        self.0
            .store
            .transaction(Loading {
                app: self.clone(),
                actor,
                name,
                step,
            })
            .await
    }
}
