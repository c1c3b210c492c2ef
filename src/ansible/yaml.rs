//! JSON values as block YAML, in the form that Ansible's documentation is written in.

use serde_json::{Map, Value};

/// Longer texts are folded.
const WIDTH: usize = 110;

/// The mapping as YAML, indented by two blanks a level.
pub(super) fn document(map: &Map<String, Value>) -> String {
    let mut text = String::new();
    mapping(&mut text, map, 0);
    text
}

fn mapping(out: &mut String, map: &Map<String, Value>, depth: usize) {
    for (name, value) in map {
        out.push_str(&"  ".repeat(depth));
        out.push_str(&scalar(name));
        out.push(':');
        beside(out, value, depth);
    }
}

/// What follows a name: on its line if it is short, below it otherwise.
fn beside(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            mapping(out, map, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => list(out, items, depth),
        other => leaf(out, other, depth),
    }
}

fn list(out: &mut String, items: &[Value], depth: usize) {
    let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    if let Some(words) = words.filter(|words| words.iter().all(|word| is_word(word))) {
        let line = words.join(", ");
        if line.len() < WIDTH {
            out.push_str(&format!(" [{line}]\n"));
            return;
        }
    }
    out.push('\n');
    for item in items {
        out.push_str(&"  ".repeat(depth + 1));
        out.push('-');
        match item {
            Value::Object(map) if !map.is_empty() => {
                let mut inner = String::new();
                mapping(&mut inner, map, depth + 2);
                // The first name stands on the dash's line.
                out.push(' ');
                out.push_str(inner.trim_start());
            }
            Value::Array(_) => out.push_str(&format!(" {item}\n")),
            other => leaf(out, other, depth + 1),
        }
    }
}

fn leaf(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::String(text) if text.len() + 2 * depth > WIDTH && is_foldable(text) => {
            out.push_str(" >-\n");
            for line in folded(text, WIDTH.saturating_sub(2 * depth)) {
                out.push_str(&"  ".repeat(depth + 1));
                out.push_str(&line);
                out.push('\n');
            }
        }
        Value::String(text) => out.push_str(&format!(" {}\n", scalar(text))),
        other => out.push_str(&format!(" {other}\n")),
    }
}

/// Folding keeps words apart by one blank only.
fn is_foldable(text: &str) -> bool {
    !text.contains('\n') && !text.contains("  ") && text.trim() == text
}

fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text that stands for itself in any place.
fn is_word(text: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    // A single letter is a truth value in the YAML that Ansible reads.
    let reserved = ["true", "false", "yes", "no", "y", "n", "on", "off", "null"];
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_fine)
        && !reserved.contains(&text.to_ascii_lowercase().as_str())
}

/// A text on one line, quoted unless it can only be read as itself.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || " _-./,()=;+'".contains(c);
    let words = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_plain)
        && text.trim() == text;
    if is_word(text) || (words && text.contains(' ')) {
        return text.to_owned();
    }
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> String {
        document(value.as_object().unwrap())
    }

    #[test]
    fn a_document_reads_like_one_written_by_hand() {
        let long = "word ".repeat(40);
        let value = json!({
            "module": "x", "description": ["One: two.", long.trim()], "empty": [], "count": 5, "required": true,
            "options": {"state": {"choices": ["a", "b"], "default": "yes"}}, "list": [{"a": 1, "b": "c d"}],
        });
        let text = written(&value);
        assert!(
            text.starts_with("module: x\ndescription:\n  - \"One: two.\"\n  - >-\n    word word"),
            "{text}"
        );
        assert!(text.contains("\nempty: []\ncount: 5\nrequired: true\n"), "{text}");
        assert!(text.contains("    choices: [a, b]\n    default: \"yes\"\n"), "{text}");
        assert!(text.ends_with("list:\n  - a: 1\n    b: c d\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= WIDTH + 8), "{text}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            texts in prop::collection::vec("[ -~\n\t{}:#'\"é]{0,160}", 1..6), number in any::<i64>(),
        ) {
            let value = json!({"texts": texts, "in": {"text": texts[0], "n": number}, "maps": [{"a": texts[0], "b": []}]});
            let read: Value = serde_yaml::from_str(&written(&value)).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
