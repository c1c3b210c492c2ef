//! Against brokers that tell what real ones do not tell on demand.

use std::collections::BTreeMap;

use kafka_protocol::messages::ApiKey;
use serde_json::{Value, json};

use crate::support::brokers::{Brokers, Known, Login, Mechanism, Topic};
use crate::support::cli::Desk;
use crate::support::cluster::Secured;
use crate::support::module::{Called, call};

const ALL: &str = "cluster";

/// One look, the third broker being the one that is rolled. Whatever it says is said in printable lines.
fn look(brokers: &Brokers, phase: &str, more: &Value) -> Called {
    let mut gate = json!({
        "name": "k", "kind": "kafka", "bootstrap": brokers.bootstrap(), "brokers": [1, 2, 3], "phase": phase,
        "target": 3, "timeout": 3
    });
    for (name, value) in more.as_object().unwrap() {
        gate[name] = value.clone();
    }
    let arguments = json!({"gates": [gate], "samples": 1, "wait_timeout": 0});
    let called = call(&Desk::with(""), "cluster_gate", &arguments);
    let predicates = called.answer["predicates"].as_array();
    for predicate in predicates.unwrap_or_else(|| panic!("{}", called.answer)) {
        for key in ["evidence", "object"] {
            let told = predicate[key].as_str().unwrap();
            assert!(!told.is_empty() && !told.chars().any(char::is_control), "{predicate}");
        }
    }
    called
}

type Unmet = BTreeMap<(String, String), (String, String)>;

/// What does not pass: verdict and evidence by name and object.
fn unmet(called: &Called) -> Unmet {
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let predicates = called.answer["predicates"].as_array().unwrap();
    assert!(predicates.len() > 8, "{predicates:?}");
    let bad = predicates.iter().filter(|it| it["verdict"] != "pass");
    let bad = bad.map(|it| {
        let name = text(it, "name").replace("k.", "");
        ((name, text(it, "object")), (text(it, "verdict"), text(it, "evidence")))
    });
    let bad: Unmet = bad.collect();
    assert_eq!(called.answer["verdict"] == "pass", bad.is_empty(), "{}", called.answer);
    bad
}

/// Exactly this does not pass: name, object, verdict, and words of the evidence.
fn shut(brokers: &Brokers, phase: &str, expected: &[(&str, &str, &str, &str)]) {
    let mut found = unmet(&look(brokers, phase, &json!({})));
    for (name, object, verdict, words) in expected {
        let key = ((*name).to_owned(), (*object).to_owned());
        let (said, evidence) = found.remove(&key).unwrap_or_else(|| panic!("{name}: {found:?}"));
        assert_eq!(said, *verdict, "{name}: {evidence}");
        assert!(evidence.contains(words), "{name}: {evidence}");
    }
    assert_eq!(found, Unmet::new());
}

fn open(brokers: &Brokers, phase: &str, more: &Value) {
    let called = look(brokers, phase, more);
    assert_eq!(unmet(&called), Unmet::new());
    assert_eq!(called.answer["changed"], false);
}

/// Nothing is known, and nothing taken for bad: all evidence has these words.
fn unknown(called: &Called, words: &str) {
    let predicates = called.answer["predicates"].as_array().unwrap();
    assert!(predicates.len() > 8, "{predicates:?}");
    for predicate in predicates {
        assert_eq!(predicate["verdict"], "unknown", "{predicate}");
        assert!(predicate["evidence"].as_str().unwrap().contains(words), "{predicate}");
    }
}

/// The third broker is stopped, and the others carry on.
fn stop_the_third(known: &mut Known) {
    known.fenced.insert(3);
    for partition in known.topics.get_mut("orders").unwrap().partitions.iter_mut() {
        partition.in_sync.retain(|id| *id != 3);
        partition.leader = partition.in_sync[0];
        partition.epoch += 1;
    }
    known.quorum.behind.insert(3, (9000, 60_000));
}

/// Who is asked is asked by itself: both of those that are not rolled.
#[test]
fn each_view_is_told_by_a_broker_of_its_own() {
    let brokers = Brokers::start(|_| {});
    open(&brokers, "pre", &json!({"cluster_id": "fakes", "target": "1"}));
    assert!(brokers.answered(ApiKey::Metadata).is_superset(&[2, 3].into()));
    open(&brokers, "post", &json!({}));
    brokers.learn(stop_the_third);
    open(&brokers, "mid", &json!({}));
}

