//! The modules of groups, and the role that makes groups, by real playbooks on the oldest and the newest Ansible.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::ansible::{VERSIONS, ansible, root};
use support::cli::{ACCOUNT, CANARY, Desk, Ran, files, ran};

const FLEET: &str = "clock: {speed: 500}
groups:
  - {name: kafka, id: sig-1, region: us-east-1, image: ami-1, persistence: {data: reattach, private_ip: true},
     volumes: [{device: /dev/xvdb}], capacity: {minimum: 0, target: 2, maximum: 5},
     stateful: [{id: ssi-1}, {id: ssi-2}, {id: ssi-3, state: PAUSED}]}
";

fn play(desk: &Desk, version: &str, tasks: &str, arguments: &[&str]) -> Ran {
    let indented: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
    let head = "- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n";
    let file = desk.file("play.yml", &format!("{head}{indented}"));
    let mut command = ansible(desk, version, "ansible-playbook");
    ran(command.args(["-i", "localhost,"]).arg(file).args(arguments).output().unwrap())
}

fn mutations(desk: &Desk) -> usize {
    desk.simulator.requests().iter().filter(|request| request.method != "GET").count()
}

/// How many tasks the recap says were changed.
fn changed(run: &Ran) -> usize {
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let recap = run.stdout.rsplit_once("changed=").unwrap().1;
    recap.split_whitespace().next().unwrap().parse().unwrap()
}

/// The groups of the simulated account.
fn listed(desk: &Desk) -> Vec<Value> {
    let found = support::module::call(desk, "elastigroup_info", &json!({})).well();
    found["elastigroups"].as_array().unwrap().clone()
}

const GROUP: &str = "
    name: made
    region: us-east-1
    capacity: {target: 1, minimum: 0, maximum: 3}
    zones: [{name: us-east-1a, subnet_ids: [subnet-a]}]
    image_id: ami-7
    instance_types: {on_demand: m5.large, spot: 'm5.large,m5a.large'}
    persistence: {data: reattach, private_ip: true}
    security_group_ids: sg-1
    tags: {Role: made, Port: 2181}
";

/// Each of the modules' three changes: foreseen, done, foreseen again, done again.
#[test]
fn each_change_is_foreseen_done_once_and_done_no_more() {
    let group = |more: &str| format!("- spotinst.esg.elastigroup:{GROUP}{more}");
    let made = group("");
    let altered = group("    description: changed\n    spec: {strategy: {lifetimePeriod: '7'}}\n");
    let steps = [
        (made.as_str(), 1),
        (&altered, 1),
        ("- spotinst.esg.elastigroup: {name: made, state: absent, confirm_data_loss: true}", 1),
        ("- spotinst.esg.elastigroup_capacity: {id: sig-1, target: 3}", 1),
        ("- spotinst.esg.elastigroup_capacity: {id: sig-1, target: '2', instances: ssi-2}", 2),
        ("- spotinst.esg.elastigroup_capacity: {name: kafka, minimum: 1, maximum: 9}", 1),
        (
            "- spotinst.esg.elastigroup_suspension: {id: sig-1, state: suspended, processes: AUTO_HEALING, ttl_minutes: 100000}",
            1,
        ),
        (
            "- spotinst.esg.elastigroup_suspension: {id: sig-1, state: suspended, processes: AUTO_HEALING, ttl_minutes: 500000}",
            1,
        ),
        ("- spotinst.esg.elastigroup_suspension: {name: kafka, state: resumed}", 1),
    ];
    for version in VERSIONS {
        let desk = Desk::with(FLEET);
        let mut asked = 0;
        for (tasks, calls) in steps {
            let foreseen = play(&desk, version, tasks, &["--check", "--diff"]);
            assert_eq!((changed(&foreseen), mutations(&desk)), (1, asked), "{version}: {tasks}");
            assert!(foreseen.stdout.contains("--- before"), "{version}: {}", foreseen.stdout);
            let done = play(&desk, version, tasks, &["--diff"]);
            asked += calls;
            assert_eq!((changed(&done), mutations(&desk)), (1, asked), "{version}: {tasks}");
            for arguments in [&["--check"][..], &[]] {
                let again = play(&desk, version, tasks, arguments);
                assert_eq!((changed(&again), mutations(&desk)), (0, asked), "{version}: {tasks}");
            }
        }
    }
}

