//! `kill -9` of Ansible in the middle of a roll, at several moments.

#![allow(
    clippy::disallowed_methods,
    reason = "a test that waits for another process measures its patience"
)]

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::site::{NEW, Site, changed, last_words};
use crate::support::ansible::VERSIONS;
use crate::support::cluster::closed_port;
use crate::support::killing::kill;

/// Looks until it is so; panics after five minutes, since Ansible is slow beside other work.
pub(crate) fn await_until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(300), "it did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The events of the newest journal.
fn events(site: &Site) -> Vec<String> {
    let Some(journal) = site.journals().pop() else { return Vec::new() };
    let text = fs::read_to_string(journal).unwrap();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole
        .map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let event = entry["event"].as_str().unwrap();
            format!("{event} {}", entry["phase"].as_str().unwrap_or_default()).trim().to_owned()
        })
        .collect()
}

#[test]
fn a_roll_that_is_killed_anywhere_goes_on_when_it_is_run_again() {
    // The event after which it is killed, and the how manieth such event. Each phase has its turn with real servers
    // (`clusters_zookeeper_roll`), and in simulation each line of the journal.
    let moments = [
        ("suspending", 1),
        ("entered stopped", 1),
        ("recycled", 1),
        ("entered identity", 1),
        ("entered post_gate", 1),
        ("entered stopped", 2),
        ("recycled", 2),
    ];
    let more = json!({});
    for (index, (event, count)) in moments.into_iter().enumerate() {
        let version = VERSIONS[index % 2];
        let site = Site::with(2);
        let before = site.settings();
        let mut command = site.command(version, "spotinst.esg.recycle", &more);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        await_until(|| events(&site).iter().filter(|it| *it == event).count() >= count);
        kill(child);
        let run = site.roll(version, &more, &[]);
        assert_eq!(run.code, 0, "{event} {count}: {}\n{}", run.stdout, run.stderr);
        site.assert_recycled_once(&site.nodes());
        assert_eq!(site.images(), [NEW, NEW], "{event} {count}");
        assert_eq!(site.journals().len(), 1, "{event} {count}: it went on with the same run");
        site.assert_restored(before, NEW);
        for node in site.nodes() {
            assert!(site.told(&node).ends_with("started"), "{event} {count}: {}", site.told(&node));
        }
        assert_eq!(changed(&site.roll(version, &more, &[])), 0, "{event} {count}");
    }
}

/// What the old machine had is on record, and whoever forgets to compare with it must not start a service on other data.
#[test]
fn a_roll_that_is_gone_on_with_without_its_data_paths_starts_nothing() {
    let site = Site::with(2);
    let mut command = site.command(VERSIONS[0], "spotinst.esg.recycle", &json!({}));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    await_until(|| events(&site).iter().any(|it| it == "recycled"));
    kill(child);
    let forgetful = json!({"rolling_recycle_data_paths": []});
    let words = last_words(&site.roll(VERSIONS[0], &forgetful, &[]));
    assert!(words.contains("leaves out: data_paths 1"), "{words}");
    // So did older programs, whose journals do not tell what is proved.
    let path = site.journals().pop().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let (start, end) = text.split_once("\"proofs\":[").unwrap();
    let end = end.split_once(']').unwrap().1;
    fs::write(&path, format!("{start}\"proofs\":[]{end}").replace("\"proofs\":[],", "")).unwrap();
    let forgetful = site.roll(VERSIONS[0], &forgetful, &[]);
    let words = last_words(&forgetful);
    for told in ["is on record", "rolling_recycle_data_paths", "/data", "is frozen"] {
        assert!(words.contains(told), "{told}: {words}");
    }
    assert!(site.nodes().iter().all(|node| !site.told(node).contains("started")), "{words}");
}

/// Its last node would count as rolled like its first.
#[test]
fn a_roll_is_not_gone_on_with_by_one_that_proves_less() {
    let site = Site::with(2);
    let gates = json!([{"name": "is back", "kind": "command", "command": ["true"]}]);
    let more = json!({"rolling_recycle_gates_after": gates});
    let mut command = site.command(VERSIONS[0], "spotinst.esg.recycle", &more);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    await_until(|| events(&site).iter().any(|it| it == "entered draining"));
    kill(child);
    for (less, missing) in [
        (json!({"rolling_recycle_gates_after": []}), "gates_after 1"),
        (
            json!({"rolling_recycle_gates_after": gates, "rolling_recycle_node_access": false}),
            "node_access",
        ),
    ] {
        let refused = site.roll(VERSIONS[1], &less, &[]);
        let words = last_words(&refused);
        assert!(words.contains(&format!("leaves out: {missing}")), "{missing}: {words}");
        assert!(site.recycles().is_empty(), "{words}");
    }
    let run = site.roll(VERSIONS[0], &more, &[]);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    assert_eq!(site.journals().len(), 1, "it went on with the same run");
}

