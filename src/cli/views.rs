//! The inventory document as people like to see it.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::arguments::OutputForm;
use super::failure::{Failure, OTHER};
use crate::domain::one_line;

/// Reads a document that this program wrote.
pub(super) fn parse(document: &RawValue) -> Result<Map<String, Value>, Failure> {
    serde_json::from_str(document.get())
        .map_err(|e| Failure::new(OTHER, format!("cannot read the inventory document: {e}")))
}

/// One host's variables.
pub(super) fn host(document: &Map<String, Value>, host: &str) -> Option<Map<String, Value>> {
    hostvars(document)?.get(host)?.as_object().cloned()
}

fn hostvars(document: &Map<String, Value>) -> Option<&Map<String, Value>> {
    document.get("_meta")?.get("hostvars")?.as_object()
}

/// An object in the form asked for; as a table one row a name.
pub(super) fn render(object: &Map<String, Value>, form: OutputForm) -> Result<Vec<u8>, Failure> {
    let fail = |why: String| Failure::new(OTHER, format!("cannot write the answer: {why}"));
    let text = match form {
        OutputForm::Json => {
            let json = serde_json::to_string_pretty(object).map_err(|e| fail(e.to_string()))?;
            format!("{json}\n")
        }
        OutputForm::Yaml => serde_yaml::to_string(object).map_err(|e| fail(e.to_string()))?,
        OutputForm::Table => {
            let mut table = new_table(&["variable", "value"]);
            for (name, value) in object {
                table.add_row([cell_text(name), cell(value)]);
            }
            format!("{table}\n")
        }
    };
    Ok(text.into_bytes())
}

/// One row a host: what an operator asks first.
pub(super) fn table(document: &Map<String, Value>, prefix: &str) -> String {
    const COLUMNS: [&str; 9] = [
        "esg_name",
        "id",
        "state",
        "instanceId",
        "instanceType",
        "availabilityZone",
        "lifecycle",
        "imageId",
        "image_drift",
    ];
    let mut header = vec!["host"];
    header.extend([
        "group",
        "id",
        "state",
        "instance",
        "type",
        "zone",
        "lifecycle",
        "image",
        "drift",
    ]);
    let mut table = new_table(&header);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (host, vars) in hostvars(document).into_iter().flatten() {
        let of = |name: &str| {
            vars.get(format!("{prefix}{name}")).map(cell).unwrap_or_else(|| "-".to_owned())
        };
        let mut row = vec![cell_text(host)];
        row.extend(COLUMNS.iter().map(|name| of(name)));
        if row[1] == "-" {
            row[1] = of("name");
        }
        rows.push(row);
    }
    rows.sort_by(|a, b| (&a[1], &a[0]).cmp(&(&b[1], &b[0])));
    for row in rows {
        table.add_row(row);
    }
    format!("{table}\n")
}

pub(super) fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

/// Text inside a table: what an outsider wrote must not steer the terminal.
pub(super) fn cell_text(text: &str) -> String {
    one_line(text)
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => cell_text(text),
        Value::Object(map) if map.len() == 1 && map.contains_key("__ansible_unsafe") => {
            map.values().map(cell).collect()
        }
        other => cell_text(&other.to_string()),
    }
}

/// The tree of groups and hosts, in the form of `ansible-inventory --graph`.
pub(super) fn graph(document: &Map<String, Value>) -> String {
    let names = |group: &Value, field: &str| -> BTreeSet<String> {
        let list = group.get(field).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let groups: BTreeMap<&String, (BTreeSet<String>, BTreeSet<String>)> = document
        .iter()
        .filter(|(name, _)| *name != "_meta")
        .map(|(name, group)| (name, (names(group, "children"), names(group, "hosts"))))
        .collect();
    let children: BTreeSet<&String> = groups.values().flat_map(|(children, _)| children).collect();
    let mut lines = vec!["@all:".to_owned(), "  |--@ungrouped:".to_owned()];
    for name in groups.keys().filter(|name| !children.contains(*name)) {
        branch(name, &groups, 1, &mut lines);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn branch(
    name: &str,
    groups: &BTreeMap<&String, (BTreeSet<String>, BTreeSet<String>)>,
    depth: usize,
    lines: &mut Vec<String>,
) {
    /// A document cannot nest deeper than its groups are many; a loop would.
    const DEEPEST: usize = 64;
    let indent = |depth: usize| format!("{}  |--", "  |".repeat(depth - 1));
    lines.push(format!("{}@{}:", indent(depth), one_line(name)));
    let Some((children, hosts)) = groups.get(&name.to_owned()) else { return };
    for child in children.iter().filter(|_| depth < DEEPEST) {
        branch(child, groups, depth + 1, lines);
    }
    lines.extend(hosts.iter().map(|host| format!("{}{}", indent(depth + 1), one_line(host))));
}
