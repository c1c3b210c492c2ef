use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{Captured, Observation, Obstacle, ObstacleKind, Seen, Series};
use crate::plan::{Verdict, Waiver};

fn captured(text: &str) -> Captured {
    Captured { bytes: text.as_bytes().to_vec(), is_cut: false }
}

fn expects(wanted: Wanted) -> Expectation {
    Expectation::read(&wanted).unwrap().unwrap()
}

/// `{"path": …, "equals": …, "min": …, "max": …, "matches": …}`
fn wanted(typed: &Value) -> Wanted {
    Wanted {
        json_path: typed["path"].as_str().map(str::to_owned),
        equals: typed.get("equals").cloned(),
        minimum: typed["min"].as_f64(),
        maximum: typed["max"].as_f64(),
        matches: typed["matches"].as_str().map(str::to_owned),
    }
}

fn judged(predicate: &Predicate, seen: Result<Seen, Obstacle>) -> Finding {
    let observation = Observation { object: "it".to_owned(), seen };
    let mut findings = predicate.judge("name", "kind", &observation);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

fn body(expects: Option<Expectation>, text: &str) -> Finding {
    let predicate = Predicate::Answers { statuses: vec![200], expects };
    judged(&predicate, Ok(Seen::Answered { status: 200, body: captured(text) }))
}

const PASS: Verdict = Verdict::Pass;
const FAIL: Verdict = Verdict::Fail;
const UNKNOWN: Verdict = Verdict::Unknown;

#[test]
fn values_are_judged_where_they_are_found() {
    let document = r#"{"Value": 3, "text": "green", "n": "12", "yes": true, "none": null, "big": 9007199254740993,
                       "list": [1, 2, 30], "map": {"a": 1}, "words": ["up", "down"]}"#;
    for (typed, verdict, words) in [
        (json!({"path": "$.Value", "equals": 3}), PASS, "3, 3 wanted"),
        (json!({"path": "$.Value", "equals": 4}), FAIL, "3, 4 wanted"),
        (json!({"path": "$.Value", "equals": "3"}), PASS, "3, \"3\" wanted"),
        (json!({"path": "$.Value", "equals": "three"}), UNKNOWN, "\"three\" wanted"),
        (json!({"path": "$.Value", "equals": true}), UNKNOWN, "true wanted"),
        (json!({"path": "$.big", "equals": 9_007_199_254_740_993_u64}), PASS, ""),
        (json!({"path": "$.big", "equals": 9_007_199_254_740_992_u64}), FAIL, ""),
        (json!({"path": "$.Value", "min": 3, "max": 3}), PASS, "at least 3 wanted, at most 3"),
        (json!({"path": "$.Value", "max": 2.5}), FAIL, "3, at most 2.5 wanted"),
        (json!({"path": "$.Value", "min": 4}), FAIL, "3, at least 4 wanted"),
        (json!({"path": "$.n", "max": 12}), PASS, "\"12\", at most 12 wanted"),
        (json!({"path": "$.n", "equals": 12}), PASS, ""),
        (json!({"path": "$.text", "max": 0}), UNKNOWN, "\"green\", no number"),
        (json!({"path": "$.text", "equals": "green"}), PASS, ""),
        (json!({"path": "$.text", "equals": "Green"}), FAIL, ""),
        (json!({"path": "$.text", "matches": "^gr"}), PASS, "\"green\""),
        (json!({"path": "$.text", "matches": "red"}), FAIL, "a match of red wanted"),
        (json!({"path": "$.Value", "matches": "^3$"}), PASS, ""),
        (json!({"path": "$.map", "matches": "a"}), UNKNOWN, "a mapping of 1, no text to match"),
        (json!({"path": "$.yes", "equals": true}), PASS, ""),
        (json!({"path": "$.yes", "equals": "True"}), PASS, ""),
        (json!({"path": "$.yes", "equals": false}), FAIL, ""),
        (json!({"path": "$.none", "equals": 0}), UNKNOWN, "null, 0 wanted"),
        (json!({"path": "$.none", "max": 0}), UNKNOWN, "null, no number"),
        (json!({"path": "$.map", "equals": {"a": 1}}), PASS, ""),
        (json!({"path": "$.map", "equals": {"a": 2}}), FAIL, ""),
        (json!({"path": "$.absent", "equals": 0}), UNKNOWN, "nothing is at $"),
        (json!({"path": "$.list[*]", "max": 30}), PASS, "3 values, among them 1"),
        (json!({"path": "$.list[*]", "max": 29}), FAIL, "of 3 values one: 30, at most 29"),
        (json!({"path": "$.words[*]", "equals": "up"}), FAIL, "of 2 values one: \"down\""),
        (json!({"path": "$..*", "max": 1e17}), UNKNOWN, "of 15 values one: "),
        (json!({"path": "$.list[?@ > 99]", "max": 0}), UNKNOWN, "nothing is at"),
    ] {
        let found = body(Some(expects(wanted(&typed))), document);
        assert_eq!(found.verdict, verdict, "{typed}: {found}");
        assert!(found.evidence.contains(words), "{typed}: {found}");
    }
}

