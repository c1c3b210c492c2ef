//! The inventory's cache: what is served, what is not, and who may see it.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::cli::{Desk, Ran, files, ran};

const CACHED: &str = "cache: true\ncache_plugin: jsonfile\ncache_connection: ~/.ansible";

fn entry(desk: &Desk) -> PathBuf {
    let is_entry = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    let mut entries: Vec<_> =
        files(&desk.home.path().join(".ansible")).into_iter().filter(is_entry).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

fn hosts(run: &Ran) -> Value {
    run.document()["kafka"]["hosts"].clone()
}

/// Sets the entry's birth back.
fn make_older(desk: &Desk, by_seconds: i64) {
    let path = entry(desk);
    let mut stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let born: jiff::Timestamp = stored["created_at"].as_str().unwrap().parse().unwrap();
    stored["created_at"] = json!((born - jiff::SignedDuration::from_secs(by_seconds)).to_string());
    std::fs::write(&path, stored.to_string()).unwrap();
}

fn move_a_broker(desk: &Desk) {
    let edit = json!({"instance": "ssi-0000000a", "set": {"privateIp": "10.0.0.99"}});
    let answer = desk.simulator.control("POST", "/_sim/edit", edit);
    assert!(answer.get("error").is_none(), "{answer}");
}

#[test]
fn the_predecessors_file_works_and_a_second_run_asks_nobody() {
    let desk = Desk::kafka();
    let first = desk.list(CACHED);
    let calls = desk.paths().len();
    let second = desk.list(CACHED);
    assert_eq!(first.document(), second.document());
    assert_eq!(desk.paths().len(), calls);
    let mode = std::fs::metadata(entry(&desk)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn an_expired_entry_is_asked_anew_and_zero_never_expires() {
    let desk = Desk::kafka();
    desk.list(CACHED);
    make_older(&desk, 3599);
    let calls = desk.paths().len();
    desk.list(CACHED);
    assert_eq!(desk.paths().len(), calls, "an hour is not over");
    make_older(&desk, 2);
    desk.list(CACHED);
    assert!(desk.paths().len() > calls, "an hour is over");
    make_older(&desk, 99_999);
    let calls = desk.paths().len();
    desk.list(&format!("{CACHED}\ncache_timeout: 0"));
    assert_eq!(desk.paths().len(), calls, "zero is for ever, as Ansible has it");
}

#[test]
fn after_a_refresh_nothing_stale_is_served() {
    let desk = Desk::kafka();
    let before = hosts(&desk.list(CACHED));
    move_a_broker(&desk);
    assert_eq!(hosts(&desk.list(CACHED)), before, "still fresh");
    let file = desk.options(CACHED);
    let refreshed =
        desk.run(["inventory", "--refresh", "--list", "--config", file.to_str().unwrap()]);
    assert!(hosts(&refreshed).as_array().unwrap().contains(&json!("10.0.0.99")));
    assert_eq!(hosts(&desk.list(CACHED)), hosts(&refreshed));
}

#[test]
fn a_refresh_by_the_plugin_bypasses_the_entry_and_fails_rather_than_serve_it() {
    let desk = Desk::kafka();
    let folder = desk.home.path().join("cache");
    let ask = |refresh: bool| {
        desk.plugin(&json!({"protocol": 1, "source": "x", "refresh": refresh, "options": {
            "cache": true, "cache_connection": folder, "stale_if_error": 9999, "timeout": 2,
        }}))
    };
    ask(false).document();
    move_a_broker(&desk);
    assert!(ask(true).stdout.contains("10.0.0.99"));
    assert!(ask(false).stdout.contains("10.0.0.99"));
    desk.fault(json!({"kind": "status", "status": 400}));
    ask(true).assert_failed(1, &["400"]);
    ask(false).document();
}

/// Two runs of the executable file by one process; what the process is called is all that differs.
fn twice_by(desk: &Desk, name: &str) -> (usize, usize) {
    let file = desk.options(CACHED);
    let script = format!("{} inventory {} --list", support::cli::BINARY, file.display());
    let counted = |commands: String| {
        let before = desk.paths().len();
        let mut command = desk.clean(std::process::Command::new("bash"));
        let shell = format!("exec -a {name} bash -c '{commands}; :'");
        ran(command.env("PATH", "/usr/bin:/bin").args(["-c", &shell]).output().unwrap()).document();
        desk.paths().len() - before
    };
    (counted(script.clone()), counted(format!("{script} >/dev/null; {script}")))
}

#[test]
fn the_same_ansible_process_asks_a_script_again_only_for_a_refresh() {
    let desk = Desk::kafka();
    let (first, twice) = twice_by(&desk, "ansible-playbook");
    assert!(first > 0);
    assert_eq!(twice, first, "served once, and asked anew once");
}

#[test]
fn a_shell_may_ask_as_often_as_it_likes() {
    let desk = Desk::kafka();
    let (first, twice) = twice_by(&desk, "bash");
    assert!(first > 0);
    assert_eq!(twice, 0, "all from the cache");
}

/// What a slow reading tells may be as old as its beginning, however late it is written.
#[test]
fn a_refresh_does_not_take_the_answer_of_a_reading_that_began_before_it() {
    let desk = Desk::kafka();
    // Of the first reading, the second call waits: the list of brokers is read before it, or beside it.
    desk.fault(json!({"kind": "latency", "ms": 1500, "route": "/aws/ec2/group/{groupId}/status", "count": 1}));
    let file = desk.options(CACHED);
    let arguments = ["inventory", "--refresh", "--list", "--config", file.to_str().unwrap()];
    let mut first = desk.command();
    let first = first.args(arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
    wait_for(|| {
        desk.simulator.requests().iter().any(|request| request.path.ends_with("/statefulInstance"))
    });
    move_a_broker(&desk);
    let second = desk.run(arguments);
    assert!(hosts(&second).as_array().unwrap().contains(&json!("10.0.0.99")), "{second:?}");
    assert!(first.wait_with_output().unwrap().status.success());
}

fn wait_for(mut is_so: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if is_so() {
            return;
        }
        std::thread::yield_now();
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    panic!("waited in vain");
}

#[test]
fn an_incomplete_answer_does_not_replace_a_complete_one_that_may_still_serve() {
    let desk = Desk::with(
        "groups: [{name: kafka, id: sig-0000000a, region: eu-west-1, persistence: {private_ip: true}, stateful: [{private_ip: 10.0.0.1}]},
                  {name: other, id: sig-0000000b, region: eu-west-1, persistence: {private_ip: true}, stateful: [{private_ip: 10.0.0.2}]}]",
    );
    let options = format!("{CACHED}\ntimeout: 3\nstale_if_error: 600");
    let good = desk.list(&options).document();
    make_older(&desk, 3601);
    for route in [
        "/aws/ec2/group/sig-0000000b/statefulInstance",
        "/aws/ec2/group/{groupId}/statefulInstance",
    ] {
        desk.fault(json!({"kind": "status", "status": 400, "route": route}));
        let run = desk.list(&options);
        assert_eq!(run.document(), good, "{route}");
        assert!(
            run.warnings()[0].contains("sig-0000000") && run.warnings()[0].contains("60 min"),
            "{run:?}"
        );
    }
}

#[test]
fn a_torn_a_foreign_and_a_public_file_are_misses() {
    let desk = Desk::kafka();
    let whole = desk.list(CACHED).document();
    let path = entry(&desk);
    let good = std::fs::read(&path).unwrap();
    let half = &good[..good.len() / 2];
    let foreign = br#"{"__payload__": "{}"}"#;
    let other_key = String::from_utf8(good.clone()).unwrap().replace("\"key\":\"", "\"key\":\"0");
    for bytes in [&b""[..], half, foreign, b"\0\xff", b"[]", other_key.as_bytes()] {
        std::fs::write(&path, bytes).unwrap();
        let calls = desk.paths().len();
        let run = desk.list(CACHED);
        assert_eq!(run.document(), whole);
        assert!(desk.paths().len() > calls);
        assert_eq!(run.stderr, "");
        let stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(stored["document"], whole, "it is whole again");
    }
    let poisoned = String::from_utf8(good).unwrap().replace("10.0.0.1", "6.6.6.6");
    std::fs::write(&path, poisoned).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(desk.list(CACHED).document(), whole, "what others can write proves nothing");
}

#[test]
fn other_options_other_entry() {
    let desk = Desk::kafka();
    let plain = desk.list(CACHED).document();
    let other = desk.list(&format!("{CACHED}\nhostvar_prefix: x_\ngroup_names: both")).document();
    assert_ne!(plain, other);
    assert!(other["_meta"]["hostvars"]["10.0.0.1"].get("x_id").is_some());
    assert_eq!(desk.list(CACHED).document(), plain);
}

#[test]
fn stale_if_error_serves_the_last_good_answer_with_its_age() {
    let desk = Desk::kafka();
    let options = format!("{CACHED}\ntimeout: 2\nstale_if_error: 600");
    let good = desk.list(&options).document();
    desk.fault(json!({"kind": "status", "status": 400}));
    make_older(&desk, 3600 + 300);
    let run = desk.list(&options);
    assert_eq!(run.document(), good);
    assert!(run.warnings()[0].contains("65 min"), "{run:?}");
    assert!(run.warnings()[0].contains("400"), "{run:?}");
    make_older(&desk, 301);
    desk.list(&options).assert_failed(1, &["400"]);
    make_older(&desk, -400);
    desk.list(&format!("{CACHED}\ntimeout: 2")).assert_failed(1, &["400"]);
}

#[test]
fn an_incomplete_answer_is_not_kept() {
    let desk = Desk::kafka();
    desk.fault(json!({"kind": "status", "status": 400, "route": "/aws/ec2/group/{groupId}/statefulInstance"}));
    assert_eq!(hosts(&desk.list(CACHED)), json!([]));
    desk.mend();
    assert_eq!(hosts(&desk.list(CACHED)).as_array().map(Vec::len), Some(3));
}

#[test]
fn of_many_processes_one_asks_the_api() {
    let desk = Desk::kafka();
    desk.fault(json!({"kind": "latency", "ms": 200}));
    let file = desk.options(CACHED);
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = desk.command();
            command.args(["inventory", "--list", "--config", file.to_str().unwrap()]);
            command
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let answers: Vec<_> =
        children.into_iter().map(|child| ran(child.wait_with_output().unwrap())).collect();
    for answer in &answers {
        assert_eq!(answer.document(), answers[0].document());
    }
    let lists = desk.paths().into_iter().filter(|path| path == "/aws/ec2/group").count();
    assert_eq!(lists, 1);
}

#[test]
fn a_folder_that_cannot_be_used_is_a_warning_and_with_strict_an_error() {
    let desk = Desk::kafka();
    let file = desk.file("occupied", "not a folder");
    let options = format!("cache: true\ncache_connection: {}", file.display());
    let run = desk.list(&options);
    assert_eq!(hosts(&run).as_array().map(Vec::len), Some(3));
    assert!(
        run.warnings()[0].contains("occupied") && run.warnings()[0].contains("cache_connection"),
        "{run:?}"
    );
    desk.list(&format!("{options}\nstrict: true")).assert_failed(1, &["occupied"]);
}

#[test]
fn another_cache_plugin_is_named_where_ansible_is_not_there_to_serve_it() {
    let desk = Desk::kafka();
    let run = desk.list("cache: true\ncache_plugin: redis");
    assert_eq!(hosts(&run).as_array().map(Vec::len), Some(3));
    assert!(run.warnings()[0].contains("redis"), "{run:?}");
}
