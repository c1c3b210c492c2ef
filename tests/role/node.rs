//! The predecessor's form: a play over the nodes, in which each recycles itself.

use std::net::TcpListener;

use serde_json::json;

use crate::site::{NEW, NEWEST, OLD, Site, changed};
use crate::support::ansible::VERSIONS;
use crate::support::canned::{Canned, Reply};
use crate::support::cli::ran;

const PLAY: &str = "\
- hosts: sig-1
  serial: 1
  max_fail_percentage: 0
  any_errors_fatal: true
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: spotinst.esg.rolling_recycle, tasks_from: node.yml}
";

/// A port that is free on every address of the nodes, most likely.
fn port() -> u16 {
    TcpListener::bind(("127.0.0.2", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn each_host_of_a_play_recycles_itself_and_is_checked_as_before() {
    for version in VERSIONS {
        let site = Site::with(2);
        let before = site.settings();
        let port = port();
        let jolokia: Vec<Canned> = ["127.0.0.2", "127.0.0.3"]
            .into_iter()
            .map(|address| {
                Canned::start_on((address, port), |_| Reply::json(200, "{\"value\": 0}"))
            })
            .collect();
        let play = site.desk.file("play.yml", PLAY);
        let more = json!({
            "recycle_check_ports": [port],
            // It never had a gate between.
            "rolling_recycle_without_gates": false,
            "recycle_sanity_check":
                {"type": "jolokia", "port": port, "endpoint": "/jolokia/read/kafka.server:name=URP/Value", "expect": 0},
            "rolling_recycle_canary_bake_seconds": 1,
            "rolling_recycle_after_timeout": 5,
        });
        let run = ran(site.command(version, play.to_str().unwrap(), &more).output().unwrap());
        changed(&run);
        site.assert_recycled_once(&site.nodes());
        assert_eq!(site.images(), [NEW, NEW]);
        assert!(site.nodes().iter().all(|node| site.told(node) == "stopped started"));
        assert_eq!(
            (site.journals().len(), &site.settings()["suspensions"]),
            (2, &before["suspensions"])
        );
        let asked = jolokia[0].requests();
        assert!(
            asked
                .iter()
                .any(|it| it.head.starts_with("GET /jolokia/read/kafka.server:name=URP/Value "))
        );
        let again = ran(site.command(version, play.to_str().unwrap(), &more).output().unwrap());
        assert_eq!(changed(&again), 0, "{version}");

        // Two at once, or a host that does not answer as expected.
        let site = Site::with(2);
        let all = site.desk.file("all.yml", &PLAY.replace("serial: 1", "serial: 2"));
        let run = ran(site.command(version, all.to_str().unwrap(), &more).output().unwrap());
        assert!(
            run.code != 0 && run.stdout.contains("one node may be down at a time"),
            "{}",
            run.stdout
        );
        assert_eq!(site.images(), [OLD, OLD]);
        let mut wrong = more.clone();
        wrong["recycle_sanity_check"]["expect"] = json!(1);
        wrong["rolling_recycle_after_timeout"] = json!(0);
        let play = site.desk.file("play.yml", PLAY);
        let run = ran(site.command(version, play.to_str().unwrap(), &wrong).output().unwrap());
        assert!(run.code != 0 && run.stdout.contains("sanity check of the node"), "{}", run.stdout);
        assert_eq!(site.images(), [NEW, OLD], "the first failure ends the play");
    }
}

/// What was gathered before is of a machine that is gone.
#[test]
fn what_was_gathered_of_a_host_is_gathered_anew_when_its_machine_is_another_one() {
    for version in VERSIONS {
        let site = Site::with(1);
        let fact = site.desk.file("facts/image.fact", "{\"name\": \"old\"}");
        let root = crate::support::ansible::root().display();
        let tasks = site.tasks(
            "recycle",
            &format!(
                "- ansible.builtin.include_tasks: '{root}/roles/rolling_recycle/tasks/recycle.yml'\n\
                 - ansible.builtin.copy: {{dest: '{}', content: '{{\"name\": \"new\"}}', mode: '0644'}}\n",
                fact.display()
            ),
        );
        let facts = format!(
            "{}  module_defaults:\n    ansible.builtin.setup: {{fact_path: '{}', gather_subset: ['!all', '!min', local]}}\n",
            PLAY.replace("gather_facts: false", "gather_facts: true")
                .split("  tasks:")
                .next()
                .unwrap(),
            fact.parent().unwrap().display()
        );
        let after = "    - ansible.builtin.debug: {msg: 'now {{ ansible_facts.ansible_local.image.name }}'}\n";
        let tail = PLAY.split("  tasks:").nth(1).unwrap();
        let play = site.desk.file("play.yml", &format!("{facts}  tasks:{tail}{after}"));
        let more = json!({"rolling_recycle_tasks": tasks});
        let run = ran(site.command(version, play.to_str().unwrap(), &more).output().unwrap());
        changed(&run);
        assert!(run.stdout.contains("now new"), "{version}: {}", run.stdout);
        let again = ran(site.command(version, play.to_str().unwrap(), &more).output().unwrap());
        assert_eq!(changed(&again), 0, "{version}");
    }
}

/// As docs/migration.md says: each host's roll puts back what it has changed itself, and the first has brought the image.
#[test]
fn a_later_host_that_fails_leaves_the_image_that_an_earlier_one_has_brought() {
    let site = Site::with(2);
    let play = site.desk.file("play.yml", PLAY);
    let gate = json!({"name": "the gate", "kind": "command", "command": ["test", "{{ rolling_recycle_node.id }}", "!=", "ssi-02"]});
    let more = json!({"rolling_recycle_gates_between": [gate]});
    let run = ran(site.command(NEWEST, play.to_str().unwrap(), &more).output().unwrap());
    assert!(run.code != 0 && run.stdout.contains("the gate"), "{}", run.stdout);
    let image = |site: &Site| {
        site.settings()["config"]["compute"]["launchSpecification"]["imageId"].clone()
    };
    assert_eq!((site.images(), image(&site)), (vec![NEW.into(), OLD.into()], json!(NEW)));
    let first = site.journals()[0].file_stem().unwrap().to_str().unwrap().to_owned();
    let mut variables = site.variables(&json!({"rolling_recycle_run_id": first}));
    let given = variables.as_object_mut().unwrap();
    given.retain(|name, _| !name.ends_with("_image_id") && !name.ends_with("_group_id"));
    let mut command = site.command(NEWEST, "spotinst.esg.rollback", &json!({}));
    let file = command.get_args().last().unwrap().to_str().unwrap()[1..].to_owned();
    std::fs::write(file, variables.to_string()).unwrap();
    changed(&ran(command.output().unwrap()));
    assert_eq!((site.images(), image(&site)), (vec![OLD.into(), OLD.into()], json!(OLD)));
}
