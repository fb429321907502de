//! What PostgreSQL itself makes of the same rows: COPY in its binary form into a table without an index,
//! and then the primary key.

use std::{ops::Range, time::Instant};

use enrollment::crypto::digest::Digester;
use sea_orm::sqlx::{Connection, Executor, PgConnection};

use super::list;
use crate::stand::{Result, postgres::Postgres};

/// What a file in the binary form begins and ends with (PostgreSQL's manual, "COPY", "Binary Format").
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Rows that are sent at a time.
const ROWS: usize = 5_000;

/// Copies the digests of these people, and indexes them.
pub async fn rows_per_second(
    postgres: &Postgres,
    digester: &Digester,
    people: Range<u64>,
) -> Result<f64> {
    let mut connection = PgConnection::connect(&postgres.url()).await?;
    connection
        .execute("DROP TABLE IF EXISTS copied; CREATE TABLE copied (digest uuid NOT NULL)")
        .await?;
    let rows = people.end - people.start;
    let begun = Instant::now();
    let mut copy = connection
        .copy_in_raw("COPY copied FROM STDIN (FORMAT binary)")
        .await?;
    copy.send(HEADER).await?;
    let mut people = people.peekable();
    while people.peek().is_some() {
        let mut tuples = Vec::with_capacity(ROWS * 22);
        for number in people.by_ref().take(ROWS) {
            // One column, of 16 bytes.
            tuples.extend(1_i16.to_be_bytes());
            tuples.extend(16_i32.to_be_bytes());
            tuples.extend(list::member(digester, number)?.person.0);
        }
        copy.send(tuples).await?;
    }
    copy.send(TRAILER.as_slice()).await?;
    copy.finish().await?;
    connection
        .execute("ALTER TABLE copied ADD PRIMARY KEY (digest)")
        .await?;
    let rate = rows as f64 / begun.elapsed().as_secs_f64();
    connection.execute("DROP TABLE copied").await?;
    Ok(rate)
}