/// One broker's metadata is older: nothing is wrong with what the others tell.
#[test]
fn a_view_that_lags_shuts_the_gate_until_it_has_caught_up() {
    let old = |change: fn(&mut Topic)| {
        let mut topic = Topic::whole();
        change(&mut topic);
        move |known: &mut Known| drop(known.old.insert(2, [("orders".to_owned(), topic)].into()))
    };
    let brokers = Brokers::start(|_| {});
    for change in [
        old(|topic| {
            topic.partitions[1].in_sync.pop();
        }),
        old(|topic| topic.partitions[1].epoch = 3),
        old(|topic| topic.partitions[1].leader = 3),
        old(|topic| drop(topic.partitions.remove(2))),
        old(|topic| topic.min_in_sync = Some("1".to_owned())),
    ] {
        brokers.learn(change);
        let words = "brokers 1 and 2 tell different things of: ";
        shut(&brokers, "pre", &[("views_agree", ALL, "fail", words)]);
    }
    brokers.learn(|known| known.old.clear());
    open(&brokers, "pre", &json!({}));
}

/// What the broker that is rolled tells does not count, be it the first that is asked or the last.
#[test]
fn the_targets_own_view_is_not_believed() {
    for target in [1, 3] {
        let brokers = Brokers::start(|known| drop(known.old.insert(target, BTreeMap::new())));
        open(&brokers, "pre", &json!({"target": target}));
    }
}

/// An address that two brokers share, or that another one has inherited, gives no second view.
#[test]
fn who_answers_for_another_broker_is_no_witness() {
    let brokers = Brokers::start(|known| {
        known.astray.insert(2, 1);
    });
    let found = unmet(&look(&brokers, "pre", &json!({})));
    let (verdict, evidence) = &found[&("views_agree".to_owned(), ALL.to_owned())];
    assert_eq!(verdict, "unknown");
    assert!(evidence.contains("is not it: Unexpected broker id, expected 1"), "{evidence}");
}

/// With one broker besides the target there is nobody to confirm what it tells.
#[test]
fn one_broker_left_is_not_enough() {
    let brokers = Brokers::start(|known| {
        stop_the_third(known);
        known.fenced.insert(2);
    });
    let found = unmet(&look(&brokers, "mid", &json!({})));
    let (verdict, evidence) = &found[&("views_agree".to_owned(), ALL.to_owned())];
    assert_eq!(verdict, "unknown");
    assert!(evidence.contains("only broker 1 tells"), "{evidence}");
}

/// A topic that the one who asks may not describe is left out of the metadata without a word, and would make all well.
#[test]
fn a_topic_that_is_hidden_from_the_one_who_asks_is_found_on_the_disks() {
    let brokers = Brokers::start(|known| {
        known.topics.insert("payroll".to_owned(), Topic::whole());
        known.hidden.insert("payroll".to_owned());
    });
    let words =
        "holds payroll-0, of which the metadata says nothing: is Describe on all topics allowed?";
    shut(&brokers, "pre", &[("visible", ALL, "fail", words)]);
    brokers.learn(|known| known.hidden.clear());
    open(&brokers, "pre", &json!({}));
}

