//! The arguments of one call, checked against the options of the module in Ansible's own order and words.

use serde_json::{Map, Value};

use super::coerce;
use super::emptiness;
use super::spec::{ArgumentSpec, OptionSpec, Shape};

/// What Ansible says of the call, besides the module's options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Nothing may be changed.
    pub check_mode: bool,
    /// Nobody has agreed to a change: where one turns out to be needed, that is a failure. Of this program's own, for its commands.
    pub unasked: bool,
    /// The person wants to see what changes.
    pub diff: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// The name by which the task calls the module, if it is told.
    pub module_name: Option<String>,
    ignores_unknown: bool,
}

/// Arguments after the check.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What Ansible says of the call.
    pub settings: Settings,
    /// What is odd but no failure.
    pub warnings: Vec<String>,
    /// Values that may be shown nowhere.
    pub secrets: Vec<String>,
    /// The options by their own names, of their own types; or why they are refused.
    pub arguments: Result<Map<String, Value>, String>,
}

/// Checks the arguments as Ansible writes them for a module: options as typed, and its own settings among them.
///
/// `name` stands for the module in messages if the settings do not name it.
pub fn check(spec: &ArgumentSpec, name: &str, mut raw: Map<String, Value>) -> Checked {
    let settings = take_settings(&mut raw);
    let mut checker = Checker { secrets: Vec::new(), warnings: Vec::new(), settings: &settings };
    checker.gather_secrets(spec, &raw);
    let shown = settings.module_name.as_deref().unwrap_or(name);
    let arguments = match checker.refuse_unknown(spec, &raw, &mut Vec::new()) {
        Err(words) => Err(format!("Unsupported parameters for ({shown}) module: {words}")),
        Ok(()) => checker.options(spec, raw, &[]),
    };
    let Checker { secrets, warnings, .. } = checker;
    Checked { settings, warnings, secrets, arguments }
}

/// Ansible's settings all begin alike; those that are not known here come with other versions of it.
fn take_settings(raw: &mut Map<String, Value>) -> Settings {
    const PREFIX: &str = "_ansible_";
    let truth = |name: &str| {
        let value = raw.get(&format!("{PREFIX}{name}")).unwrap_or(&Value::Null);
        coerce::scalar(&Shape::Bool, value) == Ok(Value::Bool(true))
    };
    let verbosity = raw.get("_ansible_verbosity").and_then(Value::as_u64).unwrap_or(0);
    let module_name = raw.get("_ansible_module_name").and_then(Value::as_str);
    let settings = Settings {
        check_mode: truth("check_mode"),
        unasked: truth("spotinst_esg_unasked"),
        diff: truth("diff"),
        verbosity: u8::try_from(verbosity).unwrap_or(u8::MAX),
        module_name: module_name.filter(|name| !name.is_empty()).map(str::to_owned),
        ignores_unknown: truth("ignore_unknown_opts"),
    };
    raw.retain(|name, _| !name.starts_with(PREFIX));
    settings
}

struct Checker<'a> {
    settings: &'a Settings,
    warnings: Vec<String>,
    secrets: Vec<String>,
}

pub(super) fn found_in(path: &[&str]) -> String {
    if path.is_empty() { String::new() } else { format!(" found in {}", path.join(" -> ")) }
}

