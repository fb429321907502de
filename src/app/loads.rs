//! Loads: a list comes in chunks, each durable before it is answered, each counted once.

use std::fmt;

use serde_json::json;

use super::{
    App, Error,
    error::Precondition,
    find,
    person::{digest_key, hash_member, list_digest},
};
use crate::{
    domain::{
        cohort::{ChunkOrder, Cohort, Load, LoadProgress, LoadSource, LoadState, RejectedRow},
        event::{Event, EventType},
        identifier::Identifier,
        list_digest::ListDigest,
        name::LoadName,
        person::Member,
        request::Caller,
        violation::{Rule, Violation},
    },
    storage::{
        Row, Transaction, cohort, event, load, member, offer, reject,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// The most rows in a chunk.
pub const MAX_ROWS: usize = 5_000;

/// How many rejected rows of a load are kept.
pub const MAX_REJECTS: i64 = 1_000;

/// A row of a list, as it comes in. `Debug` shows nothing of it.
#[derive(Clone)]
pub enum ListedPerson {
    /// By their identifiers.
    Plain {
        /// 1 to 8 identifiers.
        identifiers: Vec<Identifier>,
        /// The company's own key of the person.
        person_id: Option<String>,
    },
    /// By digests.
    Hashed(Member),
}

impl fmt::Debug for ListedPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListedPerson(redacted)")
    }
}

