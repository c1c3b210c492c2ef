//! Gates that are read before a roll begins, and looked at in check mode.

use serde_json::{Value, json};

use crate::site::{NEW, NEWEST, OLD, Site, changed, last_words};
use crate::support::ansible::{VERSIONS, ansible, root};
use crate::support::cli::ran;

/// What cannot be understood of a gate, by the list that it is in, and the words that say so.
fn misunderstood() -> [(&'static str, Value, &'static str); 4] {
    let command = json!(["true"]);
    [
        ("rolling_recycle_gates_before", json!({"kind": "command", "comand": command}), "comand"),
        (
            "rolling_recycle_gates_between",
            json!({"kind": "tcp", "host": "127.0.0.1", "port": "many"}),
            "port",
        ),
        (
            "rolling_recycle_gates_after",
            json!({"kind": "http", "url": "htp:/{{ rolling_recycle_address }}"}),
            "gate it: ",
        ),
        // Only of the last node, and only with its own variables.
        (
            "rolling_recycle_gates_after",
            json!({"kind": "command", "command": "{{ [] if rolling_recycle_node.id == 'ssi-02' else ['true'] }}"}),
            "node 2 of 2: ssi-02",
        ),
    ]
}

/// At night its turn would come when the cluster is without a node.
#[test]
fn a_gate_that_cannot_be_understood_ends_the_roll_before_anything_is_changed() {
    for (index, (list, mut gate, words)) in misunderstood().into_iter().enumerate() {
        let version = VERSIONS[index % 2];
        let site = Site::with(2);
        let before = site.settings();
        gate["name"] = json!("it");
        for arguments in [&["--check", "--diff"][..], &[]] {
            let said = last_words(&site.roll(version, &json!({list: [gate]}), arguments));
            for word in [words, "this cannot be understood", "of 2: ssi-0", "Nothing was changed."]
            {
                assert!(said.contains(word), "{version} {list}: {word}: {said}");
            }
        }
        assert_eq!((site.settings(), site.journals().len()), (before, 0), "{list}");
        assert!(site.desk.simulator.requests().iter().all(|request| request.method == "GET"));
        assert_eq!(site.images(), [OLD, OLD]);
    }
}

/// How long a node is watched is a matter of the same module, whose bounds it may break.
#[test]
fn a_watch_that_cannot_be_kept_is_found_before_anything_is_changed() {
    let site = Site::with(1);
    let more = json!({
        "rolling_recycle_gates_after": [{"name": "back", "kind": "command", "command": ["true"]}],
        "rolling_recycle_canary_bake_seconds": 90000,
    });
    let said = last_words(&site.roll(NEWEST, &more, &[]));
    assert!(said.contains("window") && said.contains("Nothing was changed."), "{said}");
    assert_eq!(site.journals().len(), 0);
}

#[test]
fn in_check_mode_only_the_gates_that_come_first_are_looked_at_and_shown() {
    for version in VERSIONS {
        let site = Site::with(2);
        let looked = |name: &str| {
            let path = site.path(&format!("looked-{name}"));
            json!([{"name": name, "kind": "command", "matches": "well",
                    "command": ["sh", "-c", format!("echo x >> {}; echo ill", path.display())]}])
        };
        let more = json!({
            "rolling_recycle_gates_before": looked("before"),
            "rolling_recycle_gates_between": looked("between"),
            "rolling_recycle_gates_after": looked("after"),
        });
        let run = site.roll(version, &more, &["--check", "--diff"]);
        assert_eq!(changed(&run), 1, "{version}");
        for words in
            ["verdict fail", "not passed: before", "the roll would wait here for up to 0 s"]
        {
            assert!(run.stdout.contains(words), "{version}: {words}: {}", run.stdout);
        }
        let looks = std::fs::read_to_string(site.path("looked-before")).unwrap();
        assert_eq!(looks.lines().count(), 1, "{version}");
        assert!(!site.path("looked-between").exists() && !site.path("looked-after").exists());
        assert_eq!(site.journals().len(), 0);

        let open = json!([{"name": "quiet", "kind": "command", "command": ["true"]}]);
        let run = site.roll(version, &json!({"rolling_recycle_gates_before": open}), &["--check"]);
        assert_eq!(changed(&run), 1, "{version}");
        assert!(run.stdout.contains("1 of 1 predicates pass"), "{version}: {}", run.stdout);
        assert!(!run.stdout.contains("the roll would wait here"), "{version}: {}", run.stdout);
    }
}

