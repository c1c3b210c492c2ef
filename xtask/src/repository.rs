//! The repository's own places, and cargo run in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Profile;
use crate::process::{self, Failure};

/// The repository's root folder.
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The repository that this xtask belongs to.
    pub(crate) fn find() -> Result<Self, Failure> {
        // What cargo says now outweighs what was compiled in: the folder may have moved since.
        let manifest = process::variable("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let manifest = manifest.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = manifest.parent().map(Path::to_path_buf).filter(|root| root.is_dir());
        let root = root.ok_or_else(|| {
            let place = manifest.display();
            Failure::Other(format!("no repository around {place}; run this as `cargo xtask`"))
        })?;
        Ok(Self { root })
    }

    /// A place in the repository.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// The folder of the Python environments, shared by all checkouts if the user says where.
    pub(crate) fn tools(&self) -> Result<PathBuf, Failure> {
        let chosen = process::variable("SPOTINST_ESG_TOOLS").map(PathBuf::from);
        let folder = chosen.unwrap_or_else(|| self.path(".tools"));
        std::path::absolute(&folder).map_err(Failure::file("find", &folder))
    }

    /// A cargo command that runs in the root folder.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let program = process::variable("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// Builds, and returns the programs that came of it by name.
    pub(crate) fn build(&self, arguments: &[&str]) -> Result<BTreeMap<String, PathBuf>, Failure> {
        self.programs("build", arguments)
    }

    /// The programs that a command of cargo makes.
    pub(crate) fn programs(
        &self,
        verb: &str,
        arguments: &[&str],
    ) -> Result<BTreeMap<String, PathBuf>, Failure> {
        let mut command = self.cargo(&[verb, "--message-format=json-render-diagnostics"]);
        command.args(arguments);
        let messages = process::output(&mut command)?;
        let mut programs = BTreeMap::new();
        for line in messages.lines() {
            let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            // A program's own unit tests are reported as a program of the same name.
            let is_program =
                message["target"]["kind"][0] == "bin" && message["profile"]["test"] == false;
            if let (true, Some(name), Some(path)) =
                (is_program, message["target"]["name"].as_str(), message["executable"].as_str())
            {
                programs.insert(name.to_owned(), PathBuf::from(path));
            }
        }
        Ok(programs)
    }

    /// Builds the product's program.
    pub(crate) fn build_program(&self, profile: Profile, aws: bool) -> Result<PathBuf, Failure> {
        let mut arguments = vec!["--package", "spotinst-esg", "--bin", "spotinst-esg"];
        if profile == Profile::Release {
            arguments.push("--release");
        }
        if !aws {
            arguments.push("--no-default-features");
        }
        if aws {
            process::say(
                "Compiling; the AWS crates alone take about four minutes on two cores the first \
                 time (--no-aws leaves them out) ...",
            );
        } else {
            process::say("Compiling without the AWS crates, one or two minutes the first time ...");
        }
        let programs = self.build(&arguments)?;
        named(&programs, "spotinst-esg").cloned()
    }
}

/// The program of that name among those that were built.
pub(crate) fn named<'a>(
    programs: &'a BTreeMap<String, PathBuf>,
    name: &str,
) -> Result<&'a PathBuf, Failure> {
    let missing = || Failure::Other(format!("cargo built no program called {name}"));
    programs.get(name).ok_or_else(missing)
}
