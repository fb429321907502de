//! A place for the log to go to.
//!
//! It is this thread's log: of a server, all of it where the test has one thread alone.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use enrollment::{
    config::{Log, LogFormat},
    telemetry,
};
use tracing::subscriber::DefaultGuard;

/// Keeps what is written. Clones write to the same place.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Takes what this thread logs for as long as the guard is there.
    pub fn log(format: LogFormat, filter: &str) -> (Self, DefaultGuard) {
        let captured = Self::default();
        let log = Log {
            format,
            filter: filter.to_owned(),
        };
        let writer = captured.clone();
        let subscriber = telemetry::subscriber(&log, move || writer.clone()).unwrap();
        (captured, tracing::subscriber::set_default(subscriber))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
