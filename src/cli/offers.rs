//! The command `offers`: what the spot market offers, as a table or as data.

use serde_json::{Map, Value, json};

use super::arguments::{OffersArguments, OutputForm};
use super::failure::Failure;
use super::views::{cell_text, new_table};
use super::{asked, output};
use crate::drive::Environment;

const MODULE: &str = "spot_offer_info";

/// Runs the command.
pub(super) fn run(arguments: &OffersArguments, environment: &Environment) -> Result<(), Failure> {
    let mut options = Map::new();
    if let Some(path) = &arguments.policy {
        options.insert("policy".to_owned(), asked::yaml(path)?);
    }
    let texts = [
        ("explain", &arguments.explain),
        ("interruption_feed", &arguments.interruption_feed),
        ("on_demand_prices", &arguments.on_demand_prices),
        ("spot_prices", &arguments.spot_prices),
        ("store_prefix", &arguments.store_prefix),
        ("store", &arguments.store),
        ("replay", &arguments.replay),
        ("save_to", &arguments.save_to),
        ("region", &arguments.aws.region),
        ("aws_profile", &arguments.aws.aws_profile),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            options.insert(name.to_owned(), json!(text));
        }
    }
    if let Some(count) = arguments.placement_target {
        options.insert("placement_target".to_owned(), json!(count));
    }
    let answer = asked::module(MODULE, options, environment)?;
    let form = arguments.output;
    if form != OutputForm::Table {
        return output::data(&asked::written(answer, form)?);
    }
    let text = match answer.get("explanation") {
        Some(told) => explained(told),
        None => ranked(&answer["offers"]),
    };
    output::data(text.as_bytes())
}

fn ranked(offers: &Value) -> String {
    let mut table = new_table(&[
        "rank",
        "type",
        "zone",
        "$/h",
        "on-demand",
        "saving %",
        "interrupted",
        "placement",
        "vcpus",
        "MiB",
        "score",
    ]);
    for offer in offers.as_array().into_iter().flatten() {
        let names = [
            "rank",
            "instance_type",
            "zone",
            "price",
            "on_demand_price",
            "saving_percent",
            "interruption",
            "placement_score",
            "vcpus",
            "memory_mib",
        ];
        let mut row: Vec<String> = names.iter().map(|name| asked::text(&offer[*name])).collect();
        row.push(asked::text(&offer["score"]["total"]));
        table.add_row(row.iter().map(|text| cell_text(text)));
    }
    format!("{table}\n")
}

fn explained(told: &Value) -> String {
    let mut table = new_table(&["zone", "fate", "why", "$/h", "$/vcpu", "$/GiB", "score"]);
    for it in told.as_array().into_iter().flatten() {
        let (offer, score) = (&it["offer"], &it["offer"]["score"]);
        let added = |name: &str| score[name].as_u64().unwrap_or_default();
        let total = format!(
            "{} (interruptions +{} %, placement +{} %)",
            asked::text(&score["total"]),
            added("interruption_percent"),
            added("placement_percent")
        );
        let texts = [
            &it["zone"],
            &it["fate"],
            &it["reason"],
            &offer["price"],
            &score["per_vcpu"],
            &score["per_gib"],
        ];
        let row = texts.map(asked::text).into_iter().chain([total]);
        table.add_row(row.map(|text| cell_text(&text)));
    }
    format!("{table}\n")
}
