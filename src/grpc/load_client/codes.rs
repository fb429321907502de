//! A list of codes on its way into an offer's pool. Every run sends all of it: what the service has counts once, and
//! its answers tell of every row that was rejected, whichever run brought it.

use std::mem;

use super::{
    LoadClientError, Target,
    transfer::{List, Transfer},
    wire::Encoded,
};
use crate::{
    app::load_activation_codes::MAX_CODES,
    grpc::proto::v1::{self, load_activation_codes_request::Part},
};

/// What is loaded, and where to.
#[derive(Debug, Clone)]
pub struct CodeList {
    /// `offers/{offer}/codePool`.
    pub pool: String,
    /// The last part of the load's name.
    pub load_id: String,
    /// What the list is called where it comes from.
    pub name: String,
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
}

impl List for CodeList {
    type Answer = v1::LoadActivationCodesResponse;
    const PATH: &'static str =
        "/identityprotection.enrollment.v1.ActivationCodeService/LoadActivationCodes";

    fn header(&self) -> Encoded {
        message(Part::Header(v1::CodeLoadHeader {
            pool: self.pool.clone(),
            load_id: self.load_id.clone(),
            source_name: self.name.clone(),
            source_sha256: self.sha256.clone(),
        }))
    }

    fn durable(answer: &v1::LoadActivationCodesResponse) -> i64 {
        answer.load.as_ref().map_or(0, |load| load.row_count)
    }
}

fn message(part: Part) -> Encoded {
    let message = v1::LoadActivationCodesRequest { part: Some(part) };
    Encoded::of(&message, None)
}

/// A load of codes that is under way.
pub struct CodeLoadClient {
    transfer: Transfer<CodeList>,
    /// What is not on the way yet.
    next: Vec<String>,
    load: v1::CodeLoad,
    rejected: Vec<v1::RejectedRow>,
    rows: i64,
}

impl CodeLoadClient {
    /// Begins a load, or goes on with it. Fails at once when the service is not there: only a service
    /// that was there is waited for.
    pub async fn begin(target: Target, list: CodeList) -> Result<Self, LoadClientError> {
        let (transfer, begun) = Transfer::begin(target, list).await?;
        Ok(Self {
            transfer,
            next: Vec::new(),
            load: begun.load.unwrap_or_default(),
            rejected: Vec::new(),
            rows: 0,
        })
    }

    /// The load, as it stood at the last answer.
    pub fn load(&self) -> &v1::CodeLoad {
        &self.load
    }

    /// How often it went on after a break.
    pub fn breaks(&self) -> u32 {
        self.transfer.breaks()
    }

    /// The rows that were rejected and have not been given here before.
    pub fn rejected(&mut self) -> Vec<v1::RejectedRow> {
        mem::take(&mut self.rejected)
    }

    /// Adds a row: a code, as it is written. When a chunk is full, it is sent once the one before is durable.
    pub async fn add(&mut self, code: String) -> Result<(), LoadClientError> {
        self.next.push(code);
        if self.next.len() == MAX_CODES {
            self.send().await?;
        }
        Ok(())
    }

    /// Ends the load, and waits until the service has all of it.
    pub async fn finish(&mut self) -> Result<(), LoadClientError> {
        if !self.next.is_empty() {
            self.send().await?;
        }
        let row_count = self.rows;
        let end = message(Part::End(v1::CodeLoadEnd { row_count }));
        let answer = self.transfer.send(end).await?;
        self.take(answer);
        let answer = self.transfer.answer().await?;
        self.take(answer);
        Ok(())
    }

    async fn send(&mut self) -> Result<(), LoadClientError> {
        let codes = mem::take(&mut self.next);
        let first_row = self.rows + 1;
        self.rows += i64::try_from(codes.len()).unwrap_or(i64::MAX);
        let chunk = message(Part::Chunk(v1::CodeChunk { first_row, codes }));
        let answer = self.transfer.send(chunk).await?;
        self.take(answer);
        Ok(())
    }

    fn take(&mut self, answer: Option<v1::LoadActivationCodesResponse>) {
        if let Some(answer) = answer {
            self.rejected.extend(answer.rejected_rows);
            self.load = answer.load.unwrap_or_default();
        }
    }
}
