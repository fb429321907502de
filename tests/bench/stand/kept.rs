//! Programs: those that run beside the benchmark, and end with it, however it ends; and those that
//! are waited for.

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
};

use super::Result;

/// Ends a process, and removes what it keeps, once its own standard input is closed.
const GUARD: &str = r#"cat >/dev/null; kill -KILL "$1" 2>/dev/null; rm -rf "$2""#;

/// A program that runs.
pub struct Kept {
    child: Child,
    guard: Child,
}

impl Kept {
    /// Starts it. Should the benchmark be killed, what is in `folder` goes too.
    pub fn start(command: &mut Command, folder: &Path) -> Result<Self> {
        let child = command.stdin(Stdio::null()).spawn()?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "sh", &child.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .spawn()?;
        Ok(Self { child, guard })
    }

    /// Id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it prints, if that was piped.
    pub fn output(&mut self) -> Result<Lines<BufReader<ChildStdout>>> {
        let output = self.child.stdout.take().ok_or("its output is not piped")?;
        Ok(BufReader::new(output).lines())
    }

    /// What it complains of, if that was piped.
    pub fn errors(&mut self) -> Result<Lines<BufReader<ChildStderr>>> {
        let errors = self.child.stderr.take().ok_or("its errors are not piped")?;
        Ok(BufReader::new(errors).lines())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // The guard goes first: the number of the process may belong to another one afterwards.
        for process in [&mut self.guard, &mut self.child] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// What a program printed, if it succeeded.
pub fn printed(command: &mut Command) -> Result<String> {
    Ok(printed_and_said(command)?.0)
}

/// What a program printed, and what it said beside, if it succeeded.
pub fn printed_and_said(command: &mut Command) -> Result<(String, String)> {
    let output = command.output()?;
    let said = String::from_utf8(output.stderr)?;
    if output.status.success() {
        return Ok((String::from_utf8(output.stdout)?, said));
    }
    let program = command.get_program().display();
    Err(format!("{program}: {said}").into())
}
