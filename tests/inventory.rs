//! The inventory from the command line to the API: documents, bad input, a lying server, secrets.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use support::cli::{ACCOUNT, CANARY, Desk, files, ran};

/// Each folder of `tests/inventory` is a case: a fleet, options, and the document they must give. With
/// `UPDATE_EXPECTED=1` the documents are written anew, to be read as a diff.
#[test]
fn every_case_folder_gives_its_document() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory");
    let mut count = 0;
    for case in std::fs::read_dir(&cases).unwrap() {
        let case = case.unwrap().path();
        let desk = Desk::with_whole(&std::fs::read_to_string(case.join("fleet.yml")).unwrap());
        let options = case.join("options.spotinst_esg.yml");
        let run = desk.run(["inventory", "--list", "--config", options.to_str().unwrap()]);
        let mut got = run.document();
        got["warnings"] = json!(run.warnings());
        let file = case.join("expected.json");
        if is_update() {
            std::fs::write(&file, serde_json::to_string_pretty(&got).unwrap() + "\n").unwrap();
        }
        let expected: Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(got, expected, "{}", case.display());
        let again = desk.run(["inventory", "--list", "--config", options.to_str().unwrap()]);
        assert_eq!(
            again.stdout,
            run.stdout,
            "{}: the same input gives the same bytes",
            case.display()
        );
        count += 1;
    }
    assert!(count >= 6, "the case folders are gone");
}

#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn is_update() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
}

/// The predecessor's rules, worked out from the raw replies: a group by id and by name of private addresses, and each
/// field of a stateful instance as a variable.
#[test]
fn the_document_equals_the_predecessors_where_both_speak() {
    let desk = Desk::with_whole(spot_sim::DEMO_FLEET);
    let http = reqwest_client();
    let get = |path: &str| -> Value {
        let url = format!("{}{path}?accountId=act-demo0001", desk.simulator.url());
        let reply = http.get(url).bearer_auth("demo-token").send().unwrap().text().unwrap();
        serde_json::from_str::<Value>(&reply).unwrap()["response"]["items"].take()
    };
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut hostvars: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for group in get("/aws/ec2/group").as_array().unwrap() {
        let (id, name) = (group["id"].as_str().unwrap(), group["name"].as_str().unwrap());
        let status = get(&format!("/aws/ec2/group/{id}/status"));
        for item in get(&format!("/aws/ec2/group/{id}/statefulInstance")).as_array().unwrap() {
            let mine = |machine: &&Value| machine["instanceId"] == item["instanceId"];
            let Some(machine) = status.as_array().unwrap().iter().find(mine) else { continue };
            let address = machine["privateIp"].as_str().unwrap();
            groups.entry(id.to_owned()).or_default().push(address.to_owned());
            groups.entry(name.to_owned()).or_default().push(address.to_owned());
            let mut vars: Map<String, Value> = item
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| (format!("spotinst_{key}"), value.clone()))
                .collect();
            vars.insert("spotinst_privateIp".to_owned(), json!(address));
            vars.insert("spotinst_accountId".to_owned(), json!("act-demo0001"));
            vars.insert("spotinst_esg_id".to_owned(), json!(id));
            vars.insert("spotinst_esg_name".to_owned(), json!(name));
            hostvars.insert(address.to_owned(), vars);
        }
    }
    let mut command = desk.command();
    command.args(["inventory", "--list"]);
    command.env("SPOTINST_API_TOKEN", "demo-token").env("SPOTINST_ACCOUNT_ID", "act-demo0001");
    let ours = ran(command.output().unwrap()).document();
    assert!(hostvars.len() >= 8, "the demo fleet has that many running instances");
    for (host, vars) in &hostvars {
        for (name, value) in vars {
            assert_eq!(&ours["_meta"]["hostvars"][host][name], value, "{host} {name}");
        }
    }
    for (group, hosts) in &groups {
        for host in hosts {
            assert!(
                ours[group]["hosts"].as_array().unwrap().contains(&json!(host)),
                "{group} {host}"
            );
        }
        let addresses = ours[group]["hosts"].as_array().unwrap().iter();
        assert_eq!(
            addresses.filter(|host| !host.as_str().unwrap().starts_with("ssi-")).count(),
            hosts.len()
        );
    }
}

