//! The real grpcurl, as a person uses it.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

use super::server::TestServer;

/// Where it is.
pub struct Grpcurl(PathBuf);

impl Grpcurl {
    /// Where it is not, says so, straight to standard error, which the test harness does not hold back.
    pub fn find() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path)
            .map(|folder| folder.join("grpcurl"))
            .find(|file| file.is_file());
        if found.is_none() {
            let message = "NOT RUN with grpcurl: it is not on PATH\n";
            let _ = std::io::stderr().write_all(message.as_bytes());
            assert!(
                env::var_os("ENROLLMENT_TEST_REQUIRE_GRPCURL").is_none(),
                "{message}"
            );
        }
        found.map(Self)
    }

    /// Runs it with a token of this scope.
    pub fn run(&self, server: &TestServer, scope: &str, arguments: &[&str]) -> Output {
        let authorization = format!("authorization: Bearer {}", server.signer.token(scope));
        let mut command = Command::new(&self.0);
        command
            .args(["-plaintext", "-H", &authorization])
            .args(arguments);
        command.output().unwrap()
    }

    /// Calls a method of this API, which has to succeed, away from the server's runtime; gives the reply.
    pub fn call(&self, server: &TestServer, scope: &str, method: &str, request: &Value) -> Value {
        let method = format!("identityprotection.enrollment.v1.{method}");
        let (request, address) = (request.to_string(), server.address.to_string());
        let arguments = ["-d", &request, &address, &method];
        let output = tokio::task::block_in_place(|| self.run(server, scope, &arguments));
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// All that it printed.
pub fn text(output: &Output) -> String {
    let part = String::from_utf8_lossy;
    format!("{}{}", part(&output.stdout), part(&output.stderr))
}
