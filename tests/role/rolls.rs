//! Rolls that go well, are only planned, or never begin.

use std::fs;

use serde_json::json;

use crate::site::{NEW, NEWEST, OLD, Site, changed, last_words};
use crate::support::ansible::VERSIONS;
use crate::support::cli::{CANARY, ran};

#[test]
fn a_group_is_rolled_node_by_node_and_then_left_alone() {
    for version in VERSIONS {
        let site = Site::with(3);
        let before = site.settings();
        let foreseen = site.roll(version, &json!({}), &["--check", "--diff"]);
        assert_eq!(changed(&foreseen), 1, "{version}");
        for word in ["1. ssi-01", "the canary", "+        \"ssi-03\": \"ami-00000000000000002\""] {
            assert!(foreseen.stdout.contains(word), "{version}: {word}: {}", foreseen.stdout);
        }
        assert_eq!((site.settings(), site.journals().len()), (before.clone(), 0), "{version}");
        assert!(site.nodes().iter().all(|node| site.told(node).is_empty()), "{version}");

        let run = site.roll(
            version,
            &json!({"rolling_recycle_start_marker": "{{ playbook_dir }}/x"}),
            &[
                "-e",
                &format!(
                    "rolling_recycle_start_marker={}/may-start",
                    site.desk.home.path().display()
                ),
            ],
        );
        assert!(changed(&run) > 3, "{version}");
        site.assert_recycled_once(&site.nodes());
        assert_eq!(site.images(), [NEW; 3], "{version}");
        assert!(site.nodes().iter().all(|node| site.told(node) == "stopped started"), "{version}");
        assert!(site.path("may-start").exists());
        site.assert_restored(before, NEW);
        for word in ["completed: 3 of 3 nodes", "ssi-02 done", "identity"] {
            assert!(run.stdout.contains(word), "{version}: {word}: {}", run.stdout);
        }
        let said = format!("{}{}", run.stdout, run.stderr);
        let progress = |said: &str| {
            let line = said.lines().find(|line| line.contains("node 2 of 3 (ssi-02): stopped, "));
            line.unwrap_or_else(|| panic!("{version}: {said}")).to_owned()
        };
        let line = progress(&said);
        assert!(line.contains(" so far") && !line.contains(" to go"), "{version}: {line}");
        assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY), "{version}");

        let again = site.roll(version, &json!({}), &["--diff"]);
        assert_eq!((changed(&again), site.journals().len()), (0, 1), "{version}");
        assert!(again.stdout.contains("nothing to roll"), "{version}: {}", again.stdout);

        // By then it is known how long a node takes.
        let later = json!({"rolling_recycle_image_id": OLD});
        let foreseen = site.roll(version, &later, &["--check"]);
        assert!(foreseen.stdout.contains("by earlier rolls"), "{version}: {}", foreseen.stdout);
        let run = site.roll(version, &later, &[]);
        let line = progress(&format!("{}{}", run.stdout, run.stderr));
        assert!(line.contains(" so far, about ") && line.contains(" to go"), "{version}: {line}");
    }
}

/// In an order of one's own, with gates, and without access to any node.
#[test]
fn nine_nodes_are_rolled_in_the_order_that_is_asked_for() {
    let site = Site::with(9);
    let more = json!({
        "rolling_recycle_canary": "ssi-05",
        "rolling_recycle_last": ["ssi-01"],
        "rolling_recycle_node_access": false,
        "rolling_recycle_gates_before": [{"name": "quiet", "kind": "command", "command": ["true"]}],
        "rolling_recycle_gates_between": [{"name": "without", "kind": "command", "command": ["true"]}],
        "rolling_recycle_gates_after":
            [{"name": "back {{ rolling_recycle_node.id }}", "kind": "command", "command": ["test", "{{ rolling_recycle_address }}"]}],
    });
    let run = site.roll(NEWEST, &more, &[]);
    assert!(changed(&run) > 0);
    site.assert_recycled_once(&site.nodes());
    assert!(run.stdout.contains("1. ssi-05") && run.stdout.contains("9. ssi-01"), "{}", run.stdout);
    assert!(run.stdout.contains("node_access is off"), "{}", run.stdout);
    assert!(site.nodes().iter().all(|node| site.told(node).is_empty()));
    assert_eq!(changed(&site.roll(NEWEST, &more, &[])), 0);
}

#[test]
fn sixty_nodes_are_rolled() {
    let site = Site::with(60);
    let more = json!({"rolling_recycle_node_access": false});
    changed(&site.roll(NEWEST, &more, &[]));
    site.assert_recycled_once(&site.nodes());
    assert_eq!(changed(&site.roll(NEWEST, &more, &[])), 0);
}