fn reqwest_client() -> reqwest::blocking::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::blocking::Client::builder().no_proxy().build().unwrap()
}

#[test]
fn bad_settings_get_one_line_and_the_right_exit_code() {
    let desk = Desk::kafka();
    let mut no_token = desk.command();
    no_token.env_remove("SPOTINST_API_TOKEN").args(["inventory", "--list"]);
    ran(no_token.output().unwrap()).assert_failed(3, &["no Spot API token", "SPOTINST_API_TOKEN"]);
    let mut no_account = desk.command();
    no_account.env_remove("SPOTINST_ACCOUNT_ID").args(["inventory", "--list"]);
    ran(no_account.output().unwrap()).assert_failed(3, &["no Spot account", "act-"]);
    let mut wrong_token = desk.command();
    wrong_token.env("SPOTINST_API_TOKEN", "wrong-secret").args(["inventory", "--list"]);
    let run = ran(wrong_token.output().unwrap());
    run.assert_failed(3, &["401"]);
    assert!(!run.stderr.contains("wrong-secret"), "{run:?}");
    desk.list("spotinst_account_id: act-ffffffff").assert_failed(4, &["act-ffffffff"]);
    for (options, words) in [
        ("regions: [a", &[":2:10:", "test.spotinst_esg.yml"][..]),
        ("elastigroup: x", &["unknown option \"elastigroup\"", "did you mean \"elastigroups\"?"]),
        ("concurrency: many", &[":2:", "option concurrency", "\"many\" is no whole number"]),
        ("concurrency: 0", &["from 1 to 256"]),
        ("cache: maybe", &["option cache", "neither true nor false"]),
        ("tags: [a]", &["option tags", "dictionary"]),
        ("regions: {a: b}", &["option regions", "a text or a list of texts"]),
        ("include: [everything]", &["option include", "stateful, members, managed_instances"]),
        ("hostnames: [privat_ip]", &["did you mean \"private_ip\"?"]),
        ("ec2: perhaps", &["option ec2", "auto, true, false"]),
        ("timeout: 0", &["option timeout"]),
        ("spotinst_base_url: http://192.0.2.1", &["http"]),
        ("spotinst_base_url: 'not a url'", &["not a url"]),
        ("spotinst_api_token: '{{ token }}'", &[":2:", "a template", "Ansible plugin"]),
        ("spotinst_api_token: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  00", &["a vaulted value"]),
        ("regions: [a]\nregions: [b]", &[":3:", "duplicate"]),
        ("plugin: amazon.aws.aws_ec2", &["plugin"]),
    ] {
        desk.list(options).assert_failed(2, words);
    }
    desk.run(["inventory", "--list", "--config", "/does/not/exist.yml"])
        .assert_failed(2, &["/does/not/exist.yml"]);
    assert_eq!(desk.run(["inventori"]).code, 2);
    desk.run(["inventory", "--host", "10.9.9.9"]).assert_failed(4, &["10.9.9.9"]);
}

#[test]
fn a_server_that_fails_or_lies_gets_one_line_and_no_document() {
    let list = "/aws/ec2/group";
    for (fault, code, words) in [
        (json!({"kind": "html"}), 1, &["expected JSON", "<html>"][..]),
        (json!({"kind": "body", "body": {"hello": "world"}}), 1, &["not the Spot API's"]),
        (json!({"kind": "body", "body": [1, 2]}), 1, &["not the Spot API's"]),
        (
            json!({"kind": "body", "body": {"response": {"status": {"code": 200}}}}),
            1,
            &["expected `items`"],
        ),
        (json!({"kind": "status", "status": 400, "format": "text"}), 1, &["400", "Bad Request"]),
        (json!({"kind": "broken_json"}), 6, &["the JSON ends in the middle"]),
        (json!({"kind": "status", "status": 500, "format": "html"}), 6, &["500"]),
        (json!({"kind": "body_code", "code": 500}), 6, &["500"]),
        (json!({"kind": "cut_before_commit"}), 6, &["connection broke"]),
        (json!({"kind": "rate_limited", "retry_after": 600}), 5, &["rate limit", "600"]),
    ] {
        let desk = Desk::kafka();
        let mut fault = fault.clone();
        fault["route"] = json!(list);
        desk.fault(fault.clone());
        // Transient faults are retried until the time is up.
        let run = desk.list("timeout: 2");
        run.assert_failed(code, words);
        assert!(run.stderr.contains("groups of account"), "{fault}: {run:?}");
        assert!(!run.stderr.contains(CANARY), "{fault}: {run:?}");
    }
}

