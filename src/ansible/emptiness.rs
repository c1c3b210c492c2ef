//! What it means that an option is given and empty.

use serde_json::{Map, Value};

use super::arguments::found_in;
use super::spec::{ArgumentSpec, OptionSpec};

/// What an empty value of an option means.
///
/// A variable that is not set becomes null or an empty text, depending on the version of Ansible. Where leaving the option out
/// asks for less, such a variable would take a guard away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Emptiness {
    /// Null and an empty text are as if it were not given, as Ansible has it.
    #[default]
    Unset,
    /// An empty text or list is a value as any other; null is refused.
    Kept,
    /// Null, a blank text and an empty list are refused. The words tell what leaving the option out stands for, such as
    /// `for the whole group`.
    Refused(String),
}

impl Emptiness {
    /// Whether the value is as if the option were not given.
    pub(super) fn is_absent(&self, value: &Value) -> bool {
        *self == Self::Unset && (value.is_null() || value == "")
    }
}

/// Before values are converted: null, and blank text.
pub(super) fn refuse_untyped(
    spec: &ArgumentSpec,
    given: &Map<String, Value>,
    path: &[&str],
) -> Result<(), String> {
    for (name, value) in given {
        let Some(option) = spec.option(name) else { continue };
        let is_refused = match &option.emptiness {
            Emptiness::Unset => false,
            Emptiness::Kept => value.is_null(),
            Emptiness::Refused(_) => value.is_null() || is_blank(value),
        };
        if is_refused {
            return Err(refusal(option, value, path));
        }
    }
    Ok(())
}

/// After values are converted: what is a list by then.
pub(super) fn refuse_typed(
    option: &OptionSpec,
    value: &Value,
    path: &[&str],
) -> Result<(), String> {
    let (Emptiness::Refused(_), Value::Array(items)) = (&option.emptiness, value) else {
        return Ok(());
    };
    match items.iter().find(|item| is_blank(item)) {
        Some(blank) => {
            let what = shown(blank);
            Err(format!(
                "option {}{} holds {what}: take it out of the list",
                option.name,
                found_in(path)
            ))
        }
        None if items.is_empty() => Err(refusal(option, value, path)),
        None => Ok(()),
    }
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn shown(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Array(_) => "an empty list",
        _ => "an empty text",
    }
}

fn refusal(option: &OptionSpec, value: &Value, path: &[&str]) -> String {
    let (name, place, what) = (&option.name, found_in(path), shown(value));
    let left_out = match &option.emptiness {
        Emptiness::Refused(words) => format!(" {words}"),
        Emptiness::Unset | Emptiness::Kept => String::new(),
    };
    format!(
        "option {name} is empty ({what}){place}: give it a value, or leave the option out{left_out}"
    )
}
