//! Ansible modules: the program under a module's name, and a module by hand.

use std::ffi::OsString;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::process::ExitCode;

use super::arguments::{ModuleArguments, ModuleDocsArguments};
use super::failure::{Failure, NOT_FOUND, OTHER};
use super::{caller, output};
use crate::drive::Environment;
use crate::modules::{self, Answer, AnyModule, World};

/// What lines of progress begin with, so that they can be told from complaints.
const PROGRESS: &str = "progress: ";

/// Runs the module that the program was called as; `file` holds the arguments.
pub(super) fn run_as(
    module: &'static dyn AnyModule<World>,
    file: Option<&OsString>,
    environment: &Environment,
) -> ExitCode {
    let answer = match file {
        Some(file) => call(module, std::fs::read(file), environment),
        None => Answer::refusal("no file with arguments is named; Ansible names one"),
    };
    match give(&answer) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(failure.code),
    }
}

/// Runs a module by hand.
pub(super) fn run(arguments: &ModuleArguments, environment: &Environment) -> Result<u8, Failure> {
    let module = modules::find(&arguments.name).ok_or_else(|| {
        let names: Vec<&str> = modules::ALL.iter().map(|module| module.name()).collect();
        let text = format!("no module {:?}; there is {}", arguments.name, names.join(", "));
        Failure::new(NOT_FOUND, text)
    })?;
    let bytes = if arguments.lifeline {
        read_before_lifeline()
    } else if arguments.file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(&arguments.file)
    };
    give(&call(module, bytes, environment))
}

/// One line of stdin. From then on this process ends when stdin does.
///
/// Whoever waits for the answer holds the other end; killed without a chance to clean up, it must not leave a module
/// behind that goes on changing things while the next run begins.
fn read_before_lifeline() -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    std::thread::spawn(|| {
        // Nothing more is sent, so this returns at the end only; an error is one too.
        io::copy(&mut io::stdin().lock(), &mut io::sink()).unwrap_or_default();
        std::process::exit(i32::from(OTHER));
    });
    Ok(line)
}

/// Calls a module with arguments as Ansible writes them.
pub(super) fn call(
    module: &'static dyn AnyModule<World>,
    arguments: io::Result<Vec<u8>>,
    environment: &Environment,
) -> Answer {
    modules::hide_panics();
    let bytes = match arguments {
        Ok(bytes) => bytes,
        Err(error) => return Answer::refusal(format!("cannot read the arguments: {error}")),
    };
    let world = World {
        environment: environment.clone(),
        seed: fastrand::u64(..),
        caller: caller::of(environment),
        liveness: caller::liveness,
    };
    let say = |line: &str| output::talk(&format!("{PROGRESS}{line}"));
    modules::run(module, &bytes, &world, &say)
}

fn give(answer: &Answer) -> Result<u8, Failure> {
    let mut line = answer.json.clone();
    line.push(b'\n');
    output::data(&line)?;
    Ok(if answer.failed { OTHER } else { 0 })
}

/// Writes the collection's generated files, or compares them.
pub(super) fn write_docs(arguments: &ModuleDocsArguments) -> Result<(), Failure> {
    let files = modules::documentation()
        .map_err(|error| Failure::new(OTHER, format!("cannot write the documentation: {error}")))?;
    for (inside, text) in files {
        let path = arguments.output.join(inside);
        let shown = path.display();
        let is_same = std::fs::read_to_string(&path).is_ok_and(|present| present == text);
        if is_same {
            continue;
        }
        if arguments.check {
            let text = format!("{shown} is not as the modules say; run `cargo xtask docs`");
            return Err(Failure::new(OTHER, text));
        }
        let folder = path.parent().unwrap_or(&arguments.output);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| Failure::new(OTHER, format!("cannot write {shown}: {error}")))?;
        output::talk(&format!("wrote {shown}"));
    }
    Ok(())
}
