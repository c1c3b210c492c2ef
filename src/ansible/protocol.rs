//! One call of a module, from the bytes that Ansible writes to the bytes that it reads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::arguments::{Checked, Settings, check};
use super::module::{AnyModule, Context, Failure, Module, Planned};
use super::reply::{Diff, Reply, without};
use super::spec::ArgumentSpec;

/// What is to be written to stdout.
#[derive(Debug)]
pub struct Answer {
    /// One JSON object.
    pub json: Vec<u8>,
    /// Whether it tells of a failure.
    pub failed: bool,
}

impl Answer {
    /// A failure before there is a module to ask.
    pub fn refusal(message: impl Into<String>) -> Self {
        Self::of(&Reply::failed(message), &[])
    }

    fn of(reply: &Reply, secrets: &[String]) -> Self {
        Self { json: reply.to_json(secrets), failed: reply.failed }
    }
}

/// Checked arguments on their way to the module.
#[derive(Debug)]
pub struct Prepared {
    settings: Settings,
    warnings: Vec<String>,
    secrets: Vec<String>,
    arguments: Map<String, Value>,
}

/// Calls a module with the arguments as Ansible writes them, and answers whatever happens.
///
/// `progress` gets lines for the person who waits; secrets among the arguments are taken out of them and of the answer.
pub fn run<W>(
    module: &dyn AnyModule<W>,
    arguments: &[u8],
    world: &W,
    progress: &(dyn Fn(&str) + Sync),
) -> Answer {
    let raw: Map<String, Value> = match serde_json::from_slice(arguments) {
        Ok(raw) => raw,
        // The parser's words may quote what it read, so only the place is told.
        Err(error) => {
            return Answer::refusal(format!(
                "the arguments are no JSON object (line {}, column {})",
                error.line(),
                error.column()
            ));
        }
    };
    let spec = match module.spec() {
        Ok(spec) => spec,
        Err(error) => return Answer::refusal(format!("internal error: {error}")),
    };
    let own = module.secrets(&raw);
    let Checked { settings, warnings, mut secrets, arguments } = check(&spec, module.name(), raw);
    secrets.extend(own.into_iter().filter(|secret| !secret.is_empty()));
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(message) => {
            let failure = Failure::new(message).with_warnings(warnings);
            return Answer::of(&failure.into(), &secrets);
        }
    };
    let verbosity = settings.verbosity;
    let say = |line: &str| progress(&without(line, &secrets));
    let prepared = Prepared { settings, warnings, secrets: secrets.clone(), arguments };
    let context = Context { world, progress: &say, verbosity };
    let caught = catch_unwind(AssertUnwindSafe(|| module.run(prepared, context)));
    caught.unwrap_or_else(|_payload| {
        let place = PLACE.lock().map(|place| place.clone()).unwrap_or_default();
        let place = place.unwrap_or_else(|| "an unknown place".to_owned());
        let message = format!(
            "internal error at {place} in {} {}: this is a fault in the program, please report it; what was \
             under way may have been done in part",
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION")
        );
        Answer::of(&Reply::failed(message), &secrets)
    })
}

/// The last part of [`run`], where the types of the module are known.
pub(super) fn carry_out<W, M: Module<W>>(
    module: &M,
    prepared: Prepared,
    context: Context<'_, W>,
) -> Answer {
    let Prepared { settings, warnings, secrets, arguments } = prepared;
    let result = serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Failure::new(format!("the arguments do not fit: {error}")))
        .and_then(|args| module.plan(args, context))
        .and_then(|planned| complete(planned, &settings));
    let mut reply = result.unwrap_or_else(Reply::from);
    reply.warnings.splice(0..0, warnings);
    Answer::of(&reply, &secrets)
}

/// Acts on a plan, unless it is check mode.
fn complete<R: Serialize>(planned: Planned<'_, R>, settings: &Settings) -> Result<Reply, Failure> {
    let Planned { mut changed, mut returns, before, mut after, mut message, mut warnings, act } =
        planned;
    if changed && settings.unasked && !settings.check_mode {
        let what = message.unwrap_or_else(|| "something is to be changed".to_owned());
        let text = format!(
            "nothing was done: meanwhile there is something to be asked for: {what}; run this again"
        );
        return Err(Failure::new(text).retryable(true).with_warnings(warnings));
    }
    if let Some(act) = act
        && !settings.check_mode
    {
        let outcome =
            act().map_err(|failure| failure.with_warnings(std::mem::take(&mut warnings)))?;
        (changed, returns) = (outcome.changed, outcome.returns);
        after = outcome.after.or(after);
        message = outcome.message.or(message);
        warnings.extend(outcome.warnings);
    }
    let diff = match (before, after) {
        (Some(before), Some(after)) if settings.diff => Some(Diff { before, after }),
        _ => None,
    };
    let returns = match serde_json::to_value(returns) {
        Ok(Value::Object(returns)) => returns,
        Ok(Value::Null) => Map::new(),
        Ok(_) => return Err(Failure::new("internal error: the returns are no mapping")),
        Err(error) => {
            let text = format!("internal error: the returns cannot be written as JSON: {error}");
            return Err(Failure::new(text).changed(changed));
        }
    };
    Ok(Reply { changed, msg: message, diff, warnings, returns, ..Reply::default() })
}

/// A mapping that stands outside a task, checked as the same mapping in a task's option would be.
///
/// # Errors
///
/// Why it is refused, without the secrets in it.
pub fn read<T: DeserializeOwned + JsonSchema>(
    name: &str,
    mapping: Map<String, Value>,
) -> Result<T, String> {
    let spec = ArgumentSpec::of::<T>().map_err(|error| format!("internal error: {error}"))?;
    let Checked { secrets, arguments, .. } = check(&spec, name, mapping);
    let read = arguments.and_then(|arguments| {
        serde_json::from_value(Value::Object(arguments))
            .map_err(|error| format!("the options do not fit: {error}"))
    });
    read.map_err(|text| without(&text, &secrets))
}

/// Where the last panic began.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics from being printed, since their words may hold arguments, and notes where they begin for the answer.
///
/// For programs that do nothing but [`run`] a module: it holds for the whole process.
pub fn hide_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        if let Ok(mut last) = PLACE.lock() {
            *last = place;
        }
    }));
}

#[cfg(test)]
mod tests;