/// The image and the root's persistence are switched before the first node and put back after the last one.
#[test]
fn a_roll_over_persisted_roots_that_is_killed_while_it_sets_or_puts_back_goes_on_when_it_is_run_again()
 {
    let moments = [
        ("switching", 1),
        ("switched", 1),
        ("asking", 1),
        ("asking", 2),
        ("restoring", 1),
        ("restoring", 2),
        ("restored", 1),
    ];
    let more = json!({"rolling_recycle_acknowledge_root_data_loss": true});
    for (index, (event, count)) in moments.into_iter().enumerate() {
        let version = VERSIONS[index % 2];
        let site = Site::with_persisted_roots(2);
        let before = site.settings();
        assert_eq!(before["config"]["strategy"]["persistence"]["shouldPersistRootDevice"], true);
        let mut command = site.command(version, "spotinst.esg.recycle", &more);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        await_until(|| events(&site).iter().filter(|it| *it == event).count() >= count);
        kill(child);
        let run = site.roll(version, &more, &[]);
        assert_eq!(run.code, 0, "{event} {count}: {}\n{}", run.stdout, run.stderr);
        site.assert_recycled_once(&site.nodes());
        assert_eq!(site.images(), [NEW, NEW], "{event} {count}");
        site.assert_restored(before, NEW);
        for node in site.nodes() {
            assert!(site.told(&node).ends_with("started"), "{event} {count}: {}", site.told(&node));
        }
        assert_eq!(changed(&site.roll(version, &more, &[])), 0, "{event} {count}");
    }
}

/// Ansible ends a play at a node that it cannot reach, without asking the role; what is left then is as after a kill.
#[test]
fn a_roll_that_ends_at_a_node_that_a_task_of_the_users_cannot_reach_goes_on_when_it_is_run_again() {
    for version in VERSIONS {
        let site = Site::with(2);
        let before = site.settings();
        let closed = closed_port();
        let unreachable = format!(
            "- ansible.builtin.command: 'true'\n  changed_when: false\n  \
             vars: {{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: {closed}}}\n  delegate_to: \"{{{{ rolling_recycle_host }}}}\"\n"
        );
        let more = json!({"rolling_recycle_tasks": site.tasks("drain", &unreachable)});
        let run = site.roll(version, &more, &[]);
        assert_ne!(run.code, 0, "{version}: {}", run.stdout);
        assert!(run.stdout.contains("UNREACHABLE!"), "{version}: {}", run.stdout);
        assert!(site.recycles().is_empty(), "{version}: no machine was given up");
        assert_eq!(site.told("ssi-01"), "", "{version}: nothing was stopped");
        let run = site.roll(version, &json!({}), &[]);
        assert_eq!(run.code, 0, "{version}: {}\n{}", run.stdout, run.stderr);
        site.assert_recycled_once(&site.nodes());
        assert_eq!(site.journals().len(), 1, "{version}: it went on with the same run");
        site.assert_restored(before, NEW);
        assert_eq!(changed(&site.roll(version, &json!({}), &[])), 0, "{version}");
    }
}

/// Its service runs again on the same machine before it is asked whether the cluster can do without it.
#[test]
fn a_node_that_was_cut_off_with_its_service_stopped_begins_at_its_pre_gate() {
    let site = Site::with(2);
    let gate = |word: &str| {
        let file = site.path("nodes/{{ rolling_recycle_node.id }}/kafka");
        json!([{"name": word, "kind": "command", "command": ["grep", "-qx", word, file]}])
    };
    let more = json!({
        "rolling_recycle_gates_before": gate("started"),
        "rolling_recycle_gates_between": gate("stopped"),
    });
    let mut command = site.command(VERSIONS[0], "spotinst.esg.recycle", &more);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    await_until(|| events(&site).iter().any(|it| it == "entered mid_gate"));
    kill(child);
    assert_eq!(site.told("ssi-01"), "stopped");
    // What the first node's gate would see now is not what the roll will ask it.
    let foreseen = site.roll(VERSIONS[1], &more, &["--check"]);
    assert!(foreseen.code == 0 && !foreseen.stdout.contains("verdict fail"), "{}", foreseen.stdout);
    let run = site.roll(VERSIONS[1], &more, &[]);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    assert_eq!(site.told("ssi-01"), "stopped started stopped started");
    assert_eq!(site.told("ssi-02"), "stopped started");
    site.assert_recycled_once(&site.nodes());
    let events = events(&site);
    let held = events.iter().rposition(|it| it == "held").unwrap();
    let entered = events[held..].iter().filter(|it| it.starts_with("entered"));
    let entered: Vec<&str> = entered.take(5).map(String::as_str).collect();
    let expected = ["draining", "pre_gate", "draining", "stopped", "mid_gate"];
    assert_eq!(entered, expected.map(|phase| format!("entered {phase}")));
}

/// Hours may have passed, and another node may be down by now: what the gate before saw counts no more.
#[test]
fn a_node_that_was_cut_off_before_its_machine_was_given_up_is_brought_back_and_begins_anew() {
    let site = Site::with(2);
    let gate = |name: &str, test: String| json!([{"name": name, "kind": "command", "command": ["sh", "-c", test]}]);
    let (ill, go) = (site.path("ill"), site.path("go"));
    let more = json!({
        "rolling_recycle_gates_before": gate("whole", format!("test ! -e {}", ill.display())),
        "rolling_recycle_gates_between": gate("does without", format!("test -e {}", go.display())),
        "rolling_recycle_between_timeout": 600,
    });
    let mut command = site.command(VERSIONS[1], "spotinst.esg.recycle", &more);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    await_until(|| events(&site).contains(&"entered mid_gate".to_owned()));
    kill(child);
    assert_eq!(site.told("ssi-01"), "stopped");
    fs::write(&ill, "").unwrap();
    fs::write(&go, "").unwrap();
    let said = last_words(&site.roll(VERSIONS[1], &more, &[]));
    assert!(
        said.contains("ssi-01, pre_gate: ") && said.contains("every setting put back"),
        "{said}"
    );
    assert_eq!(site.told("ssi-01"), "stopped started", "it was brought back, and left so");
    fs::remove_file(&ill).unwrap();
    let run = site.roll(VERSIONS[1], &more, &[]);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    site.assert_recycled_once(&site.nodes());
    assert_eq!(site.told("ssi-01"), "stopped started stopped started");
}
