//! What tests stand on: databases, servers, tokens, and a company with an offer.

pub mod capture;
pub mod codes;
pub mod company;
pub mod contents;
pub mod crowd;
pub mod database;
pub mod deeds;
pub mod grpcurl;
pub mod health;
pub mod installation;
pub mod jobs;
pub mod list;
pub mod methods;
pub mod postgres;
mod postgres_server;
pub mod process;
pub mod provider;
pub mod proxy;
pub mod raw;
pub mod refusal;
pub mod server;
pub mod source;
pub mod tables;
pub mod token;

use enrollment::clock::Random;
use uuid::Uuid;

/// An id that nothing else has.
pub fn unique() -> Uuid {
    uuid::Builder::from_random_bytes(Random.bytes().unwrap()).into_uuid()
}

/// Makes two tests out of one: on SQLite, and on PostgreSQL where there is one.
///
/// ```ignore
/// on_each_database! {
///     async fn nobody_is_enrolled_twice(database) { … }
/// }
/// ```
macro_rules! on_each_database {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident) $body:block)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "not every test needs all of its file's imports")]
            use super::*;

            $(#[$attribute])*
            async fn test($database: crate::support::database::TestDatabase) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                test(crate::support::database::TestDatabase::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(database) = crate::support::database::TestDatabase::postgres().await {
                    test(database).await;
                }
            }
        })+
    };
}
