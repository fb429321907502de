//! Lists of people as files: CSV with a header, plain or hashed, as it is or compressed with gzip.
//!
//! Plain: any of `person_id`, `customer_id`, `phone_number`, `email`, `notice_code`, `tax_id`, a
//! column as often as needed; each cell that is not empty is an identifier, and the first one stands
//! for the person unless there is a `person_id`. Hashed: `person,identifiers`, as `hash-members` writes
//! it: 32 hexadecimal digits each, identifiers separated by blanks. A file whose header is neither is
//! refused before a row is read; a row that is not fit is rejected by itself. Both are told by row and
//! column, never by what stands there.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::{
    domain::{
        identifier::{Identifier, Kind, MAX_PER_PERSON},
        person::{IdentifierDigest, Member, PersonKey},
        text,
        violation::Rule,
    },
    grpc::load_client::Written,
};

/// The header of a hashed list.
pub(super) const HASHED_HEADER: [&str; 2] = ["person", "identifiers"];

const PERSON_ID: &str = "person_id";

/// What a file begins with that gzip has made (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A row of a list.
pub(super) enum MemberRow {
    /// By identifiers, as they were written; they are known to be fit.
    Plain(PlainRow),
    /// By digests.
    Hashed(Member),
    /// Not fit.
    Rejected(Rejected),
}

/// A row that is not fit.
pub(super) struct Rejected {
    /// Its number: 1 for the first one behind the header.
    pub row: u64,
    /// Where it is not; empty when it is the row as a whole.
    pub column: &'static str,
    /// What it would have to be.
    pub rule: Rule,
    /// What is written there, of a plain row that could be read.
    pub written: Option<Written>,
}

/// A person by identifiers.
pub(super) struct PlainRow {
    /// As it is in the file.
    pub written: Written,
    /// The identifiers in canonical form.
    pub identifiers: Vec<Identifier>,
}

/// Why a list cannot be read further.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemberFileError {
    /// The header is none of the two.
    #[error(
        "the header is not understood: it must be person,identifiers, or any of person_id, customer_id, phone_number, email, notice_code, tax_id"
    )]
    Header,
    /// A record goes over several lines: what is behind the quote would be lost without a word.
    #[error("row {row}: a quote is left open, or a cell goes over several lines")]
    OpenQuote { row: u64 },
    /// Its disk fails, or its compression is broken. Row 0: not even the header could be read.
    #[error("row {row}: the file cannot be read ({kind})")]
    Unreadable { row: u64, kind: io::ErrorKind },
}

enum Column {
    PersonId,
    Identifier(Kind),
}

enum Columns {
    Plain(Vec<Column>),
    Hashed,
}

/// Reads a list row by row.
pub(super) struct MemberFile<'r> {
    csv: csv::Reader<Box<dyn Read + Send + 'r>>,
    columns: Columns,
    record: csv::StringRecord,
    /// The row that is read: 1 for the first one behind the header.
    row: u64,
}

impl<'r> MemberFile<'r> {
    /// Reads the header.
    pub fn new(reader: impl Read + Send + 'r) -> Result<Self, MemberFileError> {
        let reader = decompressed(reader).map_err(|error| unreadable(0, &error))?;
        let mut csv = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(reader);
        let header = csv.headers().map_err(|error| {
            if let csv::ErrorKind::Io(error) = error.kind() {
                return unreadable(0, error);
            }
            MemberFileError::Header
        })?;
        let columns = if header.iter().eq(HASHED_HEADER) {
            Columns::Hashed
        } else {
            let columns = header.iter().map(column).collect::<Option<Vec<_>>>();
            Columns::Plain(
                columns
                    .filter(|columns| has_identifier(columns))
                    .ok_or(MemberFileError::Header)?,
            )
        };
        Ok(Self {
            csv,
            columns,
            record: csv::StringRecord::new(),
            row: 0,
        })
    }

