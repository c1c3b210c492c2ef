//! What an inventory document shows, in words; taken from the document, so the words stay true.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The document with one host in full, the one with most to tell, and every group.
pub(crate) fn shortened(document: &Value) -> String {
    let hosts = hosts(document);
    let told =
        |(_, vars): &(&String, &Value)| (is_drifting(vars), vars.as_object().map_or(0, Map::len));
    // Of equals the first one: the listing is sorted by name.
    let chosen = hosts.iter().rev().max_by_key(|host| told(host));
    let mut short = document.clone();
    if let Some((name, vars)) = chosen {
        short["_meta"]["hostvars"] = json!({ name.as_str(): vars });
        let others = hosts.len() - 1;
        short["_meta"]["hostvars"]["..."] = json!(format!("and {others} more hosts alike"));
    }
    with_short_lists(&serde_json::to_string_pretty(&short).unwrap_or_default())
}

/// Puts each list of plain texts on one line.
fn with_short_lists(json: &str) -> String {
    let mut out = String::new();
    let mut lines = json.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        let is_list_of_texts = line.ends_with('[')
            && lines.peek().is_some_and(|next| next.trim_start().starts_with('"'));
        if is_list_of_texts {
            for item in lines.by_ref().map(str::trim) {
                out.push_str(item);
                if item.starts_with(']') {
                    break;
                }
                out.push_str(if item.ends_with(',') { " " } else { "" });
            }
        }
        out.push('\n');
    }
    out
}

/// One line for each thing worth a look.
pub(crate) fn explain(document: &Value, first: &[String], second: &[String]) -> Vec<String> {
    let hosts = hosts(document);
    let clusters = distinct(&hosts, "spotinst_esg_name");
    let regions = distinct(&hosts, "spotinst_region");
    let mut lines = vec![
        format!(
            "{} clusters ({}): each is a group by its id (sig-...) and by its name, so a play can \
             say `hosts: {}`.",
            clusters.len(),
            join(&clusters),
            clusters.first().copied().unwrap_or_default()
        ),
        format!("{} regions in one listing: {}.", regions.len(), join(&regions)),
    ];
    for (name, vars) in &hosts {
        let state = text(vars, "spotinst_state");
        if !state.is_empty() && state != "ACTIVE" {
            lines.push(format!(
                "{name} of {} is {state}, and stays listed: the node that is missing is the one you \
                 look for. A host without an address goes by its stateful id.",
                text(vars, "spotinst_esg_name")
            ));
        }
        if is_drifting(vars) {
            lines.push(format!(
                "{name} of {} runs {} while its group would start {}: spotinst_image_drift is true, \
                 the AMI has yet to be rolled through.",
                text(vars, "spotinst_esg_name"),
                text(vars, "spotinst_imageId"),
                text(vars, "spotinst_esg_imageId")
            ));
        }
    }
    let floating: BTreeSet<&str> = hosts
        .iter()
        .filter(|(_, vars)| vars["spotinst_persistence"]["privateIp"] == false)
        .map(|(_, vars)| text(vars, "spotinst_esg_name"))
        .collect();
    if !floating.is_empty() {
        lines.push(format!(
            "{} does not persist its private address, so the vendor's list has none; it was asked \
             for separately, and ansible_host holds the one of now.",
            join(&floating.into_iter().collect::<Vec<_>>())
        ));
    }
    let again = match second.len() {
        0 => "none, as the answer was in the cache".to_owned(),
        calls => calls.to_string(),
    };
    let calls: String = first.iter().map(|call| format!("\n      {call}")).collect();
    lines.push(format!(
        "Calls of the first command: {}; of the second: {again}. A group without stateful instances \
         cost no call of its own:{calls}",
        first.len()
    ));
    lines
}

fn is_drifting(vars: &Value) -> bool {
    vars["spotinst_image_drift"] == true
}

fn hosts(document: &Value) -> Vec<(&String, &Value)> {
    document["_meta"]["hostvars"].as_object().map(|all| all.iter().collect()).unwrap_or_default()
}

fn distinct<'a>(hosts: &[(&String, &'a Value)], variable: &str) -> Vec<&'a str> {
    let all: BTreeSet<&str> = hosts.iter().map(|(_, vars)| text(vars, variable)).collect();
    all.into_iter().filter(|value| !value.is_empty()).collect()
}

fn text<'a>(vars: &'a Value, variable: &str) -> &'a str {
    vars[variable].as_str().unwrap_or_default()
}

fn join(words: &[&str]) -> String {
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({
            "_meta": {"hostvars": {
                "10.0.0.1": {
                    "spotinst_esg_name": "kafka", "spotinst_region": "eu-west-1", "spotinst_state": "ACTIVE",
                    "spotinst_image_drift": true, "spotinst_imageId": "ami-1", "spotinst_esg_imageId": "ami-2",
                },
                "ssi-2": {
                    "spotinst_esg_name": "logs", "spotinst_region": "us-east-1", "spotinst_state": "PAUSED",
                    "spotinst_persistence": {"privateIp": false}, "more": 1, "still_more": 1, "most": 1,
                },
            }},
            "kafka": {"hosts": ["10.0.0.1", "ssi-2"]},
        })
    }

    #[test]
    fn the_drifting_host_is_shown_in_full_and_lists_take_one_line() {
        let short = shortened(&document());
        assert!(short.contains("\"spotinst_imageId\": \"ami-1\""), "{short}");
        assert!(short.contains("\"hosts\": [\"10.0.0.1\", \"ssi-2\"]\n"), "{short}");
        assert!(short.contains("and 1 more hosts alike"), "{short}");
        assert!(!short.contains("PAUSED"), "{short}");
    }

    #[test]
    fn every_oddity_gets_a_line() {
        let lines = explain(&document(), &["GET /aws/ec2/group".to_owned()], &[]).join("\n");
        for words in [
            "2 clusters (kafka, logs)",
            "2 regions",
            "10.0.0.1 of kafka runs ami-1",
            "ssi-2 of logs is PAUSED",
            "logs does not persist",
            "first command: 1; of the second: none",
            "      GET /aws/ec2/group",
        ] {
            assert!(lines.contains(words), "{words:?} is not in:\n{lines}");
        }
    }
}
