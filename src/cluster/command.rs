//! What a command on this machine says.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::limits::{MOST_KEPT, read_some};
use crate::domain::{Captured, Observation, ObstacleKind, Seen, printable};

/// How long is waited for the rest of the output of a command that has ended.
const REST: Duration = Duration::from_secs(2);

/// A program and its arguments; no shell reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program, looked for on PATH unless it has a slash.
    pub program: String,
    /// Its arguments. They are never shown: they may hold a password.
    pub arguments: Vec<String>,
}

impl Command {
    /// Runs it with nothing on stdin. It and all that it started are ended after `timeout`, and what it left behind is
    /// when it ends.
    pub fn look(&self, timeout: Duration) -> Observation {
        let object = printable(&self.program);
        let blocked = |kind, detail: String| Observation::blocked(object.clone(), kind, detail);
        let mut child = match self.start() {
            Ok(child) => child,
            Err(error) => return blocked(ObstacleKind::NotStarted, error.to_string()),
        };
        let stdout = child.stdout.take().map(captured_aside);
        let stderr = child.stderr.take().map(captured_aside);
        let has_ended = ended(&child).recv_timeout(timeout);
        // It is not reaped yet, so its number, and the group's, can be nobody else's.
        end_group(&child);
        let status = match child.wait() {
            Ok(status) => status,
            Err(error) => return blocked(ObstacleKind::Killed, error.to_string()),
        };
        if has_ended == Err(RecvTimeoutError::Timeout) {
            return blocked(ObstacleKind::Time, format!("ended after {} s", timeout.as_secs()));
        }
        let Some(code) = status.code() else {
            let signal =
                status.signal().map_or_else(String::new, |signal| format!("signal {signal}"));
            return blocked(ObstacleKind::Killed, signal);
        };
        let Some((stdout, stderr)) = rest(stdout).and_then(|it| Some((it, rest(stderr)?))) else {
            let detail = "something that it started still holds its output".to_owned();
            return blocked(ObstacleKind::Broken, detail);
        };
        Observation { object, seen: Ok(Seen::Exited { status: code, stdout, stderr }) }
    }

    fn start(&self) -> std::io::Result<Child> {
        process::Command::new(&self.program)
            .args(&self.arguments)
            // What a check writes is shown and kept, so it must not have what is secret.
            .env_remove("SPOTINST_API_TOKEN")
            .env_remove("SPOTINST_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }
}

/// Reads in another thread: a command that writes more than a pipe holds would never end otherwise.
fn captured_aside(mut from: impl Read + Send + 'static) -> Receiver<Option<Captured>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let captured = read_some(&mut from, MOST_KEPT, || true).unwrap_or_default();
        // What is beyond is read and dropped, so that it can write on and end.
        std::io::copy(&mut from, &mut std::io::sink()).unwrap_or_default();
        sender.send(captured).unwrap_or_default();
    });
    receiver
}

fn rest(captured: Option<Receiver<Option<Captured>>>) -> Option<Captured> {
    captured?.recv_timeout(REST).ok().flatten()
}

/// Hears when it ends, without reaping it.
fn ended(child: &Child) -> Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    if let Some(pid) = pid(child) {
        std::thread::spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while waitid(WaitId::Pid(pid), options).err() == Some(rustix::io::Errno::INTR) {}
            sender.send(()).unwrap_or_default();
        });
    }
    receiver
}

fn end_group(child: &Child) {
    if let Some(pid) = pid(child) {
        // The error only says that nothing of it is left.
        kill_process_group(pid, Signal::KILL).unwrap_or_default();
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
