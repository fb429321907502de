//! What is said of a list before any of it is sent: its name, its SHA-256, how long it is.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use ring::digest::{Context, SHA256};

use super::{Failure, progress, records::decompressed};

/// Opens a list.
pub(super) fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(unreadable)
}

fn unreadable(error: io::Error) -> Failure {
    Failure::other(format!("--file: cannot be read ({})", error.kind()))
}

fn length(file: &File) -> Result<u64, Failure> {
    Ok(file.metadata().map_err(unreadable)?.len())
}

/// What a list is called.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What is said of a list before its first row is sent.
pub(super) struct Contents {
    /// Of the file as it is, in hexadecimal digits.
    pub sha256: String,
    /// Lines behind the header: as many rows, but for empty lines.
    pub rows: u64,
}

impl Contents {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let file = open(path)?;
        let bar = progress::of_bytes(length(&file)?, "reading");
        let mut file = Hashed {
            file: progress::read_file(file, &bar),
            digest: Context::new(&SHA256),
        };
        let lines = count_lines(&mut file).map_err(unreadable)?;
        bar.finish_and_clear();
        Ok(Self {
            sha256: hex::encode(file.digest.finish()),
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
    digest: Context,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.digest.update(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}
