//! Real Ansible, the oldest and the newest supported, reading a real HTTP API through the staged collection.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use support::ansible::{VERSIONS, ansible, root};
use support::cli::{BINARY, CANARY, Desk, Ran, files, ran};

/// A cache plugin that is not ours and keeps what it gets between runs, as redis would.
fn add_cache_plugin(desk: &Desk) {
    let text = "from ansible.plugins.cache.jsonfile import CacheModule as Files, DOCUMENTATION\n\n\n\
                class CacheModule(Files):\n    pass\n";
    desk.file(
        "cache_plugins/elsewhere.py",
        &text.replace("DOCUMENTATION\n", "DOCUMENTATION  # noqa\n"),
    );
    desk.file("cache_plugins/elsewhere.yml", CACHE_PLUGIN_DOC);
}

const CACHE_PLUGIN_DOC: &str = "\
DOCUMENTATION:
  name: elsewhere
  short_description: files
  description: files
  author: tests
  options:
    _uri:
      required: true
      description: folder
      type: path
    _prefix:
      description: prefix
      default: x
    _timeout:
      default: 86400
      description: seconds
      type: integer
";

fn list(desk: &Desk, version: &str, file: &Path, more: &[&str]) -> Ran {
    let mut command = ansible(desk, version, "ansible-inventory");
    ran(command.arg("-i").arg(file).arg("--list").args(more).output().unwrap())
}

fn hostvars(run: &Ran) -> Map<String, Value> {
    run.document()["_meta"]["hostvars"].as_object().unwrap().clone()
}

/// The groups of a document without those that Ansible adds, hosts in order.
fn groups(document: &Value) -> Map<String, Value> {
    let own = ["_meta", "all", "ungrouped"];
    let object = document.as_object().unwrap().iter();
    object
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(n, g)| (n.clone(), g["hosts"].clone()))
        .collect()
}

