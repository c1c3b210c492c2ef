//! The machines of one test, behind the simulator's hooks.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::{Value, json};
use spot_sim::{Fleet, Server};
use tempfile::TempDir;

use super::{script, software, told, until};

/// The token that the simulator takes.
const TOKEN: &str = "clusters-token";

/// The device of the disk that holds a server's data.
const DEVICE: &str = "/dev/xvdb";

/// How many yards of one binary are open at a time: two are nine servers at most, which a few processors and gigabytes can bear.
const OPEN_YARDS: usize = 2;

/// Leave to open a yard, until it is dropped.
struct Turn;

static OPEN: Mutex<usize> = Mutex::new(0);
static CLOSED: Condvar = Condvar::new();

impl Turn {
    /// Waits until there are fewer than [`OPEN_YARDS`].
    fn wait() -> Self {
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |open: &mut usize| *open == OPEN_YARDS;
        *CLOSED.wait_while(open, full).unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *OPEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        CLOSED.notify_one();
    }
}

/// What runs on the machines of a group of three.
#[derive(Clone, Copy)]
pub(crate) struct Cluster {
    /// Name of the group, and how its servers are run: a technology of `technologies.py`.
    pub(crate) technology: &'static str,
    /// The group whose servers keep the metadata of this one's, if there is one.
    pub(crate) ensemble: Option<&'static str>,
}

/// A machine and the stateful instance that it is.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// From 1, in its cluster.
    pub(crate) number: usize,
    pub(crate) address: Ipv4Addr,
    pub(crate) group_id: String,
    pub(crate) stateful_id: String,
}

/// A stateful instance as the vendor's API tells of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    pub(crate) instance_id: String,
    pub(crate) state: String,
    /// The volume that holds the server's data.
    pub(crate) volume: String,
}

/// Simulator, machines and their disks. When it is dropped, and also when the test is killed, every process in it ends.
pub(crate) struct Yard {
    // In this order they go: the machines by their hooks, then whatever else runs in the yard, then the folder.
    server: Option<Server>,
    alive: Option<File>,
    folder: TempDir,
    clusters: Vec<(Cluster, Vec<Node>)>,
    _turn: Turn,
}

impl Yard {
    /// Machines for these clusters, with empty disks; no service runs.
    pub(crate) fn open(clusters: &[Cluster]) -> Self {
        let turn = Turn::wait();
        let folder = tempfile::Builder::new().prefix("clusters-").tempdir().unwrap();
        // One of the servers runs as a user without rights.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let alive = alive(folder.path());
        let clusters: Vec<_> = (1..).zip(clusters).map(|(group, it)| (*it, nodes(group))).collect();
        let mut yard = Self { server: None, alive: Some(alive), folder, clusters, _turn: turn };
        yard.describe();
        let fleet = Fleet::from_yaml(&yard.fleet()).unwrap();
        let fleet = fleet.with_volume_folder(&yard.folder.path().join("disks"));
        yard.server = Some(Server::start(fleet).unwrap());
        for node in yard.clusters.iter().flat_map(|(_, nodes)| nodes) {
            let what = format!("the machine {} is launched", node.address);
            until(&what, 300, || Some(()).filter(|()| yard.is_active(&yard.instance(node))));
        }
        yard
    }

    /// The nodes of a cluster.
    pub(crate) fn nodes(&self, technology: &str) -> Vec<Node> {
        let found = self.clusters.iter().find(|(cluster, _)| cluster.technology == technology);
        found.unwrap().1.clone()
    }

    /// Writes the disks of a cluster's nodes and starts their services.
    pub(crate) fn found(&self, technology: &str) -> Vec<Node> {
        let nodes = self.nodes(technology);
        for node in &nodes {
            told(&mut self.machine("provision", node));
        }
        for node in &nodes {
            self.start(node);
        }
        nodes
    }

    /// Starts a node's service, which may answer only later.
    pub(crate) fn start(&self, node: &Node) {
        told(self.service(node).arg("start"));
    }

    /// Stops a node's service by SIGTERM and waits for its end; fails if it must be killed.
    pub(crate) fn stop(&self, node: &Node) {
        told(self.service(node).arg("stop"));
    }

    /// The id of the process of a node's service.
    pub(crate) fn process(&self, node: &Node) -> Option<u32> {
        let output = self.service(node).arg("status").output().unwrap();
        match output.status.code() {
            Some(0) => Some(String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()),
            Some(3) => None,
            _ => panic!("{output:?}"),
        }
    }

