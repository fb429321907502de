//! The gate to an identity-protection offer: who is eligible, enrolled exactly once, provably.
//!
//! # The map
//! | module | is | names |
//! |---|---|---|
//! | [`cli`] | the verbs that a person types | clap |
//! | [`server`] | the one place where things are plugged together | tonic's transport |
//! | [`grpc`] | how it is asked: services, layers, the mapping of errors | tonic |
//! | [`app`] | what may be done: a file per deed or noun; transactions; the one error | |
//! | [`jobs`] | what runs by itself, and when | |
//! | [`domain`] | what is true: pure functions over plain types | |
//! | [`storage`] | how it is kept: tables and statements | sea-orm |
//! | [`crypto`] | keys, digests, seals | RustCrypto, ring |
//! | [`config`] | settings: code, file, environment | config |
//! | [`telemetry`], [`clock`] | the log; time and randomness, which are arguments everywhere | |
//!
//! Arrows go one way: cli → server → {grpc, jobs} → app → {domain, storage, crypto}, and storage → domain. A
//! test reads the sources and fails when one is drawn backwards.
//!
//! # One walk through it
//! A backend calls `Enroll`. The layers of [`server`] give the call an id, a span and a deadline, find
//! it a place, and let it in with its caller, if the token carries a scope that the rpc's own option
//! in the .proto names. The handler in `grpc/enrollment_service.rs` parses the message into a command,
//! or into the list of everything that is wrong with it, and calls the deed of the same name,
//! `app/enroll.rs`. There, identifiers become digests, a code is minted and sealed, and the command goes
//! to the committer. A lane takes it up with whatever else waits; the standing of all their people is
//! read in one statement; `domain/eligibility.rs` decides for each; then rows, claims, codes, events and
//! request ids are written together, in a task that a caller who goes away cannot cut in two. The
//! unique indexes over live claims and over request ids have the last word on "exactly once" and on
//! "a retry gets the first result". The handler renders what came back; an error becomes a status
//! in `grpc/status.rs` and nowhere else.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod grpc;
pub mod jobs;
pub mod server;
pub mod storage;
pub mod telemetry;
