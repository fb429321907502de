//! What comes in on a stream of `LoadActivationCodes`.

use std::sync::Arc;

use super::{
    activation_code_service::MAX_MESSAGE_BYTES,
    parse,
    proto::v1::{self, load_activation_codes_request::Part},
    render,
    streams::{Misplaced, Receiver},
};
use crate::{
    app::{
        App, Error,
        load_activation_codes::{CodeChunk, LoadedCodes, MAX_CODES},
    },
    domain::{
        code::ActivationCode,
        cohort::LoadSource,
        name::{CodeLoadName, CodePoolName, ResourceId},
        request::Caller,
        text,
        violation::{Rule, Violations},
    },
};

/// What comes in on one stream.
pub(super) struct CodeReceiver {
    app: App,
    caller: Arc<Caller>,
    load: Option<CodeLoadName>,
}

impl Receiver for CodeReceiver {
    type Message = v1::LoadActivationCodesRequest;
    type Answer = v1::LoadActivationCodesResponse;
    const MAX_BYTES: usize = MAX_MESSAGE_BYTES;

    fn is_end(message: &v1::LoadActivationCodesRequest) -> bool {
        matches!(message.part, Some(Part::End(_)))
    }

    async fn receive(
        &mut self,
        message: v1::LoadActivationCodesRequest,
    ) -> Result<v1::LoadActivationCodesResponse, Error> {
        let loaded = self.part(message.part).await?;
        Ok(v1::LoadActivationCodesResponse {
            load: Some(render::code_load(loaded.load)),
            rejected_rows: render::rejected_rows(loaded.rejected),
        })
    }
}

impl CodeReceiver {
    /// Before the header.
    pub fn new(app: App, caller: Arc<Caller>) -> Self {
        Self {
            app,
            caller,
            load: None,
        }
    }

    async fn part(&mut self, part: Option<Part>) -> Result<LoadedCodes, Error> {
        let (app, caller) = (&self.app, &self.caller);
        match (part, self.load.clone()) {
            (Some(Part::Header(header)), None) => {
                let (name, source) = parse_header(&header)?;
                self.load = Some(name.clone());
                app.begin_code_load(caller, name, source).await
            }
            (Some(Part::Chunk(chunk)), Some(name)) => {
                app.add_codes(caller, name, parse_chunk(&chunk)?).await
            }
            (Some(Part::End(end)), Some(name)) => {
                app.finish_code_load(caller, name, end.row_count).await
            }
            (Some(Part::Header(_)), Some(_)) => Err(Misplaced::SecondHeader.into()),
            (Some(Part::Chunk(_)), None) => Err(Misplaced::ChunkBeforeHeader.into()),
            (Some(Part::End(_)), None) => Err(Misplaced::EndBeforeHeader.into()),
            (None, _) => Err(Misplaced::NoPart.into()),
        }
    }
}

fn parse_header(header: &v1::CodeLoadHeader) -> Result<(CodeLoadName, LoadSource), Error> {
    let mut violations = Violations::default();
    let parent = violations.check("header.pool", CodePoolName::parse(&header.pool));
    let load = violations.check("header.load_id", ResourceId::parse(&header.load_id));
    let name = violations.check("header.source_name", text::label(&header.source_name));
    let sha256 = violations.check("header.source_sha256", text::sha256(&header.source_sha256));
    let parsed = || {
        let source = LoadSource {
            name: name?,
            sha256: sha256?,
        };
        let (parent, load) = (parent?, load?);
        Some((CodeLoadName { parent, load }, source))
    };
    parse::finish(violations, parsed())
}

fn parse_chunk(chunk: &v1::CodeChunk) -> Result<CodeChunk, Error> {
    let mut violations = Violations::default();
    if chunk.first_row < 1 {
        violations.note("chunk.first_row", Rule("must be at least 1"));
    }
    if !(1..=MAX_CODES).contains(&chunk.codes.len()) {
        violations.note("chunk.codes", Rule("must have 1 to 5000 entries"));
    }
    let codes = chunk.codes.iter().map(|code| ActivationCode::parse(code));
    let parsed = CodeChunk {
        first_row: chunk.first_row,
        codes: codes.collect(),
    };
    parse::finish(violations, Some(parsed))
}