#[test]
fn where_no_group_can_be_read_there_is_no_inventory() {
    let desk = Desk::with(TWO_GROUPS);
    desk.fault(json!({"kind": "status", "status": 400, "route": "/aws/ec2/group/{groupId}/statefulInstance"}));
    desk.fault(
        json!({"kind": "status", "status": 400, "route": "/aws/ec2/group/{groupId}/status"}),
    );
    desk.list("").assert_failed(1, &["sig-0000000a"]);
}

#[test]
fn what_is_left_out_is_missing() {
    let body = json!({"response": {"status": {"code": 200}, "count": 2, "items": [
        {"id": "ssi-0000000a", "state": "ACTIVE"}, {"state": "ACTIVE"}]}});
    let none_of_many = json!({"response": {"status": {"code": 200}, "count": 2, "items": null}});
    for (body, hosts, words) in [(body, 1, "no id"), (none_of_many, 0, "counts 2 items")] {
        let desk = Desk::kafka();
        desk.fault(json!({"kind": "body", "body": body, "route": "/aws/ec2/group/{groupId}/statefulInstance"}));
        let run = desk.list("");
        assert_eq!(run.document()["kafka"]["hosts"].as_array().map(Vec::len), Some(hosts));
        assert!(
            run.warnings().iter().any(|line| line.contains("sig-0000000a") && line.contains(words)),
            "{run:?}"
        );
        desk.list("strict: true").assert_failed(7, &[words]);
    }
}

#[test]
fn no_more_calls_are_under_way_than_asked_for() {
    for (options, most) in [("concurrency: 3", 3), ("", 16)] {
        let desk = Desk::with(&format!(
            "latency: {{answer_ms: 60}}\ngenerate: {{groups: 40, instances_per_group: 1, account: {ACCOUNT}}}"
        ));
        desk.list("");
        let begun = desk.simulator.requests().len();
        desk.list(options).document();
        let requests = desk.simulator.requests();
        let arrived: Vec<jiff::Timestamp> =
            requests[begun..].iter().map(|request| request.at.parse().unwrap()).collect();
        // A call takes 60 ms at least, so those that arrived within 50 ms of each other were under way together.
        let together = |at: &jiff::Timestamp| {
            let after =
                |other: &&jiff::Timestamp| (0..50).contains(&other.duration_since(*at).as_millis());
            arrived.iter().filter(after).count()
        };
        let seen = arrived.iter().map(together).max().unwrap();
        assert!((2..=most).contains(&seen), "{options:?}: {seen} at once");
    }
}

#[test]
fn a_server_that_is_down_or_never_answers_ends_within_the_timeout() {
    let desk = Desk::kafka();
    let run = desk.list("timeout: 2\nspotinst_base_url: http://127.0.0.1:9");
    assert!([1, 6].contains(&run.code), "{run:?}");
    run.assert_failed(run.code, &["127.0.0.1:9"]);
    desk.fault(json!({"kind": "latency", "ms": 20000}));
    desk.list("timeout: 2").assert_failed(6, &[]);
}

#[test]
fn a_masked_denial_is_told_as_a_missing_permission() {
    let desk = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}, access: none}}]\naccounts: [{{id: {ACCOUNT}, name: one}}]\n"
    ));
    desk.list("").assert_failed(1, &["permission"]);
}