impl Checker<'_> {
    /// Before anything else is said, so that no message can hold one.
    fn gather_secrets(&mut self, spec: &ArgumentSpec, raw: &Map<String, Value>) {
        for (name, value) in raw {
            match spec.option(name) {
                Some(option) if option.no_log == Some(true) => self.add_secret(value),
                Some(option) => self.gather_inner_secrets(&option.shape, value),
                None => {}
            }
        }
    }

    fn gather_inner_secrets(&mut self, shape: &Shape, value: &Value) {
        match (shape, value) {
            (Shape::List(element), Value::Array(items)) => {
                items.iter().for_each(|item| self.gather_inner_secrets(element, item));
            }
            (Shape::List(element), other) => self.gather_inner_secrets(element, other),
            (Shape::Options(spec), other) => {
                if let Ok(map) = coerce::dict(other) {
                    self.gather_secrets(spec, &map);
                }
            }
            _ => {}
        }
    }

    fn add_secret(&mut self, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() => self.secrets.push(text.clone()),
            Value::Number(number) => self.secrets.push(number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.add_secret(item)),
            Value::Object(map) => map.values().for_each(|item| self.add_secret(item)),
            Value::String(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    /// First of all checks: a misspelt option is often the cause of what would be said next.
    fn refuse_unknown<'n>(
        &self,
        spec: &'n ArgumentSpec,
        raw: &'n Map<String, Value>,
        path: &mut Vec<&'n str>,
    ) -> Result<(), String> {
        if self.settings.ignores_unknown {
            return Ok(());
        }
        let mut unknown: Vec<&String> =
            raw.keys().filter(|name| spec.option(name).is_none()).collect();
        unknown.sort();
        if !unknown.is_empty() {
            let worded = unknown.iter().map(|name| {
                let full =
                    path.iter().copied().chain([name.as_str()]).collect::<Vec<_>>().join(".");
                match nearest(spec, name) {
                    Some(known) => format!("{full} (did you mean {known}?)"),
                    None => full,
                }
            });
            let worded = worded.collect::<Vec<_>>().join(", ");
            return Err(format!("{worded}. Supported parameters include: {}.", supported(spec)));
        }
        for (name, value) in raw {
            let Some(option) = spec.option(name) else { continue };
            path.push(&option.name);
            match (&option.shape, value) {
                (Shape::Options(inner), Value::Object(map)) => {
                    self.refuse_unknown(inner, map, path)?;
                }
                (Shape::List(element), Value::Array(items)) => {
                    if let Shape::Options(inner) = element.as_ref() {
                        for map in items.iter().filter_map(Value::as_object) {
                            self.refuse_unknown(inner, map, path)?;
                        }
                    }
                }
                _ => {}
            }
            path.pop();
        }
        Ok(())
    }

    /// The options of one level: aliases, absence, groups, types, choices, bounds, defaults.
    fn options(
        &mut self,
        spec: &ArgumentSpec,
        raw: Map<String, Value>,
        path: &[&str],
    ) -> Result<Map<String, Value>, String> {
        let mut given = self.resolve_aliases(spec, raw);
        emptiness::refuse_untyped(spec, &given, path)?;
        given.retain(|name, value| {
            !spec.option(name).is_some_and(|option| option.emptiness.is_absent(value))
        });
        refuse_exclusive(spec, &given, path)?;
        let missing = spec.options.iter().filter(|it| it.required && !given.contains_key(&it.name));
        let mut missing: Vec<&str> = missing.map(|option| option.name.as_str()).collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            let names = missing.join(", ");
            return Err(format!("missing required arguments: {names}{}", found_in(path)));
        }
        let mut arguments = Map::new();
        for option in &spec.options {
            let value = match (given.get(&option.name), &option.default) {
                (Some(value), _) => self.value(option, &option.shape, value, path)?,
                (None, Some(default)) => default.clone(),
                (None, None) => continue,
            };
            emptiness::refuse_typed(option, &value, path)?;
            arguments.insert(option.name.clone(), value);
        }
        require_groups(spec, &arguments, path)?;
        Ok(arguments)
    }

    /// As Ansible does it, the alias wins where both are given, with a warning.
    fn resolve_aliases(
        &mut self,
        spec: &ArgumentSpec,
        raw: Map<String, Value>,
    ) -> Map<String, Value> {
        let mut given = Map::new();
        for option in &spec.options {
            let mut chosen = raw.get(&option.name);
            for alias in &option.aliases {
                let Some(value) = raw.get(alias) else { continue };
                if chosen.is_some() {
                    let text =
                        format!("Both option {} and its alias {alias} are set.", option.name);
                    self.warnings.push(text);
                }
                chosen = Some(value);
            }
            if let Some(value) = chosen {
                given.insert(option.name.clone(), value.clone());
            }
        }
        given
    }

    fn value(
        &mut self,
        option: &OptionSpec,
        shape: &Shape,
        value: &Value,
        path: &[&str],
    ) -> Result<Value, String> {
        let name = option.name.as_str();
        let refused = |why: String| {
            let (have, want) = (coerce::python_type(value), coerce::type_name(shape));
            let place = found_in(path);
            // Ansible names a list and what is in it in two ways.
            let start = if shape == &option.shape {
                format!("argument '{name}' is of type {have}{place}")
            } else {
                format!("Elements value for option '{name}'{place} is of type {have}")
            };
            format!("{start} and we were unable to convert to {want}: {why}")
        };
        match shape {
            Shape::List(element) => {
                let items = coerce::list(value).map_err(refused)?;
                let items = items.iter().map(|item| self.value(option, element, item, path));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            Shape::Dict(inner) => {
                let mut map = coerce::dict(value).map_err(refused)?;
                for item in map.values_mut() {
                    *item = self.value(option, inner, item, path)?;
                }
                Ok(Value::Object(map))
            }
            Shape::Options(spec) => {
                let map = coerce::dict(value).map_err(refused)?;
                let deeper: Vec<&str> = path.iter().copied().chain([name]).collect();
                self.options(spec, map, &deeper).map(Value::Object)
            }
            scalar => {
                let value = coerce::scalar(scalar, value).map_err(refused)?;
                refuse_outside(name, scalar, &value, &found_in(path))?;
                Ok(value)
            }
        }
    }
}

