//! How a node is reached once its machine is another one: its address, its host key, and what was gathered of it.

use std::fs;

use serde_json::json;

use crate::site::{NEW, NEWEST, OLD, Site, changed, last_words};
use crate::support::ansible::VERSIONS;

/// A line for the file of known hosts; the key is nobody's.
fn known(name: &str) -> String {
    format!(
        "{name} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZvbyBiYXIgYmF6IHF1eCBmb28gYmFyIGJheiBxdXg=\n"
    )
}

/// That of the machine that is gone, under the names and at the port by which SSH knows it, and no other.
#[test]
fn the_host_key_of_the_old_machine_is_forgotten_where_that_is_asked_for() {
    for (version, port, at) in
        [(VERSIONS[0], 22, "127.0.0.2"), (VERSIONS[1], 2222, "[127.0.0.2]:2222")]
    {
        let site = Site::with(1);
        let others = known("127.0.0.3") + &known("[127.0.0.2]:2200");
        let file = site.desk.file(".ssh/known_hosts", &(others.clone() + &known(at)));
        let mut more = json!({"ansible_port": port, "rolling_recycle_only": ["ssi-77"]});
        last_words(&site.roll(version, &more, &[]));
        assert!(fs::read_to_string(&file).unwrap().contains(&known(at)), "nothing was recycled");
        more.as_object_mut().unwrap().remove("rolling_recycle_only");
        more["rolling_recycle_forget_host_key"] = json!(true);
        changed(&site.roll(version, &more, &[]));
        assert_eq!(fs::read_to_string(&file).unwrap(), others, "{version} {port}");
    }
}

/// Where addresses are not persisted, which has to be waived.
#[test]
fn a_node_with_another_address_is_reached_and_looked_at_there() {
    for version in VERSIONS {
        let site = Site::moving(2);
        let log = site.path("asked");
        let ask = "[ \"$1\" != \"$2\" ] || exit 1; echo $1 $2 >> $0";
        let mut more = json!({
            "rolling_recycle_gates_after": [{"name": "back", "kind": "command", "command":
                ["sh", "-c", ask, log, "{{ rolling_recycle_address }}", "{{ rolling_recycle_node.private_ip }}"]}],
        });
        let refused = last_words(&site.roll(version, &more, &[]));
        assert!(refused.contains("private_ip_persisted"), "{refused}");
        let mut waivers = site.variables(&json!({}))["rolling_recycle_waivers"].clone();
        let waiver =
            json!({"predicate": "private_ip_persisted", "reason": "they find each other by name"});
        waivers.as_array_mut().unwrap().push(waiver);
        more["rolling_recycle_waivers"] = waivers;
        let run = site.roll(version, &more, &[]);
        changed(&run);
        assert_eq!(site.images(), [NEW, NEW]);
        for line in fs::read_to_string(log).unwrap().lines() {
            let (new, old) = line.split_once(' ').unwrap();
            let node = if old == "127.0.0.2" { "ssi-01" } else { "ssi-02" };
            assert!(run.stdout.contains(&format!("{node}({old})")), "{old}: {}", run.stdout);
            assert!(run.stdout.contains(&format!("{node}({new})")), "{new}: {}", run.stdout);
        }
        assert!(site.nodes().iter().all(|node| site.told(node) == "stopped started"));
    }
}

/// Its service was not stopped yet, so there is nothing to be started again, nor for a person to look at.
#[test]
fn a_node_that_cannot_be_looked_at_before_it_is_stopped_is_left_as_it_is() {
    let site = Site::with(1);
    let more = json!({"rolling_recycle_data_paths": [{"path": "/nowhere", "markers": ["myid"]}]});
    let said = last_words(&site.roll(NEWEST, &more, &[]));
    assert!(said.contains("ssi-01, planned: ") && said.contains("was ended and every"), "{said}");
    assert_eq!((site.told("ssi-01"), site.images()), (String::new(), vec![OLD.to_owned()]));
}