#[test]
fn what_is_wrong_is_said_by_its_predicate() {
    type Case =
        (fn(&mut Known), &'static [(&'static str, &'static str, &'static str, &'static str)]);
    let cases: [Case; 7] = [
        (
            |known| {
                known.fenced.insert(2);
            },
            &[
                ("brokers_live", ALL, "fail", "not live: 2"),
                ("replicas_online", "orders", "fail", "orders-0"),
                ("views_agree", ALL, "unknown", "only broker 1 tells"),
            ],
        ),
        (
            |known| {
                let partition = &mut known.topics.get_mut("orders").unwrap().partitions[1];
                partition.leader = -1;
            },
            &[("led", "orders", "fail", "orders-1")],
        ),
        (
            |known| known.topics.get_mut("orders").unwrap().min_in_sync = None,
            &[("above_min_in_sync", "orders", "unknown", "min.insync.replicas is not told")],
        ),
        (
            |known| {
                known.moving.insert("orders".to_owned(), 2);
            },
            &[("no_reassignment", "orders", "fail", "orders-2")],
        ),
        (
            |known| drop(known.broken.insert(2, "/data/\u{1b}[2J\n2".to_owned())),
            &[(
                "folders_usable",
                ALL,
                "fail",
                "broker 2 cannot use its folder /data/\\u{1b}[2J\\n2",
            )],
        ),
        (
            |known| known.quorum.leader = -1,
            &[
                ("quorum_in_step", ALL, "fail", "the quorum has no leader"),
                ("quorum_steady", ALL, "fail", "the quorum has no leader"),
            ],
        ),
        (
            |known| {
                known.quorum.behind.insert(2, (5000, 100));
            },
            &[
                ("quorum_in_step", ALL, "fail", "behind: 2"),
                ("views_agree", ALL, "fail", "broker 2 is behind the quorum"),
            ],
        ),
    ];
    for (change, expected) in cases {
        shut(&Brokers::start(change), "pre", expected);
    }
}

/// It takes connections and says which versions it speaks, and no more: as a broker that hangs does.
#[test]
fn a_broker_that_hangs_is_unknown() {
    let brokers = Brokers::start(|known| {
        known.mute.insert(2);
    });
    let found = unmet(&look(&brokers, "pre", &json!({"timeout": 1})));
    assert!(found.values().all(|(verdict, _)| verdict == "unknown"), "{found:?}");
    let (_, evidence) = &found[&("views_agree".to_owned(), ALL.to_owned())];
    // The library gives up at the same time as the one who asks it.
    let is_late = ["no answer in time", "timed out"].iter().any(|words| evidence.contains(words));
    assert!(is_late, "{evidence}");
    brokers.learn(|known| known.mute = (1..=3).collect());
    unknown(&look(&brokers, "pre", &json!({"timeout": 1})), "broker 127.0.0.1:");
}

const SECRET: &str = "hidden-word-78";

/// A refusal repeats what it refuses, and that shows nowhere.
fn refused(brokers: &Brokers, more: &Value) {
    let called = look(brokers, "pre", more);
    unknown(&called, "broker 127.0.0.1:");
    let said = format!("{}{}", called.run.stdout, called.run.stderr);
    assert!(!said.contains(SECRET), "{said}");
    assert_eq!(brokers.answered(ApiKey::Metadata), [].into());
}

#[test]
fn who_is_not_let_in_knows_nothing() {
    let plain = |secret| Some(Login { mechanism: Mechanism::Plain, secret });
    let brokers = Brokers::start(|known| known.login = plain("another"));
    let mine = json!({"sasl_mechanism": "plain", "username": "me", "password": SECRET});
    refused(&brokers, &mine);
    refused(
        &brokers,
        &json!({"sasl_mechanism": "scram-sha-256", "username": "me", "password": SECRET}),
    );
    refused(&brokers, &json!({}));
    brokers.learn(|known| known.login = plain(SECRET));
    open(&brokers, "pre", &mine);
}

#[test]
fn a_token_lets_in_or_is_refused() {
    let token = |secret| Some(Login { mechanism: Mechanism::OAuthBearer, secret });
    let brokers = Brokers::start(|known| known.login = token("another"));
    let mine = json!({"sasl_mechanism": "oauthbearer", "oauth_token": SECRET});
    refused(&brokers, &mine);
    brokers.learn(|known| known.login = token(SECRET));
    open(&brokers, "pre", &mine);
}

#[test]
fn tls_without_trust_is_unknown() {
    let login = json!({"sasl_mechanism": "plain", "username": "me", "password": SECRET});
    let with = |more: Value| {
        let mut all = login.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let known = |known: &mut Known| {
        known.login = Some(Login { mechanism: Mechanism::Plain, secret: SECRET });
    };
    let secured = Brokers::start_with_tls(known);
    open(&secured, "post", &with(json!({"tls": true, "ca_path": Secured::authority()})));
    let secured = Brokers::start_with_tls(known);
    for more in [json!({"tls": true}), json!({})] {
        refused(&secured, &with(more));
    }
    refused(&Brokers::start(known), &with(json!({"tls": true, "ca_path": Secured::authority()})));
}

/// A broker may call a topic what it likes.
#[test]
fn hostile_names_are_shown_as_they_are_and_do_no_more() {
    let name = "a\nb\u{1b}[31m\u{202e}{{ 7*7 }}";
    let shown = "a\\nb\\u{1b}[31m\\u{202e}{{ 7*7 }}";
    let brokers = Brokers::start(|known| {
        let mut topic = Topic::whole();
        topic.partitions[0].leader = -1;
        topic.min_in_sync = None;
        known.topics.insert(name.to_owned(), topic);
        known.moving.insert(name.to_owned(), 1);
    });
    shut(
        &brokers,
        "pre",
        &[
            ("led", shown, "fail", &format!("{shown}-0")),
            ("no_reassignment", shown, "fail", &format!("{shown}-1")),
            ("above_min_in_sync", shown, "unknown", "is not told"),
        ],
    );
}
