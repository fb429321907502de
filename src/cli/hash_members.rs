//! `hash-members`: a list of people becomes a list of digests, offline.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    Failure,
    member_file::{MemberFile, MemberRow, Rejected, hashed_header},
    progress,
    reject_file::RejectFile,
};
use crate::{
    app::person::{digest_key, hash_member, list_digest},
    config::read_digester,
    crypto::digest::Digester,
    domain::list_digest::ListDigest,
};

/// What is hashed, and with what.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The service's digest key: the file of `keys.digest_key_file`.
    #[arg(long, value_name = "FILE")]
    digest_key_file: PathBuf,
    /// The list.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where the digests go. Appears only when it is complete.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Where rejected rows are told: number, column, rule. Beside the list unless given.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

/// Rows that are read, hashed and written at a time: enough for every core, and a few MiB.
const ROWS: usize = 16_384;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let digester = read_digester(&arguments.digest_key_file)
        .map_err(|error| Failure::settings(format!("--digest-key-file: {error}")))?;
    let partial = partial(&arguments.output);
    let in_use = [
        partial.as_path(),
        &arguments.output,
        &arguments.digest_key_file,
    ];
    let mut rejects = RejectFile::new(arguments.rejects.as_deref(), &arguments.input, &in_use)?;
    let hashed = hash(&digester, &arguments.input, &partial, &mut rejects);
    let hashed = hashed.and_then(|summary| match (summary, rejects.finish()?) {
        (Summary { people: 0, .. }, told) => {
            Err(Failure::other(format!("--input: no row is fit{told}")))
        }
        done => Ok(done),
    });
    if hashed.is_err() {
        // What is there is of no use; that it cannot be removed is not the news.
        let _ = fs::remove_file(&partial);
    }
    let (Summary { people, digest }, told) = hashed?;
    fs::rename(&partial, &arguments.output).map_err(|error| {
        Failure::other(format!("--output: cannot be written ({})", error.kind()))
    })?;
    println!("{people} people hashed{told}");
    println!("digest {digest}");
    Ok(())
}

fn partial(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// What was written.
#[derive(Default)]
struct Summary {
    people: u64,
    digest: ListDigest,
}

/// What becomes of a row.
enum Outcome {
    Hashed {
        cells: [String; 2],
        digest: ListDigest,
    },
    Rejected(Rejected),
    /// The list as a whole is not fit.
    Refused(&'static str),
}

fn hash(
    digester: &Digester,
    input: &Path,
    output: &Path,
    rejects: &mut RejectFile,
) -> Result<Summary, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::other(format!("--input: cannot be read ({})", error.kind()))
    };
    let unwritable =
        |error: csv::Error| Failure::other(format!("--output: cannot be written ({error})"));
    let file = File::open(input).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let bar = progress::of_bytes(bytes, "hashing");
    let file = progress::read_file(file, &bar);
    let mut list = MemberFile::new(file, ROWS).map_err(Failure::other)?;
    let output = File::create(output).map_err(|error| unwritable(error.into()))?;
    let mut writer = csv::Writer::from_writer(BufWriter::new(output));
    let header = hashed_header(&digest_key(digester));
    writer.write_record(header).map_err(unwritable)?;
    let mut summary = Summary::default();
    loop {
        let outcomes = list.next_rows(|row| hash_row(digester, row));
        let outcomes = outcomes.map_err(Failure::other)?;
        if outcomes.is_empty() {
            break;
        }
        for outcome in outcomes {
            match outcome {
                Outcome::Hashed { cells, digest } => {
                    writer.write_record(cells).map_err(unwritable)?;
                    summary.people += 1;
                    summary.digest = summary.digest + digest;
                }
                Outcome::Rejected(rejected) => rejected.tell(rejects)?,
                Outcome::Refused(why) => return Err(Failure::other(format!("--input: {why}"))),
            }
        }
    }
    writer.flush().map_err(|error| unwritable(error.into()))?;
    bar.finish_and_clear();
    Ok(summary)
}

fn hash_row(digester: &Digester, row: MemberRow) -> Outcome {
    let row = match row {
        MemberRow::Plain(row) => row,
        MemberRow::Hashed(_) => return Outcome::Refused("the list is hashed already"),
        MemberRow::Rejected(rejected) => return Outcome::Rejected(rejected),
    };
    let person_id = row.written.person_id.as_deref();
    let Some(member) = hash_member(digester, &row.identifiers, person_id) else {
        return Outcome::Refused("a row has no identifier");
    };
    let identifiers = member.identifiers.iter();
    let identifiers = identifiers.map(|digest| hex::encode(digest.0));
    Outcome::Hashed {
        digest: list_digest(digester, &member),
        cells: [
            hex::encode(member.person.0),
            identifiers.collect::<Vec<_>>().join(" "),
        ],
    }
}
