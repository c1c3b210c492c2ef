//! Launch and terminate hooks that are real commands: an instance is a process, its volume a folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use spot_sim::{ClockMode, Fleet, Server};
use tempfile::TempDir;

const UP: &str = r#"
set -e
echo "$SPOT_SIM_INSTANCE_ID $SPOT_SIM_IMAGE_ID $SPOT_SIM_PRIVATE_IP $SPOT_SIM_ZONE" >> "$SPOT_SIM_VOLUME_FOLDER/boots"
[ "$SPOT_SIM_IMAGE_ID" != ami-bad ] || { echo 'no luck'; echo 'wrong image' >&2; exit 3; }
[ "$SPOT_SIM_IMAGE_ID" != ami-slow ] || { sleep 600 & echo $! > "$SPOT_SIM_VOLUME_FOLDER/pids"; wait; }
while [ -e "$SPOT_SIM_VOLUME_FOLDER/../wait" ]; do sleep 0.02; done
sleep 600 &
echo $! > "$SPOT_SIM_MACHINE_FOLDER/pid"
echo $! >> "$SPOT_SIM_VOLUME_FOLDER/pids"
echo "$SPOT_SIM_GROUP_ID $SPOT_SIM_GROUP_NAME $SPOT_SIM_STATEFUL_ID $SPOT_SIM_VOLUMES" > "$SPOT_SIM_MACHINE_FOLDER/environment"
"#;
const DOWN: &str =
    r#"[ ! -e "$SPOT_SIM_MACHINE_FOLDER/pid" ] || kill "$(cat "$SPOT_SIM_MACHINE_FOLDER/pid")""#;

struct Yard {
    server: Option<Server>,
    folder: TempDir,
}

impl Yard {
    fn new(mode: ClockMode, more: &str) -> Yard {
        Yard::with(mode, more, "ami-1", 60.0)
    }