#[test]
fn plugin_script_and_program_give_the_same_hosts_and_variables() {
    use std::os::unix::fs::PermissionsExt;
    let options = "include: [stateful, members, managed_instances]\ncompose: {zone: spotinst_availabilityZone}\n\
                   groups: {spot: spotinst_lifecycle == 'spot'}\n\
                   keyed_groups: [{key: spotinst_region, prefix: region}, {key: spotinst_tags, prefix: tag}]";
    for version in VERSIONS {
        let desk = Desk::with_whole(spot_sim::DEMO_FLEET);
        let text = format!(
            "plugin: spotinst_esg\nspotinst_account_id: act-demo0001\nspotinst_api_token: demo-token\n{options}\n"
        );
        let plugin_file = desk.file("plugin.spotinst_esg.yml", &text);
        let script = format!("#!{BINARY} inventory\n{text}");
        let script_file = desk.file("script.spotinst_esg.yml", &script);
        std::fs::set_permissions(&script_file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let by_plugin = list(&desk, version, &plugin_file, &[]);
        let mut command = ansible(&desk, version, "ansible-inventory");
        command
            .env("ANSIBLE_INVENTORY_ENABLED", "script")
            .arg("-i")
            .arg(&script_file)
            .arg("--list");
        let by_script = ran(command.output().unwrap());
        assert_eq!(hostvars(&by_plugin), hostvars(&by_script), "{version}");
        assert_eq!(groups(&by_plugin.document()), groups(&by_script.document()), "{version}");
        let mut program = desk.command();
        program.args(["inventory", "--list", "--config"]).arg(&plugin_file);
        let by_program = ran(program.output().unwrap());
        assert_eq!(hostvars(&by_plugin), hostvars(&by_program), "{version}");
        let filled =
            groups(&by_program.document()).into_iter().filter(|(_, hosts)| hosts != &json!([]));
        assert_eq!(groups(&by_plugin.document()), filled.collect::<Map<_, _>>(), "{version}");
        assert_eq!(hostvars(&by_plugin)["10.20.1.11"]["zone"], "us-east-1a");
    }
}

#[test]
fn short_name_and_full_name_work_with_the_repositorys_configuration_and_without() {
    for version in VERSIONS {
        let desk = Desk::kafka();
        for name in ["spotinst_esg", "spotinst.esg.spotinst_esg"] {
            let file = desk.file("x.spotinst_esg.yml", &format!("plugin: {name}\n"));
            assert_eq!(hostvars(&list(&desk, version, &file, &[])).len(), 3, "{version} {name}");
        }
        // As from an installed collection: no configuration, the collection on the path, the program beside it.
        // The full name needs nothing more; the short one that the plugin is enabled.
        for (name, enabled) in [
            ("spotinst.esg.spotinst_esg", None),
            ("spotinst_esg", Some("spotinst.esg.spotinst_esg")),
        ] {
            let file = desk.file("x.spotinst_esg.yml", &format!("plugin: {name}\n"));
            let mut command = ansible(&desk, version, "ansible-inventory");
            command.env_remove("ANSIBLE_CONFIG").env_remove("SPOTINST_ESG_BINARY");
            command.env("ANSIBLE_COLLECTIONS_PATH", root().join("target/stage"));
            command.envs(enabled.map(|plugin| ("ANSIBLE_INVENTORY_ENABLED", plugin)));
            let run = ran(command.arg("-i").arg(&file).arg("--list").output().unwrap());
            assert_eq!(hostvars(&run).len(), 3, "{version} {name}");
        }
    }
}

#[test]
fn options_come_from_templates_extra_variables_vault_and_configuration() {
    for version in VERSIONS {
        let desk = Desk::kafka();
        let password = desk.file("password", "s3cret\n");
        let mut encrypt = ansible(&desk, version, "ansible-vault");
        encrypt.args(["encrypt_string", "--vault-password-file"]).arg(&password).args([
            "--name",
            "spotinst_api_token",
            CANARY,
        ]);
        let vaulted = ran(encrypt.output().unwrap());
        assert_eq!(vaulted.code, 0, "{vaulted:?}");
        let file = desk.options(&format!("regions: [\"{{{{ place }}}}\"]\n{}", vaulted.stdout));
        let run = |region: &str, with_password: bool| {
            let mut command = ansible(&desk, version, "ansible-inventory");
            command.env_remove("SPOTINST_API_TOKEN").arg("-i").arg(&file).args(["--list", "-e"]);
            command.arg(format!("place={region}"));
            if with_password {
                command.arg("--vault-password-file").arg(&password);
            }
            ran(command.output().unwrap())
        };
        assert_eq!(hostvars(&run("eu-west-1", true)).len(), 3, "{version}");
        assert_eq!(hostvars(&run("us-east-1", true)).len(), 0, "{version}");
        let locked = run("eu-west-1", false);
        assert_ne!(locked.code, 0);
        assert!(locked.stderr.to_lowercase().contains("vault"), "{version}: {locked:?}");
        let undefined = list(&desk, version, &desk.options("regions: [\"{{ nowhere }}\"]"), &[]);
        assert_ne!(undefined.code, 0, "{version}");
        assert!(
            undefined.stderr.contains("option regions") && undefined.stderr.contains("nowhere"),
            "{undefined:?}"
        );
    }
}

#[test]
fn cache_options_come_from_the_configuration_file_too() {
    for version in VERSIONS {
        let desk = Desk::kafka();
        let text = std::fs::read_to_string(root().join("ansible/ansible.cfg")).unwrap();
        let staged = root().join("target/stage").display().to_string();
        let text = text.replace("../target/stage", &staged);
        let own = "cache = true\ncache_connection = ~/from-configuration\ncache_timeout = 7\n";
        assert!(text.contains("[inventory]\n"), "{text}");
        let text = text.replace("[inventory]\n", &format!("[inventory]\n{own}"));
        let configuration = desk.file("ansible.cfg", &text);
        let file = desk.file("x.spotinst_esg.yml", "plugin: spotinst_esg\n");
        let mut command = ansible(&desk, version, "ansible-inventory");
        command.env("ANSIBLE_CONFIG", configuration).arg("-i").arg(&file).arg("--list");
        assert_eq!(hostvars(&ran(command.output().unwrap())).len(), 3, "{version}");
        assert!(!files(&desk.home.path().join("from-configuration")).is_empty(), "{version}");
    }
}

#[test]
fn failures_name_file_cause_and_cure_and_the_exit_code_is_not_zero() {
    for version in VERSIONS {
        let desk = Desk::kafka();
        for (options, words) in [
            ("regoins: [a]", &["regoins", "regions"][..]),
            ("include: [all]", &["include"]),
            ("concurrency: many", &["concurrency"]),
            ("spotinst_account_id: act-ffffffff", &["act-ffffffff"]),
            ("regions: [a", &["test.spotinst_esg.yml"]),
        ] {
            let run = list(&desk, version, &desk.options(options), &[]);
            assert_ne!(run.code, 0, "{version} {options}: {run:?}");
            assert!(
                words.iter().all(|word| run.stderr.contains(word)),
                "{version} {options}: {run:?}"
            );
        }
    }
}

/// A token on a line that Ansible cannot read, or of a type that it does not expect.
#[test]
fn a_malformed_token_is_not_quoted() {
    for version in VERSIONS {
        for (text, words) in [
            (format!("spotinst_api_token: [{CANARY}]"), "is no text"),
            (format!("spotinst_api_token: {{a: {CANARY}}}"), "is no text"),
            (format!("spotinst_api_token: {CANARY}\n  regions: [a]"), ":3:"),
            (format!("spotinst_api_token: {CANARY}: x"), ":2:"),
            (format!("spotinst_api_token: \"{CANARY}"), "no YAML"),
            (format!("spotinst_api_token: {CANARY}\nspotinst_api_token: {CANARY}"), "twice"),
            (
                format!("spotinst_api_token: \"{{{{ '{CANARY}' | nosuch }}}}\""),
                "cannot be rendered",
            ),
        ] {
            let desk = Desk::kafka();
            let run = list(&desk, version, &desk.options(&text), &[]);
            assert_ne!(run.code, 0, "{version}: {text}: {run:?}");
            // Ansible breaks lines where it likes.
            let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains(words), "{version}: {text}: {run:?}");
            assert!(
                !run.stderr.contains(CANARY) && !run.stdout.contains(CANARY),
                "{version}: {text}: {run:?}"
            );
        }
    }
}

