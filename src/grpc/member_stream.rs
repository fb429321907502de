//! What comes in on a stream of `LoadMembers`.

use std::sync::Arc;

use prost::Message;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use tokio::task::spawn_blocking;

use super::{
    hashed_rows::NO_PERSON,
    parse,
    proto::v1::{self, load_members_request::Part},
    render,
    streams::{Misplaced, Receiver},
};
use crate::{
    app::{
        App, Error,
        loads::{Chunk, ListedPerson, ListedRows, Loaded, MAX_IDENTIFIERS, MAX_ROWS},
    },
    domain::{
        cohort::LoadSource,
        identifier::MAX_PER_PERSON,
        name::{CohortName, LoadName, ResourceId},
        person::{IdentifierDigest, Member, PersonKey},
        request::Caller,
        text,
        violation::{Rule, Violation, Violations},
    },
};

/// The largest message of a load: a full chunk fits, unless its identifiers are unusually long.
pub(super) const MAX_LOAD_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// What comes in on one stream.
pub(super) struct MemberReceiver {
    app: App,
    caller: Arc<Caller>,
    load: Option<LoadName>,
    /// Whether the header named the key that rows were hashed with.
    takes_hashed: bool,
}

impl Receiver for MemberReceiver {
    type Message = v1::LoadMembersRequest;
    type Answer = v1::LoadMembersResponse;
    const MAX_BYTES: usize = MAX_LOAD_MESSAGE_BYTES;

    fn is_end(message: &v1::LoadMembersRequest) -> bool {
        matches!(message.part, Some(Part::End(_)))
    }

    async fn receive(
        &mut self,
        message: v1::LoadMembersRequest,
    ) -> Result<v1::LoadMembersResponse, Error> {
        let loaded = self.part(message.part).await?;
        Ok(v1::LoadMembersResponse {
            load: Some(render::load(loaded.load)),
            rejected_rows: render::rejected_rows(loaded.rejected),
        })
    }
}

impl MemberReceiver {
    /// Before the header.
    pub fn new(app: App, caller: Arc<Caller>) -> Self {
        Self {
            app,
            caller,
            load: None,
            takes_hashed: false,
        }
    }

    async fn part(&mut self, part: Option<Part>) -> Result<Loaded, Error> {
        match (part, self.load.clone()) {
            (Some(Part::Header(header)), None) => {
                let (name, source, key) = parse_header(&header)?;
                self.load = Some(name.clone());
                self.takes_hashed = key.is_some();
                let begun = self
                    .app
                    .begin_load(&self.caller, name, source, key.as_deref());
                begun.await
            }
            (Some(Part::Chunk(chunk)), Some(name)) => {
                let (app, takes_hashed) = (self.app.clone(), self.takes_hashed);
                let chunk = spawn_blocking(move || parse_chunk(&app, chunk, takes_hashed));
                let chunk = chunk
                    .await
                    .map_err(|_| Error::Fault("hashing panicked"))??;
                self.app.add_chunk(&self.caller, name, chunk).await
            }
            (Some(Part::End(end)), Some(name)) => {
                let rows = Some(end.row_count).filter(|rows| *rows != 0);
                self.app
                    .finish_load(&self.caller, name, end.chunk_count, rows)
                    .await
            }
            (Some(Part::Header(_)), Some(_)) => Err(Misplaced::SecondHeader.into()),
            (Some(Part::Chunk(_)), None) => Err(Misplaced::ChunkBeforeHeader.into()),
            (Some(Part::End(_)), None) => Err(Misplaced::EndBeforeHeader.into()),
            (None, _) => Err(Misplaced::NoPart.into()),
        }
    }
}

fn parse_header(header: &v1::LoadHeader) -> Result<(LoadName, LoadSource, Option<String>), Error> {
    let mut violations = Violations::default();
    let parent = violations.check("header.cohort", CohortName::parse(&header.cohort));
    let load = violations.check("header.load_id", ResourceId::parse(&header.load_id));
    let name = violations.check("header.source_name", text::label(&header.source_name));
    let sha256 = violations.check("header.source_sha256", text::sha256(&header.source_sha256));
    let key = Some(&header.digest_key).filter(|key| !key.is_empty());
    let key = key.map(|key| text::digest_key(key)).transpose();
    let key = violations.check("header.digest_key", key);
    let parsed = || {
        let source = LoadSource {
            name: name?,
            sha256: sha256?,
        };
        Some((
            LoadName {
                parent: parent?,
                load: load?,
            },
            source,
            key?,
        ))
    };
    parse::finish(violations, parsed())
}