    fn read(&mut self) -> Result<Option<MemberRow>, MemberFileError> {
        self.row += 1;
        let row = self.row;
        let reject = |(column, rule), written| {
            MemberRow::Rejected(Rejected {
                row,
                column,
                rule,
                written,
            })
        };
        let line = self.csv.position().line();
        let read = self.csv.read_record(&mut self.record);
        let lines = self.csv.position().line() - line;
        match read {
            Ok(false) => return Ok(None),
            Ok(true) if self.goes_over_lines() => return Err(MemberFileError::OpenQuote { row }),
            Ok(true) => {}
            Err(error) => {
                if let csv::ErrorKind::Io(error) = error.kind() {
                    return Err(unreadable(row, error));
                }
                // Of what is no text, only the lines can be counted.
                let is_text = !matches!(error.kind(), csv::ErrorKind::Utf8 { .. });
                if self.goes_over_lines() || (!is_text && lines > 1) {
                    return Err(MemberFileError::OpenQuote { row });
                }
                return Ok(Some(reject(NO_RECORD, None)));
            }
        }
        Ok(Some(match &self.columns {
            Columns::Plain(columns) => {
                let written = written(columns, &self.record);
                match plain(&written) {
                    Ok(identifiers) => MemberRow::Plain(PlainRow {
                        written,
                        identifiers,
                    }),
                    Err(fault) => reject(fault, Some(written)),
                }
            }
            Columns::Hashed => match hashed(&self.record) {
                Ok(member) => MemberRow::Hashed(member),
                Err(fault) => reject(fault, None),
            },
        }))
    }
}

impl MemberFile<'_> {
    fn goes_over_lines(&self) -> bool {
        self.record.iter().any(|cell| cell.contains(['\n', '\r']))
    }
}

impl Iterator for MemberFile<'_> {
    type Item = Result<MemberRow, MemberFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
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

fn unreadable(row: u64, error: &io::Error) -> MemberFileError {
    let kind = error.kind();
    MemberFileError::Unreadable { row, kind }
}

fn column(name: &str) -> Option<Column> {
    if name == PERSON_ID {
        return Some(Column::PersonId);
    }
    name.parse().ok().map(Column::Identifier)
}

fn has_identifier(columns: &[Column]) -> bool {
    let person_ids = columns
        .iter()
        .filter(|column| matches!(column, Column::PersonId))
        .count();
    person_ids <= 1 && columns.len() > person_ids
}

/// A column, and the rule that it breaks.
type Fault = (&'static str, Rule);

const NO_RECORD: Fault = (
    "",
    Rule("must be CSV in UTF-8, with as many cells as the header"),
);

fn written(columns: &[Column], record: &csv::StringRecord) -> Written {
    let mut written = Written::default();
    let cells = columns.iter().zip(record);
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        match column {
            Column::PersonId => written.person_id = Some(cell.to_owned()),
            Column::Identifier(kind) => written.identifiers.push((*kind, cell.to_owned())),
        }
    }
    written
}

fn plain(written: &Written) -> Result<Vec<Identifier>, Fault> {
    if let Some(person_id) = &written.person_id {
        text::short(person_id).map_err(|rule| (PERSON_ID, rule))?;
    }
    if written.identifiers.is_empty() || written.identifiers.len() > MAX_PER_PERSON {
        return Err(("identifiers", Rule("must be 1 to 8 of them")));
    }
    let identifiers = written.identifiers.iter();
    identifiers
        .map(|(kind, text)| Identifier::parse(*kind, text).map_err(|rule| (kind.name(), rule)))
        .collect()
}