/// A play that shows the brokers, moves one to 10.0.0.42, refreshes, and shows them again.
fn moving_play(desk: &Desk) -> PathBuf {
    let show = |when: &str| {
        format!(
            "    - ansible.builtin.debug: {{msg: \"{when} {{{{ groups.kafka | sort | join(' ') }}}}\"}}\n"
        )
    };
    let body = json!({"instance": "ssi-0000000a", "set": {"privateIp": "10.0.0.42"}});
    let url = desk.simulator.url();
    let text = format!(
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n{}\
         \x20   - ansible.builtin.uri: {{url: '{url}/_sim/edit', method: POST, body_format: json, body: {body}}}\n\
         \x20   - ansible.builtin.meta: refresh_inventory\n{}",
        show("before"),
        show("after")
    );
    desk.file("play.yml", &text)
}

/// A script gets no word of a refresh, but the same Ansible asks it a second time.
#[test]
fn a_refresh_reaches_an_executable_file_too() {
    use std::os::unix::fs::PermissionsExt;
    for version in VERSIONS {
        let desk = Desk::kafka();
        let text = format!("#!{BINARY} inventory\nplugin: spotinst_esg\ncache: true\n");
        let file = desk.file("script.spotinst_esg.yml", &text);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let play = moving_play(&desk);
        for (after, calls) in
            [("10.0.0.2 10.0.0.3 10.0.0.42", 2), ("10.0.0.2 10.0.0.3 10.0.0.42", 1)]
        {
            let before = desk.paths().iter().filter(|path| *path == "/aws/ec2/group").count();
            let mut command = ansible(&desk, version, "ansible-playbook");
            command.env("ANSIBLE_INVENTORY_ENABLED", "script");
            let run = ran(command.arg("-i").arg(&file).arg(&play).output().unwrap());
            assert_eq!(run.code, 0, "{version}: {run:?}");
            assert!(run.stdout.contains(&format!("after {after}")), "{version}: {run:?}");
            let lists =
                desk.paths().iter().filter(|path| *path == "/aws/ec2/group").count() - before;
            assert_eq!(lists, calls, "{version}: the first run asks, each refresh asks again");
        }
    }
}

