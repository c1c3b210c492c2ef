//! Journals that serve for years: damaged ones, old ones, and those that can be written no longer.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spotinst_esg::plan::roll::FORM;
use support::cli::{Desk, Ran, ran};
use support::module::named;
use support::roll::{self, Controller, journals, singles, with};

fn runs(desk: &Desk, arguments: &[&str]) -> Ran {
    ran(desk.command().arg("runs").args(arguments).output().unwrap())
}

fn listed(desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["list", "--output", "json"], arguments].concat();
    let ran = runs(desk, &arguments);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
}

fn journal(desk: &Desk, run: &str) -> PathBuf {
    journals(desk).join(format!("{run}.jsonl"))
}

/// What a plan says of other runs of the group.
fn no_other_run(desk: &Desk, group: &str) -> Value {
    let controller = Controller::gone(desk).of(group);
    let plan = controller.call("recycle_plan", &controller.aim()).well();
    let all = plan["predicates"].as_array().unwrap();
    let one = all.iter().find(|it| it["name"] == "no_other_run").unwrap();
    let blockers: Vec<&Value> =
        plan["blockers"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    json!({
        "verdict": one["verdict"], "evidence": one["evidence"], "warnings": plan["warnings"],
        "blockers": blockers
    })
}

/// A roll of `sig-1` that has ended.
fn ended(desk: &Desk) -> String {
    let controller = Controller::gone(desk);
    let run = controller.start();
    controller.roll(&run, "ssi-1");
    controller.finish(&run).well();
    run
}

#[test]
fn a_damaged_journal_is_named_and_hides_no_others_and_stands_in_the_way_of_what_it_may_concern() {
    let desk = roll::desk(&singles(1..=2));
    let run = ended(&desk);
    let whole = fs::read_to_string(journal(&desk, &run)).unwrap();
    let plan = whole.lines().next().unwrap();
    let form = |form: u32| format!("\"form\":{form}");
    let newer = plan.replace(&form(FORM), &form(FORM + 1));
    assert_ne!(newer, plan);
    let alive = "{\"at\":\"2026-01-01T00:00:00Z\",\"event\":\"alive\"}\n";
    let danced = "{\"at\":\"2026-01-01T00:00:00Z\",\"event\":\"danced\"}\n";
    let copy = format!("it is a copy of the journal of run {run}");
    // Whether a roll of another group of another system may be begun all the same.
    for (name, text, problem, is_other_free) in [
        ("broken", format!("{plan}\nnonsense\n"), "line 2", true),
        ("unknown", format!("{plan}\n{danced}"), "danced", true),
        ("newer", format!("{newer}\n"), "use the newer program", true),
        ("copy", whole.clone(), &copy, true),
        ("20200101-000000-sig-1-0123abcd", "\u{0}\n".to_owned(), "line 1", true),
        ("20200101-000000-sig-1-0123", "\u{0}\n".to_owned(), "line 1", false),
        ("empty", String::new(), "it holds nothing", false),
        ("torn-first", plan[..99].to_owned(), "it holds nothing", false),
        ("no-plan", alive.to_owned(), "does not begin with a plan", false),
        ("binary", "\u{0}\u{1b}[2J\n".to_owned(), "line 1", false),
    ] {
        let path = journal(&desk, name);
        fs::write(&path, text).unwrap();
        let shown = runs(&desk, &["list"]);
        assert_eq!(shown.code, 7, "{shown:?}");
        assert!(shown.stdout.contains(&run) && shown.stdout.contains("damaged"), "{shown:?}");
        let warning = shown.stderr.lines().next().unwrap();
        assert!(warning.starts_with("warning: ") && warning.contains(problem), "{shown:?}");
        assert!(!shown.stderr.contains('\u{1b}'), "{shown:?}");
        let all = listed(&desk, &["--open"]);
        assert_eq!((&all[0]["run"], &all[0]["status"]), (&json!(name), &json!("damaged")));
        assert!(all[0]["problem"].as_str().unwrap().contains(problem), "{all:?}");
        let remedy = format!("runs set-aside {}", path.display());
        assert!(all[0]["next"].as_str().unwrap().contains(&remedy), "{all:?}");
        runs(&desk, &["show", name]).assert_failed(1, &[name, problem, &remedy]);
        runs(&desk, &["restore", name, "--reason", "x"]).assert_failed(1, &[problem]);

        let own = no_other_run(&desk, "sig-1");
        assert_eq!(own["verdict"], "fail", "{name}: {own}");
        assert!(own["evidence"].as_str().unwrap().contains(&remedy), "{own}");
        let other = no_other_run(&desk, "sig-2");
        assert_eq!(
            other["verdict"],
            if is_other_free { "pass" } else { "fail" },
            "{name}: {other}"
        );
        let warned = other["warnings"].to_string();
        assert_eq!(warned.contains(problem), is_other_free, "{name}: {other}");
        let other = Controller::gone(&desk).of("sig-2");
        if !is_other_free {
            let refused = other.run("started", &other.aim());
            assert!(refused.failed().contains(problem), "{}", refused.failed());
        }
        // Another group of the same system is concerned, too, unless the name tells another system.
        if name != "20200101-000000-sig-1-0123abcd" {
            let aim = with(other.aim(), &json!({"system": "system-of-sig-1"}));
            let refused = other.run("started", &aim);
            assert!(refused.failed().contains(problem), "{name}: {}", refused.failed());
        }
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_roll_is_begun_beside_what_does_not_concern_it_and_its_name_tells_group_and_system() {
    let desk = roll::desk(&singles(1..=2));
    fs::create_dir_all(journals(&desk)).unwrap();
    fs::write(journal(&desk, "20200101-000000-sig-1.kafka-0123abcd"), "\0\n").unwrap();
    let run = Controller::gone(&desk).of("sig-2").start();
    assert!(run.contains("-sig-2.system-of-sig-2-"), "{run}");
    let other = Controller::gone(&desk);
    for system in ["kafka", "system-of-sig-1"] {
        let refused = other.run("started", &with(other.aim(), &json!({"system": system})));
        assert!(refused.failed().contains("set-aside"), "{}", refused.failed());
    }
}

#[test]
fn a_torn_last_line_is_harmless() {
    let desk = roll::desk(&singles(1..=1));
    let run = Controller::gone(&desk).start();
    let whole = fs::read_to_string(journal(&desk, &run)).unwrap();
    let torn = format!("{whole}{{\"at\":\"2026-01-01T00:00:00Z\",\"eve");
    fs::write(journal(&desk, &run), torn).unwrap();
    assert_eq!(listed(&desk, &[])[0]["status"], "interrupted");
    assert_eq!(runs(&desk, &["restore", &run, "--reason", "x", "--yes"]).code, 0);
    assert_eq!(listed(&desk, &[])[0]["status"], "aborted");
}

#[test]
fn a_person_takes_a_damaged_journal_out_of_the_way() {
    let desk = roll::desk(&singles(1..=2));
    let run = Controller::gone(&desk).start();
    let folder = journals(&desk);
    // What is healthy and open wants something else.
    let refused = runs(&desk, &["set-aside", &run, "--reason", "x", "--yes"]);
    refused.assert_failed(8, &[&run, "can be read and is open", "runs restore"]);
    for missing in ["nothing.jsonl", "../secret.jsonl"] {
        let path = folder.join(missing).display().to_string();
        let refused = runs(&desk, &["set-aside", &path, "--reason", "x", "--yes"]);
        refused.assert_failed(4, &["there is no run"]);
    }
    let whole = fs::read(journal(&desk, &run)).unwrap();
    let disks = folder.join(format!("{run}.nodes"));
    for time in 0..2 {
        fs::write(journal(&desk, &run), [whole.as_slice(), b"nonsense\n"].concat()).unwrap();
        fs::create_dir_all(&disks).unwrap();
        fs::write(disks.join("ssi-1.json"), "{}").unwrap();
        let controller = Controller::gone(&desk);
        let refused = controller.run("started", &controller.aim());
        let told = refused.failed().split('`').nth(1).unwrap().to_owned();
        assert!(told.starts_with("spotinst-esg runs set-aside /"), "{told}");
        // The command is typed as it is told, in a shell.
        let typed = told.replacen("spotinst-esg", support::cli::BINARY, 1).replace('…', "looked");
        let type_in = |more: &str| {
            let mut shell = desk.clean(Command::new("/bin/sh"));
            ran(shell.args(["-c", &format!("{typed} {more}")]).output().unwrap())
        };
        let unasked = type_in("");
        assert_eq!((unasked.code, unasked.stdout.as_str()), (8, ""), "{unasked:?}");
        assert!(unasked.stderr.contains("no terminal to ask on"), "{unasked:?}");
        for words in ["it had changed suspensions from none to AUTO_HEALING", "to be put back"] {
            assert!(unasked.stderr.contains(words), "{words}: {unasked:?}");
        }
        let moved = type_in("--yes --output json").document();
        assert_eq!(moved["settings"][0]["setting"], "suspensions", "{moved}");
        let name = if time == 0 { run.clone() } else { format!("{run}.2") };
        let aside = folder.join("set-aside");
        let to = aside.join(format!("{name}.jsonl"));
        assert_eq!(moved["to"], json!(to), "{moved}");
        assert_eq!(fs::read(&to).unwrap(), [whole.as_slice(), b"nonsense\n"].concat());
        assert!(aside.join(format!("{name}.nodes/ssi-1.json")).exists() && !disks.exists());
        let reasons = fs::read_to_string(aside.join("reasons")).unwrap();
        let last: Value = serde_json::from_str(reasons.lines().last().unwrap()).unwrap();
        assert_eq!((&last["reason"], reasons.lines().count()), (&json!("looked"), time + 1));
        assert!(last["problem"].as_str().unwrap().contains("line"), "{last}");
    }
    assert_eq!(listed(&desk, &[]), Vec::<Value>::new());
    // Nobody puts back what the lost run has set: what it suspended is someone else's now, until a person has looked.
    let next = no_other_run(&desk, "sig-1");
    assert_eq!(next["verdict"], "pass", "{next}");
    assert!(next["blockers"].to_string().contains("no_foreign_suspension"), "{next}");
}

/// Whether a roll is open is not known then, and a single instance is not replaced beside one.
#[test]
fn an_instance_is_not_recycled_by_itself_beside_a_damaged_journal_of_its_group() {
    let desk = roll::desk(&singles(1..=2));
    let run = ended(&desk);
    fs::write(journal(&desk, &run), "nonsense\n").unwrap();
    let controller = Controller::gone(&desk);
    let recycle = json!({"group_id": "sig-1", "id": "ssi-1", "state": "recycled"});
    let refused = controller.call("stateful_instance", &recycle);
    assert!(refused.failed().contains("whether a roll of group sig-1 is open is not known"));
    assert_eq!(refused.answer["error_code"], "RUN_OPEN");
    let more =
        with(recycle.clone(), &json!({"ignore_open_run": true, "_ansible_check_mode": true}));
    controller.call("stateful_instance", &more).well();
    let other = json!({"group_id": "sig-2", "id": "ssi-2", "state": "recycled", "_ansible_check_mode": true});
    controller.call("stateful_instance", &other).well();
}

/// A journal of a run as it would be of one long ago.
fn aged(desk: &Desk, of: &str, name: &str, year: u32) {
    let text = fs::read_to_string(journal(desk, of)).unwrap().replace(of, name);
    let aged = text.lines().map(|line| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        let at = entry["at"].as_str().unwrap().to_owned();
        entry["at"] = json!(format!("{year}-01-01{}", &at[10..]));
        format!("{entry}\n")
    });
    fs::write(journal(desk, name), aged.collect::<String>()).unwrap();
}

#[test]
fn what_ended_long_ago_is_put_away_by_the_next_start_and_still_found() {
    let desk = roll::desk(&singles(1..=2));
    let run = ended(&desk);
    for year in 2001..=2013 {
        aged(&desk, &run, &format!("old-{year}"), year);
    }
    fs::create_dir_all(journals(&desk).join("old-2001.nodes")).unwrap();
    assert_eq!(listed(&desk, &[]).len(), 14);
    let expected = no_other_run(&desk, "sig-2");
    assert_eq!(listed(&desk, &[]).len(), 14, "a plan moves nothing: {expected}");
    let begun = Controller::gone(&desk).of("sig-2").start();
    // Ten of the group stay, the newest, so that durations are known.
    let left = listed(&desk, &[]);
    let ids: Vec<&str> = left.iter().map(|it| it["run"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids[0], ids[1]), (11, begun.as_str(), run.as_str()));
    assert_eq!(ids.last(), Some(&"old-2005"));
    let history = journals(&desk).join("ended");
    assert!(history.join("old-2001.nodes").is_dir() && history.join("old-2004.jsonl").is_file());
    let all = listed(&desk, &["--all"]);
    assert_eq!((all.len(), &all[14]["run"]), (15, &json!("old-2001")));
    assert_eq!(all[14]["status"], "completed");
    let shown = runs(&desk, &["show", "old-2001", "--output", "json"]).document();
    assert_eq!(shown["journal"], json!(history.join("old-2001.jsonl")));
    let given_up = runs(&desk, &["restore", "old-2001", "--reason", "x"]);
    assert!(given_up.code == 0 && given_up.stdout.contains("nothing is owed"), "{given_up:?}");
    let controller = Controller::gone(&desk);
    let back = json!({"rollback_of": "old-2001", "waivers": controller.aim()["waivers"]});
    let back = controller.call("recycle_plan", &back).well();
    assert_eq!((&back["group_id"], &back["image_id"]), (&json!("sig-1"), &json!("ami-1")));
}

/// Old journals that cannot be moved keep nobody from rolling.
#[test]
fn what_cannot_be_put_away_stays() {
    let desk = roll::desk(&singles(1..=2));
    let run = ended(&desk);
    for year in 2001..=2013 {
        aged(&desk, &run, &format!("old-{year}"), year);
    }
    fs::write(journals(&desk).join("ended"), "no folder").unwrap();
    let controller = Controller::gone(&desk).of("sig-2");
    let begun = controller.run("started", &controller.aim());
    assert!(begun.run.stderr.contains("could not be put away"), "{:?}", begun.run);
    begun.well();
    assert_eq!(listed(&desk, &[]).len(), 15);
}

/// A module whose files may have so many blocks of 512 bytes, as on a disk that is full: each write beyond fails.
fn limited(desk: &Desk, module: &str, arguments: &Value, blocks: u64) -> Value {
    let file = desk.file("limited.json", &arguments.to_string());
    let mut shell = desk.clean(Command::new("/bin/sh"));
    // Without the trap the process would be killed, which is another mishap.
    let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    shell.args(["-c", script, "sh", &blocks.to_string()]).arg(named(desk, module)).arg(file);
    let pid = std::process::id().to_string();
    let ran = ran(shell.env("SPOTINST_ESG_CONTROLLER", pid).output().unwrap());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
}

fn lines(journal: &Path, event: &str) -> usize {
    let text = fs::read_to_string(journal).unwrap();
    text.lines().filter(|line| line.contains(&format!("\"event\":\"{event}\""))).count()
}

fn sent(desk: &Desk, method: &str, ending: &str) -> usize {
    let all = desk.simulator.requests();
    all.iter().filter(|it| it.method == method && it.path.ends_with(ending)).count()
}

#[test]
fn a_run_whose_journal_cannot_be_written_is_not_begun() {
    let desk = roll::desk(&singles(1..=1));
    let before = roll::settings(&desk);
    let aim = with(Controller::gone(&desk).aim(), &json!({"state": "started"}));
    let refused = limited(&desk, "recycle_run", &aim, 1);
    let told = refused["msg"].as_str().unwrap();
    assert!(refused["failed"] == true && told.contains("cannot write the journal"), "{told}");
    let mutations = desk.simulator.requests().iter().filter(|it| it.method != "GET").count();
    assert_eq!((mutations, roll::settings(&desk)), (0, before));
    assert_eq!(listed(&desk, &[]), Vec::<Value>::new(), "nothing half-written is left");
}

/// The disk is full, then a little less so, and so on: whatever is sent was announced, and announced on the disk.
#[test]
fn nothing_is_sent_that_the_journal_does_not_hold() {
    let desk = roll::desk(&singles(1..=1));
    let before = roll::settings(&desk);
    let controller = Controller { desk: &desk, pid: std::process::id(), group: "sig-1" };
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    let path = journal(&desk, &run);
    let step = json!({
        "group_id": "sig-1", "id": "ssi-1", "state": "recycled", "run_id": run, "wait_timeout": 20,
    });
    let size = || fs::metadata(&path).unwrap().len();
    let announced = || {
        let all = [
            ("PUT", "/recycle", "asking"),
            ("PUT", "/sig-1", "switching"),
            ("POST", "/suspension", "suspending"),
        ];
        for (method, ending, event) in all {
            let (sent, lines) = (sent(&desk, method, ending), lines(&path, event));
            assert!(sent <= lines, "{ending}: {sent} sent, {lines} announced");
        }
    };
    let blocks = size() / 512;
    let full = limited(&desk, "stateful_instance", &step, blocks);
    assert!(full["msg"].as_str().unwrap().contains("cannot write the journal"), "{full}");
    assert_eq!((sent(&desk, "PUT", "/sig-1"), sent(&desk, "PUT", "/recycle")), (0, 0));
    let end = json!({"state": "finished", "run_id": run});
    let full = limited(&desk, "recycle_run", &end, size() / 512);
    assert!(full["msg"].as_str().unwrap().contains("cannot write the journal"), "{full}");
    assert_eq!(sent(&desk, "DELETE", "/suspension"), 0);
    let mut failures = 0;
    for blocks in blocks.. {
        let answer = limited(&desk, "stateful_instance", &step, blocks);
        announced();
        if answer["failed"] != true {
            break;
        }
        failures += 1;
        assert!(failures < 20, "{answer}");
    }
    assert!(failures > 1, "the disk was never full");
    assert_eq!(sent(&desk, "PUT", "/recycle"), 1);
    for phase in roll::AFTERWARDS {
        controller.advance(&run, "ssi-1", phase).well();
    }
    controller.finish(&run).well();
    announced();
    let (image, _, suspended) = roll::settings(&desk);
    assert_eq!((image, suspended), (json!("ami-2"), before.2));
}
