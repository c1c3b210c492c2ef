//! Lost replies, storms, proxies, and processes that are killed.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{names, restore, restrict, restrictions};
use crate::support::canned::Reply;
use crate::support::module::named;
use crate::support::roll::{self, Controller, Living, THREE, dead};
use crate::support::searching::{Fault, Searching};

type Twist = Box<dyn FnMut() -> Option<Fault> + Send>;

/// The first so many requests that are about to set something, or all requests.
fn first(count: usize, fault: impl Fn() -> Fault + Send + 'static) -> Twist {
    let mut left = count;
    Box::new(move || {
        left = left.checked_sub(1)?;
        Some(fault())
    })
}

#[test]
fn what_passes_is_waited_for() {
    let busy = |status| Reply::json(status, json!({"error": {"reason": "busy"}}).to_string());
    let page = || Reply::html(200, "<html>Please sign in</html>");
    type Made = Box<dyn Fn() -> Twist>;
    let cases: Vec<(&str, bool, Made)> = vec![
        (
            "a lost reply",
            true,
            Box::new(move || first(1, move || Fault::After(Reply::html(502, "")))),
        ),
        (
            "half a reply",
            true,
            Box::new(|| first(1, || Fault::After(Reply::json(200, "{\"ackno")))),
        ),
        (
            "not acknowledged",
            true,
            Box::new(|| first(1, || Fault::After(Reply::json(200, "{\"acknowledged\":false}")))),
        ),
        ("429", true, Box::new(move || first(2, move || Fault::Instead(busy(429))))),
        ("503", true, Box::new(move || first(1, move || Fault::Instead(busy(503))))),
        ("a proxy's page", true, Box::new(move || first(1, move || Fault::Instead(page())))),
        ("a storm over all", false, Box::new(move || first(2, move || Fault::Instead(busy(503))))),
        ("a proxy before all", false, Box::new(move || first(2, move || Fault::Instead(page())))),
    ];
    for (what, is_of_orders, twist) in cases {
        let mut twist = [twist(), twist()].into_iter();
        let mut current = twist.next().unwrap();
        let mut was_restricted = false;
        let search = Searching::with(move |method, _, state| {
            // The same once more when it is put back.
            if !was_restricted && state.is_restricted() && method == "POST" {
                was_restricted = true;
                current = twist.next().unwrap();
                return None;
            }
            if is_of_orders && method == "GET" { None } else { current() }
        });
        let desk = roll::desk(THREE);
        let controller = Controller::gone(&desk);
        let run = controller.start();
        let patient = json!({"wait_timeout": 30});
        let done = restrict(&controller, &run, &search, &patient).well();
        assert_eq!(done["changed"], true, "{what}");
        assert_eq!(search.allocation().0, "primaries", "{what}");
        let back =
            json!({"state": "restored", "run_id": run, "urls": [search.url()], "wait_timeout": 30});
        controller.call("elasticsearch_allocation", &back).well();
        assert_eq!(search.allocation(), (Value::Null, Value::Null), "{what}");
        controller.finish(&run).well();
    }
}

#[test]
fn what_does_not_pass_is_told_with_what_is_left() {
    let allows = Arc::new(Mutex::new(true));
    let may = Arc::clone(&allows);
    let search = Searching::with(move |method, _, _| {
        let refusal =
            json!({"error": {"reason": "action [cluster:admin/settings] is unauthorized"}});
        let is_refused = method == "PUT" && !*may.lock().unwrap();
        is_refused.then(|| Fault::Instead(Reply::json(403, refusal.to_string())))
    });
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    *allows.lock().unwrap() = false;
    let called = restrict(&controller, &run, &search, &json!({}));
    let line = called.failed();
    assert!(line.contains("status 403") && line.contains("is unauthorized"), "{line}");
    // It was announced, and whether it was done is not relied on.
    assert!(line.contains("still to be put back"), "{line}");
    *allows.lock().unwrap() = true;
    restore(&controller, &run, &search).well();
    assert_eq!(search.allocation(), (Value::Null, Value::Null));
    controller.finish(&run).well();
}

/// Someone restricts it for good between this run's request and its look.
#[test]
fn a_foreign_change_in_between_is_left() {
    let mut once = true;
    let search = Searching::with(move |method, path, state| {
        let is_set = state.is_restricted();
        if method == "GET" && path == "/_cluster/settings" && is_set && std::mem::take(&mut once) {
            state.set("persistent", crate::ENABLE, json!("none"));
        }
        None
    });
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let called = restrict(&controller, &run, &search, &json!({}));
    assert!(called.failed().contains("persistent none"), "{}", called.failed());
    assert_eq!(search.allocation().0, "none");
    let ended = controller.finish(&run).well();
    assert!(ended["warnings"].to_string().contains("none"), "{ended}");
}

