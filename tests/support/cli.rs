//! The binary as a user runs it: real process, own home folder, nothing inherited.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use spot_sim::{Fleet, Server};
use tempfile::TempDir;

/// A token that must never show anywhere but in the `Authorization` header.
pub(crate) const CANARY: &str = "canary-5fb1c0ffee0badcafe42";

/// The account of every test fleet.
pub(crate) const ACCOUNT: &str = "act-00000001";

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_spotinst-esg");

/// A simulator and a home folder, and what is needed to run the binary against them.
pub(crate) struct Desk {
    pub(crate) simulator: Server,
    pub(crate) home: TempDir,
}

/// What came of one run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    /// A fleet in the simulator's own YAML; tokens and account are added.
    pub(crate) fn with(fleet: &str) -> Self {
        let text = format!(
            "tokens: [{{token: {CANARY}}}]\naccounts: [{{id: {ACCOUNT}, name: one}}]\nlimits: {{default: 100000}}\n{fleet}"
        );
        Self::with_whole(&text)
    }

    /// A fleet in the simulator's own YAML, whole.
    pub(crate) fn with_whole(fleet: &str) -> Self {
        let fleet = Fleet::from_yaml(fleet).unwrap_or_else(|e| panic!("{e}\n{fleet}"));
        Self { simulator: Server::start(fleet).unwrap(), home: TempDir::new().unwrap() }
    }

    /// Three brokers with persisted addresses.
    pub(crate) fn kafka() -> Self {
        Self::with(
            "groups: [{name: kafka, id: sig-0000000a, region: eu-west-1, persistence: {private_ip: true, data: reattach},
              stateful: [{id: ssi-0000000a, private_ip: 10.0.0.1}, {id: ssi-0000000b, private_ip: 10.0.0.2},
                         {id: ssi-0000000c, private_ip: 10.0.0.3}]}]",
        )
    }

    /// Adds a fault.
    pub(crate) fn fault(&self, fault: Value) {
        let answer = self.simulator.control("POST", "/_sim/faults", fault.clone());
        assert!(answer.get("error").is_none(), "{fault}: {answer}");
    }

    /// Removes all faults.
    pub(crate) fn mend(&self) {
        self.simulator.control("DELETE", "/_sim/faults", Value::Null);
    }

    /// Paths of all requests so far, without queries.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.simulator.requests().into_iter().map(|request| request.path).collect()
    }

    /// Writes a file below the home folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with credentials and the simulator's address in its environment, and nothing else.
    pub(crate) fn command(&self) -> Command {
        self.clean(Command::new(BINARY))
    }

    /// Any program with that environment.
    pub(crate) fn clean(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("SPOTINST_BASE_URL", self.simulator.url())
            .env("SPOTINST_API_TOKEN", CANARY)
            .env("SPOTINST_ACCOUNT_ID", ACCOUNT)
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        ran(self.command().args(arguments).output().unwrap())
    }

    /// Lists the inventory of a file with these options, besides `plugin`.
    pub(crate) fn list(&self, options: &str) -> Ran {
        let file = self.options(options);
        self.run([
            OsStr::new("inventory"),
            OsStr::new("--list"),
            OsStr::new("--config"),
            file.as_os_str(),
        ])
    }

    /// An inventory file with these options, besides `plugin`.
    pub(crate) fn options(&self, options: &str) -> PathBuf {
        self.file("test.spotinst_esg.yml", &format!("plugin: spotinst_esg\n{options}\n"))
    }

    /// Speaks to the binary as the Ansible plugin does.
    pub(crate) fn plugin(&self, request: &Value) -> Ran {
        let mut child = self
            .command()
            .args(["inventory", "--ansible"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
        ran(child.wait_with_output().unwrap())
    }
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// The document on stdout of a run that went well.
    pub(crate) fn document(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// One line on stderr, nothing on stdout, and this exit code.
    pub(crate) fn assert_failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "nothing half-written");
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "one line: {self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {:?}", self.stderr);
        }
    }

    /// Warnings on stderr, in order.
    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.stderr.lines().filter_map(|line| line.strip_prefix("warning: ")).collect()
    }
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}