    /// Where the simulator is asked, and the token that it takes.
    pub(crate) fn api(&self) -> (String, &'static str) {
        (self.server.as_ref().unwrap().url(), TOKEN)
    }

    /// Paths of all requests so far, in their order, without queries.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.server.as_ref().unwrap().requests();
        requests.into_iter().map(|request| request.path).collect()
    }

    /// Changes the simulator by its control API, or asks it.
    pub(crate) fn control(&self, method: &str, path: &str, body: Value) -> Value {
        self.server.as_ref().unwrap().control(method, path, body)
    }

    /// Recycles a stateful instance by the vendor's API and waits until it is active again.
    pub(crate) fn recycle(&self, node: &Node) -> (Instance, Instance) {
        let before = self.instance(node);
        let path = format!("{}/{}/recycle", instances(node), node.stateful_id);
        self.ask("PUT", &path);
        let after = until("the instance is recycled", 600, || {
            let now = self.instance(node);
            (self.is_active(&now) && now.instance_id != before.instance_id).then_some(now)
        });
        (before, after)
    }

    /// Whether it is there with its machine; a machine whose hook failed never will be.
    fn is_active(&self, instance: &Instance) -> bool {
        if instance.state == "ERROR" {
            let state = self.server.as_ref().unwrap().control("GET", "/_sim/state", Value::Null);
            let groups = state["groups"].as_array().unwrap();
            let logs: Vec<_> = groups.iter().map(|group| group["logs"].to_string()).collect();
            panic!("{instance:?}: {}", logs.join("\n"));
        }
        instance.state == "ACTIVE"
    }

    /// The stateful instance of a node.
    pub(crate) fn instance(&self, node: &Node) -> Instance {
        let answer = self.ask("GET", &instances(node));
        let items = answer["response"]["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["id"] == *node.stateful_id).unwrap();
        let mut devices = found["devices"].as_array().unwrap().iter();
        let data = devices.find(|device| device["deviceName"] == DEVICE).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Instance {
            instance_id: text(&found["instanceId"]),
            state: text(&found["state"]),
            volume: text(&data["volumeId"]),
        }
    }

    /// The folder of the disk of a node's machine.
    pub(crate) fn disk(&self, node: &Node) -> PathBuf {
        self.path(&format!("nodes/{}/data", node.address))
    }

    /// A place in the yard's folder.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Runs a program that ends no later than the test does.
    pub(crate) fn guarded(&self, command: &Command) -> Command {
        guarded(self.folder.path(), command)
    }

    /// Where the software of a technology is; secured or not, it is the same. One runs as a user who may be shut out of the folder of the tools: it is copied.
    pub(crate) fn software(&self, technology: &str) -> PathBuf {
        let installed = software().join(technology.trim_end_matches("-secured"));
        if technology != "opensearch" {
            return installed;
        }
        let copy = self.path("software");
        if !copy.exists() {
            let version = fs::read_dir(installed).unwrap().next().unwrap().unwrap().path();
            told(Command::new("cp").arg("-r").arg(version).arg(&copy));
        }
        copy
    }

    /// The end of every server's log, for a test that fails.
    fn logs(&self) -> String {
        let files = fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let logs =
            files.map(|it| it.path()).filter(|it| it.extension().is_some_and(|it| it == "log"));
        let ends = logs.map(|path| {
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let end = lines[lines.len().saturating_sub(25)..].join("\n");
            format!("== {}\n{end}\n", path.display())
        });
        ends.collect()
    }

    fn service(&self, node: &Node) -> Command {
        Command::new(self.path(&format!("nodes/{}/service", node.address)))
    }

    fn machine(&self, verb: &str, node: &Node) -> Command {
        let mut command = script("machine.py");
        command.arg(verb).arg(self.folder.path()).arg(node.address.to_string());
        command
    }

    /// Writes what the machines' programs have to know.
    fn describe(&self) {
        let mut text = json!({});
        for (cluster, nodes) in &self.clusters {
            let addresses =
                |nodes: &[Node]| json!(nodes.iter().map(|it| it.address).collect::<Vec<_>>());
            let ensemble = cluster.ensemble.map_or(json!([]), |it| addresses(&self.nodes(it)));
            text[cluster.technology] = json!({
                "technology": cluster.technology, "java": "java", "nodes": addresses(nodes),
                "software": self.software(cluster.technology), "ensemble": ensemble,
            });
        }
        fs::write(self.path("clusters.json"), text.to_string()).unwrap();
    }

    fn fleet(&self) -> String {
        let hook = |verb: &str| {
            let command = script("machine.py");
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            let mut words: Vec<_> = words.map(|word| word.to_str().unwrap().to_owned()).collect();
            words.push(verb.to_owned());
            words.push(self.folder.path().to_str().unwrap().to_owned());
            words
        };
        let hooks = json!({"launch": hook("launch"), "terminate": hook("terminate")});
        let groups: Vec<Value> =
            self.clusters.iter().map(|(cluster, nodes)| group(cluster, nodes)).collect();
        // Every JSON text is a YAML text.
        json!({
            "tokens": [{"token": TOKEN}], "accounts": [{"id": "act-00000001", "name": "clusters"}],
            "limits": {"default": 100_000}, "clock": {"mode": "realtime", "speed": 1}, "hooks": hooks, "groups": groups,
            "latency": {"accepted_seconds": 0.1, "terminating_seconds": 0.5, "imaging_seconds": 0.1,
                        "replacing_seconds": 0.1, "booting_seconds": 0.5},
        })
        .to_string()
    }

    fn ask(&self, method: &str, path: &str) -> Value {
        let url = format!("{}{path}", self.server.as_ref().unwrap().url());
        let request = client().request(method.parse().unwrap(), url).bearer_auth(TOKEN);
        let answer = request.send().unwrap();
        let status = answer.status();
        let body: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {body}");
        body
    }
}