#[test]
fn what_stands_in_the_way_is_the_last_thing_that_is_said() {
    for version in VERSIONS {
        let site = Site::with(2);
        let edit = json!({"group": "sig-1", "set": {"healthCheck": {"autoHealing": false}}});
        site.desk.simulator.control("POST", "/_sim/edit", edit);
        let more = json!({"rolling_recycle_only": ["ssi-77"]});
        let run = site.roll(version, &more, &["--diff"]);
        let words = last_words(&run);
        for word in ["cannot start the roll of group sig-1", "ssi-77", "Nothing was changed."] {
            assert!(words.contains(word), "{version}: {word}: {words}");
        }
        assert_eq!((site.journals().len(), site.recycles().len()), (0, 0));
        // A variable that is empty, most often a filter that found nothing, is not the whole group.
        for (name, value) in [
            ("rolling_recycle_only", json!([])),
            ("rolling_recycle_only", json!("{{ [] }}")),
            ("rolling_recycle_system", json!("")),
            ("rolling_recycle_state_dir", json!("")),
            ("rolling_recycle_run_id", json!("")),
        ] {
            let run = site.roll(version, &json!({name: value}), &[]);
            let words = last_words(&run);
            assert!(words.contains(" is empty (an empty "), "{version}: {name}: {words}");
            assert!(words.contains("leave the option out"), "{version}: {name}: {words}");
        }
        let misspelt = site.roll(version, &json!({"rolling_recycle_services": 5}), &[]);
        assert_ne!(misspelt.code, 0);
        let two = json!({"rolling_recycle_launched_after": "2026-01-01"});
        assert!(last_words(&site.roll(version, &two, &[])).contains("mutually exclusive"));
    }
}

/// Another play that is at it is named with its run, its computer and its age.
#[test]
fn of_two_rolls_at_once_the_second_is_refused() {
    let site = Site::with(1);
    let (at, go) = (site.path("at"), site.path("go"));
    let tasks = site.tasks(
        "drain",
        &format!(
            "- ansible.builtin.copy: {{dest: '{}', content: x, mode: '0600'}}\n- ansible.builtin.wait_for: {{path: '{}', sleep: 1}}\n",
            at.display(),
            go.display()
        ),
    );
    let more = json!({"rolling_recycle_tasks": tasks});
    let mut first = site.command(NEWEST, "spotinst.esg.recycle", &more);
    let first = first
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    crate::kills::await_until(|| at.exists());
    let words = last_words(&site.roll(NEWEST, &json!({}), &[]));
    for word in [site.run_id().as_str(), "carried out by process", " ago", "Nothing was changed"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    fs::write(go, "").unwrap();
    changed(&ran(first.wait_with_output().unwrap()));
    site.assert_recycled_once(&site.nodes());
    assert_eq!(site.told("ssi-01"), "stopped started");
}

#[test]
fn a_roll_is_taken_back_over_the_nodes_that_it_rolled() {
    for version in VERSIONS {
        let site = Site::with(3);
        let before = site.settings();
        changed(&site.roll(version, &json!({"rolling_recycle_only": ["ssi-01", "ssi-03"]}), &[]));
        assert_eq!(site.images(), [NEW, OLD, NEW]);
        let run_id = site.run_id();
        let mut more = json!({"rolling_recycle_run_id": run_id});
        let back = |arguments: &[&str], more: &serde_json::Value| {
            let mut command = site.command(version, "spotinst.esg.rollback", more);
            // What is rolled, and to what, the run tells.
            let variables = site.variables(more);
            let mut variables = variables.as_object().unwrap().clone();
            variables
                .retain(|name, _| !name.ends_with("_image_id") && !name.ends_with("_group_id"));
            let file = command.get_args().last().unwrap().to_str().unwrap()[1..].to_owned();
            fs::write(file, serde_json::Value::from(variables).to_string()).unwrap();
            ran(command.args(arguments).output().unwrap())
        };
        assert_eq!(changed(&back(&["--check"], &more)), 1, "{version}");
        changed(&back(&[], &more));
        assert_eq!(site.images(), [OLD, OLD, OLD], "{version}");
        assert_eq!(site.recycles()["ssi-01"], 2);
        assert!(!site.recycles().contains_key("ssi-02"));
        site.assert_restored(before, OLD);
        assert_eq!(changed(&back(&[], &more)), 0, "{version}");
        more["rolling_recycle_run_id"] = json!("");
        assert!(last_words(&back(&[], &more)).contains("rolling_recycle_run_id"), "{version}");
    }
}

/// As after a roll that was given up at its last node: what the platform boots next must not be the old image.
#[test]
fn a_group_whose_nodes_are_all_as_wanted_gets_its_image_and_no_machine_is_touched() {
    for version in VERSIONS {
        let site = Site::with(2);
        changed(&site.roll(version, &json!({}), &[]));
        let rolled = site.settings();
        let edit = json!({"group": "sig-1", "set": {"compute.launchSpecification.imageId": OLD}});
        site.desk.simulator.control("POST", "/_sim/edit", edit);
        let old = site.settings();
        let foreseen = site.roll(version, &json!({}), &["--check", "--diff"]);
        assert_eq!((changed(&foreseen), site.settings()), (1, old), "{version}");
        assert!(changed(&site.roll(version, &json!({}), &[])) > 0, "{version}");
        assert_eq!(site.settings(), rolled, "{version}");
        site.assert_recycled_once(&site.nodes());
        assert!(site.nodes().iter().all(|node| site.told(node) == "stopped started"), "{version}");
        assert_eq!(changed(&site.roll(version, &json!({}), &[])), 0, "{version}");
    }
}
