//! `load-members`: a list goes into a cohort of a running service, chunk by chunk.

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;

use super::{
    Failure,
    list_file::{self, Contents},
    member_file::{MemberFile, MemberRow},
    progress,
    reject_file::RejectFile,
    service::{Service, refused},
};
use crate::grpc::load_client::{LoadClient, OutgoingRow, Source};

/// What is loaded, where to, and by whom.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    service: Service,
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

/// Rows that are read and understood at a time: enough for every core.
const ROWS: usize = 2_000;

/// The longest row that is sent although it is not fit, in bytes: many of them fit into a message.
const LONGEST: usize = 1_000;

pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    // A list that is not understood fails before anything is sent.
    let mut list =
        MemberFile::new(list_file::open(&arguments.file)?, ROWS).map_err(Failure::other)?;
    let in_use = [arguments.service.token_file.as_path()];
    let mut rejects = RejectFile::new(arguments.rejects.as_deref(), &arguments.file, &in_use)?;
    let contents = Contents::read(&arguments.file)?;
    let bar = progress::of_rows(contents.rows, "people", "loading");
    let target = arguments.service.target(bar.clone())?;
    let source = Source {
        cohort: arguments.cohort.clone(),
        load_id: arguments.load_id.clone(),
        name: list_file::name(&arguments.file),
        sha256: contents.sha256,
        digest_key: list.digest_key().map(str::to_owned),
    };
    let begun = LoadClient::begin(target, source).await;
    let mut client = begun.map_err(refused)?;
    let rows = send(&mut list, &mut client, &mut rejects, &bar).await?;
    let rejected = rejects.rows();
    let told = rejects.finish()?;
    if rejected == rows {
        return Err(Failure::other(format!("--file: no row is fit{told}")));
    }
    client.finish().await.map_err(refused)?;
    bar.finish_and_clear();
    tell(&client, rejected, &told);
    Ok(())
}

/// Sends all rows, and writes down those that are not fit. Gives how many there were.
async fn send(
    list: &mut MemberFile<'_>,
    client: &mut LoadClient,
    rejects: &mut RejectFile,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let mut sent = 0;
    loop {
        let rows = list.next_rows(|row| row).map_err(Failure::other)?;
        if rows.is_empty() {
            return Ok(sent);
        }
        for row in rows {
            if let MemberRow::Rejected(rejected) = &row {
                rejected.tell(rejects)?;
            }
            client.add(outgoing(row)).await.map_err(refused)?;
            sent += 1;
        }
        bar.set_position(u64::try_from(client.load().row_count).unwrap_or_default());
    }
}

/// The summary. So many rows were rejected here, and this is told of them.
fn tell(client: &LoadClient, rejected: u64, told: &str) {
    let load = client.load();
    println!(
        "{}: {} people, {} identifiers, {} duplicates{told}; publish the cohort to make them count",
        load.name,
        load.row_count - load.rejected_count,
        load.identifier_count,
        load.duplicate_count
    );
    if !load.digest.is_empty() {
        println!("digest {}", load.digest);
    }
    if client.breaks() > 0 {
        println!("went on by itself after {} breaks", client.breaks());
    }
    if u64::try_from(load.rejected_count) != Ok(rejected) {
        // The service is of another version than this command: it has the last word.
        println!(
            "the service rejected {} rows: GetLoad names the first of them",
            load.rejected_count
        );
    }
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
