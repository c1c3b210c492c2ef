//! The predecessor's form: a play over the nodes, in which each recycles itself.

use std::net::TcpListener;

use serde_json::json;

use crate::site::{NEW, OLD, Site, changed};
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