#[test]
fn a_group_is_adopted_and_copied_by_two_tasks_and_its_past_is_told() {
    let tasks = "\
- spotinst.esg.elastigroup_info: {names: kaf*, with_user_data: true, with_instances: true, with_suspensions: true, events_hours: 1, log_hours: 1}
  register: found
- assert:
    that:
      - found is not changed
      - found.elastigroups | length == 1
      - found.elastigroups[0].instances | length == 3
      - found.elastigroups[0].stateful
- spotinst.esg.elastigroup: {id: \"{{ found.elastigroups[0].id }}\", spec: \"{{ found.elastigroups[0].spec }}\", wait: false}
  register: adopted
- assert: {that: [adopted is not changed, not adopted.changes]}
- spotinst.esg.elastigroup:
    name: copied
    region: us-west-2
    zones: [{name: us-west-2a, subnet_ids: [subnet-b]}]
    spec: \"{{ found.elastigroups[0].spec }}\"
    wait: false
  register: copied
- assert: {that: [copied is changed, copied.created, copied.region == 'us-west-2']}
- spotinst.esg.elastigroup_info: {names: nothing*}
  register: nothing
- assert: {that: [not nothing.elastigroups]}
";
    for version in VERSIONS {
        let desk = Desk::with(FLEET);
        let run = play(&desk, version, tasks, &[]);
        assert_eq!(changed(&run), 1, "{version}: {}", run.stdout);
        assert_eq!(listed(&desk).len(), 2, "{version}");
    }
}

/// What is listed: all of it, by each filter, none, and what is misspelt or of the wrong type.
const LISTED: &str = "\
- spotinst.esg.elastigroup_info: \"{{ item.options | default({}) }}\"
  loop:
    - {}
    - {options: {ids: [sig-1]}}
    - {options: {id: 'sig-1,sig-2'}}
    - {options: {names: k*}}
    - {options: {name: web}}
    - {options: {regions: us-west-2}}
    - {options: {stateful: true}}
    - {options: {stateful: false}}
    - {options: {ids: sig-2, with_instances: true, with_suspensions: true, events_hours: 24, log_hours: 24, log_severities: ERROR}}
    - {options: {names: kafka, regions: us-west-2}}
    - {options: {ids: sig-9}}
    - {options: {idds: sig-1}}
    - {options: {stateful: perhaps}}
    - {options: {log_hours: 0}}
    - {options: {names: {kafka: 1}}}
  ignore_errors: true
  register: seen
- set_fact:
    ids: \"{{ seen.results[:11] | map(attribute='elastigroups') | map('map', attribute='id') | map('sort') | list }}\"
    both: [sig-1, sig-2]
- assert:
    that:
      - ids[:3] == [both, ['sig-1'], both]
      - ids[3:8] == [['sig-1'], ['sig-2'], ['sig-2'], ['sig-1'], ['sig-2']]
      - ids[8:] == [['sig-2'], [], []]
      - seen.results | map(attribute='failed') | list == [false] * 11 + [true] * 4
      - seen.results[11].msg is search('idds.*did you mean ids')
      - seen.results[12].msg is search('stateful')
      - seen.results[13].msg is search('log_hours')
      - seen.results[14].msg is search('names')
      - seen.results | selectattr('changed') == []
      - seen.results[8].elastigroups[0].instances | length == web | int
      - seen.results[8].elastigroups[0].suspensions == []
      - \"'instances' not in seen.results[0].elastigroups[0]\"
      - seen.results[1].elastigroups[0].spec.compute.launchSpecification.imageId == 'ami-1'
";

#[test]
fn groups_are_listed_alike_again_in_check_mode_and_after_a_change() {
    for version in VERSIONS {
        let desk = Desk::with(&format!(
            "{FLEET}  - {{name: web, id: sig-2, region: us-west-2, image: ami-1, capacity: {{minimum: 0, target: 2, maximum: 5}}, members: [{{}}, {{}}]}}\n"
        ));
        let list = |web: usize, arguments: &[&str]| {
            let web = format!("web={web}");
            let run = play(&desk, version, LISTED, &[&["-e", &web], arguments].concat());
            assert_eq!(changed(&run), 0, "{version}");
        };
        list(2, &[]);
        list(2, &[]);
        list(2, &["--check", "--diff"]);
        assert_eq!(mutations(&desk), 0, "{version}");
        let more = "- spotinst.esg.elastigroup_capacity: {id: sig-2, target: 3, wait: true}";
        assert_eq!(changed(&play(&desk, version, more, &[])), 1, "{version}");
        list(3, &[]);
        list(3, &["--check"]);
    }
}

/// User data marked secret, at the highest verbosity: not in what is shown, nor in what is left in the home folder.
#[test]
fn secret_user_data_shows_nowhere() {
    let coded = STANDARD.encode(format!("#!/bin/sh\necho {CANARY}\n"));
    for version in VERSIONS {
        let desk = Desk::with(FLEET);
        desk.fault(json!({"kind": "status", "status": 400, "code": "ValidationError", "method": "POST", "count": 1,
            "message": format!("\"userData\" {coded} is odd")}));
        let data =
            "    user_data: \"{{ lookup('file', 'script') }}\\n\"\n    user_data_is_secret: true\n";
        let task = |more: &str| format!("- spotinst.esg.elastigroup:{GROUP}{data}{more}");
        let tasks = format!(
            "{}  ignore_errors: true\n{}  register: made\n- debug: {{var: made}}\n{}",
            task(""),
            task(""),
            task("    description: again\n")
        );
        desk.file("script", &format!("#!/bin/sh\necho {CANARY}\n"));
        let run = play(&desk, version, &tasks, &["-vvvv", "--diff"]);
        assert_eq!(changed(&run), 2, "{version}: {}", run.stdout);
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(CANARY) && !text.contains(&coded), "{version}: {text}");
        }
        assert!(run.stdout.contains("sha256:"), "{version}: {}", run.stdout);
        for file in files(desk.home.path()) {
            let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
            let is_ours = file.file_name().is_some_and(|name| name == "script");
            assert!(
                is_ours || !text.contains(CANARY) && !text.contains(&coded),
                "{}",
                file.display()
            );
        }
    }
}

