//! `LoadActivationCodes`: a provider's codes go into an offer's pool, chunk by chunk, each durable before it is
//! answered, each code once. A code can be given out as soon as it is durable.
//!
//! A row that is sent again is known by its number, and answered as it was the first time.

use std::collections::HashSet;

use serde_json::json;
use tokio::task::spawn_blocking;

use super::{App, Error, enroll::code_digest, error::Precondition, find, view::pool_code_context};
use crate::{
    domain::{
        code::ActivationCode,
        code_pool::{CodeLoad, CodeLoadState},
        cohort::{LoadSource, RejectedRow},
        event::{Event, EventType},
        name::CodeLoadName,
        offer::Offer,
        request::Caller,
        violation::Rule,
    },
    storage::{
        Row, Transaction,
        code::SealedCode,
        code_load,
        code_pool::{self, KnownCode, PooledCode},
        event,
        transaction::{UnitOfWork, UnknownCommit},
    },
};

/// The most rows in a chunk.
pub const MAX_CODES: usize = 5_000;

/// What breaks the rule that a code comes once.
const NOT_NEW: Rule = Rule("must not be in a pool already");

/// Some rows of a list of codes.
#[derive(Debug)]
pub struct CodeChunk {
    /// The number of the first one, from 1 on.
    pub first_row: i64,
    /// The codes, or what is wrong with them.
    pub codes: Vec<Result<ActivationCode, Rule>>,
}

/// What became of a step.
#[derive(Debug)]
pub struct LoadedCodes {
    /// The load as it stands.
    pub load: CodeLoad,
    /// Rows of this step that were rejected.
    pub rejected: Vec<RejectedRow>,
}

impl App {
    /// Begins a load of codes, or goes on with it. Fails when one of that name came from another source.
    pub async fn begin_code_load(
        &self,
        caller: &Caller,
        name: CodeLoadName,
        source: LoadSource,
    ) -> Result<LoadedCodes, Error> {
        self.code_step(caller, name, Step::Begin(source)).await
    }

    /// Adds a chunk to a load, but for the rows that the load has.
    pub async fn add_codes(
        &self,
        caller: &Caller,
        name: CodeLoadName,
        chunk: CodeChunk,
    ) -> Result<LoadedCodes, Error> {
        let app = self.clone();
        let context = pool_code_context(&name.parent.0);
        let sealed = spawn_blocking(move || {
            let codes = chunk.codes.into_iter();
            let codes = codes.map(|code| app.seal_code(&context, code));
            codes.collect::<Result<Vec<_>, Error>>()
        });
        let codes = sealed
            .await
            .map_err(|_| Error::Fault("sealing panicked"))??;
        let first_row = chunk.first_row;
        let chunk = Step::Chunk { first_row, codes };
        self.code_step(caller, name, chunk).await
    }

    /// Ends a load of so many rows.
    pub async fn finish_code_load(
        &self,
        caller: &Caller,
        name: CodeLoadName,
        rows: i64,
    ) -> Result<LoadedCodes, Error> {
        self.code_step(caller, name, Step::End { rows }).await
    }

    fn seal_code(
        &self,
        context: &str,
        code: Result<ActivationCode, Rule>,
    ) -> Result<Result<SealedCode, Rule>, Error> {
        let keys = &self.0.keys;
        let code = match code {
            Ok(code) => code,
            Err(rule) => return Ok(Err(rule)),
        };
        Ok(Ok(SealedCode {
            digest: code_digest(&keys.digester, &code),
            sealed: keys.sealer.seal(context, code.reveal().as_bytes())?,
        }))
    }

    async fn code_step(
        &self,
        caller: &Caller,
        name: CodeLoadName,
        step: Step,
    ) -> Result<LoadedCodes, Error> {
        let unit = Loading {
            app: self.clone(),
            actor: caller.subject.clone(),
            name,
            step,
        };
        self.0.store.transaction(unit).await
    }
}

/// What a message of the stream asks for.
enum Step {
    Begin(LoadSource),
    Chunk {
        first_row: i64,
        codes: Vec<Result<SealedCode, Rule>>,
    },
    End {
        rows: i64,
    },
}

struct Loading {
    app: App,
    actor: String,
    name: CodeLoadName,
    step: Step,
}

impl UnitOfWork for Loading {
    type Output = LoadedCodes;
    type Error = Error;
    const NAME: &'static str = "LoadActivationCodes";
    // Each step knows by the load's own progress whether it has been done.
    const UNKNOWN_COMMIT: UnknownCommit = UnknownCommit::Repeat;

