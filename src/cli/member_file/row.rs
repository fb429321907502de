//! Rows of a list: from the cells of a record to a person, or to the rule that they break.

use crate::{
    cli::{Failure, records::Record, reject_file::RejectFile},
    domain::{
        identifier::{Identifier, Kind, MAX_PER_PERSON},
        person::{IdentifierDigest, Member, PersonKey},
        text,
        violation::Rule,
    },
    grpc::load_client::Written,
};

const PERSON: &str = "person";
const IDENTIFIERS: &str = "identifiers";
const PERSON_ID: &str = "person_id";

/// A row of a list.
pub(in crate::cli) enum MemberRow {
    /// By identifiers, as they were written; they are known to be fit.
    Plain(PlainRow),
    /// By digests.
    Hashed(Member),
    /// Not fit.
    Rejected(Rejected),
}

/// A row that is not fit.
pub(in crate::cli) struct Rejected {
    /// Its number: 1 for the first one behind the header.
    pub row: u64,
    /// Where it is not; empty when it is the row as a whole.
    pub column: &'static str,
    /// What it would have to be.
    pub rule: Rule,
    /// What is written there, of a plain row that could be read.
    pub written: Option<Written>,
}

impl Rejected {
    /// Writes down what is not fit.
    pub fn tell(&self, rejects: &mut RejectFile) -> Result<(), Failure> {
        rejects.add(self.row, self.column, self.rule.0)
    }
}

/// A person by identifiers.
pub(in crate::cli) struct PlainRow {
    /// As it is in the file.
    pub written: Written,
    /// The identifiers in canonical form.
    pub identifiers: Vec<Identifier>,
}

/// What stands in the columns, by the header.
pub(super) enum Columns {
    Plain(Vec<Column>),
    Hashed {
        /// What names the key.
        digest_key: String,
    },
}

pub(super) enum Column {
    PersonId,
    Identifier(Kind),
}

/// The header of a list that was hashed with this key.
pub(in crate::cli) fn hashed_header(digest_key: &str) -> [String; 2] {
    [PERSON.to_owned(), format!("{IDENTIFIERS}/{digest_key}")]
}

/// A column, and the rule that it breaks.
type Fault = (&'static str, Rule);

pub(super) const NO_RECORD: Fault = (
    "",
    Rule("must be CSV in UTF-8, with as many cells as the header"),
);

impl Columns {
    /// Understands a header, or does not.
    pub fn of(header: &csv::StringRecord) -> Option<Self> {
        let key = header
            .get(1)
            .and_then(|cell| cell.strip_prefix("identifiers/"));
        if let Some(digest_key) = key.and_then(|key| text::digest_key(key).ok())
            && header.iter().eq(hashed_header(&digest_key))
        {
            return Some(Self::Hashed { digest_key });
        }
        let columns = header.iter().map(column).collect::<Option<Vec<_>>>()?;
        has_identifier(&columns).then_some(Self::Plain(columns))
    }

    /// The person of a record.
    pub fn parse(&self, Record { row, cells }: Record) -> MemberRow {
        let reject = |(column, rule), written| {
            MemberRow::Rejected(Rejected {
                row,
                column,
                rule,
                written,
            })
        };
        let Some(cells) = cells else {
            return reject(NO_RECORD, None);
        };
        match self {
            Self::Plain(columns) => {
                let written = written(columns, &cells);
                match plain(&written) {
                    Ok(identifiers) => MemberRow::Plain(PlainRow {
                        written,
                        identifiers,
                    }),
                    Err(fault) => reject(fault, Some(written)),
                }
            }
            Self::Hashed { .. } => match hashed(&cells) {
                Ok(member) => MemberRow::Hashed(member),
                Err(fault) => reject(fault, None),
            },
        }
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

fn written(columns: &[Column], cells: &csv::StringRecord) -> Written {
    let mut written = Written::default();
    let cells = columns.iter().zip(cells);
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
        return Err((IDENTIFIERS, Rule("must be 1 to 8 of them")));
    }
    let identifiers = written.identifiers.iter();
    identifiers
        .map(|(kind, text)| Identifier::parse(*kind, text).map_err(|rule| (kind.name(), rule)))
        .collect()
}

fn hashed(cells: &csv::StringRecord) -> Result<Member, Fault> {
    const RULE: Rule = Rule("must be digests of 32 hexadecimal digits, 1 to 8 identifiers");
    let digest = |text: &str| {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
    };
    let person = cells.get(0).and_then(digest).ok_or((PERSON, RULE))?;
    let identifiers = cells
        .get(1)
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(|text| digest(text).map(IdentifierDigest))
        .collect::<Option<Vec<_>>>()
        .filter(|digests| (1..=MAX_PER_PERSON).contains(&digests.len()))
        .ok_or((IDENTIFIERS, RULE))?;
    Ok(Member {
        person: PersonKey(person),
        identifiers,
    })
}
