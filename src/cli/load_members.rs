//! `load-members`: a list goes into a cohort of a running service, chunk by chunk.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use sha2::{Digest, Sha256};

use super::{
    Failure,
    member_file::{MemberFile, MemberRow},
    progress,
    reject_file::RejectFile,
};
use crate::grpc::load_client::{LoadClient, OutgoingRow, Source};

/// What is loaded, where to, and by whom.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Address of the service.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    endpoint: String,
    /// A token with the scope operator.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// The cohort: offers/{offer}/cohorts/{cohort}.
    #[arg(long)]
    cohort: String,
    /// A name for this load. The same name goes on with it.
    #[arg(long)]
    load_id: String,
    /// The list, plain or hashed, as it is or compressed with gzip.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Where rejected rows are told: number, column, rule. Beside the list unless given.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

/// Rows in a chunk. The same at every run, so that chunk numbers mean the same rows.
const CHUNK_ROWS: usize = 2_000;

/// The longest row that is sent although it is not fit, in bytes: many of them fit into a message.
const LONGEST: usize = 1_000;

pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    // A list that is not understood fails before anything is sent.
    MemberFile::new(open(&arguments.file)?).map_err(Failure::other)?;
    let in_use = [arguments.token_file.as_path()];
    let mut rejects = RejectFile::new(arguments.rejects.as_deref(), &arguments.file, &in_use)?;
    let token = std::fs::read_to_string(&arguments.token_file).map_err(|error| {
        Failure::other(format!("--token-file: cannot be read ({})", error.kind()))
    })?;
    let source = Source {
        cohort: arguments.cohort.clone(),
        load_id: arguments.load_id.clone(),
        name: file_name(&arguments.file),
        sha256: sha256(&arguments.file)?,
    };
    let mut client = LoadClient::begin(&arguments.endpoint, token.trim(), source)
        .await
        .map_err(Failure::other)?;
    let file = open(&arguments.file)?;
    let bar = progress::of_bytes(length(&file)?, "loading");
    let mut list = MemberFile::new(progress::read_file(file, &bar)).map_err(Failure::other)?;
    let mut rows_read = 0;
    loop {
        let mut rows = Vec::with_capacity(CHUNK_ROWS);
        for row in list.by_ref().take(CHUNK_ROWS) {
            let row = row.map_err(Failure::other)?;
            if let MemberRow::Rejected(rejected) = &row {
                rejects.add(rejected)?;
            }
            rows_read += 1;
            rows.push(outgoing(row));
        }
        if rows.is_empty() {
            break;
        }
        client.send(rows).await.map_err(Failure::other)?;
    }
    let rejected = rejects.rows();
    let told = rejects.finish()?;
    if rejected == rows_read {
        return Err(Failure::other(format!("--file: no row is fit{told}")));
    }
    let load = client.finish().await.map_err(Failure::other)?;
    bar.finish_and_clear();
    println!(
        "{}: {} people, {} identifiers, {} duplicates{told}; publish the cohort to make them count",
        load.name,
        load.row_count - load.rejected_count,
        load.identifier_count,
        load.duplicate_count
    );
    if u64::try_from(load.rejected_count) != Ok(rejected) {
        // The service is of another version than this command: it has the last word.
        println!(
            "the service rejected {} rows: GetLoad names the first of them",
            load.rejected_count
        );
    }
    Ok(())
}

/// What is not fit is sent as it stands, for the service to reject: it counts every row of the list.
fn outgoing(row: MemberRow) -> OutgoingRow {
    match row {
        MemberRow::Plain(row) => OutgoingRow::Plain(row.written),
        MemberRow::Hashed(member) => OutgoingRow::Hashed(member),
        MemberRow::Rejected(rejected) => rejected
            .written
            .filter(|written| written.bytes() <= LONGEST)
            .map_or(OutgoingRow::Unreadable, OutgoingRow::Plain),
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path)
        .map_err(|error| Failure::other(format!("--file: cannot be read ({})", error.kind())))
}

fn length(file: &File) -> Result<u64, Failure> {
    Ok(file.metadata().map_err(Failure::other)?.len())
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn sha256(path: &Path) -> Result<String, Failure> {
    let file = open(path)?;
    let bar = progress::of_bytes(length(&file)?, "reading");
    let mut reader = progress::read_file(file, &bar);
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let bytes = reader.read(&mut buffer).map_err(Failure::other)?;
        let Some(read) = buffer.get(..bytes).filter(|read| !read.is_empty()) else {
            break;
        };
        digest.update(read);
    }
    bar.finish_and_clear();
    Ok(hex::encode(digest.finalize()))
}