/// `--flush-cache` and `meta: refresh_inventory` ask the API, whatever is stored; ordinary runs do not.
#[test]
fn the_cache_serves_until_a_refresh_is_asked_for() {
    for version in VERSIONS {
        for plugin in
            ["", "cache_plugin: jsonfile", "cache_plugin: memory", "cache_plugin: elsewhere"]
        {
            let desk = Desk::kafka();
            add_cache_plugin(&desk);
            let file = desk.options(&format!("cache: true\n{plugin}\ncache_connection: ~/cache"));
            let is_shared = !plugin.contains("memory");
            hostvars(&list(&desk, version, &file, &[]));
            let calls = desk.paths().len();
            hostvars(&list(&desk, version, &file, &[]));
            assert_eq!(desk.paths().len() == calls, is_shared, "{version} {plugin}");
            let calls = desk.paths().len();
            let edit = json!({"instance": "ssi-0000000a", "set": {"privateIp": "10.0.0.99"}});
            desk.simulator.control("POST", "/_sim/edit", edit);
            let all = desk.file("all.yml", "- {hosts: all, gather_facts: false, tasks: []}\n");
            let mut flushing = ansible(&desk, version, "ansible-playbook");
            flushing.arg("-i").arg(&file).args(["--list-hosts", "--flush-cache"]).arg(all);
            let flushed = ran(flushing.output().unwrap());
            assert!(flushed.stdout.contains("10.0.0.99"), "{version} {plugin}: {flushed:?}");
            assert!(desk.paths().len() > calls, "{version} {plugin}");
            let play = moving_play(&desk);
            let mut command = ansible(&desk, version, "ansible-playbook");
            let run = ran(command.arg("-i").arg(&file).arg(&play).output().unwrap());
            assert_eq!(run.code, 0, "{version} {plugin}: {run:?}");
            assert!(
                run.stdout.contains("before 10.0.0.2 10.0.0.3 10.0.0.99"),
                "{version} {plugin}: {run:?}"
            );
            assert!(
                run.stdout.contains("after 10.0.0.2 10.0.0.3 10.0.0.42"),
                "{version} {plugin}: {run:?}"
            );
        }
    }
}

/// Tags and names are an outsider's input. A file appears if a template runs.
#[test]
fn a_template_in_a_tag_or_a_name_is_never_evaluated() {
    for version in VERSIONS {
        for way in ["plugin", "script", "composed"] {
            let desk = Desk::with("");
            let proof = desk.home.path().join("pwned");
            let evil = format!("{{{{ lookup('pipe','touch {}') }}}}", proof.display());
            let header = format!(
                "#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ lookup('pipe','touch {}') ]]",
                proof.display()
            );
            let fleet = json!({
                "tokens": [{"token": CANARY}], "accounts": [{"id": support::cli::ACCOUNT, "name": "one"}],
                "groups": [{
                    "name": evil, "id": "sig-0000000a", "region": "eu-west-1", "persistence": {"private_ip": true},
                    "tags": {"a": evil, "b": header, "c": "plain", &evil: "key"},
                    "stateful": [{"private_ip": "10.0.0.1"}],
                }],
            });
            let desk_evil = Desk::with_whole(&fleet.to_string());
            let options = match way {
                "composed" => {
                    "compose: {copy: spotinst_tags.a, other: spotinst_tags.b}\nkeyed_groups: [{key: spotinst_tags}]"
                }
                _ => "compose: {}",
            };
            let text = if way == "script" {
                format!("#!{BINARY} inventory\nplugin: spotinst_esg\n")
            } else {
                format!("plugin: spotinst_esg\n{options}\n")
            };
            let file = desk_evil.file("evil.spotinst_esg.yml", &text);
            let play = desk_evil.file(
                "play.yml",
                "- hosts: all\n  connection: local\n  gather_facts: false\n  tasks:\n\
                 \x20   - ansible.builtin.debug: {var: spotinst_tags}\n\
                 \x20   - ansible.builtin.debug: {msg: \"{{ spotinst_tags.a }} {{ spotinst_tags.b }} {{ spotinst_esg_name }}\"}\n\
                 \x20   - ansible.builtin.debug: {msg: \"{{ spotinst_tags.c }} {{ group_names }} {{ hostvars }} {{ copy | default('') }} {{ other | default('') }}\"}\n\
                 \x20   - ansible.builtin.set_fact: {again: \"{{ spotinst_tags.b }}\"}\n\
                 \x20   - ansible.builtin.debug: {msg: \"{{ again }}\"}\n",
            );
            let mut command = ansible(&desk_evil, version, "ansible-playbook");
            if way == "script" {
                use std::os::unix::fs::PermissionsExt;
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
                command.env("ANSIBLE_INVENTORY_ENABLED", "script");
            }
            let run = ran(command.arg("-i").arg(&file).arg(&play).output().unwrap());
            assert_eq!(run.code, 0, "{version} {way}: {run:?}");
            assert!(
                run.stdout.contains("lookup("),
                "{version} {way}: the text is shown as it is: {run:?}"
            );
            assert!(run.stdout.contains("plain"), "{version} {way}");
            assert!(!proof.exists(), "{version} {way}: a tag was evaluated");
        }
    }
}

