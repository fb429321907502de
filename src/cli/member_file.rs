//! Lists of people as files: CSV with a header, plain or hashed.
//!
//! Plain: any of `person_id`, `customer_id`, `phone_number`, `email`, `notice_code`, `tax_id`, a
//! column as often as needed; each cell that is not empty is an identifier, and the first one stands
//! for the person unless there is a `person_id`. Hashed: `person,identifiers`, as `hash-members` writes
//! it: 32 hexadecimal digits each, identifiers separated by blanks. A file whose header is neither is
//! refused before a row is read. Faults name the row and the column, never what stands there.

use std::io::Read;

use crate::domain::{
    identifier::{Identifier, Kind, MAX_PER_PERSON},
    person::{IdentifierDigest, Member, PersonKey},
    text,
    violation::Rule,
};

/// The header of a hashed list.
pub(super) const HASHED_HEADER: [&str; 2] = ["person", "identifiers"];

const PERSON_ID: &str = "person_id";

/// A row of a list.
pub(super) enum MemberRow {
    /// By identifiers, as they were written; they are known to be fit.
    Plain(PlainRow),
    /// By digests.
    Hashed(Member),
}

/// A person by identifiers.
pub(super) struct PlainRow {
    pub person_id: Option<String>,
    /// What is written in the file.
    pub written: Vec<(Kind, String)>,
    /// The same in canonical form.
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
    /// A row is no CSV.
    #[error("row {row}: not readable as CSV in UTF-8")]
    Csv { row: u64 },
    /// A cell breaks its rule.
    #[error("row {row}, {column}: {rule}")]
    Cell {
        row: u64,
        column: &'static str,
        rule: Rule,
    },
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
pub(super) struct MemberFile<R> {
    csv: csv::Reader<R>,
    columns: Columns,
    record: csv::StringRecord,
    /// The row that is read: 1 for the first one behind the header.
    row: u64,
}

impl<R: Read> MemberFile<R> {
    /// Reads the header.
    pub fn new(reader: R) -> Result<Self, MemberFileError> {
        let mut csv = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(reader);
        let header = csv.headers().map_err(|_| MemberFileError::Header)?;
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
        let more = self.csv.read_record(&mut self.record);
        if !more.map_err(|_| MemberFileError::Csv { row })? {
            return Ok(None);
        }
        let fault = |(column, rule)| MemberFileError::Cell { row, column, rule };
        match &self.columns {
            Columns::Plain(columns) => plain(columns, &self.record).map(MemberRow::Plain),
            Columns::Hashed => hashed(&self.record).map(MemberRow::Hashed),
        }
        .map(Some)
        .map_err(fault)
    }
}

impl<R: Read> Iterator for MemberFile<R> {
    type Item = Result<MemberRow, MemberFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
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

type Fault = (&'static str, Rule);

fn plain(columns: &[Column], record: &csv::StringRecord) -> Result<PlainRow, Fault> {
    let mut row = PlainRow {
        person_id: None,
        written: Vec::new(),
        identifiers: Vec::new(),
    };
    for (column, cell) in columns
        .iter()
        .zip(record)
        .filter(|(_, cell)| !cell.is_empty())
    {
        match column {
            Column::PersonId => {
                row.person_id = Some(text::short(cell).map_err(|rule| (PERSON_ID, rule))?);
            }
            Column::Identifier(kind) => {
                let parsed = Identifier::parse(*kind, cell);
                row.identifiers
                    .push(parsed.map_err(|rule| (kind.name(), rule))?);
                row.written.push((*kind, cell.to_owned()));
            }
        }
    }
    if row.identifiers.is_empty() || row.identifiers.len() > MAX_PER_PERSON {
        return Err(("identifiers", Rule("a row must have 1 to 8 identifiers")));
    }
    Ok(row)
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
    use super::*;

    fn read(text: &str) -> Result<Vec<MemberRow>, String> {
        MemberFile::new(text.as_bytes())
            .map_err(|error| error.to_string())?
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
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
    fn faults_name_row_and_column_and_not_the_value() {
        let fault = read("customer_id,email\nC-1,jo@example.com\nC-2,secret\n")
            .err()
            .unwrap();
        assert_eq!(fault, "row 2, email: must be an e-mail address");
        let fault = read("person,identifiers\n00,secret\n").err().unwrap();
        assert!(
            fault.starts_with("row 1, person:") && !fault.contains("secret"),
            "{fault}"
        );
    }
}