#[test]
fn whole_texts_are_judged_without_the_blanks_around_them() {
    for (typed, text, verdict) in [
        (json!({"equals": "imok"}), "imok", PASS),
        (json!({"equals": "imok"}), " imok\r\n", PASS),
        (json!({"equals": ""}), "\n", PASS),
        (json!({"equals": ""}), "x", FAIL),
        (json!({"max": 5}), "4\n", PASS),
        (json!({"max": 5}), "", UNKNOWN),
        (json!({"max": 5}), "inf", UNKNOWN),
        (json!({"max": 5}), "NaN", UNKNOWN),
        (json!({"matches": "Mode: (leader|follower)"}), "a\nMode: leader\n", PASS),
        (json!({"path": "$.a", "max": 5}), "<html>Sign in</html>", UNKNOWN),
        (json!({"path": "$.a", "max": 5}), "", UNKNOWN),
    ] {
        let found = body(Some(expects(wanted(&typed))), text);
        assert_eq!(found.verdict, verdict, "{typed} {text:?}: {found}");
    }
    assert!(
        body(
            Some(expects(wanted(&json!({"path": "$.a", "max": 5})))),
            "<html>Sign\n\u{1b}[2Jin</html>"
        )
        .evidence
        .contains(r#"not JSON: "<html>Sign \u{1b}[2Jin</html>""#)
    );
    let cut = Captured { bytes: b"5".to_vec(), is_cut: true };
    let wide = Captured { bytes: vec![0xff, 0xfe], is_cut: false };
    for odd in [cut, wide] {
        let predicate = Predicate::Answers {
            statuses: vec![200],
            expects: Some(expects(wanted(&json!({"max": 9})))),
        };
        let found = judged(&predicate, Ok(Seen::Answered { status: 200, body: odd }));
        assert_eq!(found.verdict, UNKNOWN, "{found}");
    }
}

#[test]
fn a_status_that_speaks_of_the_way_proves_nothing_of_the_thing() {
    for (status, verdict) in [
        (200, PASS),
        (204, FAIL),
        (404, FAIL),
        (400, FAIL),
        (410, FAIL),
        (100, UNKNOWN),
        (301, UNKNOWN),
        (302, UNKNOWN),
        (401, UNKNOWN),
        (403, UNKNOWN),
        (407, UNKNOWN),
        (408, UNKNOWN),
        (429, UNKNOWN),
        (500, UNKNOWN),
        (503, UNKNOWN),
        (599, UNKNOWN),
        (999, UNKNOWN),
    ] {
        let predicate = Predicate::Answers { statuses: vec![200], expects: None };
        let found = judged(&predicate, Ok(Seen::Answered { status, body: captured("") }));
        assert_eq!(found.verdict, verdict, "{found}");
        let wants_it = Predicate::Answers { statuses: vec![status], expects: None };
        let found = judged(&wants_it, Ok(Seen::Answered { status, body: captured("") }));
        assert_eq!(found.verdict, PASS, "asked for: {found}");
    }
}

#[test]
fn connections_and_commands_are_judged_and_obstacles_prove_nothing() {
    let exits = |expects| Predicate::Exits { status: 0, expects };
    let exited = |status, stdout: &str, stderr: &str| Seen::Exited {
        status,
        stdout: captured(stdout),
        stderr: captured(stderr),
    };
    let number = || Some(expects(wanted(&json!({"max": 1}))));
    for (predicate, seen, verdict, words) in [
        (Predicate::Accepts, Seen::Accepted, PASS, "accepted"),
        (Predicate::Accepts, Seen::Refused, FAIL, "refused"),
        (Predicate::Accepts, exited(0, "", ""), UNKNOWN, "another kind"),
        (exits(None), Seen::Refused, UNKNOWN, "refused"),
        (exits(None), exited(0, "", "chatter"), PASS, "exit status 0"),
        (
            exits(None),
            exited(3, "out", "err\nor"),
            FAIL,
            "exit status 3, 0 wanted; it says \"err or\"",
        ),
        (exits(None), exited(3, "out", ""), FAIL, "it says \"out\""),
        (exits(None), exited(3, "", ""), FAIL, "it says nothing"),
        (exits(number()), exited(0, "1\n", ""), PASS, "\"1\""),
        (exits(number()), exited(0, "2\n", ""), FAIL, "\"2\", at most 1"),
        (exits(number()), exited(0, "", ""), UNKNOWN, "no number"),
        (exits(number()), exited(1, "1\n", ""), FAIL, "exit status 1"),
    ] {
        let found = judged(&predicate, Ok(seen));
        assert_eq!(found.verdict, verdict, "{found}");
        assert!(found.evidence.contains(words), "{found}");
    }
    use ObstacleKind as K;
    for kind in [
        K::Name,
        K::Connection,
        K::Tls,
        K::Time,
        K::Broken,
        K::TooLarge,
        K::NotUnderstood,
        K::Partial,
        K::NotStarted,
        K::Killed,
    ] {
        for predicate in [Predicate::Accepts, exits(None), exits(number())] {
            let found = judged(&predicate, Err(Obstacle { kind, detail: "a\nb".to_owned() }));
            assert_eq!(found.verdict, UNKNOWN);
            assert_eq!(found.evidence, format!("{}: a b", kind.as_str()));
        }
    }
}

#[test]
fn each_series_is_a_finding_and_none_is_what_was_said_of_it() {
    let series = |pairs: &[(&str, f64)]| {
        let each = pairs
            .iter()
            .map(|(labels, value)| Series { labels: (*labels).to_owned(), value: *value });
        Observation { object: "http://p".to_owned(), seen: Ok(Seen::Series(each.collect())) }
    };
    let measures = |when_empty| Predicate::Measures {
        expects: expects(wanted(&json!({"max": 0}))),
        when_empty,
    };
    let found = measures(UNKNOWN).judge(
        "urp",
        "prometheus",
        &series(&[
            ("{b=\"1\"}", 0.0),
            ("{b=\"2\"}", 7.0),
            ("{b=\"3\"}", f64::NAN),
            ("{b=\"4\"}", f64::NEG_INFINITY),
        ]),
    );
    let told: Vec<_> =
        found.iter().map(|it| (it.object.as_str(), it.verdict, it.distance)).collect();
    let expected = [
        ("{b=\"1\"}", PASS, Some(0.0)),
        ("{b=\"2\"}", FAIL, Some(7.0)),
        ("{b=\"3\"}", UNKNOWN, None),
        ("{b=\"4\"}", UNKNOWN, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(found[1].value, Some(json!(7.0)));
    for when_empty in [PASS, FAIL, UNKNOWN] {
        let found = measures(when_empty).judge("urp", "prometheus", &series(&[]));
        assert_eq!((found.len(), found[0].verdict), (1, when_empty));
        assert_eq!(found[0].object, "http://p");
    }
}

#[test]
fn expectations_that_cannot_be_met_or_say_nothing_are_refused() {
    assert!(Expectation::read(&Wanted::default()).unwrap().is_none());
    for (typed, words) in [
        (json!({"path": "$.a"}), "nothing says what it must be"),
        (json!({"path": "a.b", "max": 1}), "no JSON path"),
        (json!({"path": "", "max": 1}), "no JSON path"),
        (json!({"min": 2, "max": 1}), "min 2 is more than max 1"),
        (json!({"matches": "("}), "no regular expression"),
    ] {
        let error = Expectation::read(&wanted(&typed)).unwrap_err().to_string();
        assert!(error.contains(words) && error.lines().count() == 1, "{typed}: {error}");
    }
    let infinite = Wanted { maximum: Some(f64::INFINITY), ..Wanted::default() };
    assert_eq!(Expectation::read(&infinite).unwrap_err(), ExpectationError::Boundless);
}

// From here on: one look after the other.

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn terms(samples: u32, spacing: u64, window: u64, limit: u64) -> Terms {
    let (spacing, window, limit) = (secs(spacing), secs(window), secs(limit));
    Terms { samples, spacing, window, limit, stall: None }
}

fn finding(name: &str, object: &str, verdict: Verdict) -> Finding {
    Finding {
        name: name.to_owned(),
        kind: "tcp".to_owned(),
        object: object.to_owned(),
        verdict,
        evidence: "seen".to_owned(),
        value: None,
        distance: None,
    }
}

/// Looks at these times with these findings, until it is over.
fn watch(
    terms: Terms,
    waivers: Vec<Waiver>,
    looks: &[(u64, Vec<Finding>)],
) -> (Option<End>, Report) {
    let mut watch = Watch::new(terms, waivers);
    for (at, findings) in looks {
        if let Step::Over(end) = watch.weigh(secs(*at), findings.clone()) {
            return (Some(end), watch.report());
        }
    }
    (None, watch.report())
}

fn looks(verdicts: &[Verdict]) -> Vec<(u64, Vec<Finding>)> {
    (0..).step_by(5).zip(verdicts).map(|(at, it)| (at, vec![finding("p", "o", *it)])).collect()
}

#[test]
fn so_many_passes_in_a_row_over_so_long_a_time_open_the_gate() {
    for (terms, verdicts, end, verdict) in [
        (terms(3, 5, 0, 900), &[PASS, PASS, PASS][..], Some(End::Passed), PASS),
        (terms(1, 5, 0, 0), &[PASS], Some(End::Passed), PASS),
        (terms(1, 5, 0, 0), &[FAIL], Some(End::TimeUp), FAIL),
        (terms(1, 5, 0, 0), &[UNKNOWN], Some(End::TimeUp), UNKNOWN),
        (terms(3, 5, 0, 900), &[PASS, PASS, FAIL, PASS, PASS], None, PASS),
        (terms(3, 5, 0, 900), &[PASS, PASS, UNKNOWN, PASS, PASS, PASS], Some(End::Passed), PASS),
        (terms(2, 5, 10, 900), &[PASS, PASS], None, PASS),
        (terms(2, 5, 10, 900), &[PASS, PASS, PASS], Some(End::Passed), PASS),
        // The last look that fits is good, and yet nothing is proved.
        (terms(3, 5, 0, 10), &[FAIL, PASS, PASS], Some(End::TimeUp), UNKNOWN),
        (terms(3, 5, 0, 12), &[FAIL, FAIL, FAIL], None, FAIL),
        (terms(3, 5, 0, 12), &[FAIL, FAIL, FAIL, FAIL], Some(End::TimeUp), FAIL),
    ] {
        let (ended, report) = watch(terms, Vec::new(), &looks(verdicts));
        assert_eq!((ended, report.verdict), (end, verdict), "{terms:?} {verdicts:?}");
        assert_eq!(report.end, end);
    }
}

#[test]
fn a_good_last_look_that_is_not_enough_names_what_came_between() {
    let mut list = looks(&[PASS, FAIL, PASS]);
    list[1].1[0].evidence = "12, at most 0 wanted".to_owned();
    let (_, report) = watch(terms(3, 5, 0, 10), Vec::new(), &list);
    let line = report.to_string();
    for words in ["after 3 looks and 10 s", "1 look in a row of 3", "p (tcp o) fail: 12, at most 0"]
    {
        assert!(line.contains(words), "{line}");
    }
}

#[test]
fn what_vanishes_has_not_been_seen_to_be_well() {
    let both = || vec![finding("p", "a", PASS), finding("p", "b", PASS)];
    let one = || vec![finding("p", "a", PASS)];
    let list = [(0, both()), (5, both()), (10, one()), (15, one()), (20, one())];
    let (end, report) = watch(terms(3, 5, 0, 900), Vec::new(), &list);
    assert_eq!((end, report.looks), (Some(End::Passed), 5));
    let (end, report) = watch(terms(1, 5, 0, 900), Vec::new(), &[(0, Vec::new())]);
    assert_eq!((end, report.verdict), (None, UNKNOWN), "nothing to judge proves nothing");
}

#[test]
fn looks_closer_than_the_spacing_are_one_proof() {
    let list: Vec<_> = (0..5).map(|at| (at, vec![finding("p", "o", PASS)])).collect();
    let (end, report) = watch(terms(2, 4, 0, 900), Vec::new(), &list);
    assert_eq!((end, report.looks, report.in_a_row), (Some(End::Passed), 5, 2));
}

#[test]
fn it_is_given_up_when_nothing_moves_and_not_before() {
    let lag = |distance: f64| {
        let mut finding = finding("lag", "o", FAIL);
        finding.distance = Some(distance);
        vec![finding]
    };
    let terms = Terms { stall: Some(secs(10)), ..terms(1, 5, 0, 900) };
    let at = |distances: &[f64]| -> Vec<_> {
        (0..).step_by(5).zip(distances.iter().map(|it| lag(*it))).collect()
    };
    let (end, report) = watch(terms, Vec::new(), &at(&[9.0, 9.0, 9.0]));
    assert_eq!((end, report.verdict), (Some(End::Stalled(10)), FAIL));
    assert!(report.to_string().contains("given up, nothing moved for 10 s"), "{report}");
    assert_eq!(watch(terms, Vec::new(), &at(&[9.0, 9.0, 8.0, 8.0, 7.5, 7.5])).0, None);
    // To and fro is no way forward.
    let (end, report) = watch(terms, Vec::new(), &at(&[9.0, 8.0, 9.0, 8.0, 9.0]));
    assert_eq!((end, report.waited_seconds), (Some(End::Stalled(10)), 15));
    // A predicate that changes is movement, and so is a row that grows.
    assert_eq!(watch(terms, Vec::new(), &looks(&[FAIL, UNKNOWN, FAIL, UNKNOWN, FAIL])).0, None);
    let long = Terms { samples: 9, ..terms };
    assert_eq!(watch(long, Vec::new(), &looks(&[PASS; 8])).0, None);
}

fn waiver(predicate: &str, objects: Option<&[&str]>) -> Waiver {
    let objects = objects.map(|list| list.iter().map(|it| (*it).to_owned()).collect());
    Waiver { predicate: predicate.to_owned(), reason: "known".to_owned(), objects }
}

#[test]
fn a_waiver_holds_for_what_it_names_and_is_never_silent() {
    let found = || {
        vec![
            finding("urp", "{b=\"1\"}", FAIL),
            finding("urp", "{b=\"2\"}", UNKNOWN),
            finding("zk", "a:1", PASS),
        ]
    };
    for (waivers, end, unmet, warnings) in [
        (vec![waiver("urp", None)], End::Passed, 0, 2),
        (vec![waiver("urp", Some(&["{b=\"1\"}"]))], End::TimeUp, 1, 1),
        (vec![waiver("urp", Some(&["{b=*}"]))], End::Passed, 0, 2),
        (vec![waiver("urp", Some(&[]))], End::TimeUp, 2, 1),
        (vec![waiver("ur", None), waiver("zk", None)], End::TimeUp, 2, 2),
        (vec![waiver("urp", None), waiver("urp", Some(&["{b=\"3\"}"]))], End::Passed, 0, 3),
    ] {
        let (ended, report) = watch(terms(1, 5, 0, 0), waivers.clone(), &[(0, found())]);
        assert_eq!((ended, report.unmet().len()), (Some(end), unmet), "{waivers:?}");
        assert_eq!(report.warnings.len(), warnings, "{waivers:?} {:?}", report.warnings);
        assert_eq!(report.predicates.len(), 3, "what is waived is reported");
        assert_eq!(report.predicates[0].finding.verdict, FAIL, "as it was seen");
    }
    let waivers = vec![waiver("zk", None), waiver("none", None)];
    let (_, report) = watch(terms(1, 5, 0, 0), waivers, &[(0, found())]);
    assert!(report.warnings[0].contains("zk has no effect: what it is about passes"));
    assert!(report.warnings[1].contains("none has no effect: it is about nothing"));
}

#[test]
fn terms_that_nothing_can_meet_are_refused() {
    for (terms, words) in [
        (terms(0, 5, 0, 900), "samples must be"),
        (terms(3, 0, 0, 900), "spacing must be"),
        (terms(3, 5, 0, 9), "wait_timeout is 9 s, which is less than the 10 s"),
        (terms(2, 7, 10, 13), "less than the 14 s"),
    ] {
        let error = terms.check().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    for good in [terms(1, 5, 0, 0), terms(3, 5, 0, 10), terms(2, 7, 10, 14)] {
        good.check().unwrap();
        let list: Vec<_> = (0..=u64::from(good.samples) + 9)
            .map(|at| (at * good.spacing.as_secs(), vec![finding("p", "o", PASS)]))
            .collect();
        assert_eq!(watch(good, Vec::new(), &list).0, Some(End::Passed), "just enough time");
    }
}

#[test]
fn a_report_survives_being_written_down() {
    let list = looks(&[PASS, FAIL, PASS]);
    let (_, report) = watch(terms(3, 5, 0, 10), vec![waiver("q", None)], &list);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    let first = &serde_json::to_value(&report).unwrap()["predicates"][0];
    let expected = json!({"name": "p", "kind": "tcp", "object": "o", "verdict": "pass", "evidence": "seen",
                          "value": null, "waived": null});
    assert_eq!(*first, expected);
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![4 => Just(PASS), 1 => Just(FAIL), 1 => Just(UNKNOWN)]
}

proptest! {
    /// The gate opens exactly at the first look that ends such a row, by the plainest reading of the rule.
    #[test]
    fn the_gate_opens_when_the_rule_says_so(
        samples in 1_u32..5, spacing in 1_u64..5, window in 0_u64..12,
        list in prop::collection::vec((0_u64..9, prop::collection::vec(verdict(), 1..3)), 1..40),
    ) {
        let terms = terms(samples, spacing, window, 60);
        let mut at = 0;
        let (mut open, mut watch) = (Vec::<(u64, usize)>::new(), Watch::new(terms, Vec::new()));
        for (more, verdicts) in list {
            at += spacing + more;
            let each = verdicts.iter().enumerate();
            let found: Vec<_> = each.map(|(at, it)| finding("p", &at.to_string(), *it)).collect();
            let is_good = verdicts.iter().all(|it| *it == PASS);
            if !is_good || open.last().is_some_and(|(_, count)| *count != verdicts.len()) {
                open.clear();
            }
            if is_good {
                open.push((at, verdicts.len()));
            }
            let expected = open.len() >= samples as usize && at - open[0].0 >= window;
            let step = watch.weigh(secs(at), found);
            let report = watch.report();
            prop_assert_eq!(step == Step::Over(End::Passed), expected);
            if let Step::Over(end) = step {
                prop_assert_eq!(report.verdict == PASS, end == End::Passed);
                return Ok(());
            }
            prop_assert!(report.waited_seconds < 60, "no pause begins later");
        }
    }

    #[test]
    fn nothing_from_outside_breaks_a_judgement(text in ".{0,300}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for captured in [captured(&text), Captured { bytes, is_cut: false }] {
            for typed in [json!({"path": "$..a", "max": 1}), json!({"matches": "a+"}), json!({"equals": {"a": 1}})] {
                let predicate = Predicate::Answers { statuses: vec![200], expects: Some(expects(wanted(&typed))) };
                let found = judged(&predicate, Ok(Seen::Answered { status: 200, body: captured.clone() }));
                prop_assert!(found.evidence.chars().all(|c| !c.is_control()), "{}", found);
                prop_assert!(found.evidence.chars().count() < 1000, "{}", found);
            }
        }
    }
}
