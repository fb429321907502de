//! `serve` as a process of its own, which can be told to stop, and can be killed.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use serde_json::Value;

/// A service that has said that it serves. It is killed when it is dropped.
pub struct ServiceProcess {
    pub address: SocketAddr,
    process: Child,
}

impl ServiceProcess {
    /// Starts it with this command, and waits until it serves.
    pub fn start(command: &mut Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let mut log = log.lines().map_while(Result::ok);
        let mut address = None;
        for line in log.by_ref() {
            let event = serde_json::from_str::<Value>(&line).unwrap_or_default();
            if let Some(bound) = event["address"].as_str() {
                address = Some(bound.parse().unwrap());
            }
            if event["message"] == "serving" {
                break;
            }
        }
        // A log that nobody reads would hold it up.
        thread::spawn(move || log.for_each(drop));
        Self {
            address: address.expect("the log never said where it listens"),
            process,
        }
    }

    /// Tells it to stop, and waits.
    pub fn stop(mut self) -> ExitStatus {
        let pid = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
        self.process.wait().unwrap()
    }

    /// Kills it as a machine that fails would.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
