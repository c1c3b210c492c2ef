//! Reading single fields of an object.

use serde_json::{Map, Value};

use crate::domain::VendorTime;
use crate::spot::envelope::excerpt;

/// An object being read. A field of another type than expected counts as absent and is an oddity.
pub(super) struct Fields<'a> {
    /// What the object is, for oddities.
    label: &'a str,
    object: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(label: &'a str, object: &'a Map<String, Value>) -> Self {
        Self { label, object: Some(object) }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.object?.get(key).filter(|value| !value.is_null())
    }

    /// What the object is, for oddities of the reader's own.
    pub(super) fn label(&self) -> &str {
        self.label
    }

    /// Whether the key is there, with null as its value.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.object.and_then(|object| object.get(key)).is_some_and(Value::is_null)
    }

    /// A text; the vendor sends ids now and then as numbers. Blank is absent.
    pub(super) fn text(&self, key: &str, oddities: &mut Vec<String>) -> Option<String> {
        match self.get(key)? {
            Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => self.odd(key, "a text", oddities),
        }
    }

    /// A moment, in whichever spelling.
    pub(super) fn time(&self, key: &str, oddities: &mut Vec<String>) -> Option<VendorTime> {
        self.text(key, oddities).map(VendorTime::new)
    }

    /// A switch; also as a text in any case, as the vendor's Python tools write it.
    pub(super) fn switch(&self, key: &str, oddities: &mut Vec<String>) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(on) => Some(*on),
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => self.odd(key, "true or false", oddities),
        }
    }

    /// An object; an absent one reads as one without fields.
    pub(super) fn object(&self, key: &str, oddities: &mut Vec<String>) -> Fields<'a> {
        let object = match self.get(key) {
            None => None,
            Some(Value::Object(object)) => Some(object),
            Some(_) => self.odd(key, "an object", oddities),
        };
        Fields { label: self.label, object }
    }

    /// The objects of a list; one object alone stands for a list of one.
    pub(super) fn objects(&self, key: &str, oddities: &mut Vec<String>) -> Vec<Fields<'a>> {
        let values = match self.get(key) {
            None => return Vec::new(),
            Some(Value::Array(values)) => values.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            Some(_) => self.odd(key, "a list", oddities).unwrap_or_default(),
        };
        let mut objects = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::Object(object) => {
                    objects.push(Fields { label: self.label, object: Some(object) })
                }
                Value::Null => {}
                _ => {
                    let _: Option<()> = self.odd(key, "a list of objects", oddities);
                }
            }
        }
        objects
    }

    /// The texts of a list, blank ones left out; one text alone stands for a list of one.
    pub(super) fn texts(&self, key: &str, oddities: &mut Vec<String>) -> Vec<String> {
        let values = match self.get(key) {
            None => return Vec::new(),
            Some(Value::Array(values)) => values.as_slice(),
            Some(one @ Value::String(_)) => std::slice::from_ref(one),
            Some(_) => self.odd(key, "a list", oddities).unwrap_or_default(),
        };
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::String(text) if text.trim().is_empty() => {}
                Value::String(text) => texts.push(text.clone()),
                Value::Null => {}
                _ => {
                    let _: Option<()> = self.odd(key, "a list of texts", oddities);
                }
            }
        }
        texts
    }

    fn odd<T>(&self, key: &str, expected: &str, oddities: &mut Vec<String>) -> Option<T> {
        oddities.push(format!("{key} of {} is not {expected}: ignored", self.label));
        None
    }
}

/// `kind id` for oddities.
pub(super) fn label(kind: &str, id: Option<&str>) -> String {
    id.map_or_else(|| format!("{kind} without id"), |id| format!("{kind} {}", excerpt(id, "")))
}

/// The first of `keys` that holds an id; read before there is a label.
pub(super) fn id_of(object: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| Fields::new("", object).text(key, &mut Vec::new()))
}
