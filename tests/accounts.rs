//! Accounts, users and connections: the modules against the simulator, with AWS's side played by moto.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

#[path = "accounts/account.rs"]
mod account;
#[path = "accounts/connection.rs"]
mod connection;
#[cfg(feature = "aws")]
#[path = "accounts/parameters.rs"]
mod parameters;
#[path = "accounts/user.rs"]
mod user;

use serde_json::{Value, json};
use support::cli::{CANARY, Desk};
use support::module::{Called, call_with};

const FLEET: &str = "\
limits: {default: 100000}
accounts:
  - {id: act-00000001, name: one, provider_external_id: '111111111111', cloud_provider: AWS}
  - {id: act-00000002, name: two, needs_credentials: true}
";

fn desk(more: &str) -> Desk {
    Desk::with_whole(&format!("tokens: [{{token: {CANARY}}}]\n{FLEET}{more}"))
}

/// What was asked for that changes something, as method and path.
fn mutations(desk: &Desk) -> Vec<String> {
    let requests = desk.simulator.requests().into_iter();
    let requests = requests.filter(|request| request.method != "GET");
    requests.map(|request| format!("{} {}", request.method, request.path)).collect()
}

fn call(desk: &Desk, module: &str, arguments: &Value) -> Called {
    call_with(desk, module, arguments, &[])
}

/// The same in check mode with a diff; nothing is changed by it.
fn foreseen(desk: &Desk, module: &str, arguments: &Value) -> Value {
    let before = mutations(desk);
    let mut arguments = arguments.clone();
    arguments["_ansible_check_mode"] = json!(true);
    arguments["_ansible_diff"] = json!(true);
    let answer = call(desk, module, &arguments).well();
    assert_eq!(mutations(desk), before, "check mode changed something");
    assert_eq!(answer["changed"] == true, answer["diff"].is_object(), "{answer}");
    answer
}

/// Foreseen, done, foreseen again and done again; answers what was done.
fn settled(desk: &Desk, module: &str, arguments: &Value) -> Value {
    assert_eq!(foreseen(desk, module, arguments)["changed"], true);
    let done = call(desk, module, arguments).well();
    assert_eq!(done["changed"], true, "{done}");
    let asked = mutations(desk);
    assert_eq!(foreseen(desk, module, arguments)["changed"], false);
    let again = call(desk, module, arguments).well();
    assert_eq!(again["changed"], false, "{again}");
    assert_eq!(mutations(desk), asked, "a second run asks for nothing");
    done
}

/// The server answers a list with these items.
fn answered(desk: &Desk, route: &str, items: &Value) {
    let status = json!({"code": 200, "message": "OK"});
    let count = items.as_array().unwrap().len();
    let body =
        json!({"request": {}, "response": {"status": status, "items": items, "count": count}});
    desk.fault(json!({"kind": "body", "method": "GET", "route": route, "body": body}));
}