    async fn run(&self, transaction: &Transaction) -> Result<LoadedCodes, Error> {
        // One at a time loads codes for an offer: ordinals have no gaps.
        let offer = find::offer_to_change(transaction, &self.name.parent.0, None).await?;
        let known = code_load::find(transaction, &offer, &self.name.load).await?;
        let mut rejected = Vec::new();
        let load = match (&self.step, known) {
            (Step::Begin(source), None) => self.begin(transaction, &offer, source).await?,
            (Step::Begin(source), Some(row)) if row.value.source == *source => row.value,
            (Step::Begin(_), Some(_)) => {
                return Err(self.out_of_step("a load of this name was begun from another source"));
            }
            (Step::Chunk { first_row, codes }, Some(row)) => {
                let added = self.add(transaction, &offer, row, *first_row, codes);
                let (load, of_chunk) = added.await?;
                rejected = of_chunk;
                load
            }
            (Step::End { rows }, Some(row)) => self.finish(transaction, row, *rows).await?,
            (Step::Chunk { .. } | Step::End { .. }, None) => {
                return Err(Error::not_found("CodeLoad", &self.name));
            }
        };
        Ok(LoadedCodes { load, rejected })
    }
}

impl Loading {
    async fn begin(
        &self,
        transaction: &Transaction,
        offer: &Row<Offer>,
        source: &LoadSource,
    ) -> Result<CodeLoad, Error> {
        let now = self.app.now();
        let load = CodeLoad {
            name: self.name.clone(),
            state: CodeLoadState::Receiving,
            source: source.clone(),
            loader: self.actor.clone(),
            rows: 0,
            rejected: 0,
            create_time: now,
            update_time: now,
        };
        code_load::insert(transaction, offer, &load).await?;
        self.write_event(transaction, EventType::CodeLoadStarted, &load)
            .await?;
        Ok(load)
    }

    async fn add(
        &self,
        transaction: &Transaction,
        offer: &Row<Offer>,
        Row { id, value: load }: Row<CodeLoad>,
        first_row: i64,
        codes: &[Result<SealedCode, Rule>],
    ) -> Result<(CodeLoad, Vec<RejectedRow>), Error> {
        if first_row > load.rows + 1 {
            return Err(self.out_of_step("rows come without gaps"));
        }
        let digests = codes.iter().flatten().map(|code| code.digest);
        let known = code_pool::known(transaction, digests).await?;
        let mut seen = HashSet::new();
        let (mut new, mut rejected) = (Vec::new(), Vec::new());
        for (row, code) in (first_row..).zip(codes) {
            let refused = match code {
                Err(rule) => Some(*rule),
                Ok(code) => match known.get(&code.digest) {
                    _ if !seen.insert(code.digest) => Some(NOT_NEW),
                    Some(known) if *known == (KnownCode::Loaded { load_id: id, row }) => None,
                    Some(_) => Some(NOT_NEW),
                    None if row <= load.rows => {
                        return Err(self.out_of_step("a row that is sent again must be the same"));
                    }
                    None => {
                        let code = code.clone();
                        new.push(PooledCode { row, code });
                        None
                    }
                },
            };
            rejected.extend(refused.map(|rule| RejectedRow {
                row,
                field: "code".to_owned(),
                rule: rule.to_string(),
            }));
        }
        let last_row = first_row - 1 + i64::try_from(codes.len()).unwrap_or(i64::MAX);
        if last_row <= load.rows {
            return Ok((load, rejected));
        }
        if load.state == CodeLoadState::Finished {
            return Err(self.out_of_step("the load is finished"));
        }
        let more = rejected.iter().filter(|reject| reject.row > load.rows);
        let load = CodeLoad {
            rows: last_row,
            rejected: load.rejected + i64::try_from(more.count()).unwrap_or(i64::MAX),
            update_time: self.app.now(),
            ..load
        };
        code_load::update(transaction, id, &load).await?;
        code_pool::fill(transaction, offer, id, new).await?;
        Ok((load, rejected))
    }

    async fn finish(
        &self,
        transaction: &Transaction,
        Row { id, value: load }: Row<CodeLoad>,
        rows: i64,
    ) -> Result<CodeLoad, Error> {
        if load.rows != rows {
            return Err(self.out_of_step("row_count must be the number of rows that came"));
        }
        if load.state == CodeLoadState::Finished {
            return Ok(load);
        }
        let load = CodeLoad {
            state: CodeLoadState::Finished,
            update_time: self.app.now(),
            ..load
        };
        code_load::update(transaction, id, &load).await?;
        self.write_event(transaction, EventType::CodeLoadFinished, &load)
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
        load: &CodeLoad,
    ) -> Result<(), Error> {
        let (app, time) = (&self.app, load.update_time);
        let event = Event {
            details: Some(json!({
                "source_name": load.source.name,
                "source_sha256": load.source.sha256,
                "rows": load.rows,
                "rejected": load.rejected,
            })),
            ..app.event(time, &self.actor, event_type, &load.name)?
        };
        event::insert(transaction, &event).await?;
        Ok(())
    }
}
