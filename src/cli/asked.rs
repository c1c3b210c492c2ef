//! What modules answer to commands: both mean and refuse the same.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::arguments::OutputForm;
use super::failure::{CREDENTIALS, Failure, OTHER, PARTIAL, RATE_LIMITED, TIMEOUT, USAGE};
use super::{module, output};
use crate::domain::one_line;
use crate::drive::Environment;
use crate::modules;

/// Of the answer, for programs that read it.
const VERSION: u32 = 1;

/// The answer of a module that went well. Its warnings are told.
///
/// # Errors
///
/// What the module fails with. What it has done until then is told.
pub(super) fn module(
    name: &str,
    options: Map<String, Value>,
    environment: &Environment,
) -> Result<Map<String, Value>, Failure> {
    match report(name, options, environment)? {
        (told, None) => Ok(told),
        (_, Some(failure)) => Err(failure),
    }
}

/// The same where also a failure tells what was done until then: the answer, and what it fails with.
///
/// # Errors
///
/// There is no answer.
pub(super) fn report(
    name: &str,
    options: Map<String, Value>,
    environment: &Environment,
) -> Result<(Map<String, Value>, Option<Failure>), Failure> {
    let module = modules::find(name)
        .ok_or_else(|| Failure::new(OTHER, format!("this build has no module {name}")))?;
    let arguments = Value::Object(options).to_string().into_bytes();
    let answer = module::call(module, Ok(arguments), environment);
    let told: Map<String, Value> = serde_json::from_slice(&answer.json).map_err(|error| {
        Failure::new(OTHER, format!("cannot read the answer of {name}: {error}"))
    })?;
    for warning in told.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        output::talk(&format!("warning: {}", one_line(warning.as_str().unwrap_or_default())));
    }
    if !answer.failed {
        return Ok((told, None));
    }
    let message = told.get("msg").and_then(Value::as_str).unwrap_or("no reason was told");
    let is = |name: &str| told.get(name) == Some(&Value::Bool(true));
    let is_short = told.get("unfulfilled").and_then(Value::as_u64).is_some_and(|it| it > 0);
    let code = match told.get("error_code").and_then(Value::as_str) {
        _ if is("changed") || is_short => PARTIAL,
        Some(modules::AWS_CREDENTIALS) => CREDENTIALS,
        Some(modules::AWS_TIMEOUT) => TIMEOUT,
        Some(modules::AWS_THROTTLED) => RATE_LIMITED,
        _ if message.starts_with("Unsupported parameters") || message.starts_with("option") => {
            USAGE
        }
        _ => OTHER,
    };
    let failure = Failure::new(code, message);
    Ok((told, Some(failure)))
}

/// A file in YAML or JSON.
///
/// # Errors
///
/// It cannot be read.
pub(super) fn yaml(path: &Path) -> Result<Value, Failure> {
    let fail = |why: String| Failure::new(OTHER, format!("cannot read {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    serde_yaml::from_str(&text).map_err(|error| fail(error.to_string()))
}

/// An answer in a form for programs, with the version of its shape.
///
/// # Errors
///
/// It cannot be written.
pub(super) fn written(answer: Map<String, Value>, form: OutputForm) -> Result<Vec<u8>, Failure> {
    let fail = |why: String| Failure::new(OTHER, format!("cannot write the answer: {why}"));
    let mut document = Map::new();
    document.insert("schema_version".to_owned(), json!(VERSION));
    document.extend(answer.into_iter().filter(|(name, _)| name != "warnings"));
    let text = match form {
        OutputForm::Yaml => serde_yaml::to_string(&document).map_err(|e| fail(e.to_string()))?,
        OutputForm::Json | OutputForm::Table => {
            serde_json::to_string_pretty(&document).map_err(|e| fail(e.to_string()))? + "\n"
        }
    };
    Ok(text.into_bytes())
}

/// A value in a cell.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
