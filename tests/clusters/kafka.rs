//! What Kafka's brokers say of themselves, by two requests of its protocol and by Kafka's own tools.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::gates::Asked;
use super::ledger::{Acknowledged, Ledger};
use super::sampler::{Role, State, connect};
use super::yard::{Cluster, Node, Yard};
use super::{told, until};

/// Three nodes that are brokers and controllers.
pub(crate) const CLUSTER: Cluster = Cluster { technology: "kafka", ensemble: None };

/// Three brokers with their metadata in ZooKeeper.
pub(crate) const WITH_ZOOKEEPER: Cluster =
    Cluster { technology: "kafka-zk", ensemble: Some("zookeeper") };

/// No writer may go for so long without an acknowledgement.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(30);

/// The topic that is written: three partitions, each on all nodes, written on two before it is acknowledged.
pub(crate) const TOPIC: &str = "ledger";

const PORT: u16 = 9092;

/// ApiVersions, version 0, correlation 1, no client name: what any broker answers once it takes requests.
const API_VERSIONS: &[u8] = &[0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];

/// DescribeQuorum, version 0, correlation 2, no client name, for partition 0 of one topic, whose name follows the first part.
const DESCRIBE_QUORUM: (&[u8], &[u8], &[u8]) = (
    &[0, 55, 0, 0, 0, 0, 0, 2, 0xff, 0xff, 0, 2],
    b"__cluster_metadata",
    &[2, 0, 0, 0, 0, 0, 0, 0],
);

/// The gate.
pub(crate) struct Gate;

impl Asked for Gate {
    fn options(&self, nodes: &[Node]) -> Value {
        let bootstrap: Vec<String> =
            nodes.iter().map(|node| format!("{}:{PORT}", node.address)).collect();
        let brokers: Vec<usize> = nodes.iter().map(|node| node.number).collect();
        json!({"kind": "kafka", "bootstrap": bootstrap, "brokers": brokers})
    }

    fn name(&self, node: &Node) -> String {
        node.number.to_string()
    }
}

/// What a broker with KRaft is.
pub(crate) fn probe(node: &Node) -> State {
    let mut stream = match connect(node, PORT) {
        Ok(stream) => stream,
        Err(state) => return state,
    };
    if exchange(&mut stream, API_VERSIONS).is_none() {
        return State::Idle;
    }
    let (start, name, end) = DESCRIBE_QUORUM;
    let length = u8::try_from(name.len() + 1).unwrap();
    let request = [start, &[length], name, end].concat();
    match exchange(&mut stream, &request).and_then(|answer| leader(&answer)) {
        Some(leader) if usize::try_from(leader) == Ok(node.number) => State::Up(Role::Leader),
        Some(leader) if leader > 0 => State::Up(Role::Follower),
        _ => State::Idle,
    }
}

/// What a broker without KRaft is; who its controller is, is not asked.
pub(crate) fn probe_with_zookeeper(node: &Node) -> State {
    match connect(node, PORT) {
        Ok(mut stream) => match exchange(&mut stream, API_VERSIONS) {
            Some(_) => State::Up(Role::Follower),
            None => State::Idle,
        },
        Err(state) => state,
    }
}

/// Sends a request and returns the answer without its length.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(request.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], request].concat()).ok()?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut answer = vec![0; u32::from_be_bytes(length).min(1 << 20) as usize];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}

/// The leader's id in an answer to DescribeQuorum: behind correlation, tags, error, the topic with its name, the partition and its error.
fn leader(answer: &[u8]) -> Option<i32> {
    let name = DESCRIBE_QUORUM.1.len();
    let at = 4 + 1 + 2 + 1 + 1 + name + 1 + 4 + 2;
    let errors = [answer.get(5..7)?, answer.get(at - 2..at)?];
    if errors.iter().any(|error| *error != [0, 0]) {
        return None;
    }
    Some(i32::from_be_bytes(answer.get(at..at + 4)?.try_into().ok()?))
}

/// One of Kafka's own programs.
pub(super) fn tool(yard: &Yard, technology: &str, name: &str, nodes: &[Node]) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
    command.arg(yard.software(technology).join("*")).arg(format!("org.apache.kafka.tools.{name}"));
    let servers: Vec<String> = nodes.iter().map(|it| format!("{}:{PORT}", it.address)).collect();
    command.arg("--bootstrap-server").arg(servers.join(","));
    command
}

/// Makes the topic, once all brokers are there to hold it.
pub(crate) fn make_topic(yard: &Yard, technology: &str, nodes: &[Node]) {
    make_topic_called(yard, technology, nodes, TOPIC, &[]);
}

/// The same of another name, and with settings of its own such as `min.insync.replicas=3`.
pub(crate) fn make_topic_called(
    yard: &Yard,
    technology: &str,
    nodes: &[Node],
    name: &str,
    settings: &[&str],
) {
    let mut command = tool(yard, technology, "TopicCommand", nodes);
    command.args(["--create", "--if-not-exists", "--topic", name]);
    for setting in settings {
        command.args(["--config", setting]);
    }
    command.args(["--partitions", "3", "--replication-factor", "3"]);
    let mut command = yard.guarded(&command);
    until("the topic is made", 60, || {
        Some(()).filter(|()| command.output().unwrap().status.success())
    });
}