const FILE: &str = "
provision_inventory_groups: [cluster]
provision_defaults:
  region: us-east-1
  image_id: ami-7
  capacity: {target: 1, minimum: 0, maximum: 2}
  instance_types: {on_demand: [m5.large], spot: [m5.large]}
  strategy: {on_demand_count: 1, revert_to_spot: {perform_at: never}}
  persistence: {root: false, data: reattach, private_ip: true}
  security_group_ids: [sg-1]
  tags: {Role: zookeeper}
  user_data: |
    #!/bin/sh
    echo canary-5fb1c0ffee0badcafe42
provision_groups:
  - {name: zk-a, zones: [{name: us-east-1a, subnet_ids: [subnet-a]}], inventory_groups: [first], tags: {Zone: a}}
  - {name: zk-b, zones: [{name: us-east-1b, subnet_ids: [subnet-b]}], capacity: {target: 2}}
  - {name: zk-a, region: eu-west-1, zones: [{name: eu-west-1a, subnet_ids: [subnet-c]}]}
";

/// The collection's own playbook, with a play after it that sees the hosts.
fn provision(desk: &Desk, version: &str, book: &str, arguments: &[&str]) -> Ran {
    let text = format!(
        "- import_playbook: spotinst.esg.{book}\n\
         - hosts: provisioned\n  gather_facts: false\n  connection: local\n  tasks:\n    \
         - debug:\n        msg: \"host {{{{ inventory_hostname }}}} of {{{{ group_names | sort | join(' ') }}}} at {{{{ ansible_host }}}} {{{{ spotinst_id }}}}\"\n"
    );
    let book = desk.file("book.yml", &text);
    let inventory = desk.options("");
    let mut command = ansible(desk, version, "ansible-playbook");
    command.arg("-i").arg(inventory).arg(book).args(arguments);
    ran(command.output().unwrap())
}