#[test]
fn a_passing_fault_is_outlived() {
    for fault in [
        json!({"kind": "status", "status": 503, "nth": 1}),
        json!({"kind": "cut_after_commit", "nth": 2}),
        json!({"kind": "truncated", "nth": 1}),
    ] {
        let desk = Desk::kafka();
        desk.fault(fault.clone());
        let run = desk.list("");
        let hosts = run.document()["kafka"]["hosts"].clone();
        assert_eq!(hosts, json!(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), "{fault}");
    }
}

#[test]
fn odd_but_usable_replies_warn_and_drop_nothing() {
    for (fault, words) in [
        (
            json!({"kind": "count_off", "route": "/aws/ec2/group/{groupId}/statefulInstance"}),
            "count",
        ),
        (
            json!({"kind": "duplicate_items", "route": "/aws/ec2/group/{groupId}/statefulInstance"}),
            "ssi-0000000a",
        ),
    ] {
        let desk = Desk::kafka();
        desk.fault(fault);
        let run = desk.list("");
        assert_eq!(run.document()["kafka"]["hosts"].as_array().map(Vec::len), Some(3));
        assert!(
            run.warnings().iter().any(|line| line.contains("sig-0000000a") && line.contains(words)),
            "{run:?}"
        );
    }
}

const TWO_GROUPS: &str = "groups: [
  {name: good, id: sig-0000000a, region: eu-west-1, persistence: {private_ip: true}, stateful: [{private_ip: 10.0.0.1}]},
  {name: bad, id: sig-0000000b, region: eu-west-1, persistence: {private_ip: true}, stateful: [{private_ip: 10.0.0.2}]}]";

#[test]
fn a_failing_group_is_a_named_warning_unless_strict() {
    let desk = Desk::with(TWO_GROUPS);
    desk.fault(json!({"kind": "status", "status": 400, "route": "/aws/ec2/group/sig-0000000b/statefulInstance"}));
    let run = desk.list("");
    let document = run.document();
    assert_eq!(document["good"]["hosts"], json!(["10.0.0.1"]));
    assert_eq!(document["bad"]["hosts"], json!([]), "it is there, and empty");
    assert!(
        run.warnings().iter().any(|line| line.contains("sig-0000000b") && line.contains("bad")),
        "{run:?}"
    );
    desk.list("strict: true").assert_failed(7, &["sig-0000000b", "strict"]);
}

#[test]
fn a_failing_account_is_a_named_warning_while_another_answers() {
    let desk = Desk::kafka();
    let run = desk.list(&format!("spotinst_account_id: [{ACCOUNT}, act-ffffffff]"));
    assert_eq!(run.document()["kafka"]["hosts"].as_array().map(Vec::len), Some(3));
    assert!(run.warnings().iter().any(|line| line.contains("act-ffffffff")), "{run:?}");
}

#[test]
fn a_failing_account_leaves_the_others_also_with_managed_instances() {
    let desk = Desk::kafka();
    let accounts = format!("spotinst_account_id: [{ACCOUNT}, act-ffffffff]");
    let run = desk.list(&format!("{accounts}\ninclude: [stateful, managed_instances]"));
    assert_eq!(run.document()["kafka"]["hosts"].as_array().map(Vec::len), Some(3));
}

/// A process that is killed leaves a request on its way; nobody waits for it.
#[test]
fn a_killed_process_holds_nobody_up() {
    let desk = Desk::kafka();
    desk.fault(json!({"kind": "latency", "ms": 30000, "count": 1}));
    let mut child = desk.command().args(["inventory", "--list"]).spawn().unwrap();
    while desk.simulator.requests().is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended without a request");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        desk.list("timeout: 20").document()["kafka"]["hosts"].as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn stateless_groups_cost_no_call() {
    let desk = Desk::with(
        "groups: [{name: web, region: eu-west-1, members: [{}, {}]},
                  {name: kafka, id: sig-0000000a, region: eu-west-1, persistence: {private_ip: true}, stateful: [{count: 3}]}]",
    );
    let document = desk.list("").document();
    assert!(document.get("web").is_none());
    let mut paths = desk.paths();
    paths.sort();
    assert_eq!(
        paths,
        [
            "/aws/ec2/group",
            "/aws/ec2/group/sig-0000000a/statefulInstance",
            "/aws/ec2/group/sig-0000000a/status"
        ]
    );
}

