//! Values as Ansible converts them: what was typed in a playbook or on the command line becomes what is meant.

use serde_json::{Map, Number, Value};

use super::spec::Shape;

const TRUE: [&str; 6] = ["y", "yes", "on", "1", "true", "t"];
const FALSE: [&str; 6] = ["n", "no", "off", "0", "false", "f"];

/// What Ansible calls the shape.
pub(super) fn type_name(shape: &Shape) -> &'static str {
    match shape {
        Shape::Str(_) => "str",
        Shape::Path => "path",
        Shape::Int(..) => "int",
        Shape::Float(..) => "float",
        Shape::Bool => "bool",
        Shape::List(_) => "list",
        Shape::Dict(_) | Shape::Options(_) => "dict",
        Shape::Raw => "raw",
    }
}

/// How Python names the type of the value.
pub(super) fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<class 'NoneType'>",
        Value::Bool(_) => "<class 'bool'>",
        Value::Number(number) if number.is_f64() => "<class 'float'>",
        Value::Number(_) => "<class 'int'>",
        Value::String(_) => "<class 'str'>",
        Value::Array(_) => "<class 'list'>",
        Value::Object(_) => "<class 'dict'>",
    }
}

/// A text, number or truth; the error says why not.
pub(super) fn scalar(shape: &Shape, value: &Value) -> Result<Value, String> {
    let refused = || {
        let article = if matches!(shape, Shape::Int(..)) { "an" } else { "a" };
        Err(format!("{} cannot be converted to {article} {}", shown(value), type_name(shape)))
    };
    match shape {
        Shape::Str(_) | Shape::Path => text(value).map(Value::String).map_or_else(refused, Ok),
        Shape::Int(..) => whole(value).map(Value::from).map_or_else(refused, Ok),
        Shape::Float(..) => float(value).map(Value::Number).map_or_else(refused, Ok),
        Shape::Bool => match truth(value) {
            Some(truth) => Ok(Value::Bool(truth)),
            None => Err(format!(
                "the value {} is not a valid boolean; valid ones are {}",
                shown(value),
                [TRUE, FALSE].concat().join(", ")
            )),
        },
        Shape::List(_) | Shape::Dict(_) | Shape::Options(_) | Shape::Raw => Ok(value.clone()),
    }
}

/// Scalars are told in full, the rest by its type.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) | Value::Null => python_type(value).to_owned(),
        other => other.to_string(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        // As Python writes them.
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, also one that was typed as a text or with a fraction of zero.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| without_fraction(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| without_fraction(text.parse().ok()?))
        }
        _ => None,
    }
}

/// Beyond this a float does not hold every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

#[expect(clippy::cast_possible_truncation, reason = "only whole numbers within bounds get there")]
fn without_fraction(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

fn float(value: &Value) -> Option<Number> {
    let float = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Number::from_f64(float?)
}

fn truth(value: &Value) -> Option<bool> {
    let word = match value {
        Value::Bool(truth) => return Some(*truth),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Number(number) if number.as_f64() == Some(1.0) => "1".to_owned(),
        Value::Number(number) if number.as_f64() == Some(0.0) => "0".to_owned(),
        _ => return None,
    };
    match () {
        () if TRUE.contains(&word.as_str()) => Some(true),
        () if FALSE.contains(&word.as_str()) => Some(false),
        () => None,
    }
}

/// A list; a text is split at its commas, or read as JSON if it is a JSON list; any other scalar is a list of itself. An element
/// that is null is refused: it is a variable that is not set, and leaving it out could ask for less.
pub(super) fn list(value: &Value) -> Result<Vec<Value>, String> {
    let items = untested(value)?;
    match items.iter().position(Value::is_null) {
        Some(place) => {
            Err(format!("element {} of {} is null, so take it out", place + 1, items.len()))
        }
        None => Ok(items),
    }
}

fn untested(value: &Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(items) => Ok(items.clone()),
        Value::String(text) => {
            if text.trim_start().starts_with('[')
                && let Ok(items) = serde_json::from_str(text)
            {
                return Ok(items);
            }
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Ok(parts.map(Value::from).collect())
        }
        Value::Number(number) => Ok(vec![Value::String(number.to_string())]),
        Value::Null | Value::Bool(_) | Value::Object(_) => {
            Err(format!("{} cannot be converted to a list", python_type(value)))
        }
    }
}

/// A mapping; a text is read as JSON, or as `name=value` pairs between commas or blanks.
pub(super) fn dict(value: &Value) -> Result<Map<String, Value>, String> {
    let text = match value {
        Value::Object(map) => return Ok(map.clone()),
        Value::String(text) => text.trim(),
        _ => return Err(format!("{} cannot be converted to a dict", python_type(value))),
    };
    if text.starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|_| "unable to evaluate string as dictionary".to_owned());
    }
    if !text.contains('=') {
        return Err("dictionary requested, could not parse JSON or key=value".to_owned());
    }
    let pair = |field: String| {
        let (name, value) = field.split_once('=')?;
        Some((name.to_owned(), Value::from(value)))
    };
    let pairs: Option<Map<String, Value>> = fields(text).into_iter().map(pair).collect();
    let why = "unable to evaluate string in the \"key=value\" format as dictionary";
    pairs.ok_or_else(|| why.to_owned())
}

