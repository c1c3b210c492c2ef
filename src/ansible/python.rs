//! A module's options as Python's `AnsibleModule` takes them: for Ansible's own checks, and for the day when the program
//! is missing and its documentation is run in its stead.

use serde_json::{Map, Value, json};

use super::coerce::type_name;
use super::docs::is_telling;
use super::spec::{ArgumentSpec, OptionSpec, Shape};

/// Longer values are spread over lines.
const WIDTH: usize = 120;

/// The keyword arguments of `AnsibleModule`, one or more lines each.
pub(super) fn keywords(spec: &ArgumentSpec) -> String {
    let mut arguments = groups(spec);
    arguments.insert("argument_spec".to_owned(), options(spec));
    arguments.insert("supports_check_mode".to_owned(), json!(true));
    arguments.sort_keys();
    let lines = arguments.iter();
    lines.map(|(name, value)| format!("        {name}={},\n", literal(value, 8))).collect()
}

fn groups(spec: &ArgumentSpec) -> Map<String, Value> {
    let mut groups = Map::new();
    for (name, sets) in [
        ("mutually_exclusive", &spec.mutually_exclusive),
        ("required_together", &spec.required_together),
        ("required_one_of", &spec.required_one_of),
    ] {
        if !sets.is_empty() {
            groups.insert(name.to_owned(), json!(sets));
        }
    }
    if !spec.required_if.is_empty() {
        groups.insert("required_if".to_owned(), json!(spec.required_if));
    }
    groups
}

fn options(spec: &ArgumentSpec) -> Value {
    let options = spec.options.iter();
    Value::Object(options.map(|it| (it.name.clone(), Value::Object(option(it)))).collect())
}

fn option(option: &OptionSpec) -> Map<String, Value> {
    let mut described = Map::new();
    described.insert("type".to_owned(), json!(type_name(&option.shape)));
    put_inside(&mut described, &option.shape);
    if option.required {
        described.insert("required".to_owned(), json!(true));
    }
    if let Some(default) = option.default.as_ref().filter(|it| is_telling(it)) {
        described.insert("default".to_owned(), default.clone());
    }
    if !option.aliases.is_empty() {
        described.insert("aliases".to_owned(), json!(option.aliases));
    }
    if let Some(no_log) = option.no_log {
        described.insert("no_log".to_owned(), json!(no_log));
    }
    described
}

fn put_inside(described: &mut Map<String, Value>, shape: &Shape) {
    match shape {
        Shape::List(element) => {
            described.insert("elements".to_owned(), json!(type_name(element)));
            put_inside(described, element);
        }
        Shape::Options(spec) => {
            described.insert("options".to_owned(), options(spec));
            described.extend(groups(spec));
        }
        Shape::Str(choices) if !choices.is_empty() => {
            let choices: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
            described.insert("choices".to_owned(), json!(choices));
        }
        _ => {}
    }
}

/// A value in Python, of which the lines after the first are indented by so much.
fn literal(value: &Value, indent: usize) -> String {
    let flat = flat(value);
    if indent + flat.len() <= WIDTH {
        return flat;
    }
    let (open, items, close) = match value {
        Value::Object(map) => {
            let each = map.iter();
            let each = each.map(|(name, it)| format!("'{name}': {}", literal(it, indent + 4)));
            ('{', each.collect::<Vec<_>>(), '}')
        }
        Value::Array(items) => ('[', items.iter().map(|it| literal(it, indent + 4)).collect(), ']'),
        _ => return flat,
    };
    let inner = " ".repeat(indent + 4);
    let lines: String = items.iter().map(|item| format!("{inner}{item},\n")).collect();
    format!("{open}\n{lines}{}{close}", " ".repeat(indent))
}

fn flat(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let each = map.iter().map(|(name, it)| format!("{}: {}", quoted(name), flat(it)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_python_reads_them() {
        let value = json!({"a": [true, null, 1.5], "b": "it's \\ so\n"});
        assert_eq!(literal(&value, 0), r"{'a': [True, None, 1.5], 'b': 'it\'s \\ so\n'}");
        let long = json!({"words": ["a".repeat(70), "b".repeat(70)], "n": 1});
        let (a, b) = ("a".repeat(70), "b".repeat(70));
        let spread = format!(
            "{{\n        'words': [\n            '{a}',\n            '{b}',\n        ],\n        'n': 1,\n    }}"
        );
        assert_eq!(literal(&long, 4), spread);
    }
}