/// The vendor's own way to a new image switches the root's persistence off for a while.
#[test]
fn a_group_whose_last_persistence_switch_is_off_keeps_its_hosts() {
    let desk = Desk::with(
        "groups: [{name: zookeeper, id: sig-0000000a, region: eu-west-1, persistence: {root: true}, stateful: [{}, {}]}]",
    );
    assert_eq!(desk.list("").document()["zookeeper"]["hosts"].as_array().map(Vec::len), Some(2));
    let edit = json!({"group": "sig-0000000a", "set": {"strategy.persistence.shouldPersistRootDevice": false}});
    desk.simulator.control("POST", "/_sim/edit", edit);
    assert_eq!(desk.list("").document()["zookeeper"]["hosts"].as_array().map(Vec::len), Some(2));
}

/// A process that is stopped with the lock in its hands must not stop the others.
#[test]
fn a_lock_that_is_never_let_go_costs_a_second_and_a_warning() {
    let desk = Desk::kafka();
    desk.list("").document();
    let lock = desk.home.path().join(".cache/spotinst-esg/pacing/pacing.lock");
    let held = std::fs::File::open(lock).unwrap();
    held.lock().unwrap();
    let run = desk.list("timeout: 60");
    assert_eq!(run.document()["kafka"]["hosts"].as_array().map(Vec::len), Some(3));
    assert!(
        run.warnings().iter().any(|line| line.contains("pacing") && line.contains("lock")),
        "{run:?}"
    );
}

#[test]
fn calls_keep_to_a_tight_rate_limit_without_a_single_refusal() {
    let desk = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}}}]\naccounts: [{{id: {ACCOUNT}, name: one}}]\n\
         limits: {{default: 4, window_seconds: 2}}\n\
         generate: {{groups: 9, instances_per_group: 1, account: {ACCOUNT}}}"
    ));
    let document = desk.list("timeout: 400\nec2: false").document();
    assert_eq!(document["_meta"]["hostvars"].as_object().map(Map::len), Some(9));
    let refused = desk.simulator.requests().iter().filter(|request| request.status == 429).count();
    assert_eq!(refused, 0, "a refused request extends the block");
}

#[test]
fn the_three_ways_in_give_the_same_document() {
    let desk = Desk::with_whole(spot_sim::DEMO_FLEET);
    let options = "spotinst_account_id: act-demo0001\nspotinst_api_token: demo-token\ninclude: [stateful, members, managed_instances]";
    let file = desk.options(options);
    let listed = desk.list(options).document();
    let script = desk.run(["inventory", file.to_str().unwrap(), "--list"]).document();
    let request = json!({"protocol": 1, "source": file, "refresh": false, "options": {
        "spotinst_account_id": "act-demo0001", "spotinst_api_token": "demo-token",
        "include": ["stateful", "members", "managed_instances"],
    }});
    let plugin = desk.plugin(&request).document();
    assert_eq!(script, listed);
    assert_eq!(plugin["document"], listed);
    for (host, vars) in listed["_meta"]["hostvars"].as_object().unwrap() {
        let one = desk.run(["inventory", file.to_str().unwrap(), "--host", host]).document();
        assert_eq!(&one, vars);
    }
}

#[test]
fn an_executable_file_runs_without_python() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::kafka();
    let text = "#!/usr/bin/env -S spotinst-esg inventory\nplugin: spotinst_esg\n";
    let file = desk.file("script.spotinst_esg.yml", text);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = Path::new(support::cli::BINARY).parent().unwrap().to_str().unwrap().to_owned();
    let mut command = desk.clean(std::process::Command::new(&file));
    command.env("PATH", format!("{folder}:/usr/bin:/bin")).arg("--list");
    let run = ran(command.output().unwrap());
    assert_eq!(run.document()["kafka"]["hosts"].as_array().map(Vec::len), Some(3));
    assert_eq!(run.stderr, "", "Ansible shows a script's stderr as an error");
}