/// The process is killed on its way; the next call goes on where it was.
#[test]
fn whoever_is_killed_between_journal_and_look_leaves_what_can_be_put_back() {
    for (after_it_is_set, goes_on) in [(false, false), (true, false), (false, true), (true, true)] {
        let victim: Arc<Mutex<Option<u32>>> = Arc::default();
        let marked = Arc::clone(&victim);
        let mut once = true;
        let search = Searching::with(move |method, _, _| {
            if method != "PUT" || !std::mem::take(&mut once) {
                return None;
            }
            let id = loop {
                if let Some(id) = *marked.lock().unwrap() {
                    break id;
                }
                std::thread::yield_now();
            };
            let killed = Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
            assert!(killed.success());
            let lost = Reply::html(500, "");
            Some(if after_it_is_set { Fault::After(lost) } else { Fault::Instead(lost) })
        });
        let desk = roll::desk(THREE);
        let controller = Controller::gone(&desk);
        let run = controller.start();
        let arguments = json!({"state": "restricted", "run_id": run, "node": "ssi-3", "target": "n3", "urls": [search.url()]});
        let file = desk.file("killed", &arguments.to_string());
        let mut command = desk.clean(Command::new(named(&desk, "elasticsearch_allocation")));
        command.env("SPOTINST_ESG_CONTROLLER", controller.pid.to_string()).arg(file);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        *victim.lock().unwrap() = Some(child.id());
        assert!(!child.wait().unwrap().success());
        assert!(names(&desk, &run).contains(&"cluster_setting".to_owned()));
        let expected = if after_it_is_set { json!("primaries") } else { Value::Null };
        assert_eq!(search.allocation().0, expected);

        if goes_on {
            let again = restrict(&controller, &run, &search, &json!({})).well();
            assert_eq!(again["before"]["persistent"], Value::Null);
            assert_eq!(again["changed"], !after_it_is_set);
            assert_eq!(restrictions(&search), if after_it_is_set { 1 } else { 2 });
        }
        restore(&controller, &run, &search).well();
        assert_eq!(search.allocation(), (Value::Null, Value::Null));
        controller.finish(&run).well();
    }
}

#[test]
fn a_run_of_someone_who_lives_is_his_and_of_one_who_is_gone_is_put_back_by_anyone() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    let living = Living::start();
    let holder = Controller { desk: &desk, pid: living.id(), group: "sig-1" };
    let run = holder.start();
    restrict(&holder, &run, &search, &json!({})).well();
    let other = Controller { desk: &desk, pid: dead(), group: "sig-1" };
    for called in [restore(&other, &run, &search), restrict(&other, &run, &search, &json!({}))] {
        assert!(called.failed().contains("carries it out"), "{}", called.failed());
    }
    assert_eq!(search.allocation().0, "primaries");
    drop(living);
    restore(&other, &run, &search).well();
    assert_eq!(search.allocation(), (Value::Null, Value::Null));
}

#[test]
fn another_cluster_is_not_touched() {
    let (desk, search, other) = (roll::desk(THREE), Searching::start(), Searching::start());
    other.state.lock().unwrap().uuid = "u2".to_owned();
    let controller = Controller::gone(&desk);
    let run = controller.start();
    restrict(&controller, &run, &search, &json!({})).well();
    let called = restore(&controller, &run, &other);
    assert!(called.failed().contains("this is cluster u2"), "{}", called.failed());
    assert_eq!(other.orders(), Vec::<String>::new());
    let called = controller.run(
        "finished",
        &json!({"run_id": run, "cluster": {"kind": "elasticsearch", "urls": [other.url()]}}),
    );
    assert!(called.failed().contains("to another cluster"), "{}", called.failed());
    restore(&controller, &run, &search).well();
    assert_eq!(search.allocation(), (Value::Null, Value::Null));
}

#[test]
fn what_cannot_be_flushed_is_a_warning() {
    for (status, body, words) in [
        (409, json!({"error": {"reason": "ongoing"}}), "status 409"),
        (200, json!({"_shards": {"total": 2, "successful": 1, "failed": 1}}), "1 shards"),
        (200, json!({}), "not told whether"),
    ] {
        let (desk, search) = (roll::desk(THREE), Searching::start());
        search.state.lock().unwrap().flush = (status, body);
        let controller = Controller::gone(&desk);
        let run = controller.start();
        let done = restrict(&controller, &run, &search, &json!({})).well();
        assert!(done["warnings"][0].as_str().unwrap().contains(words), "{done}");
        restore(&controller, &run, &search).well();
        let more = json!({"flush": false});
        let done = restrict(&controller, &run, &search, &more).well();
        assert!(done.get("warnings").is_none(), "{done}");
    }
}
