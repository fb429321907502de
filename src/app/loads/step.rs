//! A step of a load, in a transaction of its own: begin, add a chunk, end, finish. Each knows by the load's own
//! progress whether it has been done.

use std::sync::Arc;

use futures_util::future::{BoxFuture, Shared};

use super::{Chunk, Loaded, MAX_REJECTS};
use crate::{
    app::{App, Error, error::Precondition, find},
    domain::{
        cohort::{ChunkOrder, Cohort, Load, LoadProgress, LoadSource, LoadState},
        event::EventType,
        list_digest::ListDigest,
        name::LoadName,
    },
    storage::{
        Row, Transaction, event, load, reject,
        staged_chunk::{self, StagedChunk},
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// What a message of the stream asks for.
pub(super) enum Step {
    Begin(LoadSource),
    Chunk(ReadyChunk),
    /// No more chunks come: the list can be packed.
    End {
        chunks: i64,
        rows: Option<i64>,
    },
    /// All of so many chunks of the load with this key are packed.
    Finish {
        load_id: i64,
        chunks: i64,
    },
}

/// A chunk, and what is made of it before the database is asked.
pub(super) struct ReadyChunk {
    pub chunk: Arc<Chunk>,
    /// What its rows add to the digest of the list, when that is known; `None` when it never will be.
    pub digest: Shared<BoxFuture<'static, Option<ListDigest>>>,
    pub staged: StagedChunk,
}

/// A step of a load.
pub(super) struct Loading {
    pub app: App,
    pub actor: String,
    pub name: LoadName,
    pub step: Step,
}

impl UnitOfWork for Loading {
    /// The key of the load, and what became of it.
    type Output = (i64, Loaded);
    type Error = Error;
    const NAME: &'static str = "LoadMembers";
    // Each step knows by the load's own progress whether it has been done.
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<(i64, Loaded), Error> {
        let cohort = find::cohort(transaction, &self.name.parent).await?;
        let known = load::find_for_update(transaction, &cohort, &self.name.load).await?;
        let load = match (&self.step, known) {
            (Step::Begin(source), None) => self.begin(transaction, &cohort, source).await?,
            (Step::Begin(_), Some(row)) if row.value.state == LoadState::Discarded => {
                return Err(self.out_of_step("a load of this name is being discarded"));
            }
            (Step::Begin(source), Some(row)) if row.value.source == *source => row,
            (Step::Begin(_), Some(_)) => {
                return Err(self.out_of_step("a load of this name was begun from another source"));
            }
            (Step::Chunk(chunk), Some(row)) => {
                let id = row.id;
                return Ok((id, self.add(transaction, row, chunk).await?));
            }
            (Step::End { chunks, rows }, Some(row)) => {
                self.refuse_gaps(&row.value, *chunks, *rows)?;
                row
            }
            (Step::Finish { load_id, chunks }, Some(row)) if row.id == *load_id => {
                self.finish(transaction, row, *chunks).await?
            }
            (Step::Finish { .. }, Some(_)) => {
                return Err(self.out_of_step("the load was discarded, and begun anew"));
            }
            (Step::Chunk(_) | Step::End { .. } | Step::Finish { .. }, None) => {
                return Err(Error::not_found("Load", &self.name));
            }
        };
        Ok((load.id, Loaded::without_rejects(load.value)))
    }
}

impl Loading {
    async fn begin(
        &self,
        transaction: &Transaction,
        cohort: &Row<Cohort>,
        source: &LoadSource,
    ) -> Result<Row<Load>, Error> {
        let now = self.app.now();
        let loadable = cohort.value.state.load();
        loadable.map_err(|forbids| Error::forbidden(&cohort.value.name, forbids))?;
        let load = Load {
            name: self.name.clone(),
            state: LoadState::Receiving,
            source: source.clone(),
            loader: self.actor.clone(),
            progress: LoadProgress {
                digest: Some(ListDigest::default()),
                ..LoadProgress::default()
            },
            create_time: now,
            update_time: now,
        };
        let Some(id) = load::insert(transaction, cohort, &load).await? else {
            // Begun by somebody else at the same moment: look again.
            return Err(crate::storage::Error::Contention.into());
        };
        self.write_event(transaction, EventType::LoadStarted, &load)
            .await?;
        Ok(Row { id, value: load })
    }

    async fn add(
        &self,
        transaction: &Transaction,
        row: Row<Load>,
        ready: &ReadyChunk,
    ) -> Result<Loaded, Error> {
        let progress = row.value.progress;
        let chunk = &ready.chunk;
        match progress.order_of(chunk.number) {
            // Its answer may have been lost.
            ChunkOrder::Known if chunk.number == progress.last_chunk => {
                let rejected = chunk.rows.rejected(progress.rows - chunk.rows.count());
                let load = row.value;
                return Ok(Loaded { load, rejected });
            }
            ChunkOrder::Known => return Ok(Loaded::without_rejects(row.value)),
            ChunkOrder::Gap => {
                return Err(self.out_of_step("chunks are numbered from 1 without gaps"));
            }
            ChunkOrder::Next if row.value.state != LoadState::Receiving || progress.packing => {
                return Err(self.out_of_step("the load is finished"));
            }
            ChunkOrder::Next => {}
        }
        staged_chunk::insert(transaction, row.id, chunk.number, &ready.staged).await?;
        let digest = ready.digest.clone().await;
        let digest = digest.ok_or(Error::Fault("a digest panicked"))?;
        let new = i64::try_from(ready.staged.identifiers()).unwrap_or(i64::MAX);
        let rejected = chunk.rows.rejected(progress.rows);
        let room = usize::try_from(MAX_REJECTS.saturating_sub(progress.rejected)).unwrap_or(0);
        let (kept, _) = rejected.split_at(room.min(rejected.len()));
        reject::insert(transaction, row.id, kept).await?;
        let load = Load {
            progress: LoadProgress {
                last_chunk: chunk.number,
                rows: progress.rows + chunk.rows.count(),
                identifiers: progress.identifiers + new,
                duplicates: progress.duplicates + chunk.rows.identifiers() - new,
                rejected: progress.rejected + i64::try_from(rejected.len()).unwrap_or(i64::MAX),
                bytes: progress.bytes.saturating_add(chunk.bytes),
                digest: progress.digest.map(|before| before + digest),
                ..progress
            },
            update_time: self.app.now(),
            ..row.value
        };
        load::update(transaction, row.id, &load).await?;
        Ok(Loaded { load, rejected })
    }

    fn refuse_gaps(&self, load: &Load, chunks: i64, rows: Option<i64>) -> Result<(), Error> {
        if load.progress.last_chunk != chunks {
            return Err(self.out_of_step("chunk_count must be the number of the last chunk"));
        }
        if rows.is_some_and(|rows| rows != load.progress.rows) {
            return Err(self.out_of_step("row_count must be the number of rows in all chunks"));
        }
        if load.state == LoadState::Discarded {
            return Err(self.out_of_step("the load is being discarded"));
        }
        if chunks == 0 {
            return Err(self.out_of_step("a load has at least one chunk"));
        }
        Ok(())
    }

    async fn finish(
        &self,
        transaction: &Transaction,
        row: Row<Load>,
        chunks: i64,
    ) -> Result<Row<Load>, Error> {
        self.refuse_gaps(&row.value, chunks, None)?;
        if row.value.state != LoadState::Receiving {
            return Ok(row);
        }
        let load = Load {
            state: LoadState::Finished,
            update_time: self.app.now(),
            ..row.value
        };
        load::update(transaction, row.id, &load).await?;
        self.write_event(transaction, EventType::LoadFinished, &load)
            .await?;
        Ok(Row {
            id: row.id,
            value: load,
        })
    }

    fn out_of_step(&self, rule: &'static str) -> Error {
        let name = self.name.to_string();
        Error::Precondition(Precondition::LoadOutOfStep { name, rule })
    }

    async fn write_event(
        &self,
        transaction: &Transaction,
        event_type: EventType,
        load: &Load,
    ) -> Result<(), Error> {
        let event = self.app.load_event(&self.actor, event_type, load)?;
        event::insert(transaction, &event).await?;
        Ok(())
    }
}