#[test]
fn a_plugin_of_another_protocol_is_refused() {
    let desk = Desk::kafka();
    desk.plugin(&json!({"protocol": 2, "options": {}}))
        .assert_failed(2, &["protocol 2", "same collection"]);
    desk.plugin(&json!({"protocol": 1, "source": "x.yml", "options": {"regiosn": []}}))
        .assert_failed(2, &["x.yml", "\"regiosn\"", "\"regions\""]);
    desk.plugin(&json!({"protocol": 1, "source": "x.yml", "options": {"concurrency": [1]}}))
        .assert_failed(2, &["x.yml", "option concurrency"]);
    desk.plugin(&json!("hello")).assert_failed(2, &["request"]);
}

#[test]
fn the_token_shows_nowhere() {
    let desk = Desk::kafka();
    desk.fault(json!({"kind": "status", "status": 400, "route": "/aws/ec2/group/{groupId}/status", "message": "no"}));
    desk.file(
        ".spotinst/credentials",
        &format!("[default]\ntoken = {CANARY}\naccount = {ACCOUNT}\n"),
    );
    let mut outputs = Vec::new();
    for options in [
        "cache: true".to_owned(),
        format!("cache: true\nspotinst_api_token: {CANARY}"),
        format!("cache: true\nstrict: true\nspotinst_api_token: {CANARY}"),
        format!("spotinst_api_token: {CANARY}\nconcurrency: many"),
    ] {
        outputs.push(desk.list(&options));
    }
    desk.mend();
    outputs.push(desk.list("cache: true\ncache_timeout: 1"));
    outputs.push(desk.run(["doctor"]));
    outputs.push(desk.run(["doctor", "--output", "json"]));
    let mut by_file = desk.command();
    by_file.env_remove("SPOTINST_API_TOKEN").args(["inventory", "--list"]);
    outputs.push(ran(by_file.output().unwrap()));
    for (at, run) in outputs.iter().enumerate() {
        assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY), "{at}: {run:?}");
    }
    let codes: Vec<i32> = outputs.iter().map(|run| run.code).collect();
    assert_eq!(codes, [0, 0, 7, 2, 0, 0, 0, 0], "{outputs:?}");
    for file in files(desk.home.path()) {
        let is_mine =
            ["credentials", "test.spotinst_esg.yml"].iter().any(|name| file.ends_with(name));
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(is_mine || !text.contains(CANARY), "{}", file.display());
    }
    let log = format!("{:?}", desk.simulator.requests());
    assert!(!log.contains(CANARY), "the simulator's log");
}

#[test]
fn the_token_is_on_no_process_list() {
    let desk = Desk::kafka();
    desk.fault(json!({"kind": "latency", "ms": 1500}));
    let file = desk.options(&format!("spotinst_api_token: {CANARY}"));
    let mut command = desk.command();
    command.env_remove("SPOTINST_API_TOKEN").args([
        "inventory",
        "--list",
        "--config",
        file.to_str().unwrap(),
    ]);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    while desk.simulator.requests().is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended without a request");
        std::thread::yield_now();
    }
    for name in ["cmdline", "environ"] {
        let text = std::fs::read(format!("/proc/{}/{name}", child.id())).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(CANARY), "{name}");
    }
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_hostile_tag_is_never_more_than_text() {
    let evil = "{{ lookup('pipe','id') }}";
    let desk = Desk::with(&format!(
        "groups: [{{name: \"{evil}\", id: sig-0000000a, region: eu-west-1, persistence: {{private_ip: true}},
          tags: {{a: \"{evil}\", b: \"#jinja2:variable_start_string:'[['\"}}, stateful: [{{private_ip: 10.0.0.1}}]}}]"
    ));
    let run = desk.list("");
    let document = run.document();
    let vars = &document["_meta"]["hostvars"]["10.0.0.1"];
    assert_eq!(vars["spotinst_tags"]["a"], json!({"__ansible_unsafe": evil}));
    assert!(vars["spotinst_tags"]["b"].is_object(), "a text may choose its own markers");
    assert!(document.as_object().unwrap().keys().all(|group| !group.contains("{{")));
    assert!(run.warnings()[0].contains("template marks"), "{run:?}");
}
