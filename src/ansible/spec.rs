//! The options of a module, as its argument type describes them.

use schemars::JsonSchema;
use serde_json::Value;
use thiserror::Error;

use super::emptiness::Emptiness;
use super::schema;

/// The options of a module, or those inside one option.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArgumentSpec {
    /// The paragraphs of the type's doc comment.
    pub description: Vec<String>,
    /// The options in the order of the type's fields.
    pub options: Vec<OptionSpec>,
    /// Of each set at most one option may be given.
    pub mutually_exclusive: Vec<Vec<String>>,
    /// Of each set all options or none must be given.
    pub required_together: Vec<Vec<String>>,
    /// Of each set at least one option must be given.
    pub required_one_of: Vec<Vec<String>>,
    /// If the option has the value, the others must be given.
    pub required_if: Vec<(String, Value, Vec<String>)>,
}

/// One option.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionSpec {
    /// Its name.
    pub name: String,
    /// Other names that mean it.
    pub aliases: Vec<String>,
    /// The paragraphs of the field's doc comment.
    pub description: Vec<String>,
    /// What it holds.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: bool,
    /// What it is if not given.
    pub default: Option<Value>,
    /// Whether its value is a secret; told also where it is none and its name sounds so.
    pub no_log: Option<bool>,
    /// What it means if it is given and empty.
    pub emptiness: Emptiness,
    /// Variables of the environment that stand in for it; documentation only.
    pub environment: Vec<String>,
    /// The collection's version in which it appeared, if that is later than the module's.
    pub version_added: Option<String>,
}

/// What an option holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Text; one of the choices if there are any.
    Str(Vec<Choice>),
    /// A path, in which `~` and variables may stand.
    Path,
    /// A whole number within bounds.
    Int(Option<i64>, Option<i64>),
    /// A number within bounds.
    Float(Option<f64>, Option<f64>),
    /// Yes or no.
    Bool,
    /// A list of that.
    List(Box<Shape>),
    /// A mapping of free names to that.
    Dict(Box<Shape>),
    /// A mapping of known names.
    Options(ArgumentSpec),
    /// Anything, taken as it is.
    Raw,
}

/// One of the texts that an option may hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The text.
    pub value: String,
    /// The paragraphs of the variant's doc comment.
    pub description: Option<String>,
}

/// What an argument type says that no Ansible option can be.
#[derive(Debug, PartialEq, Error)]
#[error("option {option} {problem}")]
pub struct SpecError {
    option: String,
    problem: String,
}

impl ArgumentSpec {
    /// Reads the schema of an argument type.
    ///
    /// # Errors
    ///
    /// A field that is neither optional nor required nor has a default (the schema leaves out the default of a type that
    /// is not `Serialize`), a type that is no type of Ansible's, or a group that names no option.
    pub fn of<T: JsonSchema>() -> Result<Self, SpecError> {
        Self::read(&schema::of::<T>())
    }

    fn read(schema: &Value) -> Result<Self, SpecError> {
        let required = schema::texts(schema, "required");
        let fields = schema["properties"].as_object().into_iter().flatten();
        let options = fields.map(|(name, field)| option(name, field, required.contains(name)));
        let spec = Self {
            description: schema::paragraphs(schema),
            options: options.collect::<Result<_, _>>()?,
            mutually_exclusive: sets(schema, "x-mutually-exclusive"),
            required_together: sets(schema, "x-required-together"),
            required_one_of: sets(schema, "x-required-one-of"),
            required_if: conditions(schema),
        };
        spec.check_names()?;
        Ok(spec)
    }

    /// The option of this name or alias.
    pub fn option(&self, name: &str) -> Option<&OptionSpec> {
        let is_it = |it: &&OptionSpec| it.name == name || it.aliases.iter().any(|it| it == name);
        self.options.iter().find(is_it)
    }

    fn check_names(&self) -> Result<(), SpecError> {
        let mut names = std::collections::BTreeSet::new();
        for option in &self.options {
            for name in std::iter::once(&option.name).chain(&option.aliases) {
                if !names.insert(name.as_str()) {
                    return Err(fault(name, "is there twice, as name or alias"));
                }
            }
        }
        let sets = [&self.mutually_exclusive, &self.required_together, &self.required_one_of];
        let conditions = self.required_if.iter();
        let conditional = conditions.flat_map(|(option, _, others)| others.iter().chain([option]));
        for name in sets.into_iter().flatten().flatten().chain(conditional) {
            if !self.options.iter().any(|option| &option.name == name) {
                return Err(fault(name, "is in a group and does not exist"));
            }
        }
        Ok(())
    }
}

