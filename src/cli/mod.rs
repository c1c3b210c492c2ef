//! The command line: what was typed becomes one command.
//!
//! Here, and only here, the environment, the clock and randomness enter the program.

mod arguments;
mod asked;
mod caller;
mod consent;
mod doctor;
mod environment;
mod failure;
mod inventory;
mod inventory_file;
mod launch;
mod module;
mod offers;
mod output;
mod parent;
mod runs;
mod views;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use failure::Failure;

use crate::drive::Environment;
use crate::modules;

/// Runs the program; the arguments begin with its name.
///
/// Data goes to stdout, talk to stderr. A failure is one line on stderr and an exit code of the table in the
/// program's help.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = arguments.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    if let Some(called) = modules::called(&program) {
        return module::run_as(called, arguments.get(1), &environment::of_process());
    }
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let environment = environment::of_process();
    match run(&arguments, &environment) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // Ansible puts words of its own before what its plugin is told.
            let is_plugin = matches!(&arguments.command, Command::Inventory(i) if i.ansible);
            let prefix = if is_plugin { "" } else { "error: " };
            output::talk(&format!("{prefix}{}", failure.line()));
            ExitCode::from(failure.code)
        }
    }
}

fn run(arguments: &Arguments, environment: &Environment) -> Result<u8, Failure> {
    match &arguments.command {
        Command::Inventory(arguments) => inventory::run(arguments, environment).map(|()| 0),
        Command::Doctor(arguments) => doctor::run(arguments, environment),
        Command::Runs(arguments) => runs::run(arguments, environment),
        Command::Offers(arguments) => offers::run(arguments, environment).map(|()| 0),
        Command::Launch(arguments) => launch::run(arguments, environment).map(|()| 0),
        Command::Fleet(arguments) => launch::fleet(arguments, environment).map(|()| 0),
        Command::Module(arguments) => module::run(arguments, environment),
        Command::ModuleDocs(arguments) => module::write_docs(arguments).map(|()| 0),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "spotinst-esg", &mut script);
            output::data(&script).map(|()| 0)
        }
    }
}

/// Clap's own messages are several lines and helpful: help and version are data, the rest is talk.
fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() {
        output::talk(text.trim_end());
        ExitCode::from(failure::USAGE)
    } else {
        match output::data(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => ExitCode::from(failure.code),
        }
    }
}
