//! Lists as files: records of CSV, as it is or compressed with gzip. What stands in the cells is for others to
//! understand.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// What a file begins with that gzip has made (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a list cannot be read further.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum RecordsError {
    /// A record goes over several lines: what is behind the quote would be lost without a word.
    #[error("row {row}: a quote is left open, or a cell goes over several lines")]
    OpenQuote { row: u64 },
    /// Its disk fails, or its compression is broken. Row 0: not even the header could be read.
    #[error("row {row}: the file cannot be read ({kind})")]
    Unreadable { row: u64, kind: io::ErrorKind },
}

/// A record of a list, or what became of the reading.
pub(super) struct Record {
    /// Its number.
    pub row: u64,
    /// Its cells, if it is a record at all.
    pub cells: Option<csv::StringRecord>,
}

/// Reads a list record by record.
pub(super) struct Records<'r> {
    csv: csv::Reader<Box<dyn Read + Send + 'r>>,
    /// The record that is read: 1 for the first one behind the header.
    row: u64,
}

impl<'r> Records<'r> {
    /// Reads the header; `None` if it is no text.
    pub fn open(
        reader: impl Read + Send + 'r,
    ) -> Result<(Self, Option<csv::StringRecord>), RecordsError> {
        let reader = decompressed(reader).map_err(|error| unreadable(0, &error))?;
        let mut csv = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(reader);
        let header = match csv.headers() {
            Ok(header) => Some(header.clone()),
            Err(error) => {
                if let csv::ErrorKind::Io(error) = error.kind() {
                    return Err(unreadable(0, error));
                }
                None
            }
        };
        Ok((Self { csv, row: 0 }, header))
    }

    /// The next so many, or fewer at the end.
    pub fn take(&mut self, size: usize) -> Result<Vec<Record>, RecordsError> {
        let mut records = Vec::with_capacity(size);
        while records.len() < size {
            match self.next()? {
                Some(record) => records.push(record),
                None => break,
            }
        }
        Ok(records)
    }

    fn next(&mut self) -> Result<Option<Record>, RecordsError> {
        self.row += 1;
        let row = self.row;
        let mut cells = csv::StringRecord::new();
        let line = self.csv.position().line();
        let read = self.csv.read_record(&mut cells);
        let lines = self.csv.position().line() - line;
        let cells = match read {
            Ok(false) => return Ok(None),
            Ok(true) if goes_over_lines(&cells) => return Err(RecordsError::OpenQuote { row }),
            Ok(true) => Some(cells),
            Err(error) => {
                if let csv::ErrorKind::Io(error) = error.kind() {
                    return Err(unreadable(row, error));
                }
                // Of what is no text, only the lines can be counted.
                let is_text = !matches!(error.kind(), csv::ErrorKind::Utf8 { .. });
                if goes_over_lines(&cells) || (!is_text && lines > 1) {
                    return Err(RecordsError::OpenQuote { row });
                }
                None
            }
        };
        Ok(Some(Record { row, cells }))
    }
}

fn goes_over_lines(cells: &csv::StringRecord) -> bool {
    cells.iter().any(|cell| cell.contains(['\n', '\r']))
}

/// A list as it was before it was compressed, if it was.
pub(super) fn decompressed<'r>(
    reader: impl Read + Send + 'r,
) -> io::Result<Box<dyn Read + Send + 'r>> {
    let mut reader = BufReader::new(reader);
    Ok(if reader.fill_buf()?.starts_with(&GZIP) {
        Box::new(MultiGzDecoder::new(reader))
    } else {
        Box::new(reader)
    })
}

fn unreadable(row: u64, error: &io::Error) -> RecordsError {
    let kind = error.kind();
    RecordsError::Unreadable { row, kind }
}