fn fault(option: &str, problem: impl Into<String>) -> SpecError {
    SpecError { option: option.to_owned(), problem: problem.into() }
}

fn sets(schema: &Value, name: &str) -> Vec<Vec<String>> {
    let sets = schema[name].as_array().into_iter().flatten();
    sets.map(|set| {
        let names = set.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    })
    .collect()
}

fn conditions(schema: &Value) -> Vec<(String, Value, Vec<String>)> {
    let conditions = schema["x-required-if"].as_array().into_iter().flatten();
    let read = |it: &Value| {
        let others = it[2].as_array()?.iter().filter_map(Value::as_str).map(str::to_owned);
        Some((it[0].as_str()?.to_owned(), it[1].clone(), others.collect()))
    };
    conditions.filter_map(read).collect()
}

fn option(name: &str, field: &Value, required: bool) -> Result<OptionSpec, SpecError> {
    let (schema, nullable) = schema::without_null(field);
    let default = field.get("default").filter(|value| !value.is_null()).cloned();
    let shape = shape(name, &schema)?;
    if !required && !nullable && default.is_none() && shape != Shape::Raw {
        let problem = "is neither required nor optional nor has a default that its schema shows; make its type \
                       Serialize, or an Option";
        return Err(fault(name, problem));
    }
    Ok(OptionSpec {
        name: name.to_owned(),
        aliases: schema::texts(&schema, "x-aliases"),
        description: schema::paragraphs(&schema),
        shape,
        required,
        default,
        no_log: schema["x-no-log"].as_bool(),
        emptiness: emptiness(&schema),
        environment: schema::texts(&schema, "x-env"),
        version_added: schema::text(&schema, "x-version-added"),
    })
}

fn emptiness(schema: &Value) -> Emptiness {
    match schema::text(schema, "x-refuses-empty") {
        Some(left_out) => Emptiness::Refused(left_out),
        None if schema["x-keeps-empty"] == true => Emptiness::Kept,
        None => Emptiness::Unset,
    }
}

fn shape(name: &str, schema: &Value) -> Result<Shape, SpecError> {
    if schema["x-type"] == "path" {
        return Ok(Shape::Path);
    }
    if schema["x-type"] == "raw" {
        return Ok(Shape::Raw);
    }
    if let Some(choices) = schema::choices(schema) {
        let texts = choices.into_iter().map(|(value, description)| match value {
            Value::String(value) => Ok(Choice { value, description }),
            _ => Err(fault(name, "has a choice that is no text")),
        });
        return Ok(Shape::Str(texts.collect::<Result<_, _>>()?));
    }
    match schema["type"].as_str() {
        Some("string") => Ok(Shape::Str(Vec::new())),
        Some("integer") => Ok(Shape::Int(bound(schema, "minimum"), bound(schema, "maximum"))),
        Some("number") => Ok(Shape::Float(schema["minimum"].as_f64(), schema["maximum"].as_f64())),
        Some("boolean") => Ok(Shape::Bool),
        Some("array") => {
            let (items, _) = schema::without_null(&schema["items"]);
            Ok(Shape::List(Box::new(shape(name, &items)?)))
        }
        Some("object") if schema.get("properties").is_some() => {
            Ok(Shape::Options(ArgumentSpec::read(schema)?))
        }
        Some("object") => {
            let values = &schema["additionalProperties"];
            let values = if values.is_object() { values } else { &Value::Bool(true) };
            let (values, _) = schema::without_null(values);
            Ok(Shape::Dict(Box::new(shape(name, &values)?)))
        }
        None => Ok(Shape::Raw),
        Some(other) => {
            Err(fault(name, format!("has the type {other}, which Ansible does not know")))
        }
    }
}

/// A bound beyond 64 bits bounds nothing.
fn bound(schema: &Value, name: &str) -> Option<i64> {
    schema[name].as_i64().or_else(|| match schema["format"].as_str() {
        Some("int32") if name == "minimum" => Some(i64::from(i32::MIN)),
        Some("int32") => Some(i64::from(i32::MAX)),
        Some("uint32") if name == "maximum" => Some(i64::from(u32::MAX)),
        _ => None,
    })
}
