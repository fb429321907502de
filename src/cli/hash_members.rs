//! `hash-members`: a list of people becomes a list of digests, offline.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    Failure,
    member_file::{HASHED_HEADER, MemberFile, MemberRow},
    progress,
    reject_file::RejectFile,
};
use crate::{app::person::hash_member, config::read_digester, crypto::digest::Digester};

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
    let hashed = hashed.and_then(|rows| match (rows, rejects.finish()?) {
        (0, told) => Err(Failure::other(format!("--input: no row is fit{told}"))),
        done => Ok(done),
    });
    if hashed.is_err() {
        // What is there is of no use; that it cannot be removed is not the news.
        let _ = fs::remove_file(&partial);
    }
    let (rows, told) = hashed?;
    fs::rename(&partial, &arguments.output).map_err(|error| {
        Failure::other(format!("--output: cannot be written ({})", error.kind()))
    })?;
    println!("{rows} people hashed{told}");
    Ok(())
}

fn partial(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn hash(
    digester: &Digester,
    input: &Path,
    output: &Path,
    rejects: &mut RejectFile,
) -> Result<u64, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::other(format!("--input: cannot be read ({})", error.kind()))
    };
    let unwritable =
        |error: csv::Error| Failure::other(format!("--output: cannot be written ({error})"));
    let file = File::open(input).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let bar = progress::of_bytes(bytes, "hashing");
    let list = MemberFile::new(progress::read_file(file, &bar)).map_err(Failure::other)?;
    let output = File::create(output).map_err(|error| unwritable(error.into()))?;
    let mut writer = csv::Writer::from_writer(BufWriter::new(output));
    writer.write_record(HASHED_HEADER).map_err(unwritable)?;
    let mut rows = 0;
    for row in list {
        let member = match row.map_err(Failure::other)? {
            MemberRow::Plain(row) => {
                hash_member(digester, &row.identifiers, row.written.person_id.as_deref())
            }
            MemberRow::Hashed(_) => {
                return Err(Failure::other("--input: the list is hashed already"));
            }
            MemberRow::Rejected(rejected) => {
                rejects.add(&rejected)?;
                continue;
            }
        };
        let member = member.ok_or_else(|| Failure::other("--input: a row has no identifier"))?;
        let identifiers = member
            .identifiers
            .iter()
            .map(|digest| hex::encode(digest.0))
            .collect::<Vec<_>>()
            .join(" ");
        writer
            .write_record([hex::encode(member.person.0), identifiers])
            .map_err(unwritable)?;
        rows += 1;
    }
    writer.flush().map_err(|error| unwritable(error.into()))?;
    bar.finish_and_clear();
    Ok(rows)
}