/// Networks of two regions may give one address twice; no host is lost by that.
#[test]
fn hosts_of_one_address_are_both_handed_on() {
    let group = |name: &str, region: &str, hosts: &str| {
        format!(
            "  - {{name: {name}, id: sig-{name}, region: {region}, persistence: {{data: reattach, private_ip: true}}, \
             capacity: {{minimum: 0, target: 1, maximum: 5}}, stateful: [{hosts}]}}\n"
        )
    };
    let fleet = format!(
        "groups:\n{}{}",
        group("one", "us-east-1", "{id: ssi-1, private_ip: 10.0.0.5}"),
        group(
            "two",
            "eu-west-1",
            "{id: ssi-2, private_ip: 10.0.0.5}, {id: ssi-3, private_ip: 10.0.0.6}"
        )
    );
    let desk = Desk::with(&fleet);
    let file =
        "provision_groups: [{name: one, region: us-east-1}, {name: two, region: eu-west-1}]\n";
    let file = format!("@{}", desk.file("groups.yml", file).display());
    let run = provision(&desk, VERSIONS[0], "provision", &["-e", &file]);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    for (name, address, id) in [
        ("ssi-1", "10.0.0.5", "ssi-1"),
        ("ssi-2", "10.0.0.5", "ssi-2"),
        ("10.0.0.6", "10.0.0.6", "ssi-3"),
    ] {
        let is_it = |line: &str| {
            line.contains(&format!("host {name} of "))
                && line.contains(&format!(" at {address} {id}"))
        };
        assert!(run.stdout.lines().any(is_it), "{name}: {}", run.stdout);
    }
}

