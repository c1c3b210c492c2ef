//! `spotinst-esg runs`: what a person sees of rolls, and may do about them.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::cli::{CANARY, Desk, Ran, ran};
use support::roll::{
    self, Controller, Living, PROCESSES, THREE, journals, settings, singles, with,
};

/// Without credentials, and with an address at which nobody listens.
fn alone(desk: &Desk, arguments: &[&str]) -> Ran {
    let mut command = desk.command();
    command.env_remove("SPOTINST_API_TOKEN").env_remove("SPOTINST_ACCOUNT_ID");
    command.env("SPOTINST_BASE_URL", "http://127.0.0.1:9");
    ran(command.arg("runs").args(arguments).output().unwrap())
}

fn runs(desk: &Desk, arguments: &[&str]) -> Ran {
    let run = ran(desk.command().arg("runs").args(arguments).output().unwrap());
    assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY), "{run:?}");
    run
}

fn status(desk: &Desk, run: &str) -> Value {
    alone(desk, &["show", run, "--output", "json"]).document()["status"].clone()
}

/// A run that is frozen in the middle of its second node, with everything of the group changed, and let go of.
fn frozen(desk: &Desk) -> String {
    let controller = Controller::gone(desk);
    let run = controller.start();
    controller.roll(&run, "ssi-1");
    controller.prepare(&run, "ssi-3");
    desk.fault(json!({"kind": "lifecycle", "ends": "ERROR", "message": "no such subnet"}));
    assert!(controller.recycle(&run, "ssi-3").failed().contains("no such subnet"));
    desk.mend();
    run
}

