//! Rows of a list that were rejected, as CSV: number, column, rule, never what stands there.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{Failure, member_file::Rejected};

/// A file that appears with the first rejected row. Each run begins it anew.
pub(super) struct RejectFile {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
    rows: u64,
}

impl RejectFile {
    /// Takes away what an earlier run left.
    pub fn new(path: PathBuf) -> Result<Self, Failure> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unwritable(&error));
            }
            Ok(()) | Err(_) => {}
        }
        Ok(Self {
            path,
            writer: None,
            rows: 0,
        })
    }

    /// Where it stands when nobody says where: beside the list.
    pub fn beside(list: &Path) -> PathBuf {
        let mut name = list.as_os_str().to_owned();
        name.push(".rejected.csv");
        PathBuf::from(name)
    }

    /// Adds a row.
    pub fn add(&mut self, rejected: &Rejected) -> Result<(), Failure> {
        self.rows += 1;
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let file = File::create(&self.path).map_err(|error| unwritable(&error))?;
            let writer = self.writer.insert(csv::Writer::from_writer(file));
            writer
                .serialize(["row", "column", "rule"])
                .map_err(failed)?;
            writer
        };
        let row = (rejected.row, rejected.column, rejected.rule.0);
        writer.serialize(row).map_err(failed)
    }

    /// Writes out what is left; gives how many rows there are, and what to tell of them.
    pub fn finish(self) -> Result<(u64, String), Failure> {
        if let Some(mut writer) = self.writer {
            writer.flush().map_err(|error| unwritable(&error))?;
        }
        let told = match self.rows {
            0 => String::new(),
            rows => format!("; {rows} rows rejected, see {}", self.path.display()),
        };
        Ok((self.rows, told))
    }
}

fn failed(error: csv::Error) -> Failure {
    unwritable(&error.into())
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::other(format!("--rejects: cannot be written ({})", error.kind()))
}