impl Drop for Yard {
    #[expect(clippy::print_stderr, reason = "what a test that fails has to show")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        drop(self.server.take());
    }
}

/// A pipe that the test holds open.
fn alive(folder: &Path) -> File {
    let path = folder.join("alive");
    told(Command::new("mkfifo").arg(&path));
    // Opened for both, so that it need not wait for a reader.
    File::options().read(true).write(true).open(&path).unwrap()
}

/// A program that ends when the holder of the yard's pipe does.
pub(crate) fn guarded(yard: &Path, command: &Command) -> Command {
    let mut guard = script("machine.py");
    guard.arg("guard").arg(yard).arg(command.get_program()).args(command.get_args());
    guard
}

/// A client of servers on this computer.
pub(crate) fn client() -> Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        rustls::crypto::ring::default_provider().install_default().ok();
        Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap()
    });
    CLIENT.clone()
}

fn instances(node: &Node) -> String {
    format!("/aws/ec2/group/{}/statefulInstance", node.group_id)
}

/// Three nodes with loopback addresses that no other test of these days has.
fn nodes(group: usize) -> Vec<Node> {
    static LAST: AtomicU8 = AtomicU8::new(1);
    let first = LAST.fetch_add(3, Ordering::Relaxed);
    let [.., high, low] = std::process::id().to_be_bytes();
    let node = |number: usize| {
        let last = first + u8::try_from(number).unwrap() - 1;
        let address = Ipv4Addr::new(127, 60 + high % 150, low, last);
        TcpListener::bind((address, 0))
            .unwrap_or_else(|error| panic!("{address} cannot be used: {error}"));
        Node {
            number,
            address,
            group_id: format!("sig-{group}"),
            stateful_id: format!("ssi-{group}{number}"),
        }
    };
    (1..=3).map(node).collect()
}

fn group(cluster: &Cluster, nodes: &[Node]) -> Value {
    let stateful = nodes.iter().map(|node| {
        json!({
            "id": node.stateful_id, "private_ip": node.address, "zone": format!("ra{}", node.number),
            "devices": [{"device": DEVICE, "volume": format!("vol-{}", &node.stateful_id[4..])}],
        })
    });
    let zones: Vec<Value> =
        nodes.iter().map(|node| json!({"name": format!("ra{}", node.number)})).collect();
    json!({
        "name": cluster.technology, "id": nodes[0].group_id, "region": "r", "image": "ami-1", "zones": zones,
        "persistence": {"root": false, "data": "reattach", "private_ip": true},
        "volumes": [{"device": DEVICE}], "capacity": {"minimum": 0, "maximum": 9},
        "stateful": stateful.collect::<Vec<_>>(),
    })
}
