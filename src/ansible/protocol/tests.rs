use std::cell::Cell;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::ansible::{HIDDEN, Outcome};

/// Sets a value.
#[derive(Deserialize, JsonSchema)]
struct Args {
    /// The value.
    value: i32,
    /// Secret.
    #[schemars(extend("x-no-log" = true))]
    token: Option<String>,
    /// How it ends.
    #[serde(default)]
    fail: String,
}

#[derive(Serialize, JsonSchema)]
struct Returns {
    value: i32,
    told: Option<String>,
}

/// What is there, and how often something was done to it. A module runs in one thread.
struct Store {
    value: Cell<i32>,
    acts: Cell<u32>,
}

struct Set;

impl Module<Store> for Set {
    type Args = Args;
    type Returns = Returns;
    const NAME: &'static str = "set";
    const EXAMPLES: &'static str = "";
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, Store>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let store = context.world;
        let token = args.token.clone().unwrap_or_default();
        (context.progress)(&format!("setting {} with {token}", args.value));
        match args.fail.as_str() {
            "plan" => {
                return Err(Failure::new(format!("no {token}")).with("seen", store.value.get()));
            }
            "panic" => panic!("{token}"),
            _ => {}
        }
        let told = args.token;
        if store.value.get() == args.value {
            return Ok(Planned::unchanged(Returns { value: args.value, told }));
        }
        let expected = Returns { value: args.value, told: told.clone() };
        let (before, after) = (json!({"value": store.value.get()}), json!({"value": args.value}));
        let planned = Planned::change(expected, move || {
            store.acts.set(store.acts.get() + 1);
            if args.fail == "act" {
                return Err(Failure::new("half done").changed(true).retryable(true));
            }
            store.value.set(args.value);
            let mut outcome = Outcome::from(Returns { value: args.value, told });
            outcome.after = Some(json!({"value": "really"}));
            Ok(outcome)
        });
        Ok(planned.with_diff(before, after).with_warnings(["careful".to_owned()]))
    }
}

fn store() -> Store {
    Store { value: Cell::new(1), acts: Cell::new(0) }
}

fn call(store: &Store, arguments: &Value) -> Value {
    let answer = run(&Set, arguments.to_string().as_bytes(), store, &|_| ());
    let value: Value = serde_json::from_slice(&answer.json).unwrap();
    assert_eq!(value["failed"] == true, answer.failed, "{value}");
    assert!(value.get("invocation").is_none());
    value
}

#[test]
fn a_change_is_made_once_and_then_nothing_is_to_do() {
    let store = store();
    let expected = json!({"changed": true, "warnings": ["careful"], "value": 5, "told": null});
    assert_eq!(call(&store, &json!({"value": "5"})), expected);
    assert_eq!(
        call(&store, &json!({"value": 5})),
        json!({"changed": false, "value": 5, "told": null})
    );
    assert_eq!((store.value.get(), store.acts.get()), (5, 1));
}

#[test]
fn check_mode_says_the_same_and_never_acts() {
    let store = store();
    let expected = json!({"changed": true, "warnings": ["careful"], "value": 5, "told": null});
    assert_eq!(call(&store, &json!({"value": 5, "_ansible_check_mode": true})), expected);
    assert_eq!((store.value.get(), store.acts.get()), (1, 0));
}

/// A command that was told of no change has agreed to none.
#[test]
fn what_nobody_has_agreed_to_is_not_done() {
    let store = store();
    let told = call(&store, &json!({"value": 5, "_ansible_spotinst_esg_unasked": true}));
    assert_eq!((&told["failed"], &told["retryable"]), (&json!(true), &json!(true)), "{told}");
    assert!(told["msg"].as_str().unwrap().starts_with("nothing was done"), "{told}");
    assert_eq!((store.value.get(), store.acts.get()), (1, 0));
    call(&store, &json!({"value": 5}));
    let told = call(&store, &json!({"value": 5, "_ansible_spotinst_esg_unasked": true}));
    assert_eq!(told["changed"], false, "{told}");
}

#[test]
fn a_diff_is_told_if_asked_for_and_tells_what_really_came_of_it() {
    let planned = json!({"before": {"value": 1}, "after": {"value": 5}});
    let really = json!({"before": {"value": 1}, "after": {"value": "really"}});
    let asked = |check: bool, diff: bool| {
        let arguments = json!({"value": 5, "_ansible_diff": diff, "_ansible_check_mode": check});
        call(&store(), &arguments)["diff"].clone()
    };
    assert_eq!(asked(true, true), planned);
    assert_eq!(asked(false, true), really);
    assert_eq!(asked(false, false), Value::Null);
}

#[test]
fn a_failure_tells_what_was_seen_and_whether_something_was_changed() {
    let expected = json!({
        "changed": false, "failed": true, "msg": "no ", "retryable": false, "seen": 1,
    });
    assert_eq!(call(&store(), &json!({"value": 5, "fail": "plan"})), expected);
    let expected = json!({
        "changed": true, "failed": true, "msg": "half done", "retryable": true, "warnings": ["careful"],
    });
    assert_eq!(call(&store(), &json!({"value": 5, "fail": "act"})), expected);
}

#[test]
fn a_secret_comes_back_in_no_return_no_message_and_no_progress() {
    let lines = Mutex::new(Vec::new());
    let say = |line: &str| lines.lock().unwrap().push(line.to_owned());
    for fail in ["", "plan", "act"] {
        let arguments = json!({"value": 5, "token": "t0ken", "fail": fail});
        let answer = run(&Set, arguments.to_string().as_bytes(), &store(), &say);
        let text = String::from_utf8(answer.json).unwrap();
        assert!(!text.contains("t0ken"), "{text}");
        assert_eq!(text.contains(HIDDEN), fail.is_empty(), "{text}");
    }
    assert_eq!(*lines.lock().unwrap(), ["setting 5 with ********"; 3]);
}

#[test]
fn what_is_no_json_object_is_refused_without_repeating_it() {
    for text in ["", "[]", "5", "{\"token\": \"t0ken\"", "{\"a\": t0ken}", "\u{0}"] {
        let answer = run(&Set, text.as_bytes(), &store(), &|_| ());
        let value: Value = serde_json::from_slice(&answer.json).unwrap();
        assert!(answer.failed);
        let message = value["msg"].as_str().unwrap();
        assert!(message.starts_with("the arguments are no JSON object"), "{message}");
        assert!(!message.contains("t0ken"), "{message}");
    }
}

struct Looks;

impl Module<Store> for Looks {
    type Args = Args;
    type Returns = Returns;
    const NAME: &'static str = "looks";
    const EXAMPLES: &'static str = "";
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, Store>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let store = context.world;
        Ok(Planned::looking_on(Returns { value: 0, told: None }, move || {
            store.acts.set(store.acts.get() + 1);
            Ok(Outcome::from(Returns { value: args.value, told: None }))
        }))
    }
}

#[test]
fn what_goes_on_looking_changes_nothing_and_does_not_go_on_in_check_mode() {
    for (check_mode, value, acts) in [(true, 0, 0), (false, 5, 1)] {
        let store = store();
        let arguments = json!({"value": 5, "_ansible_check_mode": check_mode}).to_string();
        let answer = run(&Looks, arguments.as_bytes(), &store, &|_| ());
        let told: Value = serde_json::from_slice(&answer.json).unwrap();
        assert_eq!(told, json!({"changed": false, "value": value, "told": null}));
        assert_eq!(store.acts.get(), acts);
    }
}
