//! What must hold of the document, whatever was read.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    Constructed, Document, FileOptions, Options, build, check_option_names, is_template, nearest,
    safe_group_name,
};
use crate::domain::{
    AccountFleet, AccountId, Ec2Instance, Fleet, Group, GroupFleet, GroupId, ImageId, InstanceId,
    Lifecycle, ManagedInstance, ManagedInstanceId, Member, Notice, Persistence, Region,
    StatefulInstance, StatefulInstanceId, StatefulState,
};

fn group(id: &str, name: &str) -> GroupFleet {
    let persistence =
        Persistence { block_devices: true, private_ip: true, ..Persistence::default() };
    GroupFleet {
        group: Group {
            id: GroupId::new(id),
            name: name.to_owned(),
            account_id: AccountId::new("act-1"),
            region: Some(Region::new("eu-west-1")),
            persistence,
            image_id: Some(ImageId::new("ami-new")),
            names_images_in_list: false,
            zones: Vec::new(),
            subnet_ids: Vec::new(),
            auto_healing: None,
            instance_types: Vec::new(),
            tasks: Vec::new(),
            tags: BTreeMap::from([("Role".to_owned(), name.to_owned())]),
            raw: Map::new(),
        },
        stateful: Vec::new(),
        members: None,
    }
}

fn instance(id: &str, ip: Option<&str>) -> StatefulInstance {
    StatefulInstance {
        id: StatefulInstanceId::new(id),
        instance_id: Some(InstanceId::new(format!("i-of-{id}"))),
        private_ip: ip.map(str::to_owned),
        image_id: Some(ImageId::new("ami-old")),
        state: StatefulState::Active,
        devices: Vec::new(),
        launched_at: None,
        created_at: None,
    }
}

fn with(mut group: GroupFleet, instances: Vec<StatefulInstance>) -> GroupFleet {
    group.stateful = instances;
    group
}

fn fleet(groups: Vec<GroupFleet>) -> Fleet {
    let account = AccountFleet { id: AccountId::new("act-1"), groups, managed: Vec::new() };
    Fleet { accounts: vec![account], ..Fleet::default() }
}

fn options(json: Value) -> FileOptions {
    serde_json::from_value(json).unwrap()
}

fn made(fleet: &Fleet, file: &FileOptions) -> (Document, Vec<Notice>) {
    build(fleet, &file.document_options().unwrap(), &file.constructed()).unwrap()
}

fn default_options() -> Options {
    FileOptions::default().document_options().unwrap()
}

fn hosts_of<'d>(document: &'d Document, group: &str) -> Vec<&'d str> {
    document.groups[group].hosts.iter().map(String::as_str).collect()
}

fn script_json(document: &Document) -> Value {
    let mut bytes = Vec::new();
    document.write_script_json(&mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_paused_instance_stays_listed_by_its_id() {
    let mut paused = instance("ssi-1", None);
    paused.instance_id = None;
    paused.state = StatefulState::Paused;
    let (document, notices) =
        made(&fleet(vec![with(group("sig-1", "kafka"), vec![paused])]), &FileOptions::default());
    assert_eq!(hosts_of(&document, "kafka"), ["ssi-1"]);
    let vars = &document.hosts["ssi-1"];
    assert_eq!(vars["spotinst_state"], "PAUSED");
    assert!(!vars.contains_key("ansible_host"), "nothing runs, so there is no address");
    assert!(!vars.contains_key("spotinst_instanceId"));
    assert_eq!(notices, []);
}

#[test]
fn a_state_of_tomorrow_is_shown_as_it_came() {
    let mut odd = instance("ssi-1", Some("10.0.0.1"));
    odd.state = StatefulState::parse("HIBERNATED");
    let (document, _) =
        made(&fleet(vec![with(group("sig-1", "kafka"), vec![odd])]), &FileOptions::default());
    assert_eq!(document.hosts["10.0.0.1"]["spotinst_state"], "HIBERNATED");
}

#[test]
fn two_instances_with_one_address_both_go_by_their_ids() {
    let twins = vec![instance("ssi-1", Some("10.0.0.1")), instance("ssi-2", Some("10.0.0.1"))];
    let (document, notices) =
        made(&fleet(vec![with(group("sig-1", "kafka"), twins)]), &FileOptions::default());
    assert_eq!(hosts_of(&document, "sig-1"), ["ssi-1", "ssi-2"]);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].to_string().contains("ssi-1 and ssi-2"), "{}", notices[0]);
}