#[test]
fn one_file_makes_groups_hands_their_hosts_on_and_is_torn_down_after_a_plan() {
    for version in VERSIONS {
        let desk = Desk::with("clock: {speed: 500}");
        let file = format!("@{}", desk.file("groups.yml", FILE).display());
        let with = |more: &[&'static str]| -> Vec<String> {
            let mut all = vec!["-e".to_owned(), file.clone()];
            all.extend(more.iter().map(|it| (*it).to_owned()));
            all
        };
        let go = |book: &str, more: &[&'static str]| {
            let arguments = with(more);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            provision(&desk, version, book, &arguments)
        };
        let recap = |run: &Ran, host: &str| {
            assert_eq!(run.code, 0, "{version}: {}\n{}", run.stdout, run.stderr);
            let line = run
                .stdout
                .lines()
                .rfind(|line| line.starts_with(host) && line.contains("ok="))
                .unwrap();
            line.split("changed=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
        };
        let foreseen = go("provision", &["--check", "--diff"]);
        assert_eq!(
            (recap(&foreseen, "localhost").as_str(), mutations(&desk)),
            ("3", 0),
            "{}",
            foreseen.stdout
        );
        let made = go("provision", &["-vvv", "--diff"]);
        assert_eq!(
            (recap(&made, "localhost").as_str(), mutations(&desk)),
            ("3", 3),
            "{}",
            made.stdout
        );
        assert!(
            !made.stdout.contains(CANARY) && !made.stderr.contains(CANARY),
            "{version}: {}",
            made.stdout
        );
        let hosts: Vec<&str> = made
            .stdout
            .lines()
            .filter(|line| line.contains("host ") && line.contains(" of "))
            .collect();
        assert!(hosts.len() >= 4, "{version}: {}", made.stdout);
        assert!(
            hosts.iter().any(|line| line.contains("first") && line.contains("zk-a")),
            "{hosts:?}"
        );
        assert!(
            hosts.iter().all(|line| line.contains("cluster") && line.contains("ssi-")),
            "{hosts:?}"
        );
        // The inventory has them, too.
        let inventory = desk.list("").document();
        assert_eq!(inventory["_meta"]["hostvars"].as_object().unwrap().len(), 4, "{version}");
        let again = go("provision", &[]);
        assert_eq!(
            (recap(&again, "localhost").as_str(), mutations(&desk)),
            ("0", 3),
            "{}",
            again.stdout
        );

        let plan = go("teardown", &[]);
        assert_eq!(
            (recap(&plan, "localhost").as_str(), mutations(&desk)),
            ("0", 3),
            "{}",
            plan.stdout
        );
        assert!(
            plan.stdout.contains("delete zk-b") && plan.stdout.contains("Nothing was deleted"),
            "{}",
            plan.stdout
        );
        let refused = go("teardown", &["-e", "provision_teardown_confirm=true"]);
        assert!(
            refused.code != 0 && refused.stdout.contains("set confirm_data_loss"),
            "{}",
            refused.stdout
        );
        assert_eq!(mutations(&desk), 3);
        let sure =
            ["-e", "provision_teardown_confirm=true", "-e", "provision_confirm_data_loss=true"];
        let gone = go("teardown", &sure);
        assert_eq!(
            (recap(&gone, "localhost").as_str(), mutations(&desk)),
            // One task for all of them.
            ("1", 6),
            "{}",
            gone.stdout
        );
        assert!(listed(&desk).is_empty(), "{version}");
        assert_eq!(recap(&go("teardown", &sure), "localhost"), "0", "{version}");
    }
}

#[test]
fn odd_variables_are_refused_before_anything_is_made() {
    let desk = Desk::with(FLEET);
    for (file, words) in [
        ("provision_groups: []", "needs a name and a region"),
        ("provision_groups: [{name: a}]", "needs a name and a region"),
        ("provision_groups: [{name: a, region: r}, {name: a, region: r}]", "no two entries"),
        ("provision_groups: {name: a}", "provision_groups"),
        ("provision_groups: [{name: a, region: us-east-1}]", "set these options"),
        (
            "provision_groups: [{name: a, region: us-east-1, persistance: {data: reattach}}]",
            "persistance of a (did you mean persistence?)",
        ),
        (
            "{provision_groups: [{name: a, region: us-east-1}], provision_defaults: {confirm_data_loss: true}}",
            "confirm_data_loss of provision_defaults (did you mean provision_confirm_data_loss",
        ),
        // Where the API is reached is an option as any other.
        (
            "provision_groups: [{name: a, region: us-east-1, base_url: 'http://127.0.0.1:9', timeout: 5}]",
            "127.0.0.1:9",
        ),
    ] {
        let file = format!("@{}", desk.file("groups.yml", file).display());
        let run = provision(&desk, VERSIONS[1], "provision", &["-e", &file]);
        let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(run.code != 0 && said.contains(words), "{file}: {words}: {}", run.stdout);
    }
    assert_eq!(mutations(&desk), 0);
    let file = "provision_groups: [{name: a, region: us-east-1, base_url: 'http://127.0.0.1:9', timeout: 5}]";
    let file = format!("@{}", desk.file("groups.yml", file).display());
    let run = provision(&desk, VERSIONS[1], "teardown", &["-e", &file]);
    assert!(run.code != 0 && run.stdout.contains("127.0.0.1:9"), "{}", run.stdout);
}

/// What the module takes is known to the role and handed on, but for what the role has variables for.
#[test]
fn the_role_hands_on_every_option_of_the_module() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let yaml = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    let module = read("ansible/plugins/modules/elastigroup.py");
    let mut parts = module.split("'''");
    let documentation = parts.nth(1).unwrap().trim_start().trim_start_matches("---");
    let known = yaml(&read("roles/provision/vars/main.yml"));
    let names = |key: &str| -> Vec<String> {
        let names = known[key].as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let connection = names("provision_connection_options");
    let mut all = [names("provision_options"), connection.clone()].concat();
    all.extend(["state", "confirm_data_loss", "deallocation"].map(str::to_owned));
    all.sort();
    let documentation = yaml(documentation);
    let mut options: Vec<&String> = documentation["options"].as_object().unwrap().keys().collect();
    options.sort();
    assert_eq!(all.iter().collect::<Vec<_>>(), options);

    let made = yaml(&read("roles/provision/tasks/group.yml"));
    let made = &made[0]["spotinst.esg.elastigroup"];
    for name in all.iter().filter(|name| !["state", "deallocation"].contains(&name.as_str())) {
        assert!(made.get(name).is_some(), "{name}");
    }
    let teardown = yaml(&read("roles/provision/tasks/teardown.yml"));
    let tasks = teardown.as_array().unwrap().iter();
    let modules = ["spotinst.esg.elastigroup", "spotinst.esg.elastigroup_info"];
    let asking = tasks.flat_map(|task| modules.iter().filter_map(|module| task.get(*module)));
    let asking: Vec<&Value> = asking.collect();
    assert_eq!(asking.len(), 2);
    for name in &connection {
        assert!(asking.iter().all(|task| task.get(name).is_some()), "{name}");
    }
}

/// An account that an earlier call named is not that of a later one.
#[test]
fn the_account_of_one_call_of_the_role_is_not_that_of_the_next() {
    let desk = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}}}]\nlimits: {{default: 100000}}\n\
         accounts: [{{id: {ACCOUNT}, name: one}}, {{id: act-00000002, name: two}}]\n"
    ));
    let call = |name: &str, more: &str| {
        format!(
            "- include_role: {{name: spotinst.esg.provision}}\n  vars:\n    {more}\n    provision_wait: false\n    \
             provision_groups: [{{name: {name}, region: us-east-1, image_id: ami-7, security_group_ids: sg-1,\n      \
             capacity: {{target: 1, minimum: 0, maximum: 1}}, instance_types: {{on_demand: m5.large, spot: m5.large}},\n      \
             zones: [{{name: us-east-1a, subnet_ids: [subnet-a]}}]}}]\n"
        )
    };
    let tasks =
        [call("a", "provision_account_name: two"), call("b", "provision_refresh_inventory: false")];
    let run = play(&desk, VERSIONS[1], &tasks.concat(), &["-vv"]);
    assert_eq!(changed(&run), 2, "{}", run.stdout);
    let requests = desk.simulator.requests();
    let made = requests.iter().filter(|request| request.method == "POST");
    let accounts: Vec<&str> = made.map(|request| request.query.as_str()).collect();
    assert_eq!(accounts, ["accountId=act-00000002", &format!("accountId={ACCOUNT}")]);
    // The second call asked that the inventory be left alone.
    assert_eq!(run.stdout.matches("inventory successfully refreshed").count(), 1, "{}", run.stdout);
}