/// The words of a text between commas and blanks; quotes and backslashes protect both.
fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut field, mut quote) = (Vec::new(), String::new(), None);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', _) => field.extend(characters.next()),
            ('\'' | '"', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            (',' | ' ', None) => fields.push(std::mem::take(&mut field)),
            _ => field.push(character),
        }
    }
    fields.push(field);
    fields.retain(|field| !field.is_empty());
    fields
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const INT: Shape = Shape::Int(None, None);
    const STR: Shape = Shape::Str(Vec::new());

    #[test]
    fn scalars_are_converted_as_ansible_does() {
        let float = Shape::Float(None, None);
        for (shape, typed, meant) in [
            (&INT, json!(5), json!(5)),
            (&INT, json!("5"), json!(5)),
            (&INT, json!(" -7 "), json!(-7)),
            (&INT, json!("5.0"), json!(5)),
            (&INT, json!(5.0), json!(5)),
            (&float, json!("0.5"), json!(0.5)),
            (&float, json!(2), json!(2.0)),
            (&STR, json!(5), json!("5")),
            (&STR, json!(true), json!("True")),
            (&STR, json!(null), json!("")),
            (&Shape::Path, json!("~/x"), json!("~/x")),
            (&Shape::Bool, json!("yes"), json!(true)),
            (&Shape::Bool, json!("No"), json!(false)),
            (&Shape::Bool, json!("ON"), json!(true)),
            (&Shape::Bool, json!(1), json!(true)),
            (&Shape::Bool, json!(0.0), json!(false)),
            (&Shape::Raw, json!({"a": [1]}), json!({"a": [1]})),
        ] {
            assert_eq!(scalar(shape, &typed), Ok(meant), "{shape:?} {typed}");
        }
    }

    #[test]
    fn what_cannot_be_converted_is_told() {
        for (shape, typed, words) in [
            (&INT, json!("5x"), "\"5x\" cannot be converted to an int"),
            (&INT, json!(5.5), "5.5 cannot be converted to an int"),
            (&INT, json!(true), "true cannot be converted to an int"),
            (&INT, json!("1e300"), "cannot be converted to an int"),
            (&INT, json!([1]), "<class 'list'> cannot be converted to an int"),
            (&STR, json!({}), "<class 'dict'> cannot be converted to a str"),
            (&Shape::Float(None, None), json!("nan"), "cannot be converted to a float"),
            (&Shape::Bool, json!("maybe"), "the value \"maybe\" is not a valid boolean"),
            (&Shape::Bool, json!(2), "not a valid boolean"),
        ] {
            let why = scalar(shape, &typed).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn lists_and_mappings_may_be_typed_as_text() {
        for (typed, meant) in [
            (json!("a, b,,c"), json!(["a", "b", "c"])),
            (json!("[1, \"b\"]"), json!([1, "b"])),
            (json!("[a"), json!(["[a"])),
            (json!(5), json!(["5"])),
        ] {
            assert_eq!(list(&typed).map(Value::Array), Ok(meant), "{typed}");
        }
        for holed in [json!([1, null, "x"]), json!([null]), json!("[1, null]")] {
            let why = list(&holed).unwrap_err();
            assert!(why.contains("is null, so take it out"), "{holed}: {why}");
        }
        for (typed, meant) in [
            (json!("{\"a\": 1}"), json!({"a": 1})),
            (json!("a=1, b=2"), json!({"a": "1", "b": "2"})),
            (json!("a='x, y' b=c\\ d"), json!({"a": "x, y", "b": "c d"})),
            (json!("a=b=c"), json!({"a": "b=c"})),
        ] {
            assert_eq!(dict(&typed).map(Value::Object), Ok(meant), "{typed}");
        }
        for wrong in [json!("x"), json!("{x"), json!("a=1 b"), json!([]), json!(1)] {
            assert!(dict(&wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_number_survives_being_typed_as_text(number in any::<i64>()) {
            prop_assert_eq!(scalar(&INT, &json!(number.to_string())), Ok(json!(number)));
            prop_assert_eq!(scalar(&INT, &json!(number)), Ok(json!(number)));
        }

        #[test]
        fn no_text_breaks_a_conversion(text in ".*") {
            let typed = json!(text);
            for shape in [&INT, &STR, &Shape::Bool, &Shape::Float(None, None), &Shape::Path] {
                let once = scalar(shape, &typed);
                if let Ok(value) = &once {
                    prop_assert_eq!(scalar(shape, value), once.clone(), "converting again changes nothing");
                }
            }
            let _ = (list(&typed), dict(&typed));
        }
    }
}