#[test]
fn plain_values_are_listed_without_wrappers() {
    for version in VERSIONS {
        let desk = Desk::kafka();
        let run =
            list(&desk, version, &desk.options("compose: {zone: spotinst_availabilityZone}"), &[]);
        assert_eq!(hostvars(&run)["10.0.0.1"]["zone"], "eu-west-1a");
        assert!(!run.stdout.contains("__ansible_unsafe"), "{version}: {}", run.stdout);
    }
}

#[test]
fn the_token_shows_at_no_verbosity_and_in_no_file() {
    for version in VERSIONS {
        for (how, code) in [("option", 0), ("environment", 0), ("failing", 1), ("other cache", 0)] {
            let desk = Desk::kafka();
            let text = match how {
                "environment" => "cache: true".to_owned(),
                "other cache" => {
                    add_cache_plugin(&desk);
                    let cache = "cache: true\ncache_plugin: elsewhere\ncache_connection: ~/cache";
                    format!("{cache}\nspotinst_api_token: {CANARY}")
                }
                _ => format!("cache: true\nspotinst_api_token: {CANARY}"),
            };
            if how == "failing" {
                desk.fault(json!({"kind": "status", "status": 400}));
            }
            let file = desk.options(&text);
            let run = list(&desk, version, &file, &["-vvvvvv"]);
            assert_eq!(i32::from(run.code != 0), code, "{version} {how}: {run:?}");
            assert!(
                !run.stdout.contains(CANARY) && !run.stderr.contains(CANARY),
                "{version} {how}: {run:?}"
            );
            assert!(how != "other cache" || !files(&desk.home.path().join("cache")).is_empty());
            for path in files(desk.home.path()).into_iter().filter(|path| *path != file) {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains(CANARY), "{version} {how}: {}", path.display());
            }
        }
    }
}

#[test]
fn a_slow_api_is_spoken_of_while_ansible_waits() {
    let desk = Desk::kafka();
    desk.fault(json!({"kind": "latency", "ms": 2600}));
    let run = list(&desk, "ansible", &desk.options(""), &[]);
    assert_eq!(hostvars(&run).len(), 3);
    assert!(run.stderr.contains("reading the Spot API"), "{run:?}");
}

#[test]
fn the_documentation_names_exactly_the_options_there_are() {
    for version in VERSIONS {
        let desk = Desk::kafka();
        let mut command = ansible(&desk, version, "ansible-doc");
        command.args(["-t", "inventory", "--json", "spotinst.esg.spotinst_esg"]);
        let doc = ran(command.output().unwrap()).document();
        let options = doc["spotinst.esg.spotinst_esg"]["doc"]["options"].as_object().unwrap();
        let mut documented: Vec<String> = Vec::new();
        for (name, option) in options {
            documented.push(name.clone());
            let aliases = option.get("aliases").and_then(Value::as_array).into_iter().flatten();
            documented.extend(aliases.filter_map(Value::as_str).map(str::to_owned));
        }
        documented.sort();
        assert_eq!(documented, spotinst_esg::plan::inventory::OPTION_NAMES, "{version}");
        // A documented default given on purpose must be what the program does anyway, and each choice be taken.
        for (name, option) in options {
            let mut values: Vec<&Value> = option.get("default").into_iter().collect();
            values.extend(option.get("choices").and_then(Value::as_array).into_iter().flatten());
            let is_list = option["type"] == "list";
            for value in values.into_iter().filter(|value| !value.is_null() && *name != "plugin") {
                let given =
                    if is_list && !value.is_array() { json!([value]) } else { value.clone() };
                let run = desk.list(&format!("{name}: {given}"));
                assert_eq!(run.code, 0, "{name}: {given}: {run:?}");
            }
        }
        let defaults: Vec<String> = options
            .iter()
            .filter(|(name, option)| !option["default"].is_null() && *name != "use_extra_vars")
            .map(|(name, option)| format!("{name}: {}", option["default"]))
            .collect();
        let plain = desk.list("").document();
        assert_eq!(desk.list(&defaults.join("\n")).document(), plain, "{defaults:?}");
    }
}