    fn with(mode: ClockMode, more: &str, image: &str, timeout_seconds: f64) -> Yard {
        let folder = tempfile::tempdir().expect("a folder");
        let hooks = json!({"launch": ["sh", "-c", UP], "terminate": ["sh", "-c", DOWN], "timeout_seconds": timeout_seconds});
        let text = format!(
            "hooks: {hooks}\ntokens: [{{token: t}}]\naccounts: [{{id: act-1, name: a}}]\n{more}\ngroups:\n  \
             - {{name: nodes, id: sig-1, region: r, image: {image}, zones: [{{name: ra}}, {{name: rb}}], \
             persistence: {{data: reattach, private_ip: true}}, volumes: [{{device: /dev/xvdb}}], addresses: 127.0.20.0/24, \
             stateful: [{{id: ssi-1, devices: [{{device: /dev/xvdb, volume: vol-1}}]}}]}}\n"
        );
        let fleet = Fleet::from_yaml(&text).expect("a fleet");
        let fleet = fleet.with_clock(Some(mode), None).with_volume_folder(folder.path());
        Yard { server: Some(Server::start(fleet).expect("it starts")), folder }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn advance(&self, seconds: u64) {
        let answer = self.server().control("POST", "/_sim/advance", json!({"seconds": seconds}));
        assert!(answer["now"].is_string(), "{answer}");
    }

    fn recycle(&self) {
        let path = "/aws/ec2/group/sig-1/statefulInstance/ssi-1/recycle";
        assert_eq!(self.send("PUT", path, &Value::Null), 200);
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> u16 {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
        let method = method.parse().expect("a method");
        let request = client.request(method, format!("{}{path}", self.server().url()));
        let request = request.header("authorization", "Bearer t");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request.body(body).send().expect("an answer").status().as_u16()
    }

    fn group(&self) -> Value {
        self.server().control("GET", "/_sim/state", Value::Null)["groups"][0].clone()
    }

    fn ssi(&self) -> Value {
        self.group()["statefulInstances"][0].clone()
    }

    fn lines(&self, volume: &str, file: &str) -> Vec<String> {
        let path = self.folder.path().join(volume).join(file);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Whether a process runs; one that has ended and that nobody has asked about does not.
fn lives(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Polls until `done` holds; gives up after half a minute.
fn wait_until(mut done: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if done() {
            return;
        }
        pause();
    }
    panic!("nothing happened for half a minute");
}

#[expect(clippy::disallowed_methods, reason = "there is no event to wait for in another process")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn an_instance_is_a_process_whose_data_survives_a_recycle_and_which_ends_with_the_server() {
    let mut yard = Yard::new(ClockMode::Virtual, "");
    yard.advance(0);
    let before = yard.ssi();
    assert_eq!(before["state"], "ACTIVE");
    yard.recycle();
    yard.advance(600);
    let after = yard.ssi();
    assert_eq!(after["state"], "ACTIVE", "the clock stood still while hooks ran");
    assert_ne!(after["instanceId"], before["instanceId"]);
    let boot = |ssi: &Value| {
        let text = |key: &str| ssi[key].as_str().expect("text").to_owned();
        let (instance, zone) = (text("instanceId"), text("availabilityZone"));
        format!("{instance} ami-1 {} {zone}", text("privateIp"))
    };
    assert_eq!(yard.lines("vol-1", "boots"), [boot(&before), boot(&after)]);
    assert!(before["privateIp"].as_str().is_some_and(|address| address.starts_with("127.0.20.")));
    let pids = yard.lines("vol-1", "pids");
    // A hook that has ended has told its process to end, which takes as long as it takes.
    wait_until(|| !lives(&pids[0]));
    assert!(lives(&pids[1]));
    let machine = format!("machines/{}", after["instanceId"].as_str().expect("an id"));
    let folder = yard.folder.path().canonicalize().expect("a folder").join("vol-1");
    let volumes = json!([{"deviceName": "/dev/xvdb", "volumeId": "vol-1", "folder": folder}]);
    let environment = yard.lines(&machine, "environment");
    assert_eq!(environment, [format!("sig-1 nodes ssi-1 {volumes}")]);
    let reset = yard.server().control("POST", "/_sim/reset", json!({}));
    assert!(reset["error"].as_str().is_some_and(|text| text.contains("hooks")), "{reset}");
    drop(yard.server.take());
    // The end of the server is the end of its machines.
    wait_until(|| !lives(&pids[1]));
    assert!(!yard.folder.path().join(machine).exists() && folder.join("boots").exists());
}

#[test]
fn a_machine_elsewhere_gets_a_copy_or_an_empty_folder() {
    let yard = Yard::new(ClockMode::Virtual, "");
    yard.advance(0);
    let mut volume = "vol-1".to_owned();
    for (twist, boots) in [("other_zone", 2), ("lost_volumes", 1)] {
        let fault = json!({"kind": "relaunch", "twist": twist, "count": 1});
        yard.server().control("POST", "/_sim/faults", fault);
        yard.recycle();
        yard.advance(600);
        let new = yard.ssi()["devices"][0]["volume"].as_str().expect("a volume").to_owned();
        assert_ne!(new, volume);
        assert_eq!(yard.lines(&new, "boots").len(), boots, "{twist}");
        volume = new;
    }
}

#[test]
fn a_launch_that_fails_or_hangs_ends_in_error() {
    for (image, timeout, reason) in [
        ("ami-bad", 60.0, "exit status: 3: wrong image"),
        ("ami-slow", 0.2, "did not end within 0.2 s"),
    ] {
        let yard = Yard::with(ClockMode::Virtual, "", image, timeout);
        yard.advance(0);
        assert_eq!(yard.ssi()["state"], "ERROR");
        let logs = yard.group()["logs"].to_string();
        assert!(logs.contains(reason), "{logs}");
        wait_until(|| yard.lines("vol-1", "pids").iter().all(|pid| !lives(pid)));
    }
}

#[test]
fn no_request_waits_for_a_hook() {
    let yard = Yard::new(ClockMode::Realtime, "clock: {speed: 1000}");
    let list = "/aws/ec2/group/sig-1/statefulInstance";
    wait_until(|| yard.ssi()["state"] == "ACTIVE");
    let barrier = yard.folder.path().join("wait");
    std::fs::write(&barrier, "").expect("a file");
    yard.recycle();
    wait_until(|| yard.lines("vol-1", "boots").len() == 2);
    assert_eq!(yard.send("GET", list, &Value::Null), 200);
    assert_eq!(yard.ssi()["state"], "RECYCLING");
    let health = yard.server().control("GET", "/_sim/health", Value::Null);
    assert_eq!(health["hooksUnderway"], 1);
    std::fs::remove_file(&barrier).expect("removed");
    wait_until(|| yard.ssi()["state"] == "ACTIVE");
}

#[test]
fn a_fleet_with_hooks_needs_a_folder_that_can_be_used() {
    let text = "hooks: {launch: ['true']}\ntokens: [{token: t}]\naccounts: [{id: act-1, name: a}]";
    let fleet = Fleet::from_yaml(text).expect("a fleet");
    let error = Server::start(fleet.clone()).expect_err("no folder").to_string();
    assert!(error.contains("--volumes"), "{error}");
    let error =
        Server::start(fleet.with_volume_folder(Path::new("/dev/null/x"))).expect_err("no folder");
    assert!(error.to_string().contains("/dev/null/x"), "{error}");
}

/// A fleet file for the program, with three nodes that write when they come and go.
fn fleet_file(folder: &Path) -> PathBuf {
    let log = folder.join("log");
    let say = |word: &str| format!("echo {word} $SPOT_SIM_STATEFUL_ID >> {}", log.display());
    let hooks = json!({"launch": ["sh", "-c", say("up")], "terminate": ["sh", "-c", say("down")]});
    let text = format!(
        "hooks: {hooks}\ntokens: [{{token: t}}]\naccounts: [{{id: act-1, name: a}}]\ngroups:\n  - {{name: g, region: r, \
         persistence: {{private_ip: true}}, stateful: [{{id: ssi-1}}, {{id: ssi-2}}, {{id: ssi-3}}]}}\n"
    );
    let file = folder.join("fleet.yml");
    std::fs::write(&file, text).expect("a file");
    file
}

#[test]
fn however_the_program_ends_every_machine_goes() {
    for end in ["TERM", "INT", "parent", "time"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_spot-sim"));
        command.arg("serve").arg("--fleet").arg(fleet_file(folder.path()));
        command.arg("--volumes").arg(folder.path().join("volumes"));
        match end {
            "parent" => command.arg("--exit-with-parent"),
            "time" => command.args(["--exit-after", "2"]),
            _ => &mut command,
        };
        let stdin = std::process::Stdio::piped();
        let mut child =
            command.stdin(stdin).stdout(std::process::Stdio::null()).spawn().expect("it starts");
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        wait_until(|| log().lines().filter(|line| line.starts_with("up")).count() == 3);
        match end {
            "parent" => drop(child.stdin.take()),
            "time" => {}
            signal => {
                let kill = format!("kill -{signal} {}", child.id());
                assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success());
            }
        }
        assert!(child.wait().expect("its status").success(), "{end}");
        let text = log();
        let mut down: Vec<&str> = text.lines().filter(|line| line.starts_with("down")).collect();
        down.sort_unstable();
        assert_eq!(down, ["down ssi-1", "down ssi-2", "down ssi-3"], "{end}");
    }
}