/// A name is no pattern where groups are deleted, and not in the plan for that either.
#[test]
fn a_teardown_plans_for_no_other_group_than_it_deletes() {
    let desk = Desk::with(FLEET);
    let go = |names: &str| {
        let groups = names.split(' ').map(|name| format!("{{name: '{name}', region: us-east-1}}"));
        let file = format!("provision_groups: [{}]", groups.collect::<Vec<_>>().join(", "));
        let file = format!("@{}", desk.file("groups.yml", &file).display());
        let run = provision(&desk, VERSIONS[1], "teardown", &["-e", &file]);
        assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
        run.stdout
    };
    let said = go("k* ?afka [k]afka *");
    assert!(said.contains("There is nothing of it") && !said.contains("sig-1"), "{said}");
    let said = go("* kafka");
    assert_eq!(said.matches("delete kafka (sig-1)").count(), 1, "{said}");
    assert!(said.contains("Nothing was deleted"), "{said}");
}

/// A name that no account has may be misspelt, and then nothing would be deleted in silence.
#[test]
fn a_teardown_of_an_account_that_is_not_there_fails_unless_it_may_be_gone() {
    let desk = Desk::with(FLEET);
    let file = "{provision_groups: [{name: a, region: us-east-1}], provision_account_name: onne}";
    let file = format!("@{}", desk.file("groups.yml", file).display());
    let go = |more: &[&str]| {
        let arguments = [&["-e", &file, "-e", "provision_teardown_confirm=true"], more].concat();
        let run = provision(&desk, VERSIONS[1], "teardown", &arguments);
        let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        (run.code, said)
    };
    let (code, said) = go(&[]);
    assert!(code != 0 && said.contains("There is no account onne, so its groups"), "{said}");
    let (code, said) = go(&["-e", "provision_account_may_be_gone=true"]);
    assert!(code == 0 && said.contains("no account onne, and so nothing to delete"), "{said}");
    assert_eq!(mutations(&desk), 0);
}

/// The examples that come with the collection make what they say.
#[test]
fn the_examples_of_clusters_are_made_and_made_once() {
    for name in ["kafka", "zookeeper", "elasticsearch"] {
        let desk = Desk::with("clock: {speed: 500}");
        let file =
            format!("@{}", root().join(format!("playbooks/vars/provision_{name}.yml")).display());
        let made = provision(&desk, VERSIONS[1], "provision", &["-e", &file]);
        assert_eq!(made.code, 0, "{name}: {}\n{}", made.stdout, made.stderr);
        let groups = listed(&desk);
        assert_eq!(groups.len(), 3, "{name}");
        for group in &groups {
            let spec = &group["spec"];
            let persistence = &spec["strategy"]["persistence"];
            assert_eq!(persistence["shouldPersistRootDevice"], false, "{group}");
            assert_eq!(persistence["blockDevicesMode"], "reattach", "{group}");
            assert_eq!(
                spec["compute"]["availabilityZones"].as_array().unwrap().len(),
                1,
                "{group}"
            );
        }
        let asked = mutations(&desk);
        let again = provision(&desk, VERSIONS[1], "provision", &["-e", &file]);
        assert_eq!((again.code, mutations(&desk)), (0, asked), "{name}: {}", again.stdout);
    }
}
