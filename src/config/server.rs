//! `[server]`

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

use super::faults::Faults;

/// How it is served.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// How long a stop waits for what runs.
    pub drain: Duration,
    /// Calls at once; more are turned away.
    pub max_in_flight: usize,
    /// The deadline of a call that brings none.
    pub default_deadline: Duration,
    /// Whether reflection needs no token.
    pub open_reflection: bool,
    /// How often it is written down which enrollments have lapsed or expired.
    pub settle: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerSettings {
    listen: String,
    drain_seconds: u64,
    max_in_flight: usize,
    default_deadline_seconds: u64,
    open_reflection: bool,
    settle_seconds: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:50051".to_owned(),
            drain_seconds: 25,
            max_in_flight: 512,
            default_deadline_seconds: 10,
            open_reflection: false,
            settle_seconds: 600,
        }
    }
}

impl ServerSettings {
    /// The settings, checked.
    pub fn check(self, faults: &mut Faults) -> Option<Server> {
        let listen = faults.check(
            "server.listen",
            self.listen
                .parse()
                .map_err(|_| "must be an address and a port: 0.0.0.0:50051"),
        );
        let drain = faults.bounded("server.drain_seconds", self.drain_seconds, 1, 600);
        let max_in_flight = faults.bounded("server.max_in_flight", self.max_in_flight, 1, 100_000);
        let deadline = faults.bounded(
            "server.default_deadline_seconds",
            self.default_deadline_seconds,
            1,
            600,
        );
        let settle = faults.bounded("server.settle_seconds", self.settle_seconds, 1, 86_400);
        Some(Server {
            listen: listen?,
            drain: Duration::from_secs(drain?),
            max_in_flight: max_in_flight?,
            default_deadline: Duration::from_secs(deadline?),
            open_reflection: self.open_reflection,
            settle: Duration::from_secs(settle?),
        })
    }
}