/// For each partition of each topic how many replicas are in sync, as the brokers tell it.
pub(crate) fn in_sync(yard: &Yard, technology: &str, nodes: &[Node]) -> BTreeMap<String, usize> {
    let mut command = tool(yard, technology, "TopicCommand", nodes);
    let output = yard.guarded(command.arg("--describe")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let partition = |line: &str| {
        let fields: BTreeMap<&str, &str> =
            line.split('\t').filter_map(|field| field.trim().split_once(": ")).collect();
        let has_leader = fields.get("Leader")?.parse::<usize>().is_ok();
        let isr = fields.get("Isr")?.split(',').filter(|it| !it.is_empty()).count();
        let name = format!("{} {}", fields.get("Topic")?, fields.get("Partition")?);
        Some((name, if has_leader { isr } else { 0 }))
    };
    text.lines().filter_map(partition).collect()
}

/// Waits until the topic and all others have that many replicas in sync for each partition.
pub(crate) fn settle(yard: &Yard, technology: &str, nodes: &[Node], replicas: usize) {
    until(&format!("{replicas} replicas in sync everywhere"), 60, || {
        let partitions = in_sync(yard, technology, nodes);
        let is_whole = partitions.contains_key(&format!("{TOPIC} 0"))
            && partitions.values().all(|count| *count == replicas);
        is_whole.then_some(())
    });
}

/// Kafka's own producer, which tells each record that was acknowledged by all replicas in sync.
pub(crate) fn writer(yard: &Yard, technology: &str, nodes: &[Node]) -> Command {
    let settings = yard.path("producer.properties");
    // As a producer is by default; the program's own default is to give up at the first error.
    let text =
        "enable.idempotence=true\nretries=2147483647\ndelivery.timeout.ms=60000\nlinger.ms=0\n";
    std::fs::write(&settings, text).unwrap();
    let mut command = tool(yard, technology, "VerifiableProducer", nodes);
    command.args(["--topic", TOPIC, "--acks", "-1", "--throughput", "50"]);
    command.arg("--producer.config").arg(settings);
    command
}

/// Whether a record is acknowledged within seconds.
pub(crate) fn acknowledges(yard: &Yard, technology: &str, nodes: &[Node]) -> bool {
    acknowledges_in(yard, technology, nodes, TOPIC)
}

/// The same of another topic.
pub(crate) fn acknowledges_in(yard: &Yard, technology: &str, nodes: &[Node], topic: &str) -> bool {
    let settings = yard.path("hasty.properties");
    let text =
        "delivery.timeout.ms=10000\nrequest.timeout.ms=5000\nmax.block.ms=10000\nlinger.ms=0\n";
    std::fs::write(&settings, text).unwrap();
    let mut command = tool(yard, technology, "VerifiableProducer", nodes);
    command.args(["--topic", topic, "--acks", "-1", "--max-messages", "1"]);
    command.arg("--producer.config").arg(settings);
    let output = yard.guarded(&command).output().unwrap();
    let ledger = Ledger::of(&String::from_utf8_lossy(&output.stdout), understand);
    !ledger.entries.is_empty()
}

/// How the lines of the producer and the consumer are understood.
pub(crate) fn understand(line: &Value) -> Option<Acknowledged> {
    let is_record = line["name"] == "producer_send_success" || line["name"] == "record_data";
    let text = |name: &str| line[name].as_str().map(str::to_owned);
    let place = (line["partition"].as_u64()?, line["offset"].as_u64()?);
    let what = format!("{TOPIC}-{} at {}: {}", place.0, place.1, text("value")?);
    is_record.then_some(Acknowledged { what, at: line["timestamp"].as_u64()? })
}

/// Every record of the topic, read by Kafka's own consumer.
pub(crate) fn found(yard: &Yard, technology: &str, nodes: &[Node]) -> BTreeSet<String> {
    let mut offsets = tool(yard, technology, "GetOffsetShell", nodes);
    let text = told(&mut yard.guarded(offsets.args(["--topic", TOPIC])));
    let ends = text.lines().filter_map(|line| line.strip_prefix(&format!("{TOPIC}:")));
    let count: u64 =
        ends.map(|line| line.rsplit(':').next().unwrap().parse::<u64>().unwrap()).sum();
    if count == 0 {
        return BTreeSet::new();
    }
    let mut command = tool(yard, technology, "VerifiableConsumer", nodes);
    // A group goes on where it was, so each reading has its own.
    let group = format!("reader-{}", fastrand::u64(..));
    command.args(["--topic", TOPIC, "--group-id", &group, "--verbose"]);
    command.args(["--max-messages", &count.to_string()]);
    let text = told(&mut yard.guarded(&command));
    let values = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    values.filter_map(|value: Value| understand(&value)).map(|record| record.what).collect()
}

/// What an idempotent producer promises and these records break: each value once, and in each partition in the order of their sending,
/// since the producer counts its values up.
pub(crate) fn not_once_in_order(found: &BTreeSet<String>) -> Vec<String> {
    let mut places: BTreeMap<&str, BTreeMap<u64, u64>> = BTreeMap::new();
    let mut values = BTreeSet::new();
    let mut broken = Vec::new();
    for record in found {
        let parts = record.split_once(" at ").zip(record.rsplit_once(": "));
        let (partition, offset, value) = parts
            .and_then(|((partition, rest), (_, value))| {
                Some((partition, rest.split_once(':')?.0.parse().ok()?, value.parse().ok()?))
            })
            .unwrap_or_else(|| panic!("no record of the producer: {record}"));
        places.entry(partition).or_default().insert(offset, value);
        if !values.insert(value) {
            broken.push(format!("{value} is there twice, one of them {record}"));
        }
    }
    for (partition, records) in &places {
        let values: Vec<&u64> = records.values().collect();
        let turned = values.windows(2).filter(|pair| pair[0] > pair[1]);
        broken.extend(
            turned.map(|pair| format!("{partition}: {} comes before {}", pair[0], pair[1])),
        );
    }
    broken
}
