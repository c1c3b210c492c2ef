//! `cluster_gate` as a part of a run.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::mutations;
use crate::support::cli::Desk;
use crate::support::roll::{self, Controller, THREE, journals, with};

fn journal(desk: &Desk, run: &str) -> String {
    fs::read_to_string(journals(desk).join(format!("{run}.jsonl"))).unwrap()
}

fn events(journal: &str) -> Vec<String> {
    let name = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
    journal.lines().map(|line| name(line).as_str().unwrap().to_owned()).collect()
}

/// Lets so much time pass for a run, and for the vendor with what it has suspended.
fn pass(desk: &Desk, run: &str, minutes: i64) {
    let earlier = |moment: &mut Value| {
        let at: Timestamp = moment.as_str().unwrap().parse().unwrap();
        *moment = json!(at - SignedDuration::from_mins(minutes));
    };
    let line = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        earlier(&mut entry["at"]);
        format!("{entry}\n")
    };
    let older: String = journal(desk, run).lines().map(line).collect();
    fs::write(journals(desk).join(format!("{run}.jsonl")), older).unwrap();
    desk.simulator.control("POST", "/_sim/advance", json!({"seconds": minutes * 60}));
}

/// As while a broker reads its logs: a gate of one look every ten minutes, for hours.
#[test]
fn a_gate_of_one_look_renews_what_the_run_has_suspended() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let gates = |command: &str| json!([{"name": "quiet", "kind": "command", "command": [command]}]);
    let look = |command: &str, more: &Value| {
        let once = json!({"gates": gates(command), "samples": 1, "wait_timeout": 0});
        controller.call("cluster_gate", &with(once, more))
    };
    let part = json!({"run_id": run, "node": "ssi-1"});
    look("true", &part).well();
    assert_eq!(
        events(&journal(&desk, &run)),
        ["planned", "held", "suspending", "suspended", "gate"]
    );

    pass(&desk, &run, 40);
    let (before, sent) = (journal(&desk, &run), mutations(&desk));
    look("true", &with(part.clone(), &json!({"_ansible_check_mode": true}))).well();
    look("true", &json!({})).well();
    assert_eq!((journal(&desk, &run), mutations(&desk)), (before, sent), "nor by no part of it");

    // Shut as it is, the run goes on.
    look("false", &part).failed();
    let after = events(&journal(&desk, &run));
    assert_eq!(after[5..], ["alive", "suspending", "suspended", "gate"]);
    assert_eq!(mutations(&desk), sent + 1);
    look("false", &part).failed();
    assert_eq!(events(&journal(&desk, &run))[9..], ["gate"], "what lasts is not asked for again");
}