/// What a node's gates need of it is there when they are read: its address and its host.
#[test]
fn gates_are_read_with_the_variables_of_each_node() {
    let site = Site::with(2);
    let more = json!({"rolling_recycle_gates_after": [{
        "name": "back {{ rolling_recycle_node.id }}", "kind": "command",
        "command": ["test", "{{ rolling_recycle_address }}", "=", "{{ hostvars[rolling_recycle_host].ansible_host | default('<address>') }}"],
        "timeout": "{{ {'<node>': 1, 'ssi-01': 5, 'ssi-02': 6}[rolling_recycle_node.id] }}",
    }]});
    changed(&site.roll(NEWEST, &more, &[]));
    assert_eq!(site.images(), [NEW, NEW]);
}

/// What the roles of the technologies hand on, to gates and to all else that asks a cluster by the same options.
#[test]
fn a_look_may_take_as_long_as_the_role_is_told() {
    let site = Site::with(1);
    let roles = ["kafka", "zookeeper", "elasticsearch"];
    let files = roles.iter().flat_map(|role| ["defaults", "vars"].map(|of| (role, of)));
    let files: Vec<_> = files
        .map(|(role, of)| root().join(format!("roles/recycle_{role}/{of}/main.yml")))
        .collect();
    let tasks = roles.map(|role| {
        let one = format!(
            "{{{{ __recycle_{role}_cluster | combine({{'name': '{role}', 'target': target, 'phase': 'pre'}}) }}}}"
        );
        let target = if role == "zookeeper" { "127.0.0.1:1" } else { "1" };
        json!({
            "spotinst.esg.cluster_gate": {"gates": [one], "look": false},
            "vars": {"target": target}, "ignore_errors": true,
        })
    });
    let shown = roles.map(|role| {
        json!({"ansible.builtin.debug": {"msg": format!("{role} {{{{ __recycle_{role}_cluster.timeout }}}} s")}})
    });
    let tasks: Vec<Value> = tasks.into_iter().chain(shown).collect();
    let play =
        json!([{"hosts": "localhost", "gather_facts": false, "vars_files": files, "tasks": tasks}]);
    let play = site.desk.file("looks.yml", &play.to_string());
    let asked = json!({
        "recycle_kafka_bootstrap": ["127.0.0.1:1", "127.0.0.2:1"], "recycle_kafka_brokers": [1, 2, 3],
        "recycle_zookeeper_servers": ["127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"],
        "recycle_elasticsearch_urls": ["http://127.0.0.1:1"], "recycle_elasticsearch_nodes": ["1", "2", "3"],
    });
    for (given, told, refusals) in [(None, 10, 0), (Some(45), 45, 0), (Some(601), 601, 3)] {
        let mut variables = asked.clone();
        if let Some(seconds) = given {
            for role in roles {
                variables[format!("recycle_{role}_look_timeout")] = json!(seconds);
            }
        }
        let mut command = ansible(&site.desk, NEWEST, "ansible-playbook");
        command.args(["-i", "localhost,", "-c", "local", "-e", &variables.to_string()]).arg(&play);
        let run = ran(command.output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stdout);
        for role in roles {
            assert!(run.stdout.contains(&format!("{role} {told} s")), "{}", run.stdout);
        }
        // Else it is understood.
        let refused =
            run.stdout.matches("\"msg\": \"value of timeout must be from 1 to 600").count();
        assert_eq!(refused, refusals, "{}", run.stdout);
        assert!(run.stdout.contains(&format!("ignored={refusals}")), "{}", run.stdout);
    }
}
