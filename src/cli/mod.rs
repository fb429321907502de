//! The verbs: a file each. What a person types, what they are told, and how it ends.
//!
//! Owns: arguments, progress bars, exit codes. Must not know: how anything is done.
//!
//! Exit codes: 0 done; 1 failed; 2 the command line cannot be understood; 64 bad settings (before a
//! port is bound or a row is written).

mod check_config;
mod demo;
mod hash_members;
mod list_file;
mod load_codes;
mod load_members;
mod member_file;
mod migrate;
mod progress;
mod records;
mod reject_file;
mod serve;
mod service;
mod stop;
mod token;

use std::{collections::HashMap, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// The gate to an identity-protection offer: who is eligible, enrolled exactly once, provably.
#[derive(Debug, Parser)]
#[command(name = "enrollment", version)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serves the API until SIGTERM.
    ///
    /// Does not touch the tables: run `migrate` first. Says `NOT_SERVING` until the database answers,
    /// has its tables, and fits the keys.
    Serve(Settings),
    /// Brings the tables of the database up to this version, one process at a time.
    Migrate(Settings),
    /// Makes keys, people and tokens in a folder of its own, and serves them on loopback.
    ///
    /// For trying things out. A second run goes on with the same folder.
    Demo(demo::Arguments),
    /// Checks all settings and the files that they name, and says everything that is wrong.
    CheckConfig(Settings),
    /// Turns a list of people into digests, offline, so that no identifier has to leave the company.
    ///
    /// Reads CSV with a header of any of `person_id`, `customer_id`, `phone_number`, `email`,
    /// `notice_code`, `tax_id`, as it is or compressed with gzip, and writes CSV that `load-members`
    /// takes. Constant memory.
    HashMembers(hash_members::Arguments),
    /// Loads a list, plain or hashed, into a cohort of a running service.
    ///
    /// Goes on by itself after a break, when the service is back; run again with the same load id, it goes
    /// on after the last chunk that is durable. Rows that are not fit are rejected and written down by
    /// number and rule; they fail nothing else.
    LoadMembers(load_members::Arguments),
    /// Loads a provider's activation codes into an offer's pool of a running service.
    ///
    /// Reads CSV with the one column `activation_code`, as it is or compressed with gzip. Goes on by itself after a
    /// break; run again with the same load id, it changes nothing that is there and brings what is missing. Rows
    /// that are not fit, or whose code is in a pool already, are rejected and written down by number and rule.
    LoadCodes(load_codes::Arguments),
    /// Mints a token from a private key file, for trials and for operators who have one.
    Token(token::Arguments),
}

/// Where the settings are.
#[derive(Debug, Args)]
struct Settings {
    /// TOML file. Each setting can also be given as `ENROLLMENT__SECTION__KEY` in the environment.
    #[arg(long, value_name = "FILE", env = "ENROLLMENT_CONFIG")]
    config: Option<PathBuf>,
}

/// How a verb failed.
#[derive(Debug)]
enum Failure {
    /// The settings are wrong.
    Settings(String),
    /// Something else.
    Other(String),
}

impl Failure {
    fn settings(error: impl ToString) -> Self {
        Self::Settings(error.to_string())
    }

    fn other(error: impl ToString) -> Self {
        Self::Other(error.to_string())
    }
}

/// `EX_USAGE` of sysexits.h, which service managers know not to retry.
const EXIT_SETTINGS: u8 = 64;

/// Runs a verb to its end.
pub async fn run(cli: Cli) -> ExitCode {
    let ended = match cli.verb {
        Verb::Serve(settings) => serve::run(&settings).await,
        Verb::Migrate(settings) => migrate::run(&settings).await,
        Verb::Demo(arguments) => demo::run(&arguments).await,
        Verb::CheckConfig(settings) => check_config::run(&settings),
        Verb::HashMembers(arguments) => hash_members::run(&arguments),
        Verb::LoadMembers(arguments) => load_members::run(&arguments).await,
        Verb::LoadCodes(arguments) => load_codes::run(&arguments).await,
        Verb::Token(arguments) => token::run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(text)) => {
            eprintln!("{text}");
            ExitCode::from(EXIT_SETTINGS)
        }
        Err(Failure::Other(text)) => {
            eprintln!("enrollment: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The process's environment. Names and values that are no Unicode cannot be settings of ours.
fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
