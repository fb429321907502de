//! `load-members`: a list goes into a cohort of a running service, chunk by chunk.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};

use super::{
    Failure,
    member_file::{MemberFile, MemberRow, decompressed},
    progress,
    reject_file::RejectFile,
};
use crate::grpc::load_client::{LoadClient, LoadClientError, OutgoingRow, Source, Target};

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
    /// For how many seconds in all to wait for a service that does not come back after a break.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience: u64,
}

/// Rows that are read and understood at a time: enough for every core.
const ROWS: usize = 2_000;

/// The longest row that is sent although it is not fit, in bytes: many of them fit into a message.
const LONGEST: usize = 1_000;

pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    // A list that is not understood fails before anything is sent.
    let mut list = MemberFile::new(open(&arguments.file)?, ROWS).map_err(Failure::other)?;
    let in_use = [arguments.token_file.as_path()];
    let mut rejects = RejectFile::new(arguments.rejects.as_deref(), &arguments.file, &in_use)?;
    let contents = Contents::read(&arguments.file)?;
    let bar = progress::of_rows(contents.rows, "loading");
    let target = target(arguments, bar.clone())?;
    let source = Source {
        cohort: arguments.cohort.clone(),
        load_id: arguments.load_id.clone(),
        name: file_name(&arguments.file),
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
                rejects.add(rejected)?;
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

fn target(arguments: &Arguments, bar: ProgressBar) -> Result<Target, Failure> {
    let path = arguments.token_file.clone();
    let token = move || std::fs::read_to_string(&path).map(|token| token.trim().to_owned());
    token().map_err(|error| {
        Failure::other(format!("--token-file: cannot be read ({})", error.kind()))
    })?;
    Ok(Target {
        endpoint: arguments.endpoint.clone(),
        token: Box::new(move || token().ok()),
        patience: Duration::from_secs(arguments.patience),
        on_break: Box::new(move |error, delay| {
            bar.suspend(|| eprintln!("{error}; trying again in {:.1} s", delay.as_secs_f64()));
        }),
    })
}

fn refused(error: LoadClientError) -> Failure {
    let hint = if error.passes() {
        ": run it again to go on"
    } else {
        ""
    };
    Failure::other(format!("{error}{hint}"))
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
    File::open(path).map_err(unreadable)
}

fn unreadable(error: io::Error) -> Failure {
    Failure::other(format!("--file: cannot be read ({})", error.kind()))
}

fn length(file: &File) -> Result<u64, Failure> {
    Ok(file.metadata().map_err(unreadable)?.len())
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What is said of a list before its first row is sent.
struct Contents {
    /// Of the file as it is, in hexadecimal digits.
    sha256: String,
    /// Lines behind the header: as many rows, but for empty lines.
    rows: u64,
}

impl Contents {
    fn read(path: &Path) -> Result<Self, Failure> {
        let file = open(path)?;
        let bar = progress::of_bytes(length(&file)?, "reading");
        let mut file = Hashed {
            file: progress::read_file(file, &bar),
            digest: Sha256::new(),
        };
        let lines = count_lines(&mut file).map_err(unreadable)?;
        bar.finish_and_clear();
        Ok(Self {
            sha256: hex::encode(file.digest.finalize()),
            rows: lines.saturating_sub(1),
        })
    }
}

/// Reads all of it, also what stands behind a compressed list.
fn count_lines(file: &mut (impl Read + Send)) -> io::Result<u64> {
    let mut lines = 0;
    let mut text = BufReader::with_capacity(64 * 1024, decompressed(&mut *file)?);
    loop {
        let bytes = text.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let ends = memchr::memchr_iter(b'\n', bytes).count();
        lines += u64::try_from(ends).unwrap_or(u64::MAX);
        let length = bytes.len();
        text.consume(length);
    }
    drop(text);
    io::copy(file, &mut io::sink())?;
    Ok(lines)
}

/// A file of which everything that is read goes into a digest.
struct Hashed<R> {
    file: R,
    digest: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.digest.update(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}