fn refuse_exclusive(
    spec: &ArgumentSpec,
    given: &Map<String, Value>,
    path: &[&str],
) -> Result<(), String> {
    for set in &spec.mutually_exclusive {
        if set.iter().filter(|name| given.contains_key(*name)).count() > 1 {
            let names = set.join("|");
            return Err(format!("parameters are mutually exclusive: {names}{}", found_in(path)));
        }
    }
    Ok(())
}

/// What some options demand of others, defaults included.
fn require_groups(
    spec: &ArgumentSpec,
    arguments: &Map<String, Value>,
    path: &[&str],
) -> Result<(), String> {
    let given = |name: &&String| arguments.contains_key(*name);
    let place = found_in(path);
    for set in &spec.required_together {
        let count = set.iter().filter(given).count();
        if count > 0 && count < set.len() {
            return Err(format!("parameters are required together: {}{place}", set.join(", ")));
        }
    }
    for set in &spec.required_one_of {
        if !set.iter().any(|name| given(&name)) {
            let names = set.join(", ");
            return Err(format!("one of the following is required: {names}{place}"));
        }
    }
    for (option, value, others) in &spec.required_if {
        let missing: Vec<&str> =
            others.iter().filter(|name| !given(name)).map(String::as_str).collect();
        if arguments.get(option) == Some(value) && !missing.is_empty() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let names = missing.join(", ");
            return Err(format!(
                "{option} is {value} but all of the following are missing: {names}{place}"
            ));
        }
    }
    Ok(())
}

fn refuse_outside(name: &str, shape: &Shape, value: &Value, place: &str) -> Result<(), String> {
    let (minimum, maximum) = match shape {
        Shape::Str(choices) => {
            if choices.is_empty() || choices.iter().any(|choice| value == choice.value.as_str()) {
                return Ok(());
            }
            let known: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
            let (known, got) = (known.join(", "), value.as_str().unwrap_or_default());
            return Err(format!("value of {name} must be one of: {known}, got: {got}{place}"));
        }
        Shape::Int(minimum, maximum) => {
            let number = value.as_i64();
            let is_low = minimum.is_some_and(|bound| number < Some(bound));
            let is_high = maximum.is_some_and(|bound| number > Some(bound));
            if !is_low && !is_high {
                return Ok(());
            }
            (minimum.map(|it| it.to_string()), maximum.map(|it| it.to_string()))
        }
        Shape::Float(minimum, maximum) => {
            let number = value.as_f64();
            let is_low = minimum.is_some_and(|bound| number < Some(bound));
            let is_high = maximum.is_some_and(|bound| number > Some(bound));
            if !is_low && !is_high {
                return Ok(());
            }
            (minimum.map(|it| it.to_string()), maximum.map(|it| it.to_string()))
        }
        _ => return Ok(()),
    };
    let bounds = match (minimum, maximum) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("{least} or more"),
        (None, Some(most)) => format!("{most} or less"),
        (None, None) => return Ok(()),
    };
    Err(format!("value of {name} must be {bounds}, got: {value}{place}"))
}

/// Each option with its aliases, in the order of the alphabet.
fn supported(spec: &ArgumentSpec) -> String {
    let mut names: Vec<String> = spec
        .options
        .iter()
        .map(|option| match option.aliases.join(", ") {
            aliases if aliases.is_empty() => option.name.clone(),
            aliases => format!("{} ({aliases})", option.name),
        })
        .collect();
    names.sort();
    names.join(", ")
}

/// The known name that was probably meant: at most a third of its letters differ.
fn nearest<'a>(spec: &'a ArgumentSpec, typed: &str) -> Option<&'a str> {
    let names = spec.options.iter().flat_map(|it| std::iter::once(&it.name).chain(&it.aliases));
    let measured = names.map(|name| (strsim::damerau_levenshtein(name, typed), name.as_str()));
    let (distance, name) = measured.min()?;
    (distance * 3 <= name.chars().count()).then_some(name)
}

#[cfg(test)]
mod tests;
