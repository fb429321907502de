//! Checks against the lists: of people who are listed, one call at a time; and of those who are not, beside
//! a bare echo.

use std::{fs, net::SocketAddr, sync::Arc};

use enrollment::grpc::proto::v1::eligibility::Verdict;

use super::options::Options;
use crate::{
    load::{Line, Numbers, Script, closed},
    stand::{
        Result,
        calls::{connect, note_calls},
        company::{check, customer_id, has_verdict, scattered, script},
        echo::{CHECK_REPLY, ENROLL_REPLY, Echo},
        figures::Figures,
        service::Service,
    },
};

/// Calls in flight beside the echo.
const CROWD: usize = 64;

/// How long a check of a person takes who is on the list of an offer. So many are known.
pub async fn listed(
    options: &Options,
    service: &Service,
    offer: &'static str,
    known: u64,
    name: &str,
    figures: &mut Figures,
) -> Result<()> {
    let message = move |number| check(offer, customer_id(scattered(number) % known));
    let expects = |_, reply: &[u8]| has_verdict(reply, Verdict::Eligible);
    let script = script("CheckEligibility", &service.app, message, expects);
    for _ in 0..options.rounds() {
        measure(
            options,
            service.address,
            &script,
            1,
            &format!("check_{name}"),
            figures,
        )
        .await?;
    }
    Ok(())
}

/// How many checks of people who are on no list of an offer are answered, and how many calls by the echo, in
/// turns.
pub async fn not_listed(
    options: &Options,
    service: &Service,
    offer: &'static str,
    figures: &mut Figures,
) -> Result<()> {
    let message = move |number| {
        check(
            offer,
            format!("N-{}", customer_id(scattered(number) % 1_000_000)),
        )
    };
    let expects = |_, reply: &[u8]| has_verdict(reply, Verdict::NotListed);
    let script_of = |expects: fn(u64, &[u8]) -> bool| {
        script("CheckEligibility", &service.app, message, expects)
    };
    let asked = script_of(expects);
    let mut line = Line::to(service.address, &asked).await?;
    fs::write(service.file(CHECK_REPLY), line.ask(0).await?)?;
    fs::write(service.file(ENROLL_REPLY), b"")?;
    let echo = Echo::start(&service.file(""))?;
    for _ in 0..options.rounds() {
        measure(
            options,
            service.address,
            &asked,
            CROWD,
            "not_listed",
            figures,
        )
        .await?;
        measure(options, echo.address, &asked, CROWD, "echo", figures).await?;
    }
    Ok(())
}

async fn measure(
    options: &Options,
    address: SocketAddr,
    script: &Arc<Script>,
    in_flight: usize,
    name: &str,
    figures: &mut Figures,
) -> Result<()> {
    let lines = connect(address, script, in_flight).await?;
    let numbers = Numbers::new(0, u64::MAX);
    let run = closed(lines, in_flight, &numbers, options.times(), || ()).await?;
    note_calls(figures, name, &run)
}