#[test]
fn every_status_is_listed_newest_first_without_credentials_or_network() {
    let desk = roll::desk(&singles(1..=5));
    let none = alone(&desk, &["list"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    assert!(none.stderr.starts_with("no runs in "), "{none:?}");

    let gone = Controller::gone(&desk);
    let controller = |group| gone.of(group);
    let completed = controller("sig-1").start();
    controller("sig-1").roll(&completed, "ssi-1");
    controller("sig-1").finish(&completed).well();
    let interrupted = controller("sig-2").start();
    let living = Living::start();
    let running = Controller { desk: &desk, pid: living.id(), group: "sig-3" }.start();
    let frozen = controller("sig-4").start();
    let freeze = json!({"run_id": frozen, "node": "ssi-4", "phase": "frozen", "reason": "odd"});
    controller("sig-4").run("advanced", &freeze).well();
    let aborted = controller("sig-5").start();
    let end = json!({"run_id": aborted, "reason": "changed my mind"});
    controller("sig-5").run("finished", &end).well();

    let listed = alone(&desk, &["list", "--output", "json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    let of = |name: &str| -> Vec<&str> {
        listed.iter().map(|run| run[name].as_str().unwrap_or("none")).collect()
    };
    assert_eq!(of("run"), [&aborted, &frozen, &running, &interrupted, &completed]);
    assert_eq!(of("status"), ["aborted", "frozen", "running", "interrupted", "completed"]);
    assert_eq!(of("group_name"), ["broker-5", "broker-4", "broker-3", "broker-2", "broker-1"]);
    assert_eq!(of("system")[0], "system-of-sig-5");
    assert_eq!(of("target")[0], "image ami-2");
    assert_eq!((&listed[4]["done"], &listed[4]["node_count"]), (&json!(1), &json!(1)));
    assert!(of("holder")[2].contains(&format!("process {}", living.id())), "{listed:?}");
    assert_eq!([of("holder")[0], of("holder")[4]], ["none", "none"]);

    let open = alone(&desk, &["list", "--open"]);
    assert_eq!(open.stdout.lines().count(), 4, "{open:?}");
    for id in [&frozen, &running, &interrupted] {
        assert!(open.stdout.contains(id.as_str()), "{open:?}");
    }
    let yaml = alone(&desk, &["list", "--output", "yaml"]);
    assert!(yaml.stdout.contains("status: interrupted"), "{yaml:?}");
    drop(living);
    assert_eq!(status(&desk, &running), "interrupted", "its holder has gone since");
    // A run that was let go on is one that nobody carries out.
    let go_on = ["resume", &frozen, "--reason", "looked", "--yes"];
    assert_eq!(runs(&desk, &go_on).code, 0);
    assert_eq!(status(&desk, &frozen), "interrupted");
}

#[test]
fn a_run_is_shown_with_nodes_settings_waivers_and_what_to_do_next() {
    let desk = roll::desk(THREE);
    let run = frozen(&desk);
    let shown = alone(&desk, &["show", &run, "--output", "json"]).document();
    assert_eq!(shown["status"], "frozen");
    assert_eq!(shown["frozen"]["node"], "ssi-3");
    assert!(shown["frozen"]["reason"].as_str().unwrap().contains("no such subnet"), "{shown}");
    let node = |index: usize| &shown["nodes"][index];
    assert_eq!((&node(0)["id"], &node(0)["phase"]), (&json!("ssi-1"), &json!("done")));
    assert_eq!(
        (&node(0)["instance_before"], &node(0)["image_after"]),
        (&json!("i-1"), &json!("ami-2"))
    );
    assert_ne!(node(0)["instance_after"], "i-1");
    assert!(node(0)["seconds"]["recycling"].as_f64().unwrap() > 0.0, "{shown}");
    assert_eq!((&node(1)["phase"], &node(1)["asked"]), (&json!("recycling"), &json!("i-3")));
    assert_eq!(node(2)["phase"], "planned");
    let setting = |index: usize| &shown["settings"][index];
    assert_eq!(setting(0)["setting"], "suspensions");
    assert_eq!(
        setting(1),
        &json!({"setting": "image", "from": "ami-1", "to": "ami-2", "standing": "to be put back"})
    );
    assert_eq!(shown["waived"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(shown["holder_is"], "gone");

    // Elsewhere than usual each command that is told has to name the folder, typed here or not.
    let elsewhere = desk.home.path().join("elsewhere");
    fs::rename(journals(&desk), &elsewhere).unwrap();
    let folder = elsewhere.display().to_string();
    let named = alone(&desk, &["show", &run, "--state-dir", &folder, "--events"]);
    for words in [
        "1 of 3 nodes done",
        "i-3 -> asked for",
        "to be put back",
        "node ssi-3 is in phase recycling: the replacement of i-3 was asked for at ",
        "ansible-playbook spotinst.esg.recycle -e '{\"rolling_recycle_group_id\":\"sig-1\"",
        "\"rolling_recycle_system\":\"system-of-sig-1\",\"rolling_recycle_image_id\":\"ami-2\"",
        "about to ask for a recycle of node ssi-3, which runs as i-3",
        "frozen at node ssi-3",
        "node ssi-1 enters phase pre_gate",
    ] {
        assert!(named.stdout.contains(words), "{words}: {}", named.stdout);
    }
    for word in ["resume", "restore"] {
        let command = format!("spotinst-esg runs {word} {run} --reason … --state-dir {folder}");
        assert!(named.stdout.contains(&command), "{command}: {}", named.stdout);
    }
    fs::rename(&elsewhere, journals(&desk)).unwrap();
    let events = alone(&desk, &["show", &run, "--events", "--output", "json"]).document();
    assert_eq!(events["events"][0]["event"], "planned");
    assert_eq!(events["events"].as_array().unwrap().last().unwrap()["event"], "frozen");
    assert!(alone(&desk, &["show", &run, "--output", "yaml"]).stdout.contains("asked: i-3"));
    fs::rename(journals(&desk), &elsewhere).unwrap();
    let own = Controller::gone(&desk);
    let refused = own.run("started", &roll::with(own.aim(), &json!({"state_dir": folder})));
    for word in ["resume", "restore"] {
        let command = format!("`spotinst-esg runs {word} {run} --reason … --state-dir {folder}`");
        assert!(refused.failed().contains(&command), "{command}: {}", refused.failed());
    }
}

#[test]
fn ids_that_are_none_and_paths_in_their_place_are_not_found() {
    let desk = roll::desk(THREE);
    let run = Controller::gone(&desk).start();
    desk.file("secret.jsonl", "{}\n");
    for id in [
        "20200101-000000-sig-9-0000",
        "../secret",
        "/etc/passwd",
        ".",
        "",
        "a\nb\u{1b}[2J",
        &"x".repeat(999),
    ] {
        for arguments in [
            &["show", id][..],
            &["resume", id, "--reason", "x", "--yes"],
            &["restore", id, "--reason", "x"],
            &["restore", id, "--dry-run"],
        ] {
            let refused = runs(&desk, arguments);
            refused.assert_failed(4, &["there is no run", "runs list"]);
            assert!(!refused.stderr.contains('\u{1b}'), "{refused:?}");
        }
    }
    let inside = format!("./{run}");
    runs(&desk, &["show", &inside]).assert_failed(4, &["there is no run"]);
    for (arguments, words) in [
        (&["resume", &run][..], "--reason"),
        (&["restore", &run], "--reason"),
        (&["restore", &run, "--reason", "  "], "say why"),
        (&["resume", &run, "--reason", ""], "--reason"),
        (&["restore", &run, "--dry-run", "--yes"], "--yes"),
        (&["set-aside", &run], "--reason"),
        (&["set-aside", "", "--reason", "x"], "names no run"),
        (&["set-aside", "/etc/passwd", "--reason", "x"], ".jsonl"),
        (&["set-aside", "a/b.jsonl", "--reason", "x"], "begin at the root"),
        (&["list", "--all", "--open"], "--open"),
        (&["show"], "<RUN>"),
        (&["list", "--output", "xml"], "xml"),
        (&["forget", &run], "forget"),
    ] {
        let refused = runs(&desk, arguments);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
    }
    for command in ["list", "show", "resume", "restore", "set-aside"] {
        let help = runs(&desk, &[command, "--help"]);
        assert!(help.code == 0 && help.stdout.contains("--state-dir"), "{help:?}");
    }
}

#[test]
fn what_the_system_does_not_let_one_read_is_told_and_nothing_is_made_of_it() {
    let desk = roll::desk(THREE);
    let file = desk.file("file", "").display().to_string();
    alone(&desk, &["list", "--state-dir", &file])
        .assert_failed(1, &["cannot read the folder of journals", &file]);
    let folder = desk.home.path().join("odd");
    fs::create_dir_all(folder.join("run.jsonl")).unwrap();
    let odd = folder.display().to_string();
    alone(&desk, &["show", "run", "--state-dir", &odd])
        .assert_failed(1, &["cannot read the journal"]);
    assert_eq!(alone(&desk, &["list", "--state-dir", &odd]).code, 7);
    let missing = desk.home.path().join("missing").display().to_string();
    let none = alone(&desk, &["list", "--state-dir", &missing]);
    assert!(none.code == 0 && none.stderr.contains(&missing), "{none:?}");
    assert!(!std::path::Path::new(&missing).exists(), "a look makes no folder");
    let mut homeless = Command::new(support::cli::BINARY);
    let homeless = homeless.env_clear().env("HOME", "").args(["runs", "list"]);
    let told = ran(homeless.output().unwrap());
    assert!([0, 2].contains(&told.code), "{told:?}");

    let run = Controller::gone(&desk).start();
    let shut = as_stranger(&desk, &["show", &run]);
    shut.assert_failed(1, &["cannot read the journal", "ermission denied"]);
    let shut = as_stranger(&desk, &["list"]);
    shut.assert_failed(1, &["cannot read the folder of journals", "ermission denied"]);
}

/// The binary as somebody whose files these are not. Who is not allowed to become somebody shuts the folder instead.
fn as_stranger(desk: &Desk, arguments: &[&str]) -> Ran {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = journals(desk);
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let program = desk.home.path().join("program");
    if !program.exists() {
        let link = fs::hard_link(support::cli::BINARY, &program);
        link.or_else(|_| fs::copy(support::cli::BINARY, &program).map(drop)).unwrap();
    }
    let mut command = desk.clean(Command::new(program));
    if fs::metadata(desk.home.path()).unwrap().uid() == 0 {
        mode(desk.home.path(), 0o755);
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
    } else {
        mode(&folder, 0);
    }
    let run = ran(command
        .arg("runs")
        .args(arguments)
        .args(["--state-dir"])
        .arg(&folder)
        .output()
        .unwrap());
    mode(&folder, 0o700);
    run
}

#[test]
fn a_run_that_someone_carries_out_is_neither_resumed_nor_restored() {
    let desk = roll::desk(THREE);
    let living = Living::start();
    let controller = Controller { desk: &desk, pid: living.id(), group: "sig-1" };
    let run = controller.start();
    let holder = format!("process {}", living.id());
    let before = settings(&desk);
    runs(&desk, &["restore", &run, "--reason", "x"]).assert_failed(8, &[&holder, &run]);
    runs(&desk, &["resume", &run, "--reason", "x", "--yes"])
        .assert_failed(8, &["not frozen but running"]);
    let foreseen = runs(&desk, &["restore", &run, "--dry-run"]);
    assert!(foreseen.code == 0 && foreseen.stderr.contains(&holder), "{foreseen:?}");
    let freeze = json!({"run_id": run, "node": "ssi-1", "phase": "frozen", "reason": "odd"});
    controller.run("advanced", &freeze).well();
    runs(&desk, &["resume", &run, "--reason", "x", "--yes"]).assert_failed(8, &[&holder]);
    runs(&desk, &["restore", &run, "--reason", "x"]).assert_failed(8, &[&holder]);
    assert_eq!(settings(&desk), before);
    let shown = alone(&desk, &["show", &run]);
    assert!(shown.stdout.contains(&format!("{holder} on")), "{shown:?}");
    assert!(shown.stdout.contains("alive"), "{shown:?}");
}

#[test]
fn a_frozen_run_goes_on_after_a_person_has_looked() {
    let desk = roll::desk(THREE);
    let run = frozen(&desk);
    // Nobody can be asked here, so nothing is done without a yes.
    let unasked = runs(&desk, &["resume", &run, "--reason", "looked"]);
    assert_eq!((unasked.code, unasked.stdout.as_str()), (9, ""), "{unasked:?}");
    for words in [
        "ssi-3 is ERROR",
        "image ami-",
        "address 10.0.0.3",
        "but it is ERROR",
        "no terminal to ask on",
    ] {
        assert!(unasked.stderr.contains(words), "{words}: {unasked:?}");
    }
    // Without credentials the node cannot be seen.
    let blind = alone(&desk, &["resume", &run, "--reason", "looked"]);
    assert_eq!(blind.code, 9, "{blind:?}");
    assert!(
        blind.stderr.contains("how it is at the vendor now is not known: no Spot API token"),
        "{blind:?}"
    );
    assert!(blind.stderr.contains("--yes"), "{blind:?}");
    assert_eq!(status(&desk, &run), "frozen");
    let refused = Controller::gone(&desk).run("started", &Controller::gone(&desk).aim());
    assert!(refused.failed().contains("is frozen at ssi-3"), "{}", refused.failed());

    // The person mends the instance, and then it is gone on with.
    desk.simulator.control(
        "POST",
        "/_sim/edit",
        json!({"instance": "ssi-3", "set": {"state": "ACTIVE"}}),
    );
    let resumed = runs(
        &desk,
        &["resume", &run, "--reason", "subnet is there again", "--yes", "--output", "json"],
    );
    let answer: Value =
        serde_json::from_str(&resumed.stdout).unwrap_or_else(|e| panic!("{e}: {resumed:?}"));
    assert_eq!((resumed.code, &answer["nodes"][0]["id"]), (0, &json!("ssi-3")), "{resumed:?}");
    assert!(
        answer["next"].as_str().unwrap().contains("\"rolling_recycle_image_id\":\"ami-2\""),
        "{answer}"
    );
    runs(&desk, &["resume", &run, "--reason", "x", "--yes"])
        .assert_failed(8, &["not frozen but interrupted"]);
    let shown = alone(&desk, &["show", &run, "--events"]);
    assert!(shown.stdout.contains("let go on: subnet is there again"), "{shown:?}");
}

#[test]
fn a_node_that_cannot_be_read_needs_a_yes() {
    let desk = roll::desk(THREE);
    let run = frozen(&desk);
    let blind = alone(&desk, &["resume", &run, "--reason", "seen in the console", "--yes"]);
    assert_eq!(blind.code, 0, "{blind:?}");
    assert!(blind.stderr.contains("is not known"), "{blind:?}");
    assert_eq!(status(&desk, &run), "interrupted");
}

#[test]
fn giving_a_run_up_puts_everything_back_and_tells_what_a_person_has_to_do() {
    let desk = roll::desk(THREE);
    let before = settings(&desk);
    let run = frozen(&desk);
    assert_ne!(settings(&desk), before);
    // Ended by the play, it keeps what the node may yet boot from, and says so.
    let ended = Controller::gone(&desk);
    ended.run("started", &ended.aim()).failed();
    let shown = alone(&desk, &["show", &run]);
    for words in ["stays ami-2 until a person has decided about ssi-3", "stay until 2"] {
        assert!(shown.stdout.contains(words), "{words}: {shown:?}");
    }
    let journal = fs::read_to_string(journals(&desk).join(format!("{run}.jsonl"))).unwrap();
    let foreseen = runs(&desk, &["restore", &run, "--dry-run"]);
    assert_eq!(foreseen.code, 0, "{foreseen:?}");
    for words in ["would be aborted", "set image ami-1", "let go on: AUTO_HEALING"] {
        assert!(foreseen.stdout.contains(words), "{words}: {foreseen:?}");
    }
    let unchanged = fs::read_to_string(journals(&desk).join(format!("{run}.jsonl"))).unwrap();
    assert_eq!(journal, unchanged, "a look writes nothing");

    let unasked = runs(&desk, &["restore", &run, "--reason", "the subnet is gone"]);
    unasked.assert_failed(8, &["is not given up", "no terminal to ask on", "--yes"]);
    let restored = runs(&desk, &["restore", &run, "--reason", "the subnet is gone", "--yes"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert!(restored.stdout.contains("put back: ami-1"), "{restored:?}");
    assert!(restored.stderr.contains("putting back image of group sig-1"), "{restored:?}");
    for words in [
        "node ssi-3 is in phase recycling: the replacement of i-3 was asked for at ",
        "and is not proved",
        "its service is stopped",
        "the freeze goes with it",
    ] {
        assert!(restored.stderr.contains(words), "{words}: {restored:?}");
    }
    assert!(restored.stdout.contains("lifted: at ssi-3"), "{restored:?}");
    assert_eq!(settings(&desk), before);
    assert_eq!(status(&desk, &run), "aborted");

    // Again: nothing is owed, and nothing is asked for.
    desk.simulator.control("DELETE", "/_sim/requests", Value::Null);
    for arguments in [&["restore", &run, "--reason", "again"][..], &["restore", &run, "--dry-run"]]
    {
        let again = runs(&desk, arguments);
        assert!(again.code == 0 && again.stdout.contains("nothing is owed"), "{again:?}");
    }
    assert_eq!(desk.paths(), Vec::<String>::new());
    let shown = alone(&desk, &["show", &run]);
    assert!(shown.stdout.contains("aborted: the subnet is gone"), "{shown:?}");
    runs(&desk, &["resume", &run, "--reason", "x", "--yes"]).assert_failed(8, &["it has ended"]);
}

/// The image of a roll that is complete stays, whatever is said afterwards.
#[test]
fn a_completed_run_is_not_undone() {
    let desk = roll::desk(&singles(1..=1));
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.roll(&run, "ssi-1");
    controller.finish(&run).well();
    let after = settings(&desk);
    assert_eq!(after.0, "ami-2");
    let again = runs(&desk, &["restore", &run, "--reason", "x", "--output", "json"]).document();
    assert_eq!((&again["outcome"], &again["settings"]), (&json!("completed"), &json!([])));
    assert_eq!((settings(&desk), status(&desk, &run)), (after, json!("completed")));
    let shown = alone(&desk, &["show", &run, "--output", "json"]).document();
    assert_eq!(shown["settings"][1]["standing"], "kept");
    assert_eq!(shown["next"], json!([]));
}

#[test]
fn what_someone_else_has_set_since_is_left_and_told() {
    let desk = roll::desk(THREE);
    let run = frozen(&desk);
    let image = json!({"compute.launchSpecification.imageId": "ami-7"});
    desk.simulator.control("POST", "/_sim/edit", json!({"group": "sig-1", "set": image}));
    let foreseen = runs(&desk, &["restore", &run, "--dry-run", "--output", "yaml"]);
    assert!(foreseen.stdout.contains("ami-7, which this run did not set"), "{foreseen:?}");
    let restored = runs(&desk, &["restore", &run, "--reason", "x", "--yes"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert!(restored.stderr.contains("warning: image is left"), "{restored:?}");
    let (image, _, suspended) = settings(&desk);
    assert_eq!((image, suspended), (json!("ami-7"), json!([])));
    let shown = alone(&desk, &["show", &run]);
    assert!(shown.stdout.contains("left: the group's image is ami-7"), "{shown:?}");
}

#[test]
fn a_restore_that_fails_goes_on_when_it_is_run_again() {
    let desk = roll::desk(THREE);
    let before = settings(&desk);
    let run = frozen(&desk);
    let restore = ["restore", &run, "--reason", "given up", "--yes"];
    alone(&desk, &restore).assert_failed(3, &["no Spot API token"]);
    // Nobody answers, and who waits has no patience: killed, it holds nothing.
    let mut command = desk.command();
    command.env("SPOTINST_BASE_URL", "http://127.0.0.1:9").arg("runs").args(restore);
    let mut waiting = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(waiting.stderr.as_mut().unwrap());
    // First it tells in which state the node is left.
    for words in ["the freeze goes with it", "node ssi-3 is in phase recycling", "looking again"] {
        line.clear();
        lines.read_line(&mut line).unwrap();
        assert!(line.contains(words), "{words}: {line}");
    }
    assert!(line.contains("127.0.0.1:9") && line.contains("looking again"), "{line}");
    let busy = status(&desk, &run);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert_eq!((busy, status(&desk, &run)), (json!("frozen"), json!("frozen")));
    // The image is put back, and then the vendor refuses.
    desk.fault(
        json!({"kind": "status", "status": 403, "method": "DELETE", "message": "not today"}),
    );
    let half = runs(&desk, &restore);
    assert_eq!(half.code, 3, "{half:?}");
    assert!(half.stderr.lines().last().unwrap().contains("not today"), "{half:?}");
    let (image, _, suspended) = settings(&desk);
    assert_eq!((image, suspended.as_array().unwrap().len()), (json!("ami-1"), PROCESSES));
    let shown = alone(&desk, &["show", &run, "--output", "json"]).document();
    let standing = |index: usize| &shown["settings"][index]["standing"];
    assert_eq!((standing(0), standing(1)), (&json!("to be put back"), &json!("put back")));
    desk.mend();
    assert_eq!(runs(&desk, &restore).code, 0);
    assert_eq!((settings(&desk), status(&desk, &run)), (before, json!("aborted")));
}

#[test]
fn names_of_others_do_not_steer_the_terminal() {
    let desk = roll::desk(&singles(1..=1));
    let name = json!({"name": "\u{1b}]0;owned\u{7}\u{202e}kafka\nx"});
    desk.simulator.control("POST", "/_sim/edit", json!({"group": "sig-1", "set": name}));
    let controller = Controller::gone(&desk);
    let aim = with(controller.aim(), &json!({"system": "a\u{1b}[2Jb\nc"}));
    let run = controller.run("started", &aim).well()["run_id"].as_str().unwrap().to_owned();
    let reason = "\u{1b}[31mred\u{9b}2J";
    let freeze = json!({"run_id": run, "node": "ssi-1", "phase": "frozen", "reason": reason});
    controller.run("advanced", &freeze).well();
    for arguments in [
        &["list"][..],
        &["show", &run, "--events"],
        &["restore", &run, "--dry-run"],
        &["resume", &run, "--reason", "x"],
        &["restore", &run, "--reason", "\u{1b}[0m", "--yes"],
    ] {
        let run = runs(&desk, arguments);
        for text in [&run.stdout, &run.stderr] {
            let hostile = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!text.contains(hostile), "{run:?}");
        }
    }
}

/// A program that a terminal is given to, as `script` does it.
#[test]
fn on_a_terminal_a_person_is_asked() {
    let desk = roll::desk(THREE);
    let run = frozen(&desk);
    let ask = |words: &str, answer: &str| {
        let program = support::cli::BINARY;
        let typed = format!("{program} runs {words} {run} --reason looked");
        let mut script = desk.clean(Command::new("script"));
        script.env("PATH", "/usr/bin:/bin").args(["-qec", &typed, "/dev/null"]);
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), answer.as_bytes()).unwrap();
        ran(child.wait_with_output().unwrap())
    };
    let no = ask("resume", "n\n");
    assert!(no.code == 9 && no.stdout.contains("let it go on? [y/N]"), "{no:?}");
    assert_eq!(status(&desk, &run), "frozen");
    let yes = ask("resume", "y\n");
    assert!(yes.code == 0 && yes.stdout.contains("may go on"), "{yes:?}");
    assert_eq!(status(&desk, &run), "interrupted");
    let no = ask("restore", "\n");
    assert!(no.code == 8 && no.stdout.contains("give it up? [y/N]"), "{no:?}");
    assert!(no.stdout.contains("set image ami-1"), "what would be done is shown first: {no:?}");
    assert_eq!(status(&desk, &run), "interrupted");
    let yes = ask("restore", "yes\n");
    assert!(yes.code == 0 && yes.stdout.contains("put back: ami-1"), "{yes:?}");
    assert_eq!(status(&desk, &run), "aborted");
}