/// Reads and hashes the rows of a chunk: takes all cores for some milliseconds.
fn parse_chunk(app: &App, chunk: v1::LoadChunk, takes_hashed: bool) -> Result<Chunk, Error> {
    let mut violations = Violations::default();
    if chunk.number < 1 {
        violations.note("chunk.number", Rule("must be at least 1"));
    }
    let bytes = i64::try_from(chunk.encoded_len()).unwrap_or(i64::MAX);
    let number = chunk.number;
    let rows = parse_rows(&mut violations, app, chunk, takes_hashed);
    let rows = rows.filter(|rows| {
        let few = usize::try_from(rows.identifiers()).is_ok_and(|count| count <= MAX_IDENTIFIERS);
        if !few {
            violations.note("chunk", Rule("must have 45000 identifiers at most"));
        }
        few
    });
    let parsed = rows.map(|rows| Chunk {
        number,
        bytes,
        rows,
    });
    parse::finish(violations, parsed)
}

fn parse_rows(
    violations: &mut Violations,
    app: &App,
    chunk: v1::LoadChunk,
    takes_hashed: bool,
) -> Option<ListedRows> {
    let is_hashed =
        |row: &v1::MemberRow| matches!(row.member, Some(v1::member_row::Member::Hashed(_)));
    let has_hashed = chunk.hashed_rows.is_some() || chunk.rows.iter().any(is_hashed);
    if has_hashed && !takes_hashed {
        let rule = Rule("must name the key of hashed rows");
        violations.note("header.digest_key", rule);
        return None;
    }
    match chunk.hashed_rows {
        Some(_) if !chunk.rows.is_empty() => {
            violations.note("chunk.rows", Rule("must be empty beside hashed rows"));
            None
        }
        Some(hashed) => violations.check("chunk.hashed_rows", hashed.parse()),
        None if (1..=MAX_ROWS).contains(&chunk.rows.len()) => {
            Some(app.hash_rows(chunk.rows.into_par_iter().map(parse_row)))
        }
        None => {
            violations.note("chunk.rows", Rule("must have 1 to 20000 entries"));
            None
        }
    }
}

/// A row, or the first thing that is wrong with it.
fn parse_row(row: v1::MemberRow) -> Result<ListedPerson, Violation> {
    use v1::member_row::Member as M;

    let mut violations = Violations::default();
    let parsed = match row.member {
        Some(M::Plain(plain)) => parse_plain(&mut violations, plain),
        Some(M::Hashed(hashed)) => {
            let member = violations.check("hashed", hashed_member(&hashed));
            member.map(ListedPerson::Hashed)
        }
        None => {
            violations.note("", Rule("must be readable, and plain or hashed"));
            None
        }
    };
    violations.finish(parsed).map_err(first)
}

fn parse_plain(violations: &mut Violations, plain: v1::PlainMember) -> Option<ListedPerson> {
    let identifiers = parse::identifier_list(violations, "plain", plain.identifiers);
    let person_id = Some(plain.person_id).filter(|id| !id.is_empty());
    let person_id = person_id.map(|id| text::short(&id)).transpose();
    let person_id = violations.check("plain.person_id", person_id);
    Some(ListedPerson::Plain {
        identifiers: identifiers?,
        person_id: person_id?,
    })
}

fn first(violations: Vec<Violation>) -> Violation {
    let first = violations.into_iter().next();
    first.unwrap_or_else(|| Violation {
        field: String::new(),
        rule: Rule("must be fit"),
    })
}

fn hashed_member(hashed: &v1::HashedMember) -> Result<Member, Rule> {
    const RULE: Rule = Rule("must have a person of 16 bytes and 1 to 8 identifiers of 16 bytes");
    let digest = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).map_err(|_| RULE);
    if hashed.person.iter().all(|byte| *byte == 0) {
        return Err(NO_PERSON);
    }
    if hashed.identifiers.is_empty() || hashed.identifiers.len() > MAX_PER_PERSON {
        return Err(RULE);
    }
    Ok(Member {
        person: PersonKey(digest(&hashed.person)?),
        identifiers: hashed
            .identifiers
            .iter()
            .map(|bytes| digest(bytes).map(IdentifierDigest))
            .collect::<Result<_, _>>()?,
    })
}
