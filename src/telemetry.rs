//! The log: what is written, and in which form.
//!
//! Levels of the crates that could print what passes through them are capped here, whatever the
//! settings say: a debug filter must not turn the log into the next leak.

use std::io::IsTerminal;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::FilterFn,
    fmt::{MakeWriter, format::FmtSpan},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat};

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("log.filter: must be a filter like info,enrollment=debug")]
    Filter,
    /// Somebody has set one up before.
    #[error("the log is set up twice")]
    Twice,
}

/// Sends the log to standard error for the rest of the process.
pub fn install(log: &Log) -> Result<(), LogError> {
    subscriber(log, std::io::stderr)?
        .try_init()
        .map_err(|_| LogError::Twice)?;
    std::panic::set_hook(Box::new(|panic| {
        // Where, and not what: the text can hold what was being parsed.
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panic");
    }));
    Ok(())
}

/// What writes the log to `writer`.
pub fn subscriber<W>(
    log: &Log,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&log.filter).map_err(|_| LogError::Filter)?;
    Ok(tracing_subscriber::registry()
        .with(filter)
        .with(lines(log.format, writer).with_filter(FilterFn::new(is_discreet))))
}

/// Crates through which personal data passes, which must not tell more than warnings.
const CAPPED: [&str; 7] = ["sqlx", "sea_orm", "h2", "hyper", "tonic", "tower", "rustls"];

fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let source = metadata.target().split("::").next().unwrap_or_default();
    // A more severe level is the smaller one.
    *metadata.level() <= Level::WARN || !CAPPED.iter().any(|capped| source.starts_with(capped))
}

fn lines<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal())
        .with_span_events(FmtSpan::NONE);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Human => lines.compact().boxed(),
    }
}
