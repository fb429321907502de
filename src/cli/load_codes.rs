//! `load-codes`: a provider's codes go into an offer's pool of a running service, chunk by chunk.

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;

use super::{
    Failure,
    list_file::{self, Contents},
    progress,
    records::{Record, Records},
    reject_file::RejectFile,
    service::{Service, refused},
};
use crate::{
    domain::code::ActivationCode,
    grpc::load_client::{CodeList, CodeLoadClient},
};

/// What is loaded, where to, and by whom.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    service: Service,
    /// The pool: offers/{offer}/codePool.
    #[arg(long)]
    pool: String,
    /// A name for this load. The same name goes on with it.
    #[arg(long)]
    load_id: String,
    /// The codes, as they are or compressed with gzip: CSV with the one column `activation_code`.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Where rejected rows are told: number, column, rule. Beside the list unless given.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

/// The one column of a list of codes.
const COLUMN: &str = "activation_code";

/// Records that are read at a time.
const ROWS: usize = 1_000;

pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    // A list that is not understood fails before anything is sent.
    let (mut records, header) =
        Records::open(list_file::open(&arguments.file)?).map_err(Failure::other)?;
    if header.is_none_or(|header| header != [COLUMN][..]) {
        return Err(Failure::other(format!(
            "the header is not understood: it must be {COLUMN}"
        )));
    }
    let in_use = [arguments.service.token_file.as_path()];
    let mut rejects = RejectFile::new(arguments.rejects.as_deref(), &arguments.file, &in_use)?;
    let contents = Contents::read(&arguments.file)?;
    let bar = progress::of_rows(contents.rows, "codes", "loading");
    let list = CodeList {
        pool: arguments.pool.clone(),
        load_id: arguments.load_id.clone(),
        name: list_file::name(&arguments.file),
        sha256: contents.sha256,
    };
    let target = arguments.service.target(bar.clone())?;
    let begun = CodeLoadClient::begin(target, list).await;
    let mut client = begun.map_err(refused)?;
    send(&mut records, &mut client, &mut rejects, &bar).await?;
    client.finish().await.map_err(refused)?;
    write_down(&mut client, &mut rejects)?;
    let told = rejects.finish()?;
    bar.finish_and_clear();
    let load = client.load();
    let codes = load.row_count - load.rejected_count;
    println!("{}: {codes} codes{told}", load.name);
    if client.breaks() > 0 {
        println!("went on by itself after {} breaks", client.breaks());
    }
    Ok(())
}

async fn send(
    records: &mut Records<'_>,
    client: &mut CodeLoadClient,
    rejects: &mut RejectFile,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    loop {
        let rows = records.take(ROWS).map_err(Failure::other)?;
        if rows.is_empty() {
            return Ok(());
        }
        bar.inc(u64::try_from(rows.len()).unwrap_or_default());
        for row in rows {
            client.add(code(row)).await.map_err(refused)?;
        }
        write_down(client, rejects)?;
    }
}

/// What is not fit is sent as nothing, for the service to reject: it counts every row of the list.
fn code(row: Record) -> String {
    let cells = row.cells.unwrap_or_default();
    let cell = cells.get(0).unwrap_or_default();
    ActivationCode::parse(cell).map_or(String::new(), |code| code.reveal().to_owned())
}

fn write_down(client: &mut CodeLoadClient, rejects: &mut RejectFile) -> Result<(), Failure> {
    for rejected in client.rejected() {
        let row = u64::try_from(rejected.row).unwrap_or_default();
        rejects.add(row, COLUMN, &rejected.rule)?;
    }
    Ok(())
}
