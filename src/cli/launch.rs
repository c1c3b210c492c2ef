//! The commands `launch` and `fleet list`: plain spot instances beside the managed groups.

use serde_json::{Map, Value, json};

use super::arguments::{
    FleetArguments, FleetCommand, FleetListArguments, LaunchArguments, OutputForm,
};
use super::failure::{Failure, REFUSED, USAGE};
use super::views::{cell_text, new_table};
use super::{asked, consent, output};
use crate::drive::Environment;

const MODULE: &str = "spot_launch";

const TERMINATED: &str = "terminated";

/// Runs `launch`.
pub(super) fn run(arguments: &LaunchArguments, environment: &Environment) -> Result<(), Failure> {
    let mut options = match asked::yaml(&arguments.file)? {
        Value::Object(options) => options,
        _ => {
            let shown = arguments.file.display();
            return Err(Failure::new(USAGE, format!("{shown} holds no mapping of options")));
        }
    };
    if let Some(name) = &arguments.name {
        options.insert("name".to_owned(), json!(name));
    }
    for (name, count) in [("count", arguments.count), ("exact_count", arguments.exact_count)] {
        if let Some(count) = count {
            options.shift_remove(if name == "count" { "exact_count" } else { "count" });
            options.insert(name.to_owned(), json!(count));
        }
    }
    aws(&mut options, &arguments.aws.region, &arguments.aws.aws_profile);
    let mut foreseen = options.clone();
    foreseen.insert("_ansible_check_mode".to_owned(), json!(true));
    if arguments.check || !arguments.yes {
        let plan = asked::module(MODULE, foreseen, environment)?;
        let said = plan.get("msg").and_then(Value::as_str).unwrap_or("nothing to do").to_owned();
        if arguments.check {
            return give(plan, arguments.output, "would terminate");
        }
        // Where nothing is to be changed there is nothing to consent to, and what starts is waited for and what was cut off settled.
        if plan.get("changed") == Some(&Value::Bool(true)) {
            output::talk(&said);
            let refusal = |why: &str| Failure::new(REFUSED, format!("nothing was launched: {why}"));
            consent::ask("go on?", refusal)?;
        } else {
            options.insert("_ansible_spotinst_esg_unasked".to_owned(), json!(true));
        }
    }
    match asked::report(MODULE, options, environment)? {
        (answer, None) => give(answer, arguments.output, TERMINATED),
        // What was launched or terminated all the same is told, too; the failure's own words come with the exit status.
        (mut answer, Some(failure)) => {
            if answer.contains_key("attempts") || !terminated(&answer).is_empty() {
                if arguments.output == OutputForm::Table {
                    answer.remove("msg");
                }
                give(answer, arguments.output, TERMINATED)?;
            }
            Err(failure)
        }
    }
}

/// Shows an answer; `ended` is what became of those in `terminated`.
fn give(answer: Map<String, Value>, form: OutputForm, ended: &str) -> Result<(), Failure> {
    if form != OutputForm::Table {
        return output::data(&asked::written(answer, form)?);
    }
    if let Some(said) = answer.get("msg").and_then(Value::as_str) {
        output::talk(said);
    }
    let mut table = new_table(&["type", "zone", "market", "$/h", "outcome", "machine", "why"]);
    for it in answer.get("attempts").and_then(Value::as_array).into_iter().flatten() {
        let names = ["instance_type", "zone", "market", "price", "outcome", "instance", "reason"];
        table.add_row(names.map(|name| cell_text(&asked::text(&it[name]))));
    }
    let attempts = if table.row_count() > 0 { format!("{table}\n\n") } else { String::new() };
    let gone = match terminated(&answer)[..] {
        [] => String::new(),
        ref all => format!("{ended} {}: {}\n\n", all.len(), cell_text(&all.join(", "))),
    };
    let instances = answer.get("instances").map(machines).unwrap_or_default();
    output::data(format!("{attempts}{gone}{instances}").as_bytes())
}

fn terminated(answer: &Map<String, Value>) -> Vec<&str> {
    let all = answer.get("terminated").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

fn machines(all: &Value) -> String {
    let names = [
        "fleet",
        "id",
        "instance_type",
        "zone",
        "state",
        "lifecycle",
        "private_ip",
        "price",
        "saving_percent",
    ];
    let has_fleet = all[0].get("fleet").is_some();
    let names = names
        .iter()
        .filter(|name| has_fleet || !["fleet", "price", "saving_percent"].contains(name));
    let names: Vec<&str> = names.copied().collect();
    let mut table = new_table(&names);
    for it in all.as_array().into_iter().flatten() {
        table.add_row(names.iter().map(|name| cell_text(&asked::text(&it[*name]))));
    }
    format!("{table}\n")
}

/// Runs `fleet`.
pub(super) fn fleet(arguments: &FleetArguments, environment: &Environment) -> Result<(), Failure> {
    match &arguments.command {
        FleetCommand::List(arguments) => list(arguments, environment),
    }
}

fn list(arguments: &FleetListArguments, environment: &Environment) -> Result<(), Failure> {
    let mut options = Map::new();
    if let Some(name) = &arguments.name {
        options.insert("name".to_owned(), json!(name));
    }
    options.insert("prices".to_owned(), json!(!arguments.no_prices));
    aws(&mut options, &arguments.aws.region, &arguments.aws.aws_profile);
    let answer = asked::module("spot_instance_info", options, environment)?;
    if arguments.output != OutputForm::Table {
        return output::data(&asked::written(answer, arguments.output)?);
    }
    let mut zones = new_table(&["fleet", "zone", "machines"]);
    for (fleet, of_fleet) in answer["zones"].as_object().into_iter().flatten() {
        for (zone, count) in of_fleet.as_object().into_iter().flatten() {
            zones.add_row([cell_text(fleet), cell_text(zone), asked::text(count)]);
        }
    }
    let cost = match answer["hourly_cost"].as_str() {
        Some(cost) => {
            format!(
                "\n{cost} $/h, {} % less than on demand\n",
                asked::text(&answer["saving_percent"])
            )
        }
        None => String::new(),
    };
    let table = machines(&answer["instances"]);
    output::data(format!("{table}\n{zones}\n{cost}").as_bytes())
}

fn aws(options: &mut Map<String, Value>, region: &Option<String>, profile: &Option<String>) {
    for (name, text) in [("region", region), ("aws_profile", profile)] {
        if let Some(text) = text {
            options.insert(name.to_owned(), json!(text));
        }
    }
}
