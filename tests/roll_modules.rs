//! `recycle_plan`, `recycle_run` and a `stateful_instance` that is a step of a run, as Ansible runs them, against the simulator.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

#[path = "roll_modules/gates.rs"]
mod gates;
#[path = "roll_modules/plan.rs"]
mod plan;
#[path = "roll_modules/run.rs"]
mod run;
#[path = "roll_modules/settings.rs"]
mod settings;
#[path = "roll_modules/step.rs"]
mod step;
#[path = "roll_modules/words.rs"]
mod words;

use serde_json::{Value, json};
use support::cli::Desk;

/// Requests that could change something.
fn mutations(desk: &Desk) -> usize {
    desk.simulator.requests().iter().filter(|request| request.method != "GET").count()
}

/// Changes the group or an instance from outside the API.
fn edit(desk: &Desk, edit: Value) {
    let answer = desk.simulator.control("POST", "/_sim/edit", edit.clone());
    assert!(answer.get("error").is_none(), "{edit}: {answer}");
}

fn edit_group(desk: &Desk, set: Value) {
    edit(desk, json!({"group": "sig-1", "set": set}));
}

/// The texts of a field in a list of objects.
fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().map(|one| one[field].as_str().unwrap_or("none")).collect()
}
