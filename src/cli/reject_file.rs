//! Rows of a list that were rejected, as CSV: number, column, rule, never what stands there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::Failure;

/// A file that is there when rows were rejected, and once it is complete. Until then nothing is
/// touched at its place.
pub(super) struct RejectFile {
    path: PathBuf,
    writer: Option<csv::Writer<NamedTempFile>>,
    rows: u64,
}

impl RejectFile {
    /// At this place, or beside the list. Fails if something else that is in use has this place.
    pub fn new(path: Option<&Path>, list: &Path, in_use: &[&Path]) -> Result<Self, Failure> {
        let path = path.map_or_else(|| beside(list), Path::to_path_buf);
        let same = |other: &Path| {
            path == other
                || matches!((path.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b)
        };
        if same(list) || in_use.iter().any(|other| same(other)) {
            return Err(Failure::other("--rejects: must be a file of its own"));
        }
        Ok(Self {
            path,
            writer: None,
            rows: 0,
        })
    }

    /// Adds a row: its number, the column that is not fit, if it is one, and what it would have to be.
    pub fn add(&mut self, row: u64, column: &str, rule: &str) -> Result<(), Failure> {
        self.rows += 1;
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
            let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
            let file = file.map_err(|error| unwritable(&error))?;
            let writer = self.writer.insert(csv::Writer::from_writer(file));
            writer
                .serialize(["row", "column", "rule"])
                .map_err(failed)?;
            writer
        };
        writer.serialize((row, column, rule)).map_err(failed)
    }

    /// How many there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Puts the file in its place, or takes away what an earlier run left there; gives what to tell.
    pub fn finish(self) -> Result<String, Failure> {
        let Some(writer) = self.writer else {
            if self.path.exists() {
                fs::remove_file(&self.path).map_err(|error| unwritable(&error))?;
            }
            return Ok(String::new());
        };
        let file = writer.into_inner();
        let file = file.map_err(|error| unwritable(error.error()))?;
        let kept = file.persist(&self.path);
        kept.map_err(|error| unwritable(&error.error))?;
        Ok(format!(
            "; {} rows rejected, see {}",
            self.rows,
            self.path.display()
        ))
    }
}

fn beside(list: &Path) -> PathBuf {
    let mut name = list.as_os_str().to_owned();
    name.push(".rejected.csv");
    PathBuf::from(name)
}

fn failed(error: csv::Error) -> Failure {
    unwritable(&error.into())
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::other(format!("--rejects: cannot be written ({})", error.kind()))
}
