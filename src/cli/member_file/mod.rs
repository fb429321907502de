//! Lists of people as files: CSV with a header, plain or hashed, as it is or compressed with gzip.
//!
//! Plain: any of `person_id`, `customer_id`, `phone_number`, `email`, `notice_code`, `tax_id`, a
//! column as often as needed; each cell that is not empty is an identifier, and the first one stands
//! for the person unless there is a `person_id`. Hashed: `person,identifiers/KEY`, as `hash-members`
//! writes it: KEY names the digest key; digests are 32 hexadecimal digits each, identifiers separated by
//! blanks. A file whose header is neither is refused before a row is read; a row that is not fit is
//! rejected by itself. Both are told by row and column, never by what stands there.
//!
//! Records are read by one thread, and understood by all cores. Phone numbers gain nothing by it: their
//! library keeps its patterns behind one lock.

mod row;

use std::{io::Read, mem};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use self::row::Columns;
pub(super) use self::row::{MemberRow, Rejected, hashed_header};
use super::records::{Record, Records, RecordsError};

/// Why a list cannot be read further.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum MemberFileError {
    /// The header is none of the two.
    #[error(
        "the header is not understood: it must be person,identifiers/KEY, or any of person_id, customer_id, phone_number, email, notice_code, tax_id"
    )]
    Header,
    /// Not the header, nor what is behind it.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Reads a list, some rows at a time.
pub(super) struct MemberFile<'r> {
    records: Records<'r>,
    columns: Columns,
    /// How many rows are read at a time.
    size: usize,
    /// The rows that come next, read while those before were understood.
    ahead: Result<Vec<Record>, RecordsError>,
}

impl<'r> MemberFile<'r> {
    /// Reads the header, and the first rows: so many at a time.
    pub fn new(reader: impl Read + Send + 'r, size: usize) -> Result<Self, MemberFileError> {
        let (mut records, header) = Records::open(reader)?;
        let columns = header.as_ref().and_then(Columns::of);
        let columns = columns.ok_or(MemberFileError::Header)?;
        Ok(Self {
            ahead: records.take(size),
            records,
            columns,
            size,
        })
    }

    /// What names the key that the list was hashed with, if it is hashed.
    pub fn digest_key(&self) -> Option<&str> {
        match &self.columns {
            Columns::Plain(_) => None,
            Columns::Hashed { digest_key } => Some(digest_key),
        }
    }

    /// The next rows, and what is made of each, in their order; none at the end.
    pub fn next_rows<T: Send>(
        &mut self,
        make: impl Fn(MemberRow) -> T + Sync,
    ) -> Result<Vec<T>, MemberFileError> {
        let records = match mem::replace(&mut self.ahead, Ok(Vec::new())) {
            Ok(records) => records,
            // It stays so: a list that broke off must not look like one that has ended.
            Err(error) => {
                self.ahead = Err(error.clone());
                return Err(error.into());
            }
        };
        let Self {
            records: rest,
            columns,
            size,
            ..
        } = self;
        let understand = || {
            let rows = records.into_par_iter();
            rows.map(|record| make(columns.parse(record))).collect()
        };
        let (rows, ahead) = rayon::join(understand, || rest.take(*size));
        self.ahead = ahead;
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// All rows, read two at a time.
    fn read(list: &[u8]) -> Result<Vec<MemberRow>, String> {
        let read = || {
            let mut file = MemberFile::new(list, 2)?;
            let mut rows = Vec::new();
            loop {
                let next = file.next_rows(|row| row)?;
                if next.is_empty() {
                    return Ok(rows);
                }
                rows.extend(next);
            }
        };
        read().map_err(|error: MemberFileError| error.to_string())
    }

    /// Number, column and rule of each row that is rejected.
    fn rejected(text: &str) -> Vec<(u64, &'static str, String)> {
        let rows = read(text.as_bytes()).unwrap().into_iter();
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
            read(b"customer_id,phone_number,phone_number\nC-1,+14255550123,\nC-2,,\n").unwrap();
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
            "person,identifiers",
            "person,identifiers/00",
        ] {
            let refused = read(format!("{header}\nx,y\n").as_bytes()).err().unwrap();
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
                (3, "", row::NO_RECORD.1.to_string()),
                (4, "identifiers", "must be 1 to 8 of them".to_owned()),
            ]
        );
        assert_eq!(read(list.as_bytes()).unwrap().len(), 5);
    }

    #[test]
    fn a_compressed_list_is_read_as_what_it_holds() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(b"customer_id\nC-1\nC-2\n").unwrap();
        let gzip = gzip.finish().unwrap();

        assert_eq!(read(&gzip).unwrap().len(), 2);

        let (cut, _) = gzip.split_at(gzip.len() - 9);
        let error = read(cut).err().unwrap();
        assert!(
            error.ends_with("the file cannot be read (unexpected end of file)"),
            "{error}"
        );
    }

    #[test]
    fn a_quote_that_is_left_open_swallows_nobody() {
        for list in [
            &b"customer_id\n\"C-1\nC-2\nC-3\n"[..],
            b"customer_id,email\n\"C-1,\nC-2,\n\"C-3\",\n",
        ] {
            let refused = read(list).err().unwrap();
            assert!(refused.contains("a quote is left open"), "{refused}");
        }
        assert_eq!(read(b"customer_id\n\"C-1\"\n\n\"C-2\"\n").unwrap().len(), 2);
    }

    #[test]
    fn digests_that_are_none_are_rejected() {
        let rejected = rejected("person,identifiers/00112233445566778899aabbccddeeff\n00,secret\n");
        let [(1, "person", rule)] = &rejected[..] else {
            panic!("{rejected:?}")
        };
        assert!(!rule.contains("secret"));
    }
}