/// Chunks are numbered from 1 without gaps.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The number.
    pub number: i64,
    /// How large it was, in bytes.
    pub bytes: i64,
    /// The rows, and in their places what was wrong with those that are not fit.
    pub rows: Vec<Result<ListedPerson, Violation>>,
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
        self.step(caller, name, step).await
    }

    /// Adds a chunk to a load, unless the load has it.
    pub async fn add_chunk(
        &self,
        caller: &Caller,
        name: LoadName,
        chunk: Chunk,
    ) -> Result<Loaded, Error> {
        let digester = &self.0.keys.digester;
        let rows = chunk.rows.into_iter().map(|row| match row? {
            ListedPerson::Plain {
                identifiers,
                person_id,
            } => {
                hash_member(digester, &identifiers, person_id.as_deref()).ok_or_else(no_identifier)
            }
            ListedPerson::Hashed(member) => Ok(member),
        });
        let rows = rows.collect::<Vec<_>>();
        let members = rows.iter().flatten();
        let hashed = HashedChunk {
            number: chunk.number,
            bytes: chunk.bytes,
            digest: members.map(|member| list_digest(digester, member)).sum(),
            rows,
        };
        self.step(caller, name, Step::Chunk(hashed)).await
    }

    /// Ends a load of so many chunks and, where the caller says so, so many rows.
    pub async fn finish_load(
        &self,
        caller: &Caller,
        name: LoadName,
        chunks: i64,
        rows: Option<i64>,
    ) -> Result<Loaded, Error> {
        self.step(caller, name, Step::Finish { chunks, rows }).await
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

    async fn step(&self, caller: &Caller, name: LoadName, step: Step) -> Result<Loaded, Error> {
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

enum Step {
    Begin(LoadSource),
    Chunk(HashedChunk),
    Finish { chunks: i64, rows: Option<i64> },
}

/// A chunk whose rows are digests.
struct HashedChunk {
    number: i64,
    bytes: i64,
    digest: ListDigest,
    rows: Vec<Result<Member, Violation>>,
}

struct Loading {
    app: App,
    actor: String,
    name: LoadName,
    step: Step,
}

impl UnitOfWork for Loading {
    type Output = Loaded;
    type Error = Error;
    const NAME: &'static str = "LoadMembers";
    // Each step knows by the load's own progress whether it has been done.
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<Loaded, Error> {
        let cohort = find::cohort(transaction, &self.name.parent).await?;
        let known = load::find_for_update(transaction, &cohort, &self.name.load).await?;
        let load = match (&self.step, known) {
            (Step::Begin(source), None) => self.begin(transaction, &cohort, source).await?,
            (Step::Begin(_), Some(row)) if row.value.state == LoadState::Discarded => {
                return Err(self.out_of_step("a load of this name is being discarded"));
            }
            (Step::Begin(source), Some(row)) if row.value.source == *source => row.value,
            (Step::Begin(_), Some(_)) => {
                return Err(self.out_of_step("a load of this name was begun from another source"));
            }
            (Step::Chunk(chunk), Some(row)) => {
                return self.add(transaction, row, chunk).await;
            }
            (Step::Finish { chunks, rows }, Some(row)) => {
                self.finish(transaction, row, *chunks, *rows).await?
            }
            (Step::Chunk(_) | Step::Finish { .. }, None) => {
                return Err(Error::not_found("Load", &self.name));
            }
        };
        Ok(Loaded::without_rejects(load))
    }
}

impl Loading {
    async fn begin(
        &self,
        transaction: &Transaction,
        cohort: &Row<Cohort>,
        source: &LoadSource,
    ) -> Result<Load, Error> {
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
        if !load::insert(transaction, cohort, &load).await? {
            // Begun by somebody else at the same moment: look again.
            return Err(crate::storage::Error::Contention.into());
        }
        self.write_event(transaction, EventType::LoadStarted, &load)
            .await?;
        Ok(load)
    }

    async fn add(
        &self,
        transaction: &Transaction,
        row: Row<Load>,
        chunk: &HashedChunk,
    ) -> Result<Loaded, Error> {
        let progress = row.value.progress;
        let rows = chunk.rows.as_slice();
        match progress.order_of(chunk.number) {
            // Its answer may have been lost.
            ChunkOrder::Known if chunk.number == progress.last_chunk => {
                let before = progress.rows - i64::try_from(rows.len()).unwrap_or(i64::MAX);
                let rejected = rejected(before, rows);
                let load = row.value;
                return Ok(Loaded { load, rejected });
            }
            ChunkOrder::Known => return Ok(Loaded::without_rejects(row.value)),
            ChunkOrder::Gap => {
                return Err(self.out_of_step("chunks are numbered from 1 without gaps"));
            }
            ChunkOrder::Next if row.value.state != LoadState::Receiving => {
                return Err(self.out_of_step("the load is finished"));
            }
            ChunkOrder::Next => {}
        }
        let members = rows.iter().flatten().collect::<Vec<_>>();
        let offered = members.iter().map(|member| member.identifiers.len());
        let offered = i64::try_from(offered.sum::<usize>()).unwrap_or(i64::MAX);
        let new = member::insert(transaction, row.id, &members).await?;
        let new = i64::try_from(new).unwrap_or(i64::MAX);
        let rejected = rejected(progress.rows, rows);
        let room = usize::try_from(MAX_REJECTS.saturating_sub(progress.rejected)).unwrap_or(0);
        let (kept, _) = rejected.split_at(room.min(rejected.len()));
        reject::insert(transaction, row.id, kept).await?;
        let load = Load {
            progress: LoadProgress {
                last_chunk: chunk.number,
                rows: progress.rows + i64::try_from(rows.len()).unwrap_or(i64::MAX),
                identifiers: progress.identifiers + new,
                duplicates: progress.duplicates + offered - new,
                rejected: progress.rejected + i64::try_from(rejected.len()).unwrap_or(i64::MAX),
                bytes: progress.bytes.saturating_add(chunk.bytes),
                digest: progress.digest.map(|digest| digest + chunk.digest),
            },
            update_time: self.app.now(),
            ..row.value
        };
        load::update(transaction, row.id, &load).await?;
        Ok(Loaded { load, rejected })
    }

    async fn finish(
        &self,
        transaction: &Transaction,
        row: Row<Load>,
        chunks: i64,
        rows: Option<i64>,
    ) -> Result<Load, Error> {
        if row.value.progress.last_chunk != chunks {
            return Err(self.out_of_step("chunk_count must be the number of the last chunk"));
        }
        if rows.is_some_and(|rows| rows != row.value.progress.rows) {
            return Err(self.out_of_step("row_count must be the number of rows in all chunks"));
        }
        if chunks == 0 {
            return Err(self.out_of_step("a load has at least one chunk"));
        }
        if row.value.state != LoadState::Receiving {
            return Ok(row.value);
        }
        let load = Load {
            state: LoadState::Finished,
            update_time: self.app.now(),
            ..row.value
        };
        load::update(transaction, row.id, &load).await?;
        self.write_event(transaction, EventType::LoadFinished, &load)
            .await?;
        Ok(load)
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

fn no_identifier() -> Violation {
    Violation {
        field: "plain.identifiers".to_owned(),
        rule: Rule("must have 1 to 8 entries"),
    }
}

/// The rows that are not fit, with their numbers in the list. So many rows came before them.
fn rejected(before: i64, rows: &[Result<Member, Violation>]) -> Vec<RejectedRow> {
    let numbered = (before + 1..).zip(rows);
    let rejected = numbered.filter_map(|(row, member)| Some((row, member.as_ref().err()?)));
    rejected
        .map(|(row, violation)| RejectedRow {
            row,
            field: violation.field.clone(),
            rule: violation.rule.to_string(),
        })
        .collect()
}