fn hashed(record: &csv::StringRecord) -> Result<Member, Fault> {
    const RULE: Rule = Rule("must be digests of 32 hexadecimal digits, 1 to 8 identifiers");
    let digest = |text: &str| {
        let bytes = hex::decode(text).ok()?;
        <[u8; 16]>::try_from(bytes.as_slice()).ok()
    };
    let [person, identifiers] = HASHED_HEADER;
    let person_key = record.get(0).and_then(digest).ok_or((person, RULE))?;
    let digests = record
        .get(1)
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(|text| digest(text).map(IdentifierDigest))
        .collect::<Option<Vec<_>>>()
        .filter(|digests| (1..=MAX_PER_PERSON).contains(&digests.len()))
        .ok_or((identifiers, RULE))?;
    Ok(Member {
        person: PersonKey(person_key),
        identifiers: digests,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn read(text: &str) -> Result<Vec<MemberRow>, String> {
        MemberFile::new(text.as_bytes())
            .map_err(|error| error.to_string())?
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    /// Number, column and rule of each row that is rejected.
    fn rejected(text: &str) -> Vec<(u64, &'static str, String)> {
        let rows = read(text).unwrap().into_iter();
        rows.filter_map(|row| match row {
            MemberRow::Rejected(rejected) => {
                Some((rejected.row, rejected.column, rejected.rule.to_string()))
            }
            MemberRow::Plain(_) | MemberRow::Hashed(_) => None,
        })
        .collect()
    }

    #[test]
    fn plain_rows_have_the_identifiers_of_their_cells() {
        let rows =
            read("customer_id,phone_number,phone_number\nC-1,+14255550123,\nC-2,,\n").unwrap();
        assert_eq!(rows.len(), 2);
        let MemberRow::Plain(first) = &rows[0] else {
            panic!("plain")
        };
        assert_eq!(first.identifiers.len(), 2);
    }

    #[test]
    fn a_header_that_is_not_understood_is_refused_before_any_row() {
        for header in [
            "",
            "name,email",
            "person_id",
            "person_id,person_id,email",
            "person",
        ] {
            let refused = read(&format!("{header}\nx,y\n")).err().unwrap();
            assert!(
                refused.starts_with("the header is not understood"),
                "{header}: {refused}"
            );
        }
    }

    #[test]
    fn a_row_that_is_not_fit_is_rejected_by_itself_without_its_value() {
        let list = "customer_id,email\nC-1,jo@example.com\nC-2,secret\nC-3\n,\nC-4,\n";
        assert_eq!(
            rejected(list),
            [
                (2, "email", "must be an e-mail address".to_owned()),
                (3, "", NO_RECORD.1.to_string()),
                (4, "identifiers", "must be 1 to 8 of them".to_owned()),
            ]
        );
        assert_eq!(read(list).unwrap().len(), 5);
    }

    #[test]
    fn a_compressed_list_is_read_as_what_it_holds() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(b"customer_id\nC-1\nC-2\n").unwrap();
        let gzip = gzip.finish().unwrap();

        let list = MemberFile::new(gzip.as_slice()).unwrap();
        assert_eq!(list.map(Result::unwrap).count(), 2);

        let (cut, _) = gzip.split_at(gzip.len() - 9);
        let error = MemberFile::new(cut).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let error = error.err().unwrap().to_string();
        assert!(
            error.ends_with("the file cannot be read (unexpected end of file)"),
            "{error}"
        );
    }

    #[test]
    fn a_quote_that_is_left_open_swallows_nobody() {
        for list in [
            "customer_id\n\"C-1\nC-2\nC-3\n",
            "customer_id,email\n\"C-1,\nC-2,\n\"C-3\",\n",
        ] {
            let refused = read(list).err().unwrap();
            assert!(refused.contains("a quote is left open"), "{refused}");
        }
        assert_eq!(read("customer_id\n\"C-1\"\n\n\"C-2\"\n").unwrap().len(), 2);
    }

    #[test]
    fn digests_that_are_none_are_rejected() {
        let rejected = rejected("person,identifiers\n00,secret\n");
        let [(1, "person", rule)] = &rejected[..] else {
            panic!("{rejected:?}")
        };
        assert!(!rule.contains("secret"));
    }
}