#[test]
fn a_name_shared_by_two_groups_holds_the_hosts_of_both_and_says_so() {
    let groups = vec![
        with(group("sig-1", "kafka"), vec![instance("ssi-1", Some("10.0.0.1"))]),
        with(group("sig-2", "kafka"), vec![instance("ssi-2", Some("10.0.0.2"))]),
    ];
    let (document, notices) = made(&fleet(groups), &FileOptions::default());
    assert_eq!(hosts_of(&document, "kafka"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(hosts_of(&document, "sig-2"), ["10.0.0.2"]);
    assert!(notices[0].to_string().contains("sig-1 and sig-2"), "{notices:?}");
}

#[test]
fn misleading_group_names_are_not_used() {
    for name in ["all", "ungrouped", "_meta", "", "  ", "sig-2", "ssi-1"] {
        let groups = vec![
            with(group("sig-1", name), vec![instance("ssi-1", Some("10.0.0.1"))]),
            with(group("sig-2", "other"), vec![instance("ssi-2", Some("10.0.0.2"))]),
        ];
        let (document, notices) = made(&fleet(groups), &FileOptions::default());
        assert_eq!(hosts_of(&document, "sig-1"), ["10.0.0.1"], "{name:?}");
        assert_eq!(hosts_of(&document, "sig-2"), ["10.0.0.2"], "{name:?}");
        assert_eq!(notices.len(), 1, "{name:?}: {notices:?}");
    }
}

#[test]
fn a_group_named_like_an_address_keeps_its_name_and_the_host_yields() {
    let groups = vec![with(group("sig-1", "10.0.0.1"), vec![instance("ssi-1", Some("10.0.0.1"))])];
    let (document, notices) = made(&fleet(groups), &FileOptions::default());
    assert_eq!(hosts_of(&document, "10.0.0.1"), ["ssi-1"]);
    assert_eq!(document.hosts["ssi-1"]["ansible_host"], "10.0.0.1");
    assert_eq!(notices.len(), 1, "{notices:?}");
}

#[test]
fn drift_is_claimed_only_where_the_root_is_not_persisted_and_both_images_are_known() {
    let drift = |root: bool, wanted: Option<&str>, present: Option<&str>| {
        let mut group = group("sig-1", "kafka");
        group.group.persistence.root_device = root;
        group.group.image_id = wanted.map(ImageId::new);
        let mut one = instance("ssi-1", Some("10.0.0.1"));
        one.image_id = present.map(ImageId::new);
        let (document, _) = made(&fleet(vec![with(group, vec![one])]), &FileOptions::default());
        document.hosts["10.0.0.1"].get("spotinst_image_drift").cloned()
    };
    assert_eq!(drift(false, Some("a"), Some("b")), Some(json!(true)));
    assert_eq!(drift(false, Some("a"), Some("a")), Some(json!(false)));
    assert_eq!(drift(true, Some("a"), Some("b")), None);
    assert_eq!(drift(false, None, Some("b")), None);
    assert_eq!(drift(false, Some("a"), None), None);
}

#[test]
fn a_template_in_a_tag_is_wrapped_and_one_in_a_name_is_not_used() {
    let evil = "{{ lookup('pipe','id') }}";
    let header = "#jinja2:variable_start_string:'[['\n[[ lookup('pipe','id') ]]";
    let mut hostile = group("sig-1", evil);
    hostile.group.tags =
        BTreeMap::from([("a".to_owned(), evil.to_owned()), ("b".to_owned(), header.to_owned())]);
    let file = options(json!({"hostnames": ["tag:a", "private_ip"]}));
    let fleet = fleet(vec![with(hostile, vec![instance("ssi-1", Some("10.0.0.1"))])]);
    let (document, notices) = made(&fleet, &file);
    let script = script_json(&document);
    let vars = &script["_meta"]["hostvars"]["10.0.0.1"];
    assert_eq!(vars["spotinst_tags"]["a"], json!({"__ansible_unsafe": evil}));
    assert_eq!(vars["spotinst_tags"]["b"], json!({"__ansible_unsafe": header}));
    assert_eq!(vars["spotinst_esg_name"], json!({"__ansible_unsafe": evil}));
    assert!(!document.groups.keys().chain(document.hosts.keys()).any(|name| is_template(name)));
    assert_eq!(notices.len(), 2, "{notices:?}");
}

#[test]
fn ec2_wins_for_what_runs_and_the_persisted_address_is_told_apart() {
    let mut fleet =
        fleet(vec![with(group("sig-1", "kafka"), vec![instance("ssi-1", Some("10.0.0.1"))])]);
    let id = InstanceId::new("i-of-ssi-1");
    fleet.ec2.insert(
        id.clone(),
        Ec2Instance {
            id,
            state: Some("running".to_owned()),
            state_reason: None,
            instance_type: Some("m5.large".to_owned()),
            availability_zone: Some("eu-west-1a".to_owned()),
            private_ip: Some("10.0.0.9".to_owned()),
            public_ip: None,
            private_dns_name: Some("ip-10-0-0-9.internal".to_owned()),
            public_dns_name: None,
            lifecycle: Some(Lifecycle::Spot),
            image_id: None,
            subnet_id: None,
            vpc_id: None,
            architecture: None,
            launched_at: None,
            tags: BTreeMap::from([("Name".to_owned(), "kafka-1".to_owned())]),
        },
    );
    let (document, notices) = made(&fleet, &options(json!({"hostnames": ["tag:Name"]})));
    let vars = &document.hosts["kafka-1"];
    assert_eq!(vars["ansible_host"], "10.0.0.9");
    assert_eq!(vars["spotinst_privateIp"], "10.0.0.1");
    assert_eq!(vars["spotinst_lifecycle"], "spot");
    assert_eq!(vars["spotinst_tags"], json!({"Name": "kafka-1"}));
    assert!(notices[0].to_string().contains("10.0.0.9"), "{notices:?}");
}

#[test]
fn members_leave_out_what_is_a_stateful_instance() {
    let member = |id: &str, ip: &str| Member {
        instance_id: Some(InstanceId::new(id)),
        instance_type: None,
        availability_zone: None,
        private_ip: Some(ip.to_owned()),
        public_ip: None,
        lifecycle: None,
        status: None,
        created_at: None,
    };
    let mut one = with(group("sig-1", "kafka"), vec![instance("ssi-1", Some("10.0.0.1"))]);
    one.members = Some(vec![member("i-of-ssi-1", "10.0.0.1"), member("i-free", "10.0.0.2")]);
    let (document, _) =
        made(&fleet(vec![one]), &options(json!({"include": ["stateful", "members"]})));
    assert_eq!(hosts_of(&document, "kafka"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(document.hosts["10.0.0.2"]["spotinst_id"], "i-free");
    assert_eq!(document.hosts["10.0.0.2"]["spotinst_kind"], "member");
}

#[test]
fn managed_instances_have_a_group_of_their_own() {
    let mut fleet = fleet(Vec::new());
    fleet.accounts[0].managed.push(ManagedInstance {
        id: ManagedInstanceId::new("smi-1"),
        name: "bastion".to_owned(),
        account_id: AccountId::new("act-1"),
        region: None,
        persistence: Persistence::default(),
        configured_image_id: None,
        tags: BTreeMap::new(),
        status: None,
        created_at: None,
    });
    let (document, notices) = made(&fleet, &options(json!({"include": "managed_instances"})));
    assert_eq!(hosts_of(&document, "managed_instances"), ["smi-1"]);
    assert_eq!(hosts_of(&document, "bastion"), ["smi-1"]);
    assert_eq!(notices, []);
}

#[test]
fn only_the_states_asked_for_are_listed() {
    let mut paused = instance("ssi-2", None);
    paused.state = StatefulState::Paused;
    let both = vec![instance("ssi-1", Some("10.0.0.1")), paused];
    let (document, _) = made(
        &fleet(vec![with(group("sig-1", "k"), both)]),
        &options(json!({"states": ["paused"]})),
    );
    assert_eq!(hosts_of(&document, "k"), ["ssi-2"]);
}

#[test]
fn group_names_are_spelled_as_asked() {
    let spelled = |how: &str| {
        let one = with(group("sig-1", "eu west/1"), vec![instance("ssi-1", Some("10.0.0.1"))]);
        let (document, _) = made(&fleet(vec![one]), &options(json!({"group_names": how})));
        document.groups.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(spelled("raw"), ["eu west/1", "sig-1"]);
    assert_eq!(spelled("safe"), ["eu_west_1", "sig_1"]);
    assert_eq!(spelled("both"), ["eu west/1", "eu_west_1", "sig-1", "sig_1"]);
}

#[test]
fn safe_names_follow_ansible() {
    for (name, safe) in [
        ("9lives", "_lives"),
        ("a.b", "a_b"),
        ("_x", "_x"),
        ("größe", "größe"),
        ("eu west/1", "eu_west_1"),
        ("", ""),
        ("x9", "x9"),
        ("²x", "_x"),
        ("日本", "日本"),
    ] {
        assert_eq!(safe_group_name(name), safe);
    }
}

#[test]
fn constructed_groups_and_variables_are_made() {
    let file = options(json!({
        "compose": {"ansible_user": "'ec2-user'", "broker": "spotinst_id.split('-')[1] | int", "port": 22},
        "groups": {"drifted": "spotinst_image_drift", "nobody": "spotinst_state == 'PAUSED'"},
        "keyed_groups": [
            {"key": "spotinst_region", "prefix": "region"},
            {"key": "spotinst_tags", "prefix": "tag"},
            {"key": "spotinst_state", "separator": "", "parent_group": "states"},
        ],
    }));
    let one = with(group("sig-1", "kafka"), vec![instance("ssi-7", Some("10.0.0.1"))]);
    let (document, notices) = made(&fleet(vec![one]), &file);
    let vars = &document.hosts["10.0.0.1"];
    assert_eq!(
        (&vars["ansible_user"], &vars["broker"], &vars["port"]),
        (&json!("ec2-user"), &json!(7), &json!(22))
    );
    for name in ["drifted", "region_eu_west_1", "tag_Role_kafka", "ACTIVE"] {
        assert_eq!(hosts_of(&document, name), ["10.0.0.1"], "{name}");
    }
    assert!(!document.groups.contains_key("nobody"));
    assert!(document.groups["states"].children.contains("ACTIVE"));
    assert_eq!(notices, []);
}

#[test]
fn an_expression_that_fails_is_named_once_and_with_strict_refused() {
    let json = json!({"compose": {"x": "spotinst_nothing.y", "z": "spotinst_id | regex_replace('a', 'b')"}});
    let one = || {
        with(
            group("sig-1", "k"),
            vec![instance("ssi-1", Some("10.0.0.1")), instance("ssi-2", None)],
        )
    };
    let (document, notices) = made(&fleet(vec![one()]), &options(json.clone()));
    assert!(!document.hosts["10.0.0.1"].contains_key("x"));
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(notices.iter().any(|n| n.to_string().contains("Ansible plugin")), "{notices:?}");
    let strict = Options { strict: true, ..default_options() };
    let error = build(&fleet(vec![one()]), &strict, &options(json).constructed()).unwrap_err();
    assert!(error.to_string().contains("compose.x"), "{error}");
}

#[test]
fn no_spelling_and_no_expression_makes_a_group_that_hides_the_variables() {
    for (name, tag, file) in [
        ("-meta", "x", json!({"group_names": "safe"})),
        ("-meta", "x", json!({"group_names": "both"})),
        ("kafka", "meta", json!({"keyed_groups": [{"key": "spotinst_tags.Role"}]})),
        (
            "kafka",
            "x",
            json!({"keyed_groups": [{"key": "spotinst_tags.Role", "parent_group": "_meta"}]}),
        ),
        ("kafka", "x", json!({"groups": {"-meta": "true", "all": "true"}})),
        ("kafka", "x", json!({"hostnames": ["tag:Role"], "groups": {"x": "true"}})),
    ] {
        let mut one = with(group("sig-1", name), vec![instance("ssi-1", Some("10.0.0.1"))]);
        one.group.tags = BTreeMap::from([("Role".to_owned(), tag.to_owned())]);
        let (document, notices) = made(&fleet(vec![one]), &options(file.clone()));
        assert!(
            !document.groups.contains_key("_meta") && !document.groups.contains_key("all"),
            "{file}"
        );
        let script = script_json(&document);
        assert_eq!(script["_meta"]["hostvars"].as_object().map(Map::len), Some(1), "{file}");
        assert!(!document.hosts.keys().any(|host| document.groups.contains_key(host)), "{file}");
        assert!(!notices.is_empty(), "{file}");
    }
}

#[test]
fn expressions_see_what_ansible_adds_to_every_host() {
    let file =
        options(json!({"compose": {"short": "inventory_hostname_short", "mine": "group_names"}}));
    let one = with(group("sig-1", "kafka"), vec![instance("ssi-1", Some("10.0.0.1"))]);
    let (document, _) = made(&fleet(vec![one]), &file);
    assert_eq!(document.hosts["10.0.0.1"]["short"], "10");
    assert_eq!(document.hosts["10.0.0.1"]["mine"], json!(["kafka", "sig-1"]));
}

#[test]
fn a_template_hidden_in_a_value_is_not_evaluated_by_an_expression() {
    let mut hostile = group("sig-1", "kafka");
    hostile.group.tags = BTreeMap::from([("a".to_owned(), "{{ 1+1 }}".to_owned())]);
    let file = options(json!({"compose": {"copy": "spotinst_tags.a"}}));
    let (document, _) =
        made(&fleet(vec![with(hostile, vec![instance("ssi-1", Some("10.0.0.1"))])]), &file);
    assert_eq!(document.hosts["10.0.0.1"]["copy"], "{{ 1+1 }}");
    assert_eq!(
        script_json(&document)["_meta"]["hostvars"]["10.0.0.1"]["copy"],
        json!({"__ansible_unsafe": "{{ 1+1 }}"})
    );
}

#[test]
fn misspelt_options_and_choices_meet_the_nearest_known_one() {
    let error = check_option_names(["elastigroup"]).unwrap_err().to_string();
    assert!(error.contains("did you mean \"elastigroups\"?"), "{error}");
    for (json, expected) in [
        (json!({"include": ["statefull"]}), "did you mean \"stateful\"?"),
        (json!({"states": ["PAUSE_D"]}), "did you mean"),
        (json!({"hostnames": ["private_ipp"]}), "did you mean \"private_ip\"?"),
        (json!({"group_names": "rwa"}), "allowed: raw, safe, both"),
        (json!({"hostvar_prefix": "a-b"}), "letters, digits and underscores"),
    ] {
        let error = options(json).document_options().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(nearest("zzz", ["cache", "regions"]), None);
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,3}",
        "sig-[12]",
        "ssi-[1-3]",
        "10\\.0\\.0\\.[1-3]",
        Just("all".to_owned()),
        Just("_meta".to_owned()),
        Just("{{ x }}".to_owned()),
        Just(String::new()),
        "\\PC{0,6}",
    ]
}

proptest! {
    /// Whatever names and addresses come, each instance is one host in its group's id, no host shares a group's name,
    /// no name can be taken for a template, and the script's document has every host.
    #[test]
    fn nothing_is_dropped_and_nothing_misleads(
        names in (name(), name()),
        spelling in prop_oneof![Just("raw"), Just("safe"), Just("both")],
        addresses in proptest::collection::vec(proptest::option::of(name()), 3),
    ) {
        let instances: Vec<_> = addresses
            .iter()
            .enumerate()
            .map(|(at, ip)| instance(&format!("ssi-{}", at + 1), ip.as_deref().filter(|ip| !ip.is_empty())))
            .collect();
        let (first, rest) = instances.split_at(1);
        let fleet = fleet(vec![
            with(group("sig-1", &names.0), first.to_vec()),
            with(group("sig-2", &names.1), rest.to_vec()),
        ]);
        let file = options(json!({"group_names": spelling}));
        let (document, notices) = made(&fleet, &file);
        prop_assert_eq!(document.hosts.len(), 3);
        let spelled = |id: &str| if spelling == "safe" { safe_group_name(id) } else { id.to_owned() };
        prop_assert_eq!(document.groups[&spelled("sig-1")].hosts.len(), 1);
        prop_assert_eq!(document.groups[&spelled("sig-2")].hosts.len(), 2);
        let ids: BTreeSet<_> = document.hosts.values().map(|vars| vars["spotinst_id"].to_string()).collect();
        prop_assert_eq!(ids.len(), 3);
        for host in document.hosts.keys() {
            prop_assert!(!document.groups.contains_key(host), "{} is a group too: {:?}", host, notices);
            prop_assert!(!is_template(host));
        }
        prop_assert!(!document.groups.keys().any(|name| is_template(name)));
        let script = script_json(&document);
        prop_assert_eq!(script["_meta"]["hostvars"].as_object().map(Map::len), Some(3));
        let again = build(&fleet, &file.document_options().unwrap(), &Constructed::default());
        prop_assert_eq!(again.unwrap(), (document, notices));
    }
}
