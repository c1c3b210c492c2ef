//! JSON schemas, read tolerantly: what is looked for may be there in several forms.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of a type, with everything in place instead of by reference.
pub(super) fn of<T: JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// A schema without its "or null", and whether it had one.
///
/// An optional value is either a list of types with `null` in it, or a choice between the value's schema and `null`.
pub(super) fn without_null(schema: &Value) -> (Value, bool) {
    for word in ["anyOf", "oneOf"] {
        let Some(branches) = schema[word].as_array() else { continue };
        let others: Vec<&Value> = branches.iter().filter(|it| it["type"] != "null").collect();
        if others.len() == branches.len() {
            continue;
        }
        let mut rest = schema.clone();
        if let [only] = others[..] {
            if let Some(object) = rest.as_object_mut() {
                object.shift_remove(word);
                // What is said of the field outweighs what is said of its type.
                for (name, value) in only.as_object().into_iter().flatten() {
                    object.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        } else {
            rest[word] = others.into_iter().cloned().collect();
        }
        return (rest, true);
    }
    let Some(types) = schema["type"].as_array() else { return (schema.clone(), false) };
    let is_null = |it: &Value| it == "null";
    let others: Vec<&Value> = types.iter().filter(|it| !is_null(it)).collect();
    let mut rest = schema.clone();
    if let [only] = others[..] {
        rest["type"] = only.clone();
    }
    if let Some(choices) = rest["enum"].as_array_mut() {
        choices.retain(|choice| !choice.is_null());
    }
    (rest, types.iter().any(is_null))
}

/// The choices of a schema with their descriptions: a plain enumeration, or one constant a branch where they are described.
pub(super) fn choices(schema: &Value) -> Option<Vec<(Value, Option<String>)>> {
    if let Some(constant) = schema.get("const") {
        return Some(vec![(constant.clone(), text(schema, "description"))]);
    }
    if let Some(plain) = schema["enum"].as_array() {
        return Some(plain.iter().map(|choice| (choice.clone(), None)).collect());
    }
    let branches = schema["oneOf"].as_array()?;
    let each: Option<Vec<_>> = branches.iter().map(choices).collect();
    Some(each?.into_iter().flatten().collect())
}

/// A text in a schema.
pub(super) fn text(schema: &Value, name: &str) -> Option<String> {
    schema[name].as_str().map(str::to_owned)
}

/// A list of texts in a schema; empty if there is none.
pub(super) fn texts(schema: &Value, name: &str) -> Vec<String> {
    let list = schema[name].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The paragraphs of a doc comment, each on one line.
pub(super) fn paragraphs(schema: &Value) -> Vec<String> {
    let text = text(schema, "description").unwrap_or_default();
    let folded = text.split("\n\n").map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "));
    folded.filter(|it| !it.is_empty()).collect()
}
